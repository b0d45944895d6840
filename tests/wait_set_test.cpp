// docs/design.md, section 16: one thread that waits for many.
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/seams.hpp"
#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/median_time.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket {

void PrintTo(const WaitSet::Report& report, std::ostream* out) {
  *out << "key " << report.key << ", ready " << static_cast<unsigned>(report.what);
}

static bool operator==(const WaitSet::Report& a, const WaitSet::Report& b) {
  return a.key == b.key && a.what == b.what;
}

}  // namespace localsocket

namespace localsocket::test {
namespace {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;
using Reports = std::vector<Report>;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// What one wait reports.
Reports wait_for(WaitSet& set, const Wait& wait = 0s, std::size_t most = 16) {
  Reports reports(most);
  reports.resize(set.wait(reports, wait));
  return reports;
}

constexpr WaitSet::Key key = 7;

/// That this key is ready for that, in each of two waits.
void expect_ready(WaitSet& set, WaitSet::Key expected, Ready what, const Wait& wait = 1s) {
  EXPECT_THAT(wait_for(set, wait), ElementsAre(Report{expected, what}));
  EXPECT_THAT(wait_for(set), ElementsAre(Report{expected, what}));
}

/// Of a stream in nonblocking mode; returns how many bytes were taken.
std::size_t write_until_it_would_block(LocalStream& stream) {
  std::error_code ec;
  const Bytes bytes(4096);
  std::size_t written = 0;
  while (!ec) written += stream.write_some(bytes, ec);
  EXPECT_CODE(ec, std::errc::operation_would_block);
  return written;
}

class WaitSetTest : public ConnectedTest {
 protected:
  WaitSet set;
};

TEST(WaitSetAlone, AnEmptyOneWaitsForItsTime) {
  WaitSet set;
  Reports none;
  EXPECT_GE(time_of([&] { none = wait_for(set, 20ms); }), 20ms);
  EXPECT_THAT(none, IsEmpty());
}

TEST(WaitSetAlone, ADeadlineInThePastLooksOnce) {
  WaitSet set;
  localsocket::Event event;
  event.set();
  set.add(key, event);
  EXPECT_THAT(wait_for(set, Clock::now() - 1s), ElementsAre(Report{key, Ready::set}));
}

TEST(WaitSetAlone, AStopRequestEndsAWait) {
  WaitSet set;
  stop_source stop;
  auto waiting = run_async([&] { return wait_for(set, stop.get_token()); });
  waiting.wait_until_blocked();
  stop.request_stop();
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), IsEmpty());
}

TEST(WaitSetAlone, AStopRequestBeforeAWaitComesFirst) {
  WaitSet set;
  localsocket::Event event;
  event.set();
  set.add(key, event);
  stop_source stop;
  stop.request_stop();
  EXPECT_THAT(wait_for(set, stop.get_token()), IsEmpty());
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::set}));
}

TEST(WaitSetAlone, OneThatWasMovedFromIsClosed) {
  WaitSet set;
  localsocket::Event event;
  event.set();
  set.add(key, event);
  WaitSet other = std::move(set);
  std::array<Report, 4> reports;
  std::error_code ec;
  EXPECT_EQ(set.wait(reports, ec), 0U);
  EXPECT_CODE(ec, Errc::closed);
  set.add(1, event, ec);
  EXPECT_CODE(ec, Errc::closed);
  set.change(key, Ready{}, ec);
  EXPECT_CODE(ec, Errc::closed);
  set.remove(key);
  EXPECT_THAT(wait_for(other), ElementsAre(Report{key, Ready::set}));
  set = std::move(other);
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::set}));
}

TEST(WaitSetAlone, NoSpaceForAReportIsAnInvalidArgument) {
  WaitSet set;
  EXPECT_THROWS_CODE(set.wait({}, 0s), std::errc::invalid_argument);
}

