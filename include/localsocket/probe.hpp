// Whether somebody listens, asked without becoming a client.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/platform.hpp>

#include <iosfwd>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

/// What is at an address.
enum class Presence : unsigned char {
  nobody,             ///< nothing, or a file that is no socket
  stale,              ///< the socket that a dead listener has left, which the next bind takes over; never on Windows
  listening,          ///< somebody has it, however busy. Unix: perhaps a socket that is about to listen, or one of
                      ///< another type. Windows: perhaps a listener that is gone while its connections live
  permission_denied,  ///< this user may not look; never on Windows, where everybody may
};

/// Prints its name.
LOCALSOCKET_EXPORT std::ostream& operator<<(std::ostream& out, Presence presence);

/// What is at an address now. The listener notices nothing: it accepts no client, and its backlog does not count. Does
/// not wait. Of a user's name it is what connect would meet: the first runtime directory where somebody listens counts.
/// By the time a program acts on it, it may have changed: to connect or to bind, do that, and see what comes of it.
/// Errors: those of a malformed address, invalid_argument (an abstract name whose listener the system hides).
///
///     if (probe("app") == Presence::listening) std::puts("it runs");
LOCALSOCKET_EXPORT Presence probe(const LocalAddress& address, std::error_code& ec);
#if LOCALSOCKET_HAS_EXCEPTIONS
LOCALSOCKET_EXPORT Presence probe(const LocalAddress& address);
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI
