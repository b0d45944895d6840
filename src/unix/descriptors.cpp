#include <localsocket/unix/descriptors.hpp>

#include "control_message.hpp"
#include "core/stream_call.hpp"
#include "message.hpp"
#include "system.hpp"
#include "wait.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::posix {
namespace {

using namespace detail;  // this file is part of the backend
using namespace detail::unix_backend;

/// Attempts `transfer(socket)`, which must not block, until it succeeds or the call ends.
template <class Transfer>
ssize_t transfer_within(const LocalStream& stream, const Traffic& traffic, const Wait& wait, std::error_code& ec,
                        Transfer transfer) {
  StreamCall call(stream, traffic.operation, wait, ec);
  if (ec) return -1;
  const int socket = call.handle();
  const auto never_blocks = [] { return false; };
  return unix_backend::transfer_within(call.call(), socket, traffic, Attempt::nonblocking, ec, never_blocks,
                                       [&](Attempt) { return transfer(socket); });
}

}  // namespace

std::size_t send_descriptors(LocalStream& stream, std::span<const int> descriptors, const WriteBuffers& bytes,
                             const Wait& wait, std::error_code& ec) {
  ec.clear();
  if (bytes.empty() || descriptors.size() > most_descriptors) {
    ec = error(Operation::other, std::errc::invalid_argument);
    return 0;
  }
  Parts parts(bytes);
  ControlMessage control;
  msghdr message = parts.message();
  if (!descriptors.empty()) {
    control.put(message, descriptors);
  }
  const ssize_t sent = transfer_within(stream, Traffic{Operation::write, POLLOUT}, wait, ec, [&](int socket) {
    return sys("sendmsg", ::sendmsg, socket, static_cast<const msghdr*>(&message), MSG_DONTWAIT | no_signal);
  });
  return ec ? 0 : static_cast<std::size_t>(sent);
}

std::size_t send_descriptors(LocalStream& stream, std::span<const int> descriptors, const WriteBuffers& bytes,
                             const Wait& wait) {
  return or_raise("send descriptors", LocalAddress(),
                  [&](std::error_code& ec) { return send_descriptors(stream, descriptors, bytes, wait, ec); });
}

Received receive_descriptors(LocalStream& stream, const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  ec.clear();
  Received received;
  if (to.empty()) return received;
  received.descriptors.reserve(most_descriptors);  // nothing may fail once the descriptors are ours
  Parts parts(to);
  ControlMessage control;
  msghdr message{};
  const ssize_t read = transfer_within(stream, Traffic{Operation::read, POLLIN}, wait, ec, [&](int socket) {
    message = parts.message();
    control.attach(message);
    return sys("recvmsg", ::recvmsg, socket, &message, MSG_DONTWAIT | received_close_on_exec);
  });
  if (ec.value() == ECONNRESET) ec.clear();  // as for every read: the plain end of the stream
  if (ec || read <= 0) return received;
  received.bytes = static_cast<std::size_t>(read);
  for_each_descriptor(message, [&](int descriptor) { received.descriptors.push_back(descriptor); });
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    for (const int descriptor : received.descriptors) const Descriptor closing(descriptor);
    received.descriptors.clear();
    ec = native_error(Operation::read, EMFILE);
  }
  return received;
}

Received receive_descriptors(LocalStream& stream, const ReadBuffers& to, const Wait& wait) {
  return or_raise("receive descriptors", LocalAddress(),
                  [&](std::error_code& ec) { return receive_descriptors(stream, to, wait, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
