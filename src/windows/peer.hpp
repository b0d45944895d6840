// Who is at the other end of a pipe.
#pragma once

#include "system.hpp"

#include <localsocket/peer.hpp>

#include <string>
#include <system_error>

namespace localsocket::detail::windows_backend {

/// The user that this process runs as, as text.
std::string current_user(std::error_code& ec);

PeerIdentity peer_of(HANDLE pipe, std::error_code& ec);

/// permission_denied unless the pipe that a client has opened belongs to the user that this process runs as.
void check_owner(HANDLE pipe, std::error_code& ec);

}  // namespace localsocket::detail::windows_backend
