// Where a listener listens.
#pragma once

#include <localsocket/error.hpp>
#include <localsocket/platform.hpp>

#include <compare>
#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace localsocket {

/// A validated address: a value, cheap to copy and safe to read from any thread.
///
/// A text with `/` or `\` is a path, one that begins with `@` an abstract name (Linux), anything else a name:
///
/// | text             | Linux, macOS, BSD                                | Windows                    |
/// | ---------------- | ------------------------------------------------ | -------------------------- |
/// | `echo.example`   | `<dir>/echo.example.sock`                        | `\\.\pipe\echo.example`    |
/// | `/run/echo.sock` | that file; a relative path is made absolute once | Errc::invalid_address      |
/// | `\\.\pipe\echo`  | (a file of that name)                            | that pipe                  |
/// | `@echo`          | abstract on Linux, else Errc::invalid_address    | Errc::invalid_address      |
///
/// `<dir>` is `$XDG_RUNTIME_DIR` when that is set, absolute, a directory of this user and not writable by others; else
/// `/tmp/localsocket-<uid>`. The mapping is a promise: other programs may rely on it.
///
/// Each function that makes an address validates it before any other system call and never shortens it. Errors:
/// Errc::invalid_address (empty, a NUL inside, the wrong form), errc::filename_too_long. The forms without an
/// error_code throw std::system_error; those with one return the unnamed address on error.
class LOCALSOCKET_EXPORT LocalAddress {
 public:
  /// The unnamed address, of the end of a connection that has none. No function accepts it.
  LocalAddress() noexcept = default;

  template <class Text>
  requires(std::convertible_to<const Text&, std::string_view> && !std::same_as<Text, LocalAddress>)
      LocalAddress(const Text& text)  // NOLINT: implicit by design
      : LocalAddress(from_text(std::string_view(text))) {}

  /// What the constructor does, without throwing for a bad text.
  static LocalAddress parse(std::string_view text, std::error_code& ec);

  /// A portable name: 1 to 100 bytes of letters, digits, `.`, `_` and `-`, not beginning with `.` or `-`. A Unix system
  /// takes a path of 107 bytes at most (103 on macOS and the BSDs), runtime directory and `.sock` included: in
  /// `/run/user/1000` that leaves 87 for a name, elsewhere perhaps less. 64 bytes fit where the directory is no longer
  /// than 37 (33); what does not fit is errc::filename_too_long.
  static LocalAddress named(std::string_view name);
  static LocalAddress named(std::string_view name, std::error_code& ec);

  /// The system's own form, used as it is: a file path, or `\\host\pipe\name` in UTF-8 (host `.` to listen).
  static LocalAddress path(std::string_view native_path);
  static LocalAddress path(std::string_view native_path, std::error_code& ec);

  /// A name nobody can guess: `prefix`, a dash and 128 random bits.
  static LocalAddress unique(std::string_view prefix = "localsocket");
  static LocalAddress unique(std::string_view prefix, std::error_code& ec);

  /// As given; empty for the unnamed address.
  const std::string& text() const noexcept;

  /// What the system is given: a path, a pipe's name, or a NUL and an abstract name.
  const std::string& native() const noexcept;

  bool is_unnamed() const noexcept { return parts_ == nullptr; }

  /// Equal when the system is given the same bytes.
  friend bool operator==(const LocalAddress& a, const LocalAddress& b) noexcept { return a.native() == b.native(); }
  friend LOCALSOCKET_EXPORT std::ostream& operator<<(std::ostream& out, const LocalAddress& address);

 private:
  struct Parts;
  explicit LocalAddress(std::shared_ptr<const Parts> parts) noexcept : parts_(std::move(parts)) {}
  static LocalAddress from_text(std::string_view text);
  static LocalAddress make(std::string_view text, std::string (*to_native)(std::string_view, std::error_code&),
                           std::error_code& ec);

  std::shared_ptr<const Parts> parts_;
};

}  // namespace localsocket

template <>
struct std::hash<localsocket::LocalAddress> {
  std::size_t operator()(const localsocket::LocalAddress& address) const noexcept {
    return std::hash<std::string>()(address.native());
  }
};
