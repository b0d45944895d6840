#include "measurement.hpp"

#include <algorithm>
#include <iostream>
#include <numeric>

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

RoundTrips::RoundTrips(std::size_t count) : left_(warm_up + count) { kept_.reserve(count); }

bool RoundTrips::lap() {
  const Clock::time_point now = Clock::now();
  if (to_skip_ > 0) {
    --to_skip_;
  } else {
    kept_.push_back(now - last_);
  }
  last_ = now;
  return --left_ > 0;
}

void RoundTrips::report() {
  std::ranges::sort(kept_);
  const auto percentile = [this](std::size_t percent) { return nanoseconds(kept_[kept_.size() * percent / 100]); };
  std::cout << R"({"nanoseconds": )" << nanoseconds(std::accumulate(kept_.begin(), kept_.end(), Clock::duration()))
            << R"(, "operations": )" << kept_.size() << R"(, "p50": )" << percentile(50) << R"(, "p99": )"
            << percentile(99) << "}" << std::endl;
}

}  // namespace bench
