#include <localsocket/peer.hpp>

#include "backend.hpp"

#include <ostream>

namespace localsocket::inline LOCALSOCKET_ABI {

bool PeerIdentity::is_current_user() const { return detail::is_current_user(*this); }

std::ostream& operator<<(std::ostream& out, const PeerIdentity& peer) {
  const char* separator = "";
  const auto field = [&](const char* name, const auto& value) {
    out << separator << name << ' ' << value;
    separator = ", ";
  };
  if (peer.process_id) field("pid", *peer.process_id);
  if (peer.user_id) field("uid", *peer.user_id);
  if (peer.group_id) field("gid", *peer.group_id);
  if (!peer.sid.empty()) field("sid", peer.sid);
  return out;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
