// Numbers of eight bytes, the lowest first, whatever order the processor has.
#pragma once

#include <localsocket/platform.hpp>

#include <cstddef>
#include <cstdint>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

inline constexpr unsigned size_of_number = 8;

inline std::uint64_t number_at(const std::byte* from) noexcept {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < size_of_number; ++i) number |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
  return number;
}

/// Returns what is behind it.
inline std::byte* put_number(std::uint64_t number, std::byte* to) noexcept {
  for (unsigned i = 0; i < size_of_number; ++i) *to++ = static_cast<std::byte>(number >> (8 * i));
  return to;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
