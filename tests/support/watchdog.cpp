#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "support/thread.hpp"
#include "support/wine.hpp"

namespace localsocket::test {

struct Watchdog::Timer {
  Timer(std::string what, std::chrono::seconds limit)
      : thread([this, what = std::move(what), limit] {
          if (over.wait_for(limit)) return;
          std::fprintf(stderr, "\nwatchdog: %s still runs after %lld s\n", what.c_str(),
                       static_cast<long long>(limit.count()));
          std::fflush(nullptr);
          std::abort();
        }) {}
  ~Timer() { over.set(); }

  Event over;
  Thread thread;
};

Watchdog::Watchdog(std::string what, std::chrono::seconds limit)
    : timer_(std::make_unique<Timer>(std::move(what), limit * time_factor())) {}

Watchdog::~Watchdog() = default;

namespace {

class TestWatcher : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo& test) override {
    watchdog_.emplace(std::string(test.test_suite_name()) + "." + test.name());
  }
  void OnTestEnd(const ::testing::TestInfo&) override { watchdog_.reset(); }

  std::optional<Watchdog> watchdog_;
};

}  // namespace

// GoogleTest owns the listener.
void watch_every_test() { ::testing::UnitTest::GetInstance()->listeners().Append(new TestWatcher); }

}  // namespace localsocket::test
