#include "presence.hpp"

#include "runtime_directory.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

namespace unix_backend {

// The probe is a datagram socket: to a live stream socket its connect fails with EPROTOTYPE (connect(2)), so that a
// listener never sees the probe as a client; ECONNREFUSED is left for the dead. A socket that is bound and does not
// listen yet is alive by this, which a stream probe could not tell.
Occupant occupant_of(const SocketDirectory& directory, const std::string& path, Operation operation,
                     std::error_code& ec) {
  struct stat status {};
  if (!directory.look_at(path, status)) {
    if (errno != ENOENT) ec = last_error(operation);
    return Occupant::nothing;
  }
  if (!S_ISSOCK(status.st_mode)) return Occupant::other_file;
  const Descriptor probe = open_socket(SOCK_DGRAM, ec);
  if (ec) return Occupant::nothing;
  const Way way = directory.way_to(path, operation, ec);
  if (ec) return Occupant::nothing;
  const SocketAddress to(way.address);
  const bool is_connected =
      unless_interrupted([&] { return sys("connect", ::connect, probe.get(), to.get(), to.size); }) == 0;
  if (is_connected || errno == EPROTOTYPE) return Occupant::live_socket;
  return errno == ECONNREFUSED ? Occupant::dead_socket : Occupant::unreachable;
}

namespace {

/// What an error of connect says, where that is an answer.
std::optional<Presence> as_answer(const std::error_code& ec) noexcept {
  if (ec == std::errc::connection_refused) return Presence::nobody;
  if (ec == std::errc::permission_denied) return Presence::permission_denied;
  return std::nullopt;
}

Presence presence_at_path(const std::string& path, std::error_code& ec) {
  const SocketDirectory directory = SocketDirectory::of(path, Operation::connect, ec);
  Occupant occupant = Occupant::nothing;
  if (!ec) occupant = occupant_of(directory, path, Operation::connect, ec);
  if (occupant == Occupant::unreachable) ec = last_error(Operation::connect);
  if (const std::optional<Presence> answer = as_answer(ec)) {
    ec.clear();
    return *answer;
  }
  switch (occupant) {
    case Occupant::dead_socket:
      return Presence::stale;
    case Occupant::live_socket:
      return Presence::listening;
    default:
      return Presence::nobody;
  }
}

// An abstract name belongs to one type of socket, so that a probe of another type finds nobody; and a socket of its
// type that connects is a client. But one that is connected already is refused only after the listener has been looked
// for (unix_stream_connect() in net/unix/af_unix.c): EISCONN says that there is one, and EAGAIN that it is busy.
Presence presence_at_abstract(const std::string& name, int type, std::error_code& ec) {
  const auto ends = open_socket_pair(type, ec);
  const int probe = ends.first.get();
  if (ec || !set_blocking(probe, false)) {
    if (!ec) ec = last_error(Operation::connect);
    return Presence::nobody;
  }
  const SocketAddress to(name);
  // It always fails.
  unless_interrupted([&] { return sys("connect", ::connect, probe, to.get(), to.size); });
  if (errno == EISCONN || would_block(errno)) return Presence::listening;
  ec = last_error(Operation::connect);
  const std::optional<Presence> answer = as_answer(ec);
  if (answer) ec.clear();
  return answer.value_or(Presence::nobody);
}

}  // namespace
}  // namespace unix_backend

// As connect looks for a listener: in each directory that is good now.
Presence presence_at(const LocalAddress& address, std::error_code& ec) {
  using namespace unix_backend;
  const AddressParts& parts = AddressAccess::parts(address);
  if (parts.form == AddressForm::abstract_name) {
    const Presence presence = presence_at_abstract(address.native(), SOCK_STREAM, ec);
    return ec || presence != Presence::nobody ? presence : presence_at_abstract(address.native(), SOCK_SEQPACKET, ec);
  }
  Presence best = Presence::nobody;
  for (const NativeAddress& native : parts.natives) {
    if (parts.natives.size() > 1 && !is_good_directory(directory_of(native.text), ec)) {
      if (ec) return best;
      continue;
    }
    const Presence presence = presence_at_path(native.text, ec);
    if (ec || presence == Presence::listening) return presence;
    if (best == Presence::nobody) best = presence;
  }
  return best;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
