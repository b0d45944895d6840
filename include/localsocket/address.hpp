// Where a listener listens.
#pragma once

#include <localsocket/error.hpp>
#include <localsocket/platform.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

struct AddressAccess;
struct AddressParts;

/// std::filesystem::path, by what it has: its header is a large one.
template <class T>
concept FileSystemPath = requires(const T& path) {
  path.u8string();
  path.lexically_normal();
};

}  // namespace detail

/// Whose a portable name is.
enum class Scope {
  user,     ///< each user has names of his own: no two users meet by one
  machine,  ///< for services, which every user can look for
};

/// An address: a value, cheap to copy and safe to read from any thread.
///
/// A text with `/` or `\` is a path, one that begins with `@` an abstract name (Linux), one that begins with `machine:`
/// a name of the machine, anything else a name of the user:
///
/// | text             | Linux, macOS, BSD                                | Windows                                  |
/// | ---------------- | ------------------------------------------------ | ---------------------------------------- |
/// | `echo`           | `<dir>/echo.sock`                                | `\\.\pipe\echo.<SID of the user>`        |
/// | `machine:echo`   | `/run/echo.sock` (`/var/run` without a `/run`)   | `\\.\pipe\echo`                          |
/// | `/run/echo.sock` | that file; a relative path is made absolute once | Errc::invalid_address                    |
/// | `\\.\pipe\echo`  | (a file of that name)                            | that pipe                                |
/// | `@echo`          | abstract on Linux, else Errc::invalid_address    | Errc::invalid_address                    |
///
/// `<dir>` is the first good one of `$XDG_RUNTIME_DIR`, `/run/user/<uid>` (Linux), the user's cache directory
/// (`_CS_DARWIN_USER_CACHE_DIR`, macOS) and `/tmp/localsocket-<uid>`. Good is an absolute path to a directory, not to a
/// link, that is this user's and that nobody else can write. connect looks in each good one, in this order, and bind
/// makes sure that nobody listens in any: a program of cron meets one of the desktop session. An `$XDG_RUNTIME_DIR`
/// that is another directory than the login's is a world of its own, for those who share it. The mapping is a promise:
/// other programs may rely on it.
///
/// Names of the machine are root's to listen at on Unix, and those of whoever root hands a socket to; on Windows
/// anybody's, so that a client should know whom it trusts (ConnectOptions::trust).
///
/// **Errors.** A malformed text makes an address that carries its error, and nothing throws: Errc::invalid_address
/// (empty, a NUL inside, the wrong form) or errc::filename_too_long. Every call that is given the address reports that
/// error. Nothing is ever shortened, and no system call made with what is malformed.
class LOCALSOCKET_EXPORT LocalAddress {
 public:
  /// The unnamed address, of the end of a connection that has none. No function accepts it.
  LocalAddress() noexcept = default;

  template <class Text>
  requires(std::convertible_to<const Text&, std::string_view> && !std::same_as<Text, LocalAddress>)
      LocalAddress(const Text& text)  // implicit by design
      : LocalAddress(from_text(std::string_view(text))) {}

  /// The path that it is, whatever it looks like.
  template <detail::FileSystemPath Path>
  LocalAddress(const Path& path)  // NOLINT: implicit by design
      : LocalAddress(from_path(path.u8string())) {}

  /// The constructor's address and its error.
  static LocalAddress parse(std::string_view text, std::error_code& ec) { return report(from_text(text), ec); }

  /// A portable name: 1 to 100 bytes of letters, digits, `.`, `_` and `-`, not beginning with `.` or `-`.
  static LocalAddress named(std::string_view name, Scope scope = Scope::user);
  static LocalAddress named(std::string_view name, std::error_code& ec) { return report(named(name), ec); }

  /// The system's own form, used as it is: a file path, or `\\host\pipe\name` in UTF-8 (host `.` to listen). A path has
  /// 4095 bytes at most on Linux and 253 on macOS and FreeBSD, a pipe's 256 characters. On Linux a path of more than
  /// 107 bytes needs /proc, or bind and connect give errc::filename_too_long; in /tmp such a socket's file may be taken
  /// for a dead one's by systemd-tmpfiles after some days.
  static LocalAddress path(std::string_view native_path);
  static LocalAddress path(std::string_view native_path, std::error_code& ec) { return report(path(native_path), ec); }

  /// A user's name that nobody can guess: `prefix`, a dash and 128 random bits.
  static LocalAddress unique(std::string_view prefix = "localsocket");
  static LocalAddress unique(std::string_view prefix, std::error_code& ec) { return report(unique(prefix), ec); }

  /// What is wrong with it; of the unnamed address Errc::invalid_address.
  std::error_code error() const noexcept;

  /// As given; empty for the unnamed address.
  const std::string& text() const noexcept;

  /// What the system is given: a path, a pipe's name, or a NUL and an abstract name; empty if there is an error. A
  /// listener's and a stream's address name the runtime directory that was used.
  const std::string& native() const noexcept;

  /// Whether it names nothing: it is the default one, or malformed.
  bool is_unnamed() const noexcept { return native().empty(); }

  /// Equal when the system is given the same bytes.
  friend bool operator==(const LocalAddress& a, const LocalAddress& b) noexcept { return a.native() == b.native(); }
  friend LOCALSOCKET_EXPORT std::ostream& operator<<(std::ostream& out, const LocalAddress& address);

 private:
  friend struct detail::AddressAccess;

  explicit LocalAddress(std::shared_ptr<const detail::AddressParts> parts) noexcept;
  static LocalAddress from_text(std::string_view text);
  static LocalAddress from_path(std::u8string_view text);
  static LocalAddress report(LocalAddress address, std::error_code& ec) {
    ec = address.error();
    return address;
  }

  std::shared_ptr<const detail::AddressParts> parts_;
  std::size_t chosen_ = 0;  // of the native addresses
};

}  // namespace localsocket::inline LOCALSOCKET_ABI

template <>
struct std::hash<localsocket::LocalAddress> {
  std::size_t operator()(const localsocket::LocalAddress& address) const noexcept {
    return std::hash<std::string>()(address.native());
  }
};
