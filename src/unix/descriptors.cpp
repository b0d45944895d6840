#include <localsocket/unix/descriptors.hpp>

#include "core/stream_call.hpp"
#include "message.hpp"
#include "system.hpp"
#include "wait.hpp"

#include <cstring>

namespace localsocket::inline LOCALSOCKET_ABI::posix {
namespace {

using namespace detail;  // this file is part of the backend
using namespace detail::unix_backend;

// Space for the descriptors and for credentials, which a socket may have been set to receive.
constexpr std::size_t control_size = CMSG_SPACE(most_descriptors * sizeof(int)) + CMSG_SPACE(64);

struct Control {
  alignas(cmsghdr) std::byte bytes[control_size]{};
};

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

void take_descriptors(msghdr& message, std::vector<int>& descriptors) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = descriptors.size();
    descriptors.resize(before + count);
    std::memcpy(descriptors.data() + before, CMSG_DATA(part), count * sizeof(int));
  }
}

#if defined(MSG_CMSG_CLOEXEC)
constexpr int close_on_exec = MSG_CMSG_CLOEXEC;
void set_all_close_on_exec(const std::vector<int>&) noexcept {}
#else
constexpr int close_on_exec = 0;
void set_all_close_on_exec(const std::vector<int>& descriptors) noexcept {
  for (const int descriptor : descriptors) set_close_on_exec(descriptor);
}
#endif

}  // namespace

std::size_t send_descriptors(LocalStream& stream, std::span<const int> descriptors, const WriteBuffers& bytes,
                             const Wait& wait, std::error_code& ec) {
  ec.clear();
  if (bytes.empty() || descriptors.size() > most_descriptors) {
    ec = error(Operation::other, std::errc::invalid_argument);
    return 0;
  }
  Parts parts(bytes);
  Control control;
  msghdr message = parts.message();
  if (!descriptors.empty()) {
    message.msg_control = static_cast<void*>(control.bytes);
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
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
  Control control;
  msghdr message{};
  const ssize_t read = transfer_within(stream, Traffic{Operation::read, POLLIN}, wait, ec, [&](int socket) {
    message = parts.message();
    message.msg_control = static_cast<void*>(control.bytes);
    message.msg_controllen = control_size;
    return sys("recvmsg", ::recvmsg, socket, &message, MSG_DONTWAIT | close_on_exec);
  });
  if (ec.value() == ECONNRESET) ec.clear();  // as for every read: the plain end of the stream
  if (ec || read <= 0) return received;
  received.bytes = static_cast<std::size_t>(read);
  take_descriptors(message, received.descriptors);
  set_all_close_on_exec(received.descriptors);
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
