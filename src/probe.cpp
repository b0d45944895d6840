#include <localsocket/probe.hpp>

#include "backend.hpp"

#include <ostream>

namespace localsocket::inline LOCALSOCKET_ABI {

std::ostream& operator<<(std::ostream& out, Presence presence) {
  switch (presence) {
    case Presence::nobody:
      return out << "nobody";
    case Presence::stale:
      return out << "stale";
    case Presence::listening:
      return out << "listening";
    case Presence::permission_denied:
      break;
  }
  return out << "permission denied";
}

Presence probe(const LocalAddress& address, std::error_code& ec) {
  ec = address.error();
  return ec ? Presence::nobody : detail::presence_at(address, ec);
}

Presence probe(const LocalAddress& address) {
  return detail::or_raise("look at", address, [&](std::error_code& ec) { return probe(address, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
