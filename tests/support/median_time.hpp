// How long something takes that must not be late.
#pragma once

#include <algorithm>
#include <array>

#include "support/test.hpp"

namespace localsocket::test {

/// The median of what some calls of `attempt()` return: a single one may meet a moment when the machine is busy.
template <class Attempt>
Clock::duration median_time(Attempt attempt) {
  std::array<Clock::duration, 9> times;
  std::ranges::generate(times, attempt);
  std::ranges::nth_element(times, times.begin() + times.size() / 2);
  return times[times.size() / 2];
}

}  // namespace localsocket::test
