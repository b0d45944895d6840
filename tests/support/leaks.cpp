#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/thread.hpp"

namespace localsocket::test {

namespace {

/// What is made once and kept: this thread's waker, and what the runtime library makes with the first wait, the first
/// thread and the first exception.
void warm_up() {
  for (int i = 0; i < 3; ++i) {
    Ends ends = connected_ends();
    Bytes byte(1);
    EXPECT_CODE(read_some(ends.client, byte, 30ms).ec, std::errc::timed_out);
    auto reading = run_async([&] { return read_some(ends.server, byte, 30ms).ec; });
    EXPECT_CODE(reading.result(), std::errc::timed_out);
    EXPECT_THROWS_CODE(LocalStream::connect(LocalAddress::unique(), 0s), std::errc::connection_refused);
  }
}

std::size_t handles_at_start = 0;
std::string tests_that_left_some;

class Count : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { before_ = open_handles(); }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    const std::size_t after = open_handles();
    if (after <= before_) return;
    tests_that_left_some +=
        std::string("\n  ") + test.test_suite_name() + "." + test.name() + ": " + std::to_string(after - before_);
  }

  std::size_t before_ = 0;
};

class Balance : public ::testing::Environment {
  void SetUp() override {
    warm_up();
    handles_at_start = open_handles();
  }
  void TearDown() override {
    EXPECT_LE(open_handles(), handles_at_start + platform.handles_kept_by_the_runtime)
        << "handles are left open; there were more after these tests:" << tests_that_left_some;
  }
};

}  // namespace

// GoogleTest owns both.
void look_for_leaks() {
  ::testing::AddGlobalTestEnvironment(new Balance);
  ::testing::UnitTest::GetInstance()->listeners().Append(new Count);
}

}  // namespace localsocket::test
