#include "peer.hpp"

#include "backend.hpp"
#include "system.hpp"

#if defined(__APPLE__)
#include <sys/ucred.h>
#endif

namespace localsocket::detail {

bool is_current_user(const PeerIdentity& peer) { return peer.user_id == ::geteuid(); }

namespace unix_backend {
namespace {

#if defined(__linux__) || defined(__APPLE__)
template <class Value>
bool get_option(int socket, int level, int option, Value& value) noexcept {
  socklen_t size = sizeof value;
  return sys("getsockopt", ::getsockopt, socket, level, option, static_cast<void*>(&value), &size) == 0;
}
#endif

}  // namespace

// The credentials are those of the moment of connect or listen (SO_PEERCRED in unix(7), LOCAL_PEERPID in macOS's
// sys/un.h).
PeerIdentity peer_of(int socket, std::error_code& ec) noexcept {
  PeerIdentity peer;
#if defined(__linux__)
  ucred credentials{};
  if (!get_option(socket, SOL_SOCKET, SO_PEERCRED, credentials)) {
    ec = last_error(Operation::other);
    return peer;
  }
  peer.process_id = static_cast<std::uint64_t>(credentials.pid);
  peer.user_id = credentials.uid;
  peer.group_id = credentials.gid;
#else
  uid_t user{};
  gid_t group{};
  if (sys("getpeereid", ::getpeereid, socket, &user, &group) != 0) {
    ec = last_error(Operation::other);
    return peer;
  }
  peer.user_id = user;
  peer.group_id = group;
#if defined(__APPLE__)
  pid_t process = 0;
  if (get_option(socket, SOL_LOCAL, LOCAL_PEERPID, process)) peer.process_id = static_cast<std::uint64_t>(process);
#endif
#endif
  return peer;
}

}  // namespace unix_backend
}  // namespace localsocket::detail
