// What the backends say of the system's own messages.
#pragma once

#include <localsocket/platform.hpp>

#include <cstddef>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// What one receive has taken of a message, whole messages being what there is to be taken. With an error it has taken
/// something only where the rest is not known; then `rest` is 1.
struct PacketPart {
  bool is_end = false;    ///< there is no message, and will be none
  std::size_t taken = 0;  ///< bytes that are in the caller's memory now
  std::size_t rest = 0;  ///< bytes of it that are still to come, to a receive with memory for them, which does not wait
};

/// What has become of a message that was to be sent.
enum class PacketFate : unsigned char {
  sent,
  unsent,  ///< not a byte of it
  torn,    ///< the peer may have had a part, and nothing may follow
};

/// A message of this size passes on every system, whatever the buffers.
inline constexpr std::size_t portable_packet_size = 64 * 1024;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