TEST(WaitSetAlone, OneThreadWaitsAtATime) {
  WaitSet set;
  localsocket::Event event;
  set.add(key, event);
  auto waiting = run_async([&] { return wait_for(set); });
  waiting.result();
  auto first = run_async([&] { return wait_for(set, 1h); });
  first.wait_until_blocked();
  EXPECT_THROWS_CODE(wait_for(set), std::errc::operation_not_supported);
  event.set();
  EXPECT_THAT(first.result(), ElementsAre(Report{key, Ready::set}));
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::set}));
}

// Events.

TEST(WaitSetEvent, StaysSetUntilItIsReset) {
  WaitSet set;
  localsocket::Event event;
  EXPECT_FALSE(event.is_set());
  set.add(key, event);
  EXPECT_THAT(wait_for(set), IsEmpty());
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  expect_ready(set, key, Ready::set);
  event.reset();
  EXPECT_FALSE(event.is_set());
  EXPECT_THAT(wait_for(set), IsEmpty());
  event.set();
  expect_ready(set, key, Ready::set);
}

TEST(WaitSetEvent, EndsAWaitFromAnotherThread) {
  WaitSet set;
  localsocket::Event event;
  set.add(key, event);
  for (int i = 0; i < 3; ++i) {
    auto waiting = run_async([&] { return wait_for(set, 1h); });
    waiting.wait_until_blocked();
    event.set();
    EXPECT_TRUE(waiting.finished_within(soon()));
    EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::set}));
    event.reset();
  }
}

TEST(WaitSetEvent, IsInAnyNumberOfSetsOnceInEach) {
  WaitSet one;
  WaitSet two;
  localsocket::Event event;
  one.add(1, event);
  two.add(2, event);
  EXPECT_THROWS_CODE(one.add(3, event), std::errc::invalid_argument);
  event.set();
  expect_ready(one, 1, Ready::set);
  expect_ready(two, 2, Ready::set);
  one.remove(1);
  EXPECT_THAT(wait_for(one), IsEmpty());
  expect_ready(two, 2, Ready::set);
}

TEST(WaitSetEvent, OutlivesItsObjectInTheSet) {
  WaitSet set;
  {
    localsocket::Event event;
    event.set();
    set.add(key, event);
  }
  expect_ready(set, key, Ready::set);
}

TEST(WaitSetEvent, MayBeMovedAndIsOfNoUseThen) {
  WaitSet set;
  localsocket::Event event;
  set.add(key, event);
  localsocket::Event moved = std::move(event);
  event.set();
  event.reset();
  EXPECT_FALSE(event.is_set());
  EXPECT_THROWS_CODE(set.add(8, event), Errc::closed);
  moved.set();
  expect_ready(set, key, Ready::set);
  event = std::move(moved);
  EXPECT_TRUE(event.is_set());
}

TEST(WaitSetEvent, IsNotReportedWhileNothingIsAskedFor) {
  WaitSet set;
  localsocket::Event event;
  event.set();
  set.add(key, event);
  set.change(key, Ready{});
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.change(key, Ready::set);
  expect_ready(set, key, Ready::set);
}

// Fair shares.

TEST(WaitSetAlone, MoreThanThereIsSpaceForAreReportedByTheNextWaits) {
  WaitSet set;
  std::array<localsocket::Event, 5> events;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].set();
    set.add(i, events[i]);
  }
  Reports all;
  for (int i = 0; i < 5; ++i) {
    const Reports some = wait_for(set, 0s, 1);
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_THAT(all, UnorderedElementsAre(Report{0, Ready::set}, Report{1, Ready::set}, Report{2, Ready::set},
                                        Report{3, Ready::set}, Report{4, Ready::set}));
}

