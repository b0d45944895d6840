// Who is at the other end, and whether that process still runs.
#pragma once

#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// What a PeerIdentity rests on.
enum class PeerSource : unsigned char {
  connection,  ///< what the system keeps with the connection: whose the end was when it was opened
  process,     ///< the process that opened the end, as it is now: evidence, for its number may be another's by then
};

/// What the system vouches for about the process at the other end: who it was when it connected or began to listen.
///
/// A process id tells which process it was, not that it still is: after it has exited the number may be another's. To
/// decide what somebody may do, use the user.
///
///     if (!stream.peer().is_current_user()) stream.close();
struct PeerIdentity {
  /// Nothing where the system does not say (some BSDs).
  std::optional<std::uint64_t> process_id;
  /// Unix: the effective user and group.
  std::optional<std::uint32_t> user_id;
  std::optional<std::uint32_t> group_id;
  /// Windows: the user, as text (`S-1-5-21-…`).
  std::string sid;
  /// Windows: of a client that has connected anonymously, or some before anything has been read from them, the system
  /// says nothing but its process. If that may not be looked at either, it is errc::permission_denied; after the first
  /// read it may succeed.
  PeerSource source = PeerSource::connection;

  /// Whether it is the user that this process runs as.
  LOCALSOCKET_EXPORT bool is_current_user() const;

  /// `pid 4711, uid 1000, gid 1000` or `pid 4711, sid S-1-5-21-…`
  friend LOCALSOCKET_EXPORT std::ostream& operator<<(std::ostream& out, const PeerIdentity& peer);
  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

/// How surely a PeerProcess must be the one that the connection was made with.
enum class Exactness : unsigned char {
  best_effort,  ///< where the system keeps no process with a connection, the one that has its number now
  required,     ///< that very process, or errc::operation_not_supported
};

namespace detail {

/// What a backend found: a process, or that it has exited.
struct ProcessOfPeer {
  std::uint64_t id = 0;
  NativeHandle handle = invalid_handle;  // of the process, where the system has such a thing
  bool is_exact = false;
  bool has_exited = false;
};

}  // namespace detail

/// The process at the other end: the one that connected or, seen from a client, that began to listen. It is another
/// matter whether that process still has the connection, which it may have passed on. Move-only; it outlives the
/// stream, and costs a descriptor or a handle.
///
///     PeerProcess client = stream.peer_process();
///     …
///     client.wait_for_exit();
///
/// A process number is given anew after its process has exited. On Linux 6.5 and later the connection itself keeps the
/// process, and nothing can be mistaken for it: is_exact(). Elsewhere it is the process that has the number at the
/// moment of the call, which is evidence, not proof. On macOS the number is of the process that used the other end
/// last. Any number of threads may ask at once.
class LOCALSOCKET_EXPORT PeerProcess {
 public:
  /// Of no process: every call gives Errc::closed.
  PeerProcess() noexcept = default;
  PeerProcess(PeerProcess&& other) noexcept : process_(std::exchange(other.process_, {})) {}
  PeerProcess& operator=(PeerProcess&& other) noexcept;
  ~PeerProcess();

  /// 0 for no process.
  std::uint64_t process_id() const noexcept { return process_.id; }

  /// Whether the system has said which process it is, or that it has exited, by the connection and not by a number.
  bool is_exact() const noexcept { return process_.is_exact; }

  /// One that has ended and whose parent has not looked yet (a zombie) is not alive.
  bool is_alive(std::error_code& ec) const;

  /// Waits until it has exited: true; false if the time of the Wait is over before. Errors: operation_canceled.
  bool wait_for_exit(const Wait& wait, std::error_code& ec) const;
  bool wait_for_exit(std::error_code& ec) const { return wait_for_exit(Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  bool is_alive() const;
  bool wait_for_exit(const Wait& wait = {}) const;
#endif

 private:
  friend class LocalStream;
  friend class WaitSet;
  explicit PeerProcess(const detail::ProcessOfPeer& process) noexcept : process_(process) {}
  bool is_none() const noexcept;

  detail::ProcessOfPeer process_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
