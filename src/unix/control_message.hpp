// Descriptors as sendmsg and recvmsg take them, beside the bytes (cmsg(3), unix(7)).
#pragma once

#include "system.hpp"

#include <cstddef>
#include <cstring>
#include <span>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// What one message can carry (SCM_MAX_FD, unix(7)).
inline constexpr std::size_t most_descriptors_of_a_message = 253;

/// Space for the descriptors and for credentials, which a socket may have been set to receive.
class ControlMessage {
 public:
  void attach(msghdr& message) noexcept {
    message.msg_control = static_cast<void*>(bytes_);
    message.msg_controllen = sizeof bytes_;
  }

  /// At least one descriptor.
  void put(msghdr& message, std::span<const int> descriptors) noexcept {
    message.msg_control = static_cast<void*>(bytes_);
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
    std::memset(message.msg_control, 0, message.msg_controllen);  // what is between them goes to the kernel, too
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }

 private:
  alignas(cmsghdr) std::byte bytes_[CMSG_SPACE(most_descriptors_of_a_message * sizeof(int)) + CMSG_SPACE(64)];
};

#if defined(MSG_CMSG_CLOEXEC)
inline constexpr int received_close_on_exec = MSG_CMSG_CLOEXEC;
#else
inline constexpr int received_close_on_exec = 0;
#endif

/// Those that came with a message; they are close-on-exec from now on.
template <class Take>
void for_each_descriptor(msghdr& message, Take take) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
      if (received_close_on_exec == 0) set_close_on_exec(descriptor);
      take(descriptor);
    }
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
