// What can be asked of a listener and of a connect: aggregates, so {.access = Access::everyone} is all it takes.
#pragma once

#include <any>
#include <chrono>
#include <cstddef>
#include <optional>

namespace localsocket {

/// Who may connect.
enum class Access {
  current_user,  ///< this user only (and the system itself); remote clients never. An abstract name has no
                 ///< permissions, so anyone can connect to it: look at the accepted stream's peer()
  everyone,      ///< every user of this machine
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

/// What is asked of a listener:
///
///     LocalListener::bind("app", {.access = Access::everyone, .backlog = 100});
///     LocalListener::bind("log", {.max_connections = 10, .direction = Direction::client_to_server});
///     LocalListener::bind("/run/app.sock", {.existing = Existing::replace, .buffer_size = 1 << 20});
struct ListenOptions {
  /// Set before anyone can connect.
  Access access = Access::current_user;
  /// A second listener gets errc::address_in_use, and nothing is changed, unless this says otherwise.
  Existing existing = Existing::reclaim_stale;
  /// Clients that may wait for accept: 1 to 4096. Windows keeps this many pipe instances ready.
  unsigned backlog = 32;
  /// How many accepted streams may be open at once, at least 1; further clients wait. Unless set, any number.
  std::optional<unsigned> max_connections = std::nullopt;
  /// What is offered; a client that asks for more is refused at connect. Not for abstract names.
  Direction direction = Direction::duplex;
  /// The connection's buffer in bytes, per direction: 1 to 2^30. Unless set, pipes have 64 KiB and sockets what the
  /// system gives.
  std::optional<std::size_t> buffer_size = std::nullopt;
  /// What only one platform has, such as `windows::ListenExtras{.half_close = true}` (windows/listen_extras.hpp) or
  /// `posix::ListenExtras{.mode = 0660}` (unix/listen_extras.hpp). Elsewhere bind gives operation_not_supported.
  std::any extras = {};
};

/// What is asked of a connect:
///
///     LocalStream::connect("app", 5s, {.require_same_user = true});
///     LocalStream::connect("log", 5s, {.direction = Direction::client_to_server});
struct ConnectOptions {
  /// How often connect() looks again while nobody listens, at the latest; it looks sooner in the first milliseconds.
  /// Above zero.
  std::chrono::milliseconds poll_interval{200};
  /// Whether a listener that another user owns is refused, with permission_denied and before a byte is sent.
  bool require_same_user = false;
  /// What is asked for: no more than the listener offers, or it is permission_denied.
  Direction direction = Direction::duplex;
};

/// Which direction of a stream ends.
enum class Shutdown { read, write, both };

}  // namespace localsocket
