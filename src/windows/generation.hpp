// Which process this is. No process of Windows is a copy of another one.
#pragma once

#include <localsocket/platform.hpp>

#include <cstdint>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

constexpr std::uint32_t process_generation() noexcept { return 1; }

struct ForkGuard {
  ForkGuard() noexcept {}
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
