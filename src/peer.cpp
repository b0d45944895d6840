#include <localsocket/peer.hpp>

#include "backend.hpp"
#include "core/errors.hpp"

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

PeerProcess& PeerProcess::operator=(PeerProcess&& other) noexcept {
  if (this != &other) {
    PeerProcess old(std::exchange(process_, std::exchange(other.process_, {})));
  }
  return *this;
}

PeerProcess::~PeerProcess() {
  if (process_.handle != invalid_handle) detail::close_handle(process_.handle);
}

bool PeerProcess::is_none() const noexcept {
  return process_.id == 0 && process_.handle == invalid_handle && !process_.has_exited;
}

bool PeerProcess::is_alive(std::error_code& ec) const {
  ec = is_none() ? detail::error(detail::Operation::other, Errc::closed) : std::error_code();
  if (ec || process_.has_exited) return false;
  return !detail::has_exited(process_, ec) && !ec;
}

bool PeerProcess::wait_for_exit(const Wait& wait, std::error_code& ec) const {
  detail::Gate gate;  // nobody else knows it: its Wait alone ends the call
  detail::Call call(gate, wait);
  ec = detail::error(detail::Operation::other, call.begin());
  if (!ec && is_none()) ec = detail::error(detail::Operation::other, Errc::closed);
  if (ec) return false;
  return process_.has_exited || detail::wait_for_exit(process_, call, ec);
}

bool PeerProcess::is_alive() const {
  return detail::or_raise("look at a process", LocalAddress(), [&](std::error_code& ec) { return is_alive(ec); });
}

bool PeerProcess::wait_for_exit(const Wait& wait) const {
  return detail::or_raise("wait for a process", LocalAddress(),
                          [&](std::error_code& ec) { return wait_for_exit(wait, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
