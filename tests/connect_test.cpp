// LocalStream::connect: polling for a listener that is not there yet, or has no room (docs/design.md, 4).
#include <optional>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

// Nobody listens.

TEST(Connect, ToNobodyIsRefusedAtTheDeadlineAndNotBefore) {
  const auto start = Clock::now();
  EXPECT_CODE(connect(LocalAddress::unique(), 150ms).ec, std::errc::connection_refused);
  EXPECT_GE(Clock::now() - start, 150ms);
  EXPECT_LT(Clock::now() - start, 150ms + soon());
}

TEST(Connect, ToNobodyIsRefusedAtATimePointToo) {
  const auto deadline = Clock::now() + 60ms;
  EXPECT_CODE(connect(LocalAddress::unique(), deadline).ec, std::errc::connection_refused);
  EXPECT_GE(Clock::now(), deadline);
}

TEST(Connect, EndsAtTheDeadlineHoweverLongThePollIntervalIs) {
  const auto start = Clock::now();
  EXPECT_CODE(connect(LocalAddress::unique(), 60ms, {.poll_interval = 1h}).ec, std::errc::connection_refused);
  EXPECT_LT(Clock::now() - start, 60ms + soon());
}

TEST(Connect, WithoutAWaitTriesForOneSecond) {
  const auto start = Clock::now();
  std::error_code ec;
  LocalStream::connect(LocalAddress::unique(), ec);
  EXPECT_CODE(ec, std::errc::connection_refused);
  EXPECT_GE(Clock::now() - start, default_connect_timeout);
  EXPECT_LT(Clock::now() - start, default_connect_timeout + soon());
}

TEST(Connect, WithAZeroWaitTriesOnce) {
  LocalListener listener = listening();
  const LocalAddress nobody = LocalAddress::unique();
  for (const Wait& once : {Wait(0s), Wait(-1h), Wait(Clock::now() - 1h)}) {
    EXPECT_CODE(connect(nobody, once).ec, std::errc::connection_refused);
    auto [client, ec] = connect(listener.local_address(), once);
    ASSERT_CODE(ec, success);
    LocalStream server = listener.accept();
    expect_connected(client, server);
  }
}

TEST(Connect, AfterTheListenerIsGoneIsRefused) {
  LocalListener listener = listening();
  expect_serving(listener);
  const LocalAddress address = listener.local_address();
  listener.close();
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(connect(address, 30ms).ec, std::errc::connection_refused);
}

TEST(Connect, AfterTheListenerIsGoneButNotItsConnectionFailsAsThePlatformSees) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  const LocalAddress address = listener.local_address();
  listener.close();
  EXPECT_CODE(connect(address, 30ms).ec,
              platform.connections_hold_the_address ? std::errc::timed_out : std::errc::connection_refused);
  expect_connected(client, server);
}

// The listener comes later.

TEST(Connect, BeforeTheListenerExistsMeetsItWhenItComes) {
  for (const auto& head_start : {0ms, 5ms, 300ms}) {
    const LocalAddress address = LocalAddress::unique();
    auto connecting = run_async([&] { return connect(address, 10s); });
    connecting.wait_until_blocked_for(head_start);
    EXPECT_FALSE(connecting.finished());
    LocalListener listener = LocalListener::bind(address);
    LocalStream server = listener.accept(soon());
    Arrival client = connecting.result();
    ASSERT_CODE(client.ec, success);
    expect_connected(client.stream, server);
  }
}

TEST(Connect, LooksAgainAtEachPollIntervalAtTheLatest) {
  const LocalAddress address = LocalAddress::unique();
  auto connecting = run_async([&] { return connect(address, 10s, {.poll_interval = 1ms}); });
  connecting.wait_until_blocked_for(400ms);
  LocalListener listener = LocalListener::bind(address);
  const auto start = Clock::now();
  EXPECT_CODE(connecting.result().ec, success);
  EXPECT_LT(Clock::now() - start, 100ms * time_factor()) << "the default interval would be 200 ms";
}

TEST(Connect, LooksSoonerInTheFirstMilliseconds) {
  const LocalAddress address = LocalAddress::unique();
  auto connecting = run_async([&] { return connect(address, 10s, {.poll_interval = 1h}); });
  connecting.wait_until_blocked();
  LocalListener listener = LocalListener::bind(address);
  EXPECT_TRUE(connecting.finished_within(soon()));
  if (!connecting.finished()) GTEST_FAIL() << "waits for the whole interval";
  EXPECT_CODE(connecting.result().ec, success);
}

TEST(Connect, ManyThreadsAllMeetAListenerThatComesLater) {
  constexpr int clients = 24;
  const LocalAddress address = LocalAddress::unique();
  Rendezvous ready(clients + 1);
  std::vector<Async<std::string>> connecting;
  for (int i = 0; i < clients; ++i) {
    connecting.push_back(run_async([&, text = std::to_string(100 + i)] {
      ready.arrive_and_wait();
      LocalStream client = LocalStream::connect(address, 10s);
      client.write_all(text);
      return text == read_text(client, 3) ? std::string("echoed") : std::string("wrong");
    }));
  }
  ready.arrive_and_wait();
  LocalListener listener = LocalListener::bind(address, {.backlog = 4});
  for (int i = 0; i < clients; ++i) {
    LocalStream server = listener.accept(10s);
    server.write_all(read_text(server, 3));
  }
  for (auto& client : connecting) EXPECT_EQ(client.result(), "echoed");
}

// The listener is full.