TEST_F(WaitSetTest, NeitherEventsNorStreamsKeepTheOthersFromBeingReported) {
  localsocket::Event event;
  event.set();
  server.write_all("data");
  set.add(1, event);
  set.add(2, client);
  Reports all;
  for (int i = 0; i < 4; ++i) {
    const Reports some = wait_for(set, 0s, 1);
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_THAT(all, ::testing::Contains(Report{1, Ready::set}));
  EXPECT_THAT(all, ::testing::Contains(Report{2, Ready::readable}));
}

// Streams.

TEST_F(WaitSetTest, BytesAreReportedUntilTheyAreRead) {
  set.add(key, client);
  EXPECT_THAT(wait_for(set), IsEmpty());
  server.write_all("data");
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(read_text(client, 2), "da");
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(read_text(client, 2), "ta");
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetTest, BytesEndAWait) {
  set.add(key, client);
  for (int i = 0; i < 3; ++i) {
    auto waiting = run_async([&] { return wait_for(set, 1h); });
    waiting.wait_until_blocked();
    server.write_all("data");
    EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::readable}));
    EXPECT_EQ(read_text(client, 4), "data");
  }
}

TEST_F(WaitSetTest, TheEndOfTheStreamIsReadable) {
  set.add(key, client);
  server.write_all("data");
  server.close();
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(read_text(client, 4), "data");
  expect_ready(set, key, Ready::readable);
  Bytes buffer(1);
  EXPECT_OUTCOME(read_some(client, buffer), 0, success);
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetTest, AddingChangesNoMode) {
  set.add(key, client);
  auto reading = run_async([&] { return read_text(client, 4); });
  reading.wait_until_blocked();
  server.write_all("data");
  EXPECT_EQ(reading.result(), "data");
}

TEST_F(WaitSetTest, APeerThatIsGoneDoesNotSpinWhenNothingIsAskedFor) {
  set.add(key, client, Ready{});
  server.close();
  EXPECT_THAT(wait_for(set), IsEmpty());
  EXPECT_GE(time_of([&] { wait_for(set, 20ms); }), 20ms);
  set.change(key, Ready::readable);
  expect_ready(set, key, Ready::readable);
  set.change(key, Ready{});
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetTest, WhatIsWatchedForCanBeChanged) {
  set.add(key, client, Ready::readable | Ready::writable);
  expect_ready(set, key, Ready::writable);
  server.write_all("data");
  Reports reports;
  const auto until = Clock::now() + soon();
  while (reports != Reports{{key, Ready::readable | Ready::writable}} && Clock::now() < until) reports = wait_for(set);
  EXPECT_THAT(reports, ElementsAre(Report{key, Ready::readable | Ready::writable}));
  set.change(key, Ready::readable);
  expect_ready(set, key, Ready::readable);
  set.change(key, Ready{});
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.change(key, Ready::writable);
  expect_ready(set, key, Ready::writable);
}

TEST_F(WaitSetTest, SpaceThatThePeerMakesIsReported) {
  client.set_nonblocking(true);
  set.add(key, client, Ready::writable);
  const std::size_t written = write_until_it_would_block(client);
  EXPECT_THAT(wait_for(set), IsEmpty());
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  Bytes received(written);
  EXPECT_OUTCOME(read_exact(server, received), written, success);
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::writable}));
}

TEST_F(WaitSetTest, ABrokenPipeIsWritable) {
  set.add(key, client, Ready::writable);
  server.close();
  expect_ready(set, key, Ready::writable);
}

TEST_F(WaitSetTest, CloseAfterTheLastByteThatWasTakenLosesNone) {
  set.add(key, client, Ready::writable);
  client.set_nonblocking(true);
  const std::size_t written = write_until_it_would_block(client);
  client.close();
  EXPECT_EQ(read_to_end(server).size(), written);
}

// Keys.

