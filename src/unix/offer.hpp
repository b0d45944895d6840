// How a listener tells its clients which directions it offers.
//
// A socket has both directions, and connect returns before the listener knows of the client. So the offer is in the
// name that the listener binds and then renames: getpeername tells every client the name as it was bound, and it ends
// in a mark. A foreign listener has no mark and offers both.
#pragma once

#include <localsocket/options.hpp>

#include <string_view>
#include <system_error>

namespace localsocket::detail::unix_backend {

/// Empty for duplex.
std::string_view mark_of(Direction offered) noexcept;

/// permission_denied if the listener at the other end of `socket` offers less than `asked`.
std::error_code check_offer(int socket, Direction asked) noexcept;

}  // namespace localsocket::detail::unix_backend
