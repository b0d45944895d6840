// Who is at the other end of a pipe.
#pragma once

#include "system.hpp"

#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>

#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

PeerIdentity peer_of(HANDLE pipe, std::error_code& ec);

/// permission_denied unless the pipe that a client has opened is somebody's whom it trusts, and his alone to serve.
void check_trust(HANDLE pipe, const Trust& trust, std::error_code& ec);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