TEST_F(WaitSetTest, AKeyIsUsedOnceAtATime) {
  set.add(key, client);
  EXPECT_THROWS_CODE(set.add(key, server), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(set.add(8, client), std::errc::invalid_argument);  // it is in the set already
  EXPECT_THROWS_CODE(set.change(8, Ready::readable), std::errc::invalid_argument);
  set.remove(8);
  set.remove(key);
  set.remove(key);
  set.add(key, server);
  client.write_all("data");
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetTest, WhatIsRemovedIsReportedNoMore) {
  set.add(key, client);
  server.write_all("data");
  expect_ready(set, key, Ready::readable);
  set.remove(key);
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.add(8, client);
  expect_ready(set, 8, Ready::readable);
}

TEST_F(WaitSetTest, EachKeyThereIsWillDo) {
  server.write_all("data");
  for (const WaitSet::Key each : {WaitSet::Key{0}, ~WaitSet::Key{0}, WaitSet::Key{1} << 63}) {
    set.add(each, client);
    expect_ready(set, each, Ready::readable);
    set.remove(each);
  }
}

TEST_F(WaitSetTest, WhatAnObjectCannotBeReadyForIsAnInvalidArgument) {
  LocalListener listener = listening();
  localsocket::Event event;
  EXPECT_THROWS_CODE(set.add(1, client, Ready::acceptable), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(set.add(1, client, static_cast<Ready>(1U << 31)), std::errc::invalid_argument);
  set.add(1, client, Ready::readable | Ready::ended);
  set.add(2, event);
  set.add(3, listener);
  EXPECT_THROWS_CODE(set.change(1, Ready::set), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(set.change(2, Ready::readable), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(set.change(3, Ready::writable), std::errc::invalid_argument);
}

TEST(WaitSetDirection, WhatAStreamDoesNotHaveIsNotSupported) {
  LocalListener listener = listening({.direction = Direction::client_to_server});
  LocalStream client = LocalStream::connect(listener.local_address(), {.direction = Direction::client_to_server});
  LocalStream server = listener.accept();
  WaitSet set;
  EXPECT_THROWS_CODE(set.add(key, server, Ready::writable), std::errc::operation_not_supported);
  set.add(key, server);
  EXPECT_THROWS_CODE(set.change(key, Ready::readable | Ready::writable), std::errc::operation_not_supported);
  client.write_all("data");
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetTest, WhatIsClosedCannotBeAdded) {
  LocalStream none;
  LocalListener no_listener;
  MessageStream no_messages;
  PeerProcess no_process;
  EXPECT_THROWS_CODE(set.add(1, none), Errc::closed);
  EXPECT_THROWS_CODE(set.add(1, no_listener), Errc::closed);
  EXPECT_THROWS_CODE(set.add(1, no_messages), Errc::closed);
  EXPECT_THROWS_CODE(set.add(1, no_process), Errc::closed);
  client.close();
  EXPECT_THROWS_CODE(set.add(1, client), Errc::closed);
  LocalListener listener = listening();
  listener.close();
  EXPECT_THROWS_CODE(set.add(1, listener), Errc::closed);
  set.add(1, server);  // none of them has the key
}

// Closing.

TEST_F(WaitSetTest, CloseIsReportedOnceAndTakesItOut) {
  LocalListener listener = listening();
  set.add(1, client);
  set.add(2, listener);
  client.close();
  listener.close();
  EXPECT_THAT(wait_for(set), UnorderedElementsAre(Report{1, Ready::ended}, Report{2, Ready::ended}));
  EXPECT_THAT(wait_for(set), IsEmpty());
  EXPECT_THROWS_CODE(set.change(1, Ready::readable), std::errc::invalid_argument);
  set.add(1, server);
  expect_ready(set, 1, Ready::readable);  // the end of the stream
}

TEST_F(WaitSetTest, TheKeyOfOneThatWasClosedIsTakenUntilItsEndIsReported) {
  set.add(key, client);
  client.close();
  EXPECT_THROWS_CODE(set.add(key, server), std::errc::invalid_argument);
  set.remove(key);
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.add(key, server);
}

TEST_F(WaitSetTest, CloseEndsAWait) {
  set.add(key, client);
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  client.close();
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::ended}));
}

TEST_F(WaitSetTest, CloseEndsAReadAndIsReportedTheSame) {
  set.add(key, client);
  Bytes buffer(1);
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked(Moment::late);
  client.close();
  EXPECT_OUTCOME(reading.result(), 0, Errc::closed);
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::ended}));
}

