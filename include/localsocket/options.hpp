// What can be asked of a listener and of a connect: aggregates, so {.access = Access::everyone} is all it takes.
#pragma once

#include <localsocket/platform.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// Who may connect.
enum class Access {
  current_user,  ///< this user only (and the system itself); remote clients never. Windows: nor programs of this user
                 ///< that have fewer rights than this one (a lower integrity level)
  current_user_any_privilege,  ///< the same, and an elevated server lets the user's plain programs in (Windows)
  everyone,                    ///< every user of this machine; not for a user's name, which others do not get to
};

/// What bind() does when something is already at the address.
enum class Existing {
  fail,           ///< errc::address_in_use, whatever it is
  reclaim_stale,  ///< takes the address of a listener that died; a live one, or a file, is errc::address_in_use
  replace,        ///< takes over a live listener's socket too, without a moment in between (Unix; else
                  ///< operation_not_supported)
};

/// Which way bytes go. The end that a direction leaves out gets operation_not_supported from its calls.
enum class Direction {
  duplex,
  client_to_server,
  server_to_client,
};

/// What a connection carries. Both ends must ask for the same: else errc::wrong_protocol_type at connect.
enum class Type {
  stream,   ///< bytes, without boundaries
  packets,  ///< the system's own messages, for a MessageStream: a message-type pipe, or SOCK_SEQPACKET (Linux, FreeBSD;
            ///< macOS has none: operation_not_supported)
};

/// What a Unix listener can be asked for; other platforms do not look at it.
struct PosixListenOptions {
  /// The permission bits of the socket file, at most 0777, instead of those of Access and for a group. The umask does
  /// not count. Not for abstract names.
  std::optional<unsigned> mode = std::nullopt;
};

/// What a Windows listener can be asked for; other platforms do not look at it.
struct WindowsListenOptions {
  /// The security descriptor in its string form, in UTF-8, instead of what access and group say. One that names no
  /// owner has this user for it. bind gives invalid_argument for one that does not parse.
  std::string sddl = {};
  /// Lets both ends shut down writing: a message-type pipe whose messages are read as bytes, and an empty one is the
  /// end of the stream, as go-winio's CloseWrite has it. A client needs no option. An empty message of a foreign writer
  /// is the end, too.
  bool half_close = false;
  /// Lets clients on other machines in, if the security descriptor does.
  bool accept_remote = false;
  /// FILE_FLAG_WRITE_THROUGH, for pipes between two machines.
  bool write_through = false;
  /// Child processes that inherit handles get those of the listener and of accepted streams.
  bool inheritable = false;
  /// The pipe's buffers in bytes, 1 to 2^30, as the listener sees them, instead of buffer_size.
  std::optional<std::size_t> in_buffer_size = std::nullopt;
  std::optional<std::size_t> out_buffer_size = std::nullopt;
};

/// What is asked of a listener. One source names both platforms, and each looks at its own:
///
///     LocalListener::bind("machine:app", {.access = Access::everyone, .backlog = 100});
///     LocalListener::bind("log", {.max_connections = 10, .direction = Direction::client_to_server});
///     LocalListener::bind("app", {.posix = {.mode = 0660}, .windows = {.sddl = "D:P(A;;FA;;;BA)"}});
struct ListenOptions {
  /// Set before anyone can connect. For an abstract name, which has no permissions, accept asks who comes and drops
  /// whom this leaves out; such clients fill the backlog until then.
  Access access = Access::current_user;
  /// Lets one group in as well: a group's name or number on Unix, an account's name or a SID on Windows. On Unix it
  /// must be one of the process's own, unless that is root (permission_denied). invalid_argument: there is none, or the
  /// address is a user's name.
  std::string group = {};
  /// A second listener gets errc::address_in_use, and nothing is changed, unless this says otherwise.
  Existing existing = Existing::reclaim_stale;
  /// Clients that may wait for accept: 1 to 4096. Unless set, what suits the system: 4096 for a socket, of which the
  /// system may allow less; for a pipe, which keeps this many instances ready, 32.
  std::optional<unsigned> backlog = std::nullopt;
  /// How many accepted streams may be open at once, at least 1; further clients wait. Unless set, any number.
  std::optional<unsigned> max_connections = std::nullopt;
  /// What is offered. A client that asks for more is refused at connect by a pipe; on a socket it reads the end of the
  /// stream, or its write gives broken_pipe, once it has been accepted.
  Direction direction = Direction::duplex;
  /// The connection's buffer in bytes, per direction: 1 to 2^30. Unless set, pipes have 64 KiB and sockets what the
  /// system gives.
  std::optional<std::size_t> buffer_size = std::nullopt;
  /// Packets: not with windows.half_close (invalid_argument), whose empty message is the end.
  Type type = Type::stream;
  PosixListenOptions posix = {};
  WindowsListenOptions windows = {};
};

/// Who may own the listener that a client talks to: `Trust::same_user`, `Trust::account("postgres")`.
class Trust {
 public:
  enum Who {
    same_user,   ///< the user that this process runs as
    privileged,  ///< root, SYSTEM, the administrators, or this user; Unix: also whoever listens where only root, or
                 ///< this user, can have put the socket, such as a service that root has handed it to
    anyone,
  };

  Trust(Who who) noexcept : who_(who) {}  // implicit by design

  /// That user: a name or a number on Unix, an account or a SID on Windows. connect gives invalid_argument if there is
  /// none.
  static Trust account(std::string name) {
    Trust trust(anyone);
    trust.account_ = std::move(name);
    return trust;
  }

  /// Of an account its name, and who() does not count; else nothing.
  const std::optional<std::string>& account_name() const noexcept { return account_; }
  Who who() const noexcept { return who_; }

  friend bool operator==(const Trust& a, const Trust& b) noexcept {
    return a.who_ == b.who_ && a.account_ == b.account_;
  }

 private:
  Who who_;
  std::optional<std::string> account_;
};

/// What a Windows server may do in the name of a client (the impersonation levels of CreateFile).
enum class Impersonation {
  identification,  ///< learn who it is
  anonymous,       ///< nothing; it does not even learn who it is
  impersonation,   ///< act as the client on its machine
  delegation,      ///< act as the client on other machines, too
};

/// What a Windows client can be asked for; other platforms do not look at it.
struct WindowsConnectOptions {
  Impersonation impersonation = Impersonation::identification;
};

/// What is asked of a connect:
///
///     LocalStream::connect("app", 5s, {.trust = Trust::same_user});
///     LocalStream::connect("log", 5s, {.direction = Direction::client_to_server});
struct ConnectOptions {
  /// How often connect() looks again while nobody listens, at the latest; it looks sooner in the first milliseconds.
  /// Above zero.
  std::chrono::milliseconds poll_interval{200};
  /// Who may own the listener: others are refused, with permission_denied and before a byte is sent. On Windows also a
  /// pipe that others than its owner, SYSTEM and the administrators can make instances of, and so serve. Unless set,
  /// the same user for a user's name, the privileged for one of the machine, anyone for a path or an abstract name.
  std::optional<Trust> trust = std::nullopt;
  /// What is asked for. More than the listener offers is permission_denied on a pipe; see ListenOptions::direction.
  Direction direction = Direction::duplex;
  Type type = Type::stream;
  WindowsConnectOptions windows = {};
};

/// Which direction of a stream ends.
enum class Shutdown { read, write, both };

}  // namespace localsocket::inline LOCALSOCKET_ABI
