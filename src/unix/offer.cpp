#include "offer.hpp"

#include "system.hpp"

#include <algorithm>
#include <cstddef>

namespace localsocket::detail::unix_backend {

std::string_view mark_of(Direction offered) noexcept {
  switch (offered) {
    case Direction::duplex:
      break;
    case Direction::client_to_server:
      return "~~c2s";
    case Direction::server_to_client:
      return "~~s2c";
  }
  return {};
}

std::error_code check_offer(int socket, Direction asked) noexcept {
  sockaddr_un name;  // not cleared: the system says how much of it it has filled
  socklen_t size = sizeof name;
  if (sys("getpeername", ::getpeername, socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return {};  // it has closed already: reading and writing will tell
  }
  const std::size_t length = size - std::min<std::size_t>(size, offsetof(sockaddr_un, sun_path));
  std::string_view path(static_cast<const char*>(name.sun_path), std::min(length, sizeof name.sun_path));
  while (path.ends_with('\0')) path.remove_suffix(1);
  for (const Direction offered : {Direction::client_to_server, Direction::server_to_client}) {
    if (path.ends_with(mark_of(offered)) && asked != offered) {
      return error(Operation::connect, std::errc::permission_denied);
    }
  }
  return {};
}

}  // namespace localsocket::detail::unix_backend
