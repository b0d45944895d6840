// What a client measures and prints.
#pragma once

#include <algorithm>
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

/// The times of operations that are measured one by one.
class Times {
 public:
  explicit Times(std::size_t count) { times_.reserve(count); }

  void add(Clock::duration time) { times_.push_back(time); }
  void clear() { times_.clear(); }

  /// How long all of them took together; less than their sum, where they overlap. `processor_time`: of the server.
  void report(Clock::duration together, Clock::duration processor_time = {});
  Clock::duration sum() const;

 private:
  std::vector<Clock::duration> times_;
};

/// The time of each round trip, by one reading of the clock for each. The first ones warm up and are not kept: at most
/// as many as are.
class RoundTrips {
 public:
  static constexpr std::size_t warm_up(std::size_t count) { return std::min(count, std::size_t{100}); }

  explicit RoundTrips(std::size_t count);

  /// One has ended; whether another is to follow.
  bool lap();
  /// The same for one that took so long, by whoever knows.
  bool add(Clock::duration time);

  void report();

 private:
  Times kept_;
  std::size_t to_skip_;
  std::size_t left_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace bench