TEST_F(WaitSetTest, BothHalvesHaveToBeClosed) {
  set.add(key, client);
  auto [reader, writer] = std::move(client).split();
  server.write_all("data");
  expect_ready(set, key, Ready::readable);
  writer.close();
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::readable}));
  reader.close();
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::ended}));
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetTest, TheSetKeepsAliveWhatIsInIt) {
  LocalListener listener = listening();
  LocalStream peer = LocalStream::connect(listener.local_address());
  {
    LocalStream accepted = listener.accept();
    set.add(key, accepted);
  }
  peer.write_all("data");
  expect_ready(set, key, Ready::readable);
  EXPECT_FALSE(peer.is_peer_gone());
  set.remove(key);
  EXPECT_THAT(text_until_end(peer), "");
}

TEST_F(WaitSetTest, TheEndOfASetClosesNothingThatOthersHave) {
  {
    WaitSet other;
    other.add(key, client);
  }
  expect_connected(client, server);
  set.add(key, client);
}

TEST_F(WaitSetTest, AnObjectMayBeMovedDuringAWait) {
  set.add(key, client);
  LocalStream moved;
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  moved = std::move(client);
  server.write_all("data");
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::readable}));
  EXPECT_EQ(read_text(moved, 4), "data");
}

// During a wait.

TEST_F(WaitSetTest, WhatIsAddedDuringAWaitIsReported) {
  server.write_all("data");
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  set.add(key, client);
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::readable}));
}

TEST_F(WaitSetTest, WhatIsChangedDuringAWaitIsReported) {
  set.add(key, client);
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  set.change(key, Ready::writable);
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::writable}));
}

TEST_F(WaitSetTest, WhatIsRemovedDuringAWaitIsNotReported) {
  localsocket::Event last;
  set.add(key, client);
  set.add(8, last);
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  set.remove(key);
  server.write_all("data");
  last.set();
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{8, Ready::set}));
}

/// What is done during a wait in another thread, and what that reports then.
struct Deed {
  const char* name;
  void (*prepare)(WaitSet& set, Ends& ends);
  void (*act)(WaitSet& set, Ends& ends);
  Ready reported;
};

void watch_for_nothing(WaitSet& set, Ends& ends) {
  set.add(key, ends.client, Ready{});
  ends.server.write_all("x");
}

const Deed deeds[] = {
    {"add", [](WaitSet&, Ends& ends) { ends.server.write_all("x"); },
     [](WaitSet& set, Ends& ends) { set.add(key, ends.client); }, Ready::readable},
    {"change", watch_for_nothing, [](WaitSet& set, Ends&) { set.change(key, Ready::readable); }, Ready::readable},
    {"remove, and another with its key", watch_for_nothing,
     [](WaitSet& set, Ends& ends) {
       set.remove(key);
       set.add(key, ends.client);
     },
     Ready::readable},
    {"close", watch_for_nothing, [](WaitSet&, Ends& ends) { ends.client.close(); }, Ready::ended},
    {"move", [](WaitSet& set, Ends& ends) { set.add(key, ends.client); },
     [](WaitSet&, Ends& ends) {
       const LocalStream moved = std::move(ends.client);
       ends.server.write_all("x");
     },
     Ready::readable},
};

TEST(WaitSetTime, WhatIsDoneDuringAWaitIsSeenWithin20Milliseconds) {
  for (const Deed& deed : deeds) {
    SCOPED_TRACE(deed.name);
    EXPECT_LT(median_time([&deed] {
                WaitSet set;
                Ends ends = connected_ends();
                deed.prepare(set, ends);
                auto waiting = run_async([&] { return wait_for(set, soon()); });
                waiting.wait_until_blocked();
                return time_of([&] {
                  deed.act(set, ends);
                  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, deed.reported}));
                });
              }),
              20ms * time_factor());
  }
}

