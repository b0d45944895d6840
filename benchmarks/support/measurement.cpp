#include "measurement.hpp"

#include <algorithm>
#include <iostream>
#include <numeric>
#include <utility>

namespace bench {

namespace {

auto nanoseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

void Stopwatch::report(std::size_t operations) const {
  std::cout << R"({"nanoseconds": )" << nanoseconds(Clock::now() - start_) << R"(, "operations": )" << operations << "}"
            << std::endl;
}

void Times::report(Clock::duration together, Clock::duration processor_time) {
  std::ranges::sort(times_);
  const auto percentile = [this](std::size_t percent) { return nanoseconds(times_[times_.size() * percent / 100]); };
  std::cout << R"({"nanoseconds": )" << nanoseconds(together) << R"(, "operations": )" << times_.size()
            << R"(, "p50": )" << percentile(50) << R"(, "p99": )" << percentile(99);
  if (processor_time != Clock::duration::zero()) std::cout << R"(, "server": )" << nanoseconds(processor_time);
  std::cout << "}" << std::endl;
}

Clock::duration Times::sum() const { return std::accumulate(times_.begin(), times_.end(), Clock::duration()); }

RoundTrips::RoundTrips(std::size_t count) : kept_(count), to_skip_(warm_up(count)), left_(to_skip_ + count) {}

bool RoundTrips::lap() {
  const Clock::time_point now = Clock::now();
  return add(now - std::exchange(last_, now));
}

bool RoundTrips::add(Clock::duration time) {
  if (to_skip_ > 0) {
    --to_skip_;
  } else {
    kept_.add(time);
  }
  return --left_ > 0;
}

void RoundTrips::report() { kept_.report(kept_.sum()); }

}  // namespace bench
