#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <atomic>
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
          has_begun.set();
          do {
            if (over.wait_for(limit)) return;
          } while (has_restarted.exchange(false));
          std::fprintf(stderr, "\nwatchdog: %s still runs after %lld s\n", what.c_str(),
                       static_cast<long long>(limit.count()));
          std::fflush(nullptr);
          std::abort();
        }) {
    // While it begins it may hold a lock of the sanitizer's allocator, and a child that a test forks then would wait
    // for that lock for ever.
    has_begun.wait();
  }
  ~Timer() { over.set(); }

  std::atomic<bool> has_restarted{false};
  Event has_begun;
  Event over;
  Thread thread;
};

Watchdog::Watchdog(std::string what, std::chrono::seconds limit)
    : timer_(std::make_unique<Timer>(std::move(what), limit * time_factor())) {}

Watchdog::~Watchdog() = default;

void Watchdog::restart() { timer_->has_restarted = true; }

namespace {

class TestWatcher : public ::testing::EmptyTestEventListener {
 public:
  void restart() {
    if (watchdog_) watchdog_->restart();
  }

 private:
  void OnTestStart(const ::testing::TestInfo& test) override {
    watchdog_.emplace(std::string(test.test_suite_name()) + "." + test.name());
  }
  void OnTestEnd(const ::testing::TestInfo&) override { watchdog_.reset(); }

  std::optional<Watchdog> watchdog_;
};

TestWatcher* watcher = nullptr;  // GoogleTest owns it

}  // namespace

void watch_every_test() {
  watcher = new TestWatcher;
  ::testing::UnitTest::GetInstance()->listeners().Append(watcher);
}

void restart_watchdog() {
  if (watcher != nullptr) watcher->restart();
}

}  // namespace localsocket::test
