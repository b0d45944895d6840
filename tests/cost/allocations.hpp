// What this program has allocated with new, the library's share included.
#pragma once

#include <cstddef>

namespace localsocket::test {

struct Allocations {
  std::size_t count = 0;  ///< ever made
  std::size_t bytes = 0;  ///< in use now, as the allocator rounds them
};

Allocations allocations() noexcept;

}  // namespace localsocket::test
