// What a client measures and prints.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

/// The time that some operations took together.
class Stopwatch {
 public:
  void report(std::size_t operations) const;

 private:
  Clock::time_point start_ = Clock::now();
};

/// The time of each round trip, by one reading of the clock for each. The first ones warm up and are not kept.
class RoundTrips {
 public:
  static constexpr std::size_t warm_up = 100;

  explicit RoundTrips(std::size_t count);

  /// One has ended; whether another is to follow.
  bool lap();

  void report();

 private:
  std::vector<Clock::duration> kept_;
  std::size_t left_;
  std::size_t to_skip_ = warm_up;
  Clock::time_point last_ = Clock::now();
};

}  // namespace bench
