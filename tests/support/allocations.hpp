// What this program allocates with new while a test asks: the largest piece, and how many.
#pragma once

#include <cstddef>

namespace localsocket::test {

struct Allocations {
  std::size_t count = 0;
  std::size_t largest = 0;  ///< in bytes
};

void begin_counting_allocations() noexcept;
Allocations end_counting_allocations() noexcept;

/// Of all threads, while `body()` runs.
template <class Body>
Allocations allocations_of(Body body) {
  begin_counting_allocations();
  body();
  return end_counting_allocations();
}

}  // namespace localsocket::test
