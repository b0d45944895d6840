#include "peer.hpp"

#include "backend.hpp"
#include "system.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include <grp.h>
#include <pwd.h>
#if defined(__APPLE__)
#include <sys/ucred.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail {

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

bool is_user(const PeerIdentity& peer, uid_t user) noexcept { return peer.user_id == user; }

std::optional<std::uint32_t> number_of(const std::string& text) noexcept {
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = problem == std::errc() && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

/// What getpwnam_r or getgrnam_r says of a name, whose memory grows until it is enough (getpwnam(3)).
template <class Entry, class Look>
std::optional<std::uint32_t> look_up(const std::string& name, Look look, std::uint32_t (*number)(const Entry&)) {
  if (const auto as_number = number_of(name)) return as_number;
  constexpr std::size_t most_memory = std::size_t{1} << 20;
  std::vector<char> memory(1024);
  for (;; memory.resize(memory.size() * 2)) {
    Entry entry{};
    Entry* found = nullptr;
    const int problem = look(name.c_str(), &entry, memory.data(), memory.size(), &found);
    if (found != nullptr) return number(*found);
    if (problem != ERANGE || memory.size() >= most_memory) return std::nullopt;
  }
}

uid_t account_of(const std::string& name, std::error_code& ec) {
  const auto user =
      look_up<passwd>(name, ::getpwnam_r, [](const passwd& entry) { return std::uint32_t{entry.pw_uid}; });
  if (!user) ec = error(Operation::connect, std::errc::invalid_argument);
  return user.value_or(0);
}

bool is_trusted(int socket, const Trust& trust, Maker maker, const std::string& path, std::error_code& ec) {
  if (trust.account_name()) {
    const uid_t account = account_of(*trust.account_name(), ec);
    return !ec && is_user(peer_of(socket, ec), account);
  }
  const bool is_privileged_enough = trust.who() == Trust::privileged || ::geteuid() == 0;
  // The proof comes first: who listens may be a service that root has handed the socket to.
  if (maker == Maker::ourselves || (maker == Maker::root && is_privileged_enough)) return true;
  const PeerIdentity peer = peer_of(socket, ec);
  if (ec) return false;
  if (is_current_user(peer)) return true;
  return trust.who() == Trust::privileged && (is_user(peer, 0) || only_root_or_we_can_write_to_directories_of(path));
}

}  // namespace

void check_trust(int socket, const Trust& trust, Maker maker, const std::string& path, std::error_code& ec) {
  if (trust == Trust::anyone) return;
  const bool trusted = is_trusted(socket, trust, maker, path, ec);
  if (!trusted && !ec) ec = error(Operation::connect, std::errc::permission_denied);
}

bool is_ours_or_roots(int client) noexcept {
  std::error_code ec;
  const PeerIdentity peer = peer_of(client, ec);
  return !ec && (is_current_user(peer) || is_user(peer, 0));
}

bool is_member(int client, gid_t group) noexcept {
  std::error_code ec;
  if (peer_of(client, ec).group_id == group) return true;
#if defined(SO_PEERGROUPS)
  gid_t groups[1024];
  socklen_t size = sizeof groups;
  const bool is_known = sys("getsockopt", ::getsockopt, client, SOL_SOCKET, SO_PEERGROUPS, static_cast<void*>(groups),
                            &size) == 0;  // ERANGE for whoever has more
  const gid_t* const end = static_cast<const gid_t*>(groups) + size / sizeof(gid_t);
  return is_known && std::find(static_cast<const gid_t*>(groups), end, group) != end;
#else
  return false;
#endif
}

gid_t group_of(const std::string& name, std::error_code& ec) {
  const auto number =
      look_up<group>(name, ::getgrnam_r, [](const group& entry) { return std::uint32_t{entry.gr_gid}; });
  if (!number) ec = error(Operation::bind, std::errc::invalid_argument);
  return number.value_or(0);
}

// The credentials are those of the moment of connect or listen (SO_PEERCRED in unix(7)); but macOS's LOCAL_PEERPID is
// the process that used the other end last (uipc_ctloutput() in xnu's uipc_usrreq.c).
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
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
