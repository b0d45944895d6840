// What is at a path, without becoming a client.
#pragma once

#include "socket_directory.hpp"

#include <string>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

enum class Occupant : unsigned char {
  nothing,
  other_file,   ///< no socket
  dead_socket,  ///< which no process has open any more
  live_socket,  ///< bound; it listens, is about to, or is of another type
  unreachable,  ///< a socket of which no more is known, for the reason in errno
};

Occupant occupant_of(const SocketDirectory& directory, const std::string& path, Operation operation,
                     std::error_code& ec);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
