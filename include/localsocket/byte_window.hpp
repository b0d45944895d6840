// What MessageStream shows of its read-ahead to its inline code.
#pragma once

#include <localsocket/platform.hpp>

#include <cstddef>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// The bytes of a queue, from the next one on.
struct ByteWindow {
  std::byte* begin = nullptr;
  std::byte* end = nullptr;
  std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