TEST(Connect, ToAFullListenerTimesOutAtTheDeadlineAndNotBefore) {
  LocalListener listener = listening({.backlog = 2});
  const auto waiting = fill_backlog(listener);
  EXPECT_GE(waiting.size(), 2U);
  const auto start = Clock::now();
  EXPECT_CODE(connect(listener.local_address(), 150ms).ec, std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, 150ms);
  EXPECT_LT(Clock::now() - start, 150ms + soon());
}

TEST(Connect, ToAFullListenerGetsInWhenThereIsRoom) {
  LocalListener listener = listening({.backlog = 2});
  auto waiting = fill_backlog(listener);
  auto connecting = run_async([&] { return connect(listener.local_address(), 10s); });
  connecting.wait_until_blocked();
  EXPECT_FALSE(connecting.finished());
  std::vector<LocalStream> accepted;
  for (std::size_t i = 0; i < waiting.size(); ++i) accepted.push_back(listener.accept(soon()));
  EXPECT_TRUE(connecting.finished_within(soon()));
  Arrival client = connecting.result();
  ASSERT_CODE(client.ec, success);
  LocalStream server = listener.accept(soon());
  expect_connected(client.stream, server);
}

TEST(Connect, ThatTimedOutOnAFullListenerLeavesNoClientBehind) {
  LocalListener listener = listening({.backlog = 2});
  const auto waiting = fill_backlog(listener);
  EXPECT_CODE(connect(listener.local_address(), 30ms).ec, std::errc::timed_out);
  for (std::size_t i = 0; i < waiting.size(); ++i) EXPECT_CODE(accept(listener, soon()).ec, success);
  EXPECT_CODE(accept(listener, 50ms).ec, std::errc::timed_out);
}

TEST(Connect, ToAListenerThatClosesWhileItIsFullEndsRefused) {
  LocalListener listener = listening({.backlog = 1});
  const LocalAddress address = listener.local_address();
  auto waiting = fill_backlog(listener);
  auto connecting = run_async([&] { return connect(address, 500ms).ec; });
  connecting.wait_until_blocked();
  waiting.clear();
  listener.close();
  EXPECT_CODE(connecting.result(), std::errc::connection_refused);
}

// Stopping.

TEST(Connect, AStopRequestedBeforeEndsIt) {
  LocalListener listener = listening();
  stop_source stop;
  stop.request_stop();
  EXPECT_CODE(connect(listener.local_address(), stop.get_token()).ec, std::errc::operation_canceled);
  EXPECT_CODE(connect(LocalAddress::unique(), stop.get_token()).ec, std::errc::operation_canceled);
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out) << "nobody came";
}

// 1.1 s: a connect that looks again after 1, 2, 4, … ms is in a pause of a second then, and must not sleep it out.
TEST(Connect, AStopRequestWhileNobodyListensEndsIt) {
  for (const auto& waited : {0ms, 1100ms}) {
    stop_source stop;
    const LocalAddress address = LocalAddress::unique();
    auto connecting = run_async([&] { return connect(address, stop.get_token(), {.poll_interval = 1h}).ec; });
    connecting.wait_until_blocked_for(waited);
    stop.request_stop();
    EXPECT_TRUE(connecting.finished_within(500ms));
    EXPECT_CODE(connecting.result(), std::errc::operation_canceled);
  }
}

TEST(Connect, AStopRequestWhileTheListenerIsFullEndsIt) {
  LocalListener listener = listening({.backlog = 1});
  const auto waiting = fill_backlog(listener);
  stop_source stop;
  auto connecting = run_async([&] { return connect(listener.local_address(), {1h, stop.get_token()}).ec; });
  connecting.wait_until_blocked();
  EXPECT_FALSE(connecting.finished());
  stop.request_stop();
  EXPECT_TRUE(connecting.finished_within(soon()));
  EXPECT_CODE(connecting.result(), std::errc::operation_canceled);
}

TEST(Connect, AStopIsNeverMissedWheneverItComes) {
  const LocalAddress address = LocalAddress::unique();
  for (int i = 0; i < 100; ++i) {
    stop_source stop;
    Rendezvous start(2);
    auto connecting = run_async([&] {
      start.arrive_and_wait();
      return connect(address, stop.get_token(), {.poll_interval = 1h}).ec;
    });
    start.arrive_and_wait();
    stop.request_stop();
    ASSERT_TRUE(connecting.finished_within(soon())) << "missed in round " << i;
    EXPECT_CODE(connecting.result(), std::errc::operation_canceled);
  }
}

// What is refused at once.

TEST(Connect, TheUnnamedAddressIsNone) {
  EXPECT_CODE(connect(LocalAddress(), 1h).ec, Errc::invalid_address);
  EXPECT_THROWS_CODE(LocalStream::connect(LocalAddress()), Errc::invalid_address);
}

TEST(Connect, APollIntervalOutOfRangeIsRefused) {
  LocalListener listener = listening();
  for (const auto& interval : {0ms, -1ms}) {
    EXPECT_CODE(connect(listener.local_address(), 1h, {.poll_interval = interval}).ec, std::errc::invalid_argument);
  }
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out) << "nobody came";
}

TEST(Connect, AFailedConnectGivesAClosedStream) {
  auto [stream, ec] = connect(LocalAddress::unique());
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(stream.native_handle(), invalid_handle);
  Bytes buffer(1);
  EXPECT_OUTCOME(read_some(stream, buffer), 0, Errc::closed);
}

}  // namespace
}  // namespace localsocket::test
