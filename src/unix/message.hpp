// Buffers as sendmsg and recvmsg take them.
#pragma once

#include <localsocket/buffers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/socket.h>
#include <sys/uio.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// How many buffers one system call takes from a list; the kernel's own limit is 1024 (IOV_MAX), on the stack this is 1
/// KiB.
inline constexpr std::size_t most_buffers = 64;

/// The first of the buffers, of at most `limit` bytes together.
class Parts {
 public:
  template <class Byte>
  explicit Parts(const Buffers<Byte>& buffers, std::size_t limit = SIZE_MAX) noexcept {
    buffers.for_each([&](std::span<Byte> span) {
      span = span.first(std::min(span.size(), limit));
      limit -= span.size();
      // sendmsg only reads through iov_base; C has no other type for it.
      parts_[count_++] = {const_cast<std::byte*>(span.data()), span.size()};
      return count_ < most_buffers && limit > 0;
    });
  }

  msghdr message() noexcept {
    msghdr message{};
    message.msg_iov = static_cast<iovec*>(parts_);
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count_);  // its type differs between systems
    return message;
  }

 private:
  iovec parts_[most_buffers];
  std::size_t count_ = 0;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
