// Who is at the other end of a socket.
#pragma once

#include <localsocket/peer.hpp>

#include <system_error>

namespace localsocket::detail::unix_backend {

PeerIdentity peer_of(int socket, std::error_code& ec) noexcept;

}  // namespace localsocket::detail::unix_backend
