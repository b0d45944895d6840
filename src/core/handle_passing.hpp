// Handles on their way to a peer, as a backend passes them.
#pragma once

#include <localsocket/owned_handle.hpp>
#include <localsocket/platform.hpp>

#include <cstdint>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

class MessageStream;

namespace detail {

/// Those that came with some bytes: `begin` is how many bytes had come before, and `end` how many with these.
struct ArrivedHandles {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::vector<OwnedHandle> handles;
};

/// No message of the stream, which carries handles, has any from now on: a read does not look for them, and the system
/// closes those that come all the same. Defined with MessageStream.
void expect_no_handles(MessageStream& stream) noexcept;

// What a backend provides.

/// Whether they travel as numbers among the bytes, and the receiver takes them out of the sender's process; else the
/// system passes them beside the bytes.
bool handles_are_numbers() noexcept;

/// The number that a handle is to this process.
std::uint64_t number_of(NativeHandle handle) noexcept;

/// Whether the sender has to keep them open until the receiver has them.
bool handles_need_acknowledgement() noexcept;

/// Another one for the same thing, for this process alone.
OwnedHandle duplicate_handle(NativeHandle handle, std::error_code& ec) noexcept;

}  // namespace detail
}  // namespace localsocket::inline LOCALSOCKET_ABI
