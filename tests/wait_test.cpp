// How long a Wait is: its arithmetic, where clocks overflow, and what turns into one.
#include <limits>
#include <type_traits>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using TimePoint = Clock::time_point;
using Seconds = std::chrono::duration<double>;

constexpr TimePoint start{1000h};
constexpr TimePoint never = TimePoint::max();

TEST(Wait, IsForEverByDefault) {
  EXPECT_FALSE(Wait().is_limited());
  EXPECT_EQ(Wait().deadline(start), never);
}

TEST(Wait, CountsATimeoutFromTheStartOfTheCall) {
  const Wait wait = 5s;

  EXPECT_TRUE(wait.is_limited());
  EXPECT_EQ(wait.deadline(start), start + 5s);
  EXPECT_EQ(wait.deadline(start + 1h), start + 1h + 5s);
}

TEST(Wait, KeepsADeadlineWheneverTheCallStarts) {
  const Wait wait = start + 5s;

  EXPECT_TRUE(wait.is_limited());
  EXPECT_EQ(wait.deadline(start), start + 5s);
  EXPECT_EQ(wait.deadline(start + 1h), start + 5s);
}

TEST(Wait, TakesANegativeTimeoutForZero) {
  EXPECT_EQ(Wait(-1s).deadline(start), start);
  EXPECT_EQ(Wait(0s).deadline(start), start);
  EXPECT_EQ(Wait(std::chrono::hours::min()).deadline(start), start);
  EXPECT_EQ(Wait(Seconds(-std::numeric_limits<double>::infinity())).deadline(start), start);
  EXPECT_TRUE(Wait(0s).is_limited());
}

TEST(Wait, TakesATimeoutThatIsNoNumberForZero) {
  EXPECT_EQ(Wait(Seconds(std::numeric_limits<double>::quiet_NaN())).deadline(start), start);
}

TEST(Wait, TakesATimeoutTooLongForTheClockForNone) {
  for (const Wait& wait :
       {Wait(std::chrono::hours::max()), Wait(std::chrono::years(1'000'000)), Wait(Clock::duration::max()),
        Wait(Seconds(std::numeric_limits<double>::infinity())), Wait(Seconds(1e30))}) {
    EXPECT_FALSE(wait.is_limited());
    EXPECT_EQ(wait.deadline(start), never);
  }
}

TEST(Wait, DoesNotOverflowWhenATimeoutEndsBehindTheLastTimePoint) {
  const Wait wait = Clock::duration::max() - 1h;

  EXPECT_TRUE(wait.is_limited());
  EXPECT_EQ(wait.deadline(TimePoint(30min)), TimePoint::max() - 30min);
  EXPECT_EQ(wait.deadline(start), never);
  EXPECT_EQ(Wait(1s).deadline(never), never);
}

TEST(Wait, TakesTheExtremeDeadlinesAsTheyAre) {
  EXPECT_EQ(Wait(TimePoint::max()).deadline(start), TimePoint::max());
  EXPECT_EQ(Wait(TimePoint::min()).deadline(start), TimePoint::min());
}

TEST(Wait, ThatEndedBeforeTheClockBeganTriesOnce) {
  auto [client, server] = connected_ends();
  LocalListener listener = listening();
  Bytes byte(1);
  for (const Wait& wait : {Wait(TimePoint::min()), Wait(TimePoint::min() + 1ns), Wait(TimePoint() - 1h)}) {
    EXPECT_OUTCOME(read_some(client, byte, wait), 0, std::errc::timed_out);
    EXPECT_CODE(accept(listener, wait).ec, std::errc::timed_out);
    EXPECT_CODE(connect(LocalAddress::unique(), wait).ec, std::errc::connection_refused);
    server.write_all("x");
    EXPECT_OUTCOME(read_some(client, byte, wait), 1, success);
  }
  fill(client);
  EXPECT_CODE(write_some(client, byte, TimePoint::min()).ec, std::errc::timed_out);
}

TEST(Deadline, BeforeTheClockBeganHasPassed) {
  auto [client, server] = connected_ends();
  LocalListener listener = listening();
  Bytes byte(1);
  for (const TimePoint deadline : {TimePoint::min(), TimePoint::min() + 1ns}) {
    client.set_read_deadline(deadline);
    EXPECT_OUTCOME(read_some(client, byte), 0, std::errc::timed_out);
    listener.set_accept_deadline(deadline);
    EXPECT_CODE(accept(listener).ec, std::errc::timed_out);
  }
}

TEST(Deadline, SetToThePastWhileACallWaitsEndsIt) {
  auto [client, server] = connected_ends();
  Bytes byte(1);
  auto reading = run_async([&stream = client, &byte] { return read_some(stream, byte).ec; });
  reading.wait_until_blocked_for(long_wait);
  client.set_read_deadline(TimePoint::min());
  EXPECT_TRUE(reading.finished_within(soon()));
  EXPECT_CODE(reading.result(), std::errc::timed_out);
}

TEST(PollInterval, MayBeAsLongAsTheClockCounts) {
  for (const auto interval : {std::chrono::milliseconds::max(), std::chrono::milliseconds(1'000h)}) {
    const LocalAddress address = LocalAddress::unique();
    EXPECT_CODE(connect(address, 20ms, {.poll_interval = interval}).ec, std::errc::connection_refused);
    LocalListener listener = LocalListener::bind(address, {.backlog = 1});
    const auto waiting = fill_backlog(listener);
    EXPECT_CODE(connect(address, 20ms, {.poll_interval = interval}).ec, std::errc::timed_out);
  }
}

TEST(Wait, RoundsUpSoThatNoCallEndsEarly) {
  using Picoseconds = std::chrono::duration<long long, std::pico>;

  EXPECT_EQ(Wait(Picoseconds(1)).deadline(start), start + Clock::duration(1));
  EXPECT_EQ(Wait(Seconds(1e-12)).deadline(start), start + Clock::duration(1));
  EXPECT_EQ(Wait(Seconds(0.5)).deadline(start), start + 500ms);
}

TEST(Wait, CarriesAStopTokenBesideATimeOrAlone) {
  stop_source source;
  const Wait alone = source.get_token();
  const Wait with_timeout = {5s, source.get_token()};
  const Wait with_deadline = {start + 5s, source.get_token()};

  EXPECT_FALSE(alone.is_limited());
  EXPECT_EQ(with_timeout.deadline(start), start + 5s);
  EXPECT_EQ(with_deadline.deadline(start), start + 5s);
  for (const Wait& wait : {alone, with_timeout, with_deadline}) EXPECT_EQ(wait.stop_token(), source.get_token());
  EXPECT_FALSE(Wait(5s).stop_token().stop_possible());
}

TEST(Wait, ComesFromWhateverSaysHowLong) {
  EXPECT_TRUE((std::is_convertible_v<std::chrono::nanoseconds, Wait>));
  EXPECT_TRUE((std::is_convertible_v<std::chrono::years, Wait>));
  EXPECT_TRUE((std::is_convertible_v<std::chrono::duration<float>, Wait>));
  EXPECT_TRUE((std::is_convertible_v<Clock::time_point, Wait>));
  EXPECT_TRUE((std::is_convertible_v<stop_token, Wait>));
  EXPECT_FALSE((std::is_convertible_v<int, Wait>));
  EXPECT_FALSE((std::is_convertible_v<std::chrono::system_clock::time_point, Wait>));
  EXPECT_TRUE(std::is_nothrow_default_constructible_v<Wait>);
}

}  // namespace
}  // namespace localsocket::test