/// Runs something once, on the thread that waits, when the system has reported and the set has not looked yet.
class BetweenTheReportAndTheLook {
 public:
  explicit BetweenTheReportAndTheLook(std::function<void()> action) {
    action_ = std::move(action);
    localsocket::detail::seams::observer = [](localsocket::detail::seams::Step step) noexcept {
      if (step == localsocket::detail::seams::Step::goes_on && action_) std::exchange(action_, nullptr)();
    };
  }
  BetweenTheReportAndTheLook(const BetweenTheReportAndTheLook&) = delete;
  BetweenTheReportAndTheLook& operator=(const BetweenTheReportAndTheLook&) = delete;
  ~BetweenTheReportAndTheLook() { localsocket::detail::seams::observer = nullptr; }

 private:
  inline static std::function<void()> action_;
};

TEST_F(WaitSetTest, AReportOfAMemberThatHasBeenReplacedIsNotTheNewOnes) {
  auto [quiet, other] = LocalStream::pair();
  set.add(1, client);
  server.write_all("data");
  const BetweenTheReportAndTheLook between([this, &quiet = quiet] {
    set.remove(1);
    set.add(2, quiet);
  });
  EXPECT_THAT(wait_for(set, 30ms), IsEmpty());
}

// Whatever comes in between, the keys that are reported are there.
TEST(WaitSetRace, ManyThreadsAddChangeRemoveAndCloseDuringWaits) {
  WaitSet set;
  constexpr int threads = 3;
  constexpr int rounds = 200;
  std::atomic<int> running = threads;
  const auto churn = [&](WaitSet::Key base) {
    for (int i = 0; i < rounds; ++i) {
      auto [one, other] = LocalStream::pair();
      localsocket::Event event;
      set.add(base, one, Ready::readable);
      set.add(base + 1, event);
      other.write_all("x");
      event.set();
      set.change(base, i % 3 == 0 ? Ready{} : Ready::readable);
      if (i % 2 == 0) one.close();
      set.remove(base + 1);
      set.remove(base);
    }
    --running;
    return 0;
  };
  auto one = run_async([&] { return churn(100); });
  auto two = run_async([&] { return churn(200); });
  auto three = run_async([&] { return churn(300); });
  std::size_t seen = 0;
  while (running != 0) {
    for (const Report& report : wait_for(set, 1ms)) {
      EXPECT_TRUE(report.key == report.key / 100 * 100 || report.key == report.key / 100 * 100 + 1) << report.key;
      ++seen;
    }
  }
  one.result(), two.result(), three.result();
  EXPECT_THAT(wait_for(set), IsEmpty());
}

// Listeners.

TEST(WaitSetListener, AClientIsReportedUntilItIsAccepted) {
  LocalListener listener = listening();
  WaitSet set;
  set.add(key, listener);
  EXPECT_THAT(wait_for(set), IsEmpty());
  const LocalStream client = LocalStream::connect(listener.local_address());
  expect_ready(set, key, Ready::acceptable);
  const LocalStream server = listener.accept(0s);
  EXPECT_THAT(wait_for(set), IsEmpty());
  const LocalStream next = LocalStream::connect(listener.local_address());
  expect_ready(set, key, Ready::acceptable);
  set.change(key, Ready{});
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.change(key, Ready::acceptable);
  expect_ready(set, key, Ready::acceptable);
}

TEST(WaitSetListener, WithoutAPermitItIsNotReported) {
  LocalListener listener = listening({.max_connections = 1});
  WaitSet set;
  set.add(key, listener);
  const LocalStream client = LocalStream::connect(listener.local_address());
  expect_ready(set, key, Ready::acceptable);
  LocalStream server = listener.accept();
  const LocalStream waits = LocalStream::connect(listener.local_address());
  EXPECT_GE(time_of([&] { EXPECT_THAT(wait_for(set, 30ms), IsEmpty()); }), 30ms);

  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  server.close();
  EXPECT_TRUE(waiting.finished_within(150ms * time_factor()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::acceptable}));
  listener.accept(0s);
}

