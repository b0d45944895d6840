// What can be asked of a listener and of a connect: aggregates, so {.access = Access::everyone} is all it takes.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace localsocket {

/// Who may connect.
enum class Access {
  current_user,  ///< this user only (and the system itself); remote clients never
  everyone,      ///< every user of this machine
};

/// What bind() does when something is already at the address.
enum class Existing {
  fail,           ///< errc::address_in_use, whatever it is
  reclaim_stale,  ///< takes the address of a listener that died; a live one, or a file, is errc::address_in_use
  replace,        ///< takes over a live listener's socket too, without a moment in between (Unix; else
                  ///< operation_not_supported)
};

struct ListenOptions {
  Access access = Access::current_user;
  Existing existing = Existing::reclaim_stale;
  /// Clients that may wait for accept: 1 to 4096. Windows keeps this many pipe instances ready.
  unsigned backlog = 32;
  /// The connection's buffer in bytes, per direction: 1 to 2^30. Unless set, pipes have 64 KiB and sockets what the
  /// system gives.
  std::optional<std::size_t> buffer_size = std::nullopt;
};

struct ConnectOptions {
  /// How often connect() looks again while nobody listens, at the latest; it looks sooner in the first milliseconds.
  /// Above zero.
  std::chrono::milliseconds poll_interval{200};
};

/// Which direction of a stream ends.
enum class Shutdown { read, write, both };

}  // namespace localsocket
