// The process at the other end of a socket.
#pragma once

#include <localsocket/peer.hpp>

#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

ProcessOfPeer process_of_peer(int socket, std::error_code& ec) noexcept;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