TEST(WaitSetListener, APermitThatIsFreeBeforeTheWaitIsSeen) {
  LocalListener listener = listening({.max_connections = 1});
  WaitSet set;
  set.add(key, listener);
  const LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  const LocalStream waits = LocalStream::connect(listener.local_address());
  EXPECT_THAT(wait_for(set), IsEmpty());
  server.close();
  expect_ready(set, key, Ready::acceptable);
}

// Messages.

class WaitSetMessages : public WaitSetTest {
 protected:
  void arrive(std::string_view bytes) { server.write_all(bytes); }

  std::string next() {
    std::string message;
    return receiver.receive(message, 0s) ? message : "the end";
  }

  MessageStream receiver{std::move(client), {.max_size = 1024 * 1024}};
};

constexpr std::string_view one_message = "\3one";
constexpr std::string_view three_messages = "\3one\3two\5three";

TEST_F(WaitSetMessages, EachOfThreeInOneSegmentIsReported) {
  set.add(key, receiver);
  EXPECT_THAT(wait_for(set), IsEmpty());
  arrive(three_messages);
  for (const std::string_view expected : {"one", "two", "three"}) {
    expect_ready(set, key, Ready::readable);
    EXPECT_EQ(next(), expected);
  }
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetMessages, PartOfOneIsNotReported) {
  set.add(key, receiver);
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  arrive(one_message.substr(0, 1));
  arrive(one_message.substr(1, 1));
  EXPECT_FALSE(waiting.finished_within(long_wait));
  arrive(one_message.substr(2));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::readable}));
  EXPECT_EQ(next(), "one");
}

TEST_F(WaitSetMessages, OneThatWasReadAheadBeforeIsReported) {
  arrive(three_messages);
  EXPECT_EQ(next(), "one");
  set.add(key, receiver);
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(next(), "two");
  EXPECT_EQ(next(), "three");
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetMessages, OneThatAReceiveHasReadAheadIsReported) {
  set.add(key, receiver);
  EXPECT_THAT(wait_for(set), IsEmpty());
  arrive(three_messages);
  EXPECT_EQ(next(), "one");
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(next(), "two");
}

TEST_F(WaitSetMessages, OneThatIsLargerThanTheQueueIsReportedWhenItIsWhole) {
  set.add(key, receiver);
  MessageStream sender(std::move(server), {.max_size = 1024 * 1024});
  const std::string large(1024 * 1024, 'x');
  auto sending = run_async([&] {
    sender.send(large);
    sender.send("next");
    return 0;
  });
  EXPECT_THAT(wait_for(set, 10s), ElementsAre(Report{key, Ready::readable}));
  EXPECT_EQ(next(), large);
  EXPECT_THAT(wait_for(set, 10s), ElementsAre(Report{key, Ready::readable}));
  EXPECT_EQ(next(), "next");
  sending.result();
}

