// What callers rely on of stop tokens, the same whether they are std's or the library's own.
#include <localsocket/stop_token.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/stop_callback.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using Callback = stop_callback<std::function<void()>>;

TEST(StopToken, WithoutASourceNothingCanStopIt) {
  const stop_token none;
  EXPECT_FALSE(none.stop_possible());
  EXPECT_FALSE(none.stop_requested());
  const stop_source empty(nostopstate);
  EXPECT_FALSE(empty.stop_possible());
  EXPECT_EQ(empty.get_token(), none);
}

TEST(StopToken, ARequestIsSeenByAllCopiesAndCountsOnce) {
  stop_source source;
  stop_source copy = source;
  const stop_token token = source.get_token();
  EXPECT_EQ(token, copy.get_token());
  EXPECT_TRUE(token.stop_possible());
  EXPECT_TRUE(copy.request_stop());
  EXPECT_FALSE(source.request_stop());
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(source.stop_requested());
}

TEST(StopToken, OutlivesTheSources) {
  std::optional<stop_source> source(std::in_place);
  const stop_token token = source->get_token();
  source.reset();
  EXPECT_FALSE(token.stop_possible());
  source.emplace();
  const stop_token stopped = source->get_token();
  source->request_stop();
  source.reset();
  EXPECT_TRUE(stopped.stop_possible());
  EXPECT_TRUE(stopped.stop_requested());
}

TEST(StopToken, SwapsAndMoves) {
  stop_source one;
  stop_source other(nostopstate);
  swap(one, other);
  EXPECT_FALSE(one.stop_possible());
  stop_token token = other.get_token();
  stop_token moved = std::move(token);
  stop_token none;
  moved.swap(none);
  other.request_stop();
  EXPECT_TRUE(none.stop_requested());
  EXPECT_FALSE(moved.stop_requested());
}

TEST(StopCallback, RunsWithTheRequestOnItsThread) {
  stop_source source;
  int runs = 0;
  std::thread::id ran_on;
  const Callback callback(source.get_token(), [&] {
    ++runs;
    ran_on = std::this_thread::get_id();
  });
  EXPECT_EQ(runs, 0);
  source.request_stop();
  source.request_stop();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(StopCallback, RunsAtOnceIfItComesLate) {
  stop_source source;
  source.request_stop();
  bool ran = false;
  const Callback callback(source.get_token(), [&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(StopCallback, ThatHasGoneDoesNotRun) {
  stop_source source;
  std::vector<int> ran;
  std::optional<Callback> callbacks[3];
  for (int i = 0; i < 3; ++i) callbacks[i].emplace(source.get_token(), [&ran, i] { ran.push_back(i); });
  callbacks[1].reset();
  source.request_stop();
  std::ranges::sort(ran);
  EXPECT_EQ(ran, (std::vector{0, 2}));
}

TEST(StopCallback, MayDropItselfAndTheLastSource) {
  auto source = std::make_unique<stop_source>();
  std::optional<Callback> callback;
  bool ran = false;
  callback.emplace(source->get_token(), [&] {
    ran = true;
    source.reset();
    callback.reset();
  });
  stop_source(*source).request_stop();
  EXPECT_TRUE(ran);
}

class StopCallbackThatRunsElsewhere : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!localsocket::detail::has_stop_callback) GTEST_SKIP() << "libstdc++ without a futex may wait for ever";
  }
};

TEST_F(StopCallbackThatRunsElsewhere, IsWaitedForByItsEnd) {
  stop_source source;
  Rendezvous begun(2);
  std::atomic<bool> is_over{false};
  std::optional<Callback> callback;
  callback.emplace(source.get_token(), [&] {
    begun.arrive_and_wait();
    spin_for(5ms);
    is_over = true;
  });
  auto requesting = run_async([&] { return source.request_stop(); });
  begun.arrive_and_wait();
  callback.reset();
  EXPECT_TRUE(is_over);
  EXPECT_TRUE(requesting.result());
}

TEST_F(StopCallbackThatRunsElsewhere, RacesWithTheRequest) {
  for (int round = 0; round < 300; ++round) {
    stop_source source;
    std::atomic<int> runs{0};
    Rendezvous start(2);
    auto requesting = run_async([&] {
      start.arrive_and_wait();
      return source.request_stop();
    });
    start.arrive_and_wait();
    {
      const Callback callback(source.get_token(), [&] { ++runs; });
    }
    const int seen = runs;
    EXPECT_LE(seen, 1);
    EXPECT_TRUE(requesting.result());
    EXPECT_EQ(runs, seen) << "it ran when it had gone";
  }
}

}  // namespace
}  // namespace localsocket::test