TEST_F(WaitSetMessages, TheEndIsReported) {
  set.add(key, receiver);
  arrive(one_message);
  server.close();
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(next(), "one");
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(next(), "the end");
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetMessages, WhatIsNoMessageIsReported) {
  set.add(key, receiver);
  arrive("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
  expect_ready(set, key, Ready::readable);
  EXPECT_THROWS_CODE(next(), Errc::malformed_message);
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetMessages, OneThatIsTooLargeIsReportedByItsLength) {
  set.add(key, receiver);
  arrive("\xff\xff\xff\xff\x0f");
  expect_ready(set, key, Ready::readable);
  EXPECT_THROWS_CODE(next(), Errc::message_too_large);
}

TEST_F(WaitSetMessages, AStreamThatIsCutShortIsReported) {
  set.add(key, receiver);
  arrive(one_message.substr(0, 2));
  server.close();
  expect_ready(set, key, Ready::readable);
  EXPECT_THROWS_CODE(next(), Errc::malformed_message);
}

TEST_F(WaitSetMessages, AnEmptyOneIsReported) {
  set.add(key, receiver);
  arrive(std::string_view("\0", 1));
  expect_ready(set, key, Ready::readable);
  EXPECT_EQ(next(), "");
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetMessages, WritingIsReportedWhateverThereIsToRead) {
  set.add(key, receiver, Ready::readable | Ready::writable);
  arrive(one_message.substr(0, 2));
  expect_ready(set, key, Ready::writable);
  arrive(one_message.substr(2));
  expect_ready(set, key, Ready::readable | Ready::writable);
  set.change(key, Ready::writable);
  expect_ready(set, key, Ready::writable);
  set.change(key, Ready{});
  EXPECT_THAT(wait_for(set), IsEmpty());
  set.change(key, Ready::readable);
  expect_ready(set, key, Ready::readable);
}

TEST_F(WaitSetMessages, NeitherAPassedDeadlineNorTheModeKeepsItFromBeingReported) {
  set.add(key, receiver);
  receiver.stream().set_read_deadline(Clock::now() - 1s);
  arrive(one_message);
  expect_ready(set, key, Ready::readable);
  EXPECT_THROWS_CODE(next(), std::errc::timed_out);
  receiver.stream().set_read_deadline(std::nullopt);
  receiver.stream().set_nonblocking(true);
  EXPECT_EQ(next(), "one");
}

TEST_F(WaitSetMessages, CloseIsReportedOnceAlsoWhenOneIsReadAhead) {
  set.add(key, receiver);
  arrive(three_messages);
  expect_ready(set, key, Ready::readable);
  receiver.close();
  EXPECT_THAT(wait_for(set), ElementsAre(Report{key, Ready::ended}));
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetMessages, MayBeMovedAndTakenApart) {
  set.add(key, receiver);
  MessageStream moved = std::move(receiver);
  arrive(three_messages);
  expect_ready(set, key, Ready::readable);
  set.remove(key);
  MessageStream again(moved.release());
  set.add(8, again);
  expect_ready(set, 8, Ready::readable);
  std::string message;
  EXPECT_TRUE(again.receive(message));
  EXPECT_EQ(message, "one");
}

// Processes.

CHILD_PROCESS(live_until_the_end) {
  LocalStream stream = LocalStream::connect(args[0]);
  Bytes buffer(1);
  stream.read_some(buffer);
  return 0;
}

class WaitSetProcess : public ::testing::Test {
 protected:
  LocalListener listener = listening();
  ChildProcess child = spawn("live_until_the_end", {listener.local_address().text()});
  LocalStream server = listener.accept(10s);
  PeerProcess process = server.peer_process();
  WaitSet set;
};

TEST_F(WaitSetProcess, ItsExitIsReportedUntilItIsRemoved) {
  set.add(key, process);
  EXPECT_THAT(wait_for(set), IsEmpty());
  auto waiting = run_async([&] { return wait_for(set, 1h); });
  waiting.wait_until_blocked();
  child.kill();
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_THAT(waiting.result(), ElementsAre(Report{key, Ready::ended}));
  expect_ready(set, key, Ready::ended);
  set.remove(key);
  EXPECT_THAT(wait_for(set), IsEmpty());
}

TEST_F(WaitSetProcess, OneThatHasExitedIsReportedAtOnce) {
  child.kill();
  set.add(key, process);
  expect_ready(set, key, Ready::ended);
  PeerProcess late = server.peer_process();
  set.add(8, late);
  EXPECT_THAT(wait_for(set), UnorderedElementsAre(Report{key, Ready::ended}, Report{8, Ready::ended}));
}

TEST_F(WaitSetProcess, TheSetKeepsItAndMayHaveItTwice) {
  {
    PeerProcess dropped = std::move(process);
    set.add(1, dropped);
    set.add(2, dropped);
  }
  child.kill();
  Reports reports;
  while (reports.size() != 2) reports = wait_for(set, 10s);
  EXPECT_THAT(reports, UnorderedElementsAre(Report{1, Ready::ended}, Report{2, Ready::ended}));
}

}  // namespace
}  // namespace localsocket::test
