// LocalListener: owning an address, accepting, closing (docs/design.md, 3).
#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

// Owning the address.

TEST(Bind, ClientsCanConnectAtOnce) {
  LocalListener listener = listening();
  auto [client, ec] = connect(listener.local_address(), 0s);
  ASSERT_CODE(ec, success);
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

TEST(Bind, ASecondLiveListenerIsRefusedAndTheFirstGoesOn) {
  LocalListener first = listening();
  for (Existing existing : {Existing::fail, Existing::reclaim_stale}) {
    EXPECT_CODE(bind_outcome(first.local_address(), {.existing = existing}), std::errc::address_in_use);
    expect_serving(first);
  }
}

TEST(Bind, IsRefusedTooWhileTheLiveListenerIsFull) {
  LocalListener first = listening({.backlog = 1});
  std::vector<LocalStream> waiting;
  for (;;) {
    auto [client, ec] = connect(first.local_address());
    if (ec) break;
    waiting.push_back(std::move(client));
  }
  EXPECT_CODE(bind_outcome(first.local_address()), std::errc::address_in_use);
  LocalStream server = first.accept();
  expect_connected(waiting.front(), server);
}

TEST(Bind, IsRefusedTooWhileAnAcceptWaits) {
  LocalListener first = listening();
  auto accepting = run_async([&] { return accept(first); });
  accepting.wait_until_blocked();
  EXPECT_CODE(bind_outcome(first.local_address()), std::errc::address_in_use);
  LocalStream client = LocalStream::connect(first.local_address());
  Arrival served = accepting.result();
  ASSERT_CODE(served.ec, success);
  expect_connected(client, served.stream);
}

TEST(Bind, OfRacingThreadsOneWins) {
  SKIP_UNDER_WINE("FILE_FLAG_FIRST_PIPE_INSTANCE is not enforced, so each of two racing binds may see the other");
  constexpr int threads = 4;
  for (int round = 0; round < 25; ++round) {
    const LocalAddress address = LocalAddress::unique();
    Rendezvous start(threads);
    const auto bind = [&] {
      start.arrive_and_wait();
      std::error_code ec;
      LocalListener listener = LocalListener::bind(address, ec);
      return std::pair(std::move(listener), ec);
    };
    std::vector<Async<decltype(bind())>> racing;
    for (int i = 0; i < threads; ++i) racing.push_back(run_async(bind));

    std::optional<LocalListener> winner;
    for (auto& racer : racing) {
      auto [listener, ec] = racer.result();
      if (ec) {
        EXPECT_CODE(ec, std::errc::address_in_use);
        continue;
      }
      EXPECT_FALSE(winner.has_value()) << "two winners";
      winner = std::move(listener);
    }
    ASSERT_TRUE(winner.has_value()) << "no winner";
    expect_serving(*winner);
  }
}

/// args: the address to race for and where to wait for the start. It holds what it won until the parent closes.
CHILD_PROCESS(race_to_bind) {
  LocalStream parent = LocalStream::connect(args[1], 10s);
  read_text(parent, 1);
  std::error_code ec;
  LocalListener listener = LocalListener::bind(args[0], ec);
  report(!ec ? "won" : ec == std::errc::address_in_use ? "in use" : ec.message());
  read_to_end(parent);
  return 0;
}

TEST(Bind, OfRacingProcessesOneWins) {
  SKIP_UNDER_WINE("FILE_FLAG_FIRST_PIPE_INSTANCE is not enforced, so each of two racing binds may see the other");
  for (int round = 0; round < 10; ++round) {
    LocalListener start = listening();
    const std::string address = LocalAddress::unique().text();
    std::vector<ChildProcess> children;
    std::vector<LocalStream> lines;
    for (int i = 0; i < 3; ++i) children.push_back(spawn("race_to_bind", {address, start.local_address().text()}));
    for (std::size_t i = 0; i < children.size(); ++i) lines.push_back(start.accept());
    for (LocalStream& line : lines) line.write_all("!");

    std::vector<std::string> outcomes;
    for (ChildProcess& child : children) outcomes.push_back(child.read_line());
    EXPECT_THAT(outcomes, ::testing::UnorderedElementsAre("won", "in use", "in use"));
    EXPECT_CODE(connect(address).ec, success);
  }
}

TEST(Bind, AnAddressThatWasClosedIsFree) {
  const LocalAddress address = LocalAddress::unique();
  for (int i = 0; i < 20; ++i) {
    LocalListener listener = LocalListener::bind(address, {.existing = Existing::fail});
    expect_serving(listener);
  }
}

TEST(Bind, ConnectionsOfAClosedListenerHoldTheAddressOnPipesAlone) {
  const LocalAddress address = LocalAddress::unique();
  LocalListener first = LocalListener::bind(address);
  LocalStream client = LocalStream::connect(address);
  LocalStream server = first.accept();
  first.close();
  if (platform.connections_hold_the_address) {
    EXPECT_CODE(bind_outcome(address), std::errc::address_in_use);
  } else {
    LocalListener second = LocalListener::bind(address);
    expect_serving(second);
  }
  expect_connected(client, server);
}

TEST(Bind, ReplaceTakesOverALiveListenersAddressWhereThePlatformCan) {
  LocalListener first = listening();
  const LocalAddress address = first.local_address();
  if (!platform.can_replace_live_listener) {
    EXPECT_CODE(bind_outcome(address, {.existing = Existing::replace}), std::errc::operation_not_supported);
    expect_serving(first);
    return;
  }
  LocalStream early = LocalStream::connect(address);
  LocalListener second = LocalListener::bind(address, {.existing = Existing::replace});
  expect_serving(second);
  LocalStream server = first.accept();
  expect_connected(early, server);
  first.close();
  expect_serving(second);
}

TEST(Bind, TheUnnamedAddressIsNone) {
  EXPECT_CODE(bind_outcome(LocalAddress()), Errc::invalid_address);
  EXPECT_THROWS_CODE(LocalListener::bind(LocalAddress()), Errc::invalid_address);
}

TEST(Bind, AnOptionOutOfRangeChangesNothing) {
  const LocalAddress address = LocalAddress::unique();
  const ListenOptions wrong[] = {
      {.backlog = 0},
      {.backlog = 4097},
      {.buffer_size = 0},
      {.buffer_size = (std::size_t{1} << 30) + 1},
  };
  for (const ListenOptions& options : wrong) {
    EXPECT_CODE(bind_outcome(address, options), std::errc::invalid_argument);
    EXPECT_THROWS_CODE(LocalListener::bind(address, options), std::errc::invalid_argument);
    EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  }
  LocalListener listener = LocalListener::bind(address);
  for (const ListenOptions& options : wrong) {
    EXPECT_CODE(bind_outcome(address, options), std::errc::invalid_argument);
  }
  expect_serving(listener);
}

TEST(Bind, EveryOptionInRangeWorks) {
  const ListenOptions good[] = {
      {.access = Access::current_user_any_privilege},
      {.existing = Existing::fail},
      {.backlog = 1},
      {.backlog = 128},
      {.buffer_size = 4096},
      {.buffer_size = 1024 * 1024},
  };
  for (const ListenOptions& options : good) {
    LocalListener listener = listening(options);
    expect_serving(listener);
  }
}

TEST(Bind, BothEndsKnowTheAddress) {
  LocalListener listener = listening();
  const LocalAddress address = listener.local_address();
  const LocalStream client = LocalStream::connect(address);
  const LocalStream server = listener.accept();
  EXPECT_FALSE(address.is_unnamed());
  EXPECT_EQ(server.local_address(), address);
  EXPECT_EQ(client.peer_address(), address);
  EXPECT_TRUE(server.peer_address().is_unnamed());
  EXPECT_TRUE(client.local_address().is_unnamed());
}

// Accepting.

TEST(Accept, WaitsForAClient) {
  LocalListener listener = listening();
  auto accepting = run_async([&] { return listener.accept(); });
  accepting.wait_until_blocked(Moment::late);
  EXPECT_FALSE(accepting.finished());
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = accepting.result();
  expect_connected(client, server);
}

TEST(Accept, EndsAtItsTimeoutAndNotBefore) {
  LocalListener listener = listening();
  const auto start = Clock::now();
  EXPECT_CODE(accept(listener, 80ms).ec, std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, 80ms);
  EXPECT_LT(Clock::now() - start, 80ms + soon());
  expect_serving(listener);
}

TEST(Accept, EndsAtItsDeadlineAndNotBefore) {
  LocalListener listener = listening();
  const auto deadline = Clock::now() + 80ms;
  EXPECT_CODE(accept(listener, deadline).ec, std::errc::timed_out);
  EXPECT_GE(Clock::now(), deadline);
}

TEST(Accept, AZeroTimeoutOrAPastDeadlineTriesOnce) {
  LocalListener listener = listening();
  for (const Wait& once : {Wait(0s), Wait(-1s), Wait(Clock::now() - 1s)}) {
    EXPECT_CODE(accept(listener, once).ec, std::errc::timed_out);
    LocalStream client = LocalStream::connect(listener.local_address());
    auto [server, ec] = accept(listener, once);
    ASSERT_CODE(ec, success);
    expect_connected(client, server);
  }
}

TEST(Accept, AStopRequestedBeforeEndsItAndTheClientIsNotLost) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  stop_source stop;
  stop.request_stop();
  EXPECT_CODE(accept(listener, stop.get_token()).ec, std::errc::operation_canceled);
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

TEST(Accept, AStopRequestWhileItWaitsEndsIt) {
  for (const Moment moment : {Moment::early, Moment::late}) {
    LocalListener listener = listening();
    stop_source stop;
    auto accepting = run_async([&] { return accept(listener, stop.get_token()); });
    accepting.wait_until_blocked(moment);
    stop.request_stop();
    EXPECT_TRUE(accepting.finished_within(soon()));
    EXPECT_CODE(accepting.result().ec, std::errc::operation_canceled);
    expect_serving(listener);
  }
}

TEST(Accept, AStopRequestAfterwardsChangesNothing) {
  LocalListener listener = listening();
  stop_source stop;
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept(stop.get_token());
  stop.request_stop();
  expect_connected(client, server);
  expect_serving(listener);
}

TEST(Accept, AStopIsNeverMissedWheneverItComes) {
  LocalListener listener = listening();
  for (int i = 0; i < 100; ++i) {
    stop_source stop;
    Rendezvous start(2);
    auto accepting = run_async([&] {
      start.arrive_and_wait();
      return accept(listener, stop.get_token());
    });
    start.arrive_and_wait();
    stop.request_stop();
    ASSERT_TRUE(accepting.finished_within(soon())) << "missed in round " << i;
    EXPECT_CODE(accepting.result().ec, std::errc::operation_canceled);
  }
}

TEST(Accept, ADeadlineSetWhileItWaitsEndsIt) {
  LocalListener listener = listening();
  auto accepting = run_async([&] { return accept(listener); });
  accepting.wait_until_blocked(Moment::late);
  EXPECT_FALSE(accepting.finished());
  listener.set_accept_deadline(Clock::now());
  EXPECT_TRUE(accepting.finished_within(soon()));
  EXPECT_CODE(accepting.result().ec, std::errc::timed_out);
}

TEST(Accept, ADeadlineTakenAwayWhileItWaitsNoLongerCounts) {
  LocalListener listener = listening();
  const auto deadline = Clock::now() + 300ms;
  listener.set_accept_deadline(deadline);
  auto accepting = run_async([&] { return accept(listener); });
  accepting.wait_until_blocked();
  listener.set_accept_deadline(std::nullopt);
  accepting.finished_within(deadline + 100ms - Clock::now());
  EXPECT_FALSE(accepting.finished());
  LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_CODE(accepting.result().ec, success);
}

TEST(Accept, AfterTheListenersDeadlineNothingIsAcceptedUntilItIsTakenAway) {
  LocalListener listener = listening();
  listener.set_accept_deadline(Clock::now());
  LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_CODE(accept(listener).ec, std::errc::timed_out);
  EXPECT_CODE(accept(listener, 1h).ec, std::errc::timed_out);
  listener.set_accept_deadline(std::nullopt);
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

TEST(Accept, SeveralThreadsEachGetClientsOfTheirOwn) {
  constexpr int threads = 4;
  constexpr int clients = 40;
  LocalListener listener = listening();
  std::vector<Async<int>> acceptors;
  for (int i = 0; i < threads; ++i) {
    acceptors.push_back(run_async([&] {
      int served = 0;
      for (LocalStream stream : listener.incoming()) {
        stream.write_all(read_text(stream, 1));
        ++served;
      }
      return served;
    }));
  }
  for (int i = 0; i < clients; ++i) {
    LocalStream client = LocalStream::connect(listener.local_address(), soon());
    client.write_all("x");
    EXPECT_EQ(text_until_end(client), "x");
  }
  listener.close();
  int served = 0;
  for (auto& acceptor : acceptors) served += acceptor.result();
  EXPECT_EQ(served, clients);
}

// Windows cancels the pending I/O of a thread that exits: what it began for the listener must not die with it.
TEST(Accept, AThreadThatAcceptedMayEndAndLaterClientsStillConnect) {
  LocalListener listener = listening({.backlog = 2});
  for (int i = 0; i < 10; ++i) {
    LocalStream client = LocalStream::connect(listener.local_address());
    LocalStream server = run_async([&] { return listener.accept(); }).result();
    expect_connected(client, server);
    expect_serving(listener);
  }
}

TEST(Accept, AThreadWhoseAcceptTimedOutMayEndAndLaterClientsStillConnect) {
  LocalListener listener = listening({.backlog = 2});
  for (int i = 0; i < 10; ++i) {
    EXPECT_CODE(run_async([&] { return accept(listener, 1ms); }).result().ec, std::errc::timed_out);
    expect_serving(listener);
  }
}

TEST(Accept, AConnectionAcceptedByAThreadThatEndedStillReadsAndWrites) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = run_async([&] {
                         LocalStream stream = listener.accept();
                         Bytes nothing(1);
                         EXPECT_OUTCOME(read_some(stream, nothing, 1ms), 0, std::errc::timed_out);
                         return stream;
                       }).result();
  expect_connected(client, server);
}

// Clients that do not stay.

TEST(Accept, AClientThatWroteAndLeftIsHandedOutWithItsBytesAndThenTheEnd) {
  LocalListener listener = listening();
  LocalStream::connect(listener.local_address()).write_all("I was here");
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "I was here");
  expect_serving(listener);
}

TEST(Accept, AClientThatLeftWithoutAWordIsHandedOutAndEndsAtOnce) {
  LocalListener listener = listening();
  LocalStream::connect(listener.local_address()).close();
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "");
  expect_serving(listener);
}

TEST(Accept, ABacklogFullOfClientsThatLeftIsHandedOutOneByOne) {
  constexpr int clients = 16;
  LocalListener listener = listening({.backlog = clients});
  std::vector<std::string> sent;
  for (int i = 0; i < clients; ++i) {
    sent.push_back("client " + std::to_string(i));
    LocalStream::connect(listener.local_address(), soon()).write_all(sent.back());
  }
  std::vector<std::string> received;
  for (int i = 0; i < clients; ++i) {
    LocalStream server = listener.accept(soon());
    received.push_back(text_until_end(server));
  }
  EXPECT_THAT(received, ::testing::UnorderedElementsAreArray(sent));
}

TEST(Accept, AClientThatLeavesWhileAnAcceptWaitsIsHandedOutToo) {
  LocalListener listener = listening();
  auto accepting = run_async([&] { return listener.accept(); });
  accepting.wait_until_blocked();
  LocalStream::connect(listener.local_address()).write_all("gone");
  LocalStream server = accepting.result();
  EXPECT_EQ(text_until_end(server), "gone");
}

TEST(Accept, HundredsOfClientsThatLeaveNeitherEndNorSpinIt) {
  constexpr int clients = 300;
  LocalListener listener = listening({.backlog = 8});
  auto counting = run_async([&] {
    int count = 0;
    for (LocalStream stream : listener.incoming()) {
      if (text_until_end(stream) == "x") ++count;
      if (count == clients) break;
    }
    return count;
  });
  for (int i = 0; i < clients; ++i) LocalStream::connect(listener.local_address(), 10 * soon()).write_all("x");
  EXPECT_EQ(counting.result(), clients);
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
}

TEST(Accept, OfABurstOf200ClientsNoneIsRefused) {
  constexpr int clients = 200;
  LocalListener listener = listening();
  Rendezvous start(clients);
  std::vector<Async<std::string>> burst;
  for (int i = 0; i < clients; ++i) {
    burst.push_back(run_async([&, text = std::to_string(1000 + i)] {
      start.arrive_and_wait();
      LocalStream client = LocalStream::connect(listener.local_address(), 10s * time_factor());
      client.write_all(text);
      return read_text(client, 4) == text ? std::string("echoed") : std::string("wrong");
    }));
  }
  for (int i = 0; i < clients; ++i) {
    LocalStream stream = listener.accept(10s * time_factor());
    stream.write_all(read_text(stream, 4));
  }
  for (auto& client : burst) EXPECT_EQ(client.result(), "echoed");
}

// Closing.

TEST(ListenerClose, WakesEveryAcceptThatWaits) {
  for (const Moment moment : {Moment::early, Moment::late}) {
    LocalListener listener = listening();
    std::vector<Async<std::error_code>> accepting;
    for (int i = 0; i < 8; ++i) accepting.push_back(run_async([&] { return accept(listener).ec; }));
    for (auto& call : accepting) call.wait_until_blocked(moment);
    listener.close();
    for (auto& call : accepting) {
      EXPECT_TRUE(call.finished_within(soon()));
      EXPECT_CODE(call.result(), Errc::closed);
    }
  }
}

TEST(ListenerClose, RacingWithAcceptsLeavesNoneWaiting) {
  for (int round = 0; round < 50; ++round) {
    LocalListener listener = listening({.backlog = 2});
    Rendezvous start(3);
    const auto accept_one = [&] {
      start.arrive_and_wait();
      return accept(listener).ec;
    };
    auto one = run_async(accept_one);
    auto other = run_async(accept_one);
    start.arrive_and_wait();
    listener.close();
    EXPECT_CODE(one.result(), Errc::closed);
    EXPECT_CODE(other.result(), Errc::closed);
  }
}

TEST(ListenerClose, IsForGood) {
  LocalListener listener = listening();
  const LocalAddress address = listener.local_address();
  EXPECT_TRUE(listener.is_open());
  listener.close();
  listener.close();
  EXPECT_FALSE(listener.is_open());
  EXPECT_CODE(accept(listener).ec, Errc::closed);
  EXPECT_CODE(accept(listener, 0s).ec, Errc::closed);
  EXPECT_THROWS_CODE(listener.accept(), Errc::closed);
  EXPECT_EQ(listener.native_handle(), invalid_handle);
  EXPECT_EQ(listener.release(), invalid_handle);
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
}

TEST(ListenerClose, EndsTheClientsThatNobodyAccepted) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  listener.close();
  EXPECT_EQ(text_until_end(client), "");
}

TEST(ListenerClose, LeavesAcceptedConnectionsAlone) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  listener.close();
  expect_connected(client, server);
}

TEST(ListenerClose, TheDestructorDoesTheSame) {
  LocalAddress address;
  {
    const LocalListener listener = listening();
    address = listener.local_address();
  }
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

TEST(Incoming, HandsOutEachClientAndEndsAtClose) {
  LocalListener listener = listening();
  auto serving = run_async([&] {
    std::string heard;
    for (LocalStream stream : listener.incoming()) {
      heard += read_text(stream, 1);
      stream.write_all("!");
    }
    return heard;
  });
  for (const char* text : {"a", "b", "c"}) {
    LocalStream client = LocalStream::connect(listener.local_address());
    client.write_all(text);
    EXPECT_EQ(text_until_end(client), "!");
  }
  listener.close();
  EXPECT_EQ(serving.result(), "abc");
}

TEST(Incoming, OfAClosedListenerIsEmpty) {
  LocalListener listener = listening();
  listener.close();
  for (LocalStream stream : listener.incoming()) ADD_FAILURE() << "handed out " << stream.is_open();
}

TEST(Incoming, EndsAtAStopRequest) {
  LocalListener listener = listening();
  stop_source stop;
  auto serving = run_async([&] {
    for (LocalStream stream : listener.incoming(stop.get_token())) ADD_FAILURE() << "handed out " << stream.is_open();
  });
  serving.wait_until_blocked(Moment::late);
  stop.request_stop();
  EXPECT_TRUE(serving.finished_within(soon()));
  EXPECT_TRUE(listener.is_open());
}

// The thread's owner leaves by an exception, and waits for the thread.
TEST(Incoming, EndsWithTheScopeThatServes) {
  LocalListener listener = listening();
  const auto serve_and_throw = [&] {
    stop_source stop;
    auto serving = run_async([&listener, token = stop.get_token()] {
      for (LocalStream stream : listener.incoming(token)) ADD_FAILURE() << "handed out " << stream.is_open();
    });
    serving.wait_until_blocked();
    const std::shared_ptr<void> stopping(nullptr, [&](void*) { stop.request_stop(); });
    LocalStream::connect(LocalAddress(), 0s);
  };
  EXPECT_THROWS_CODE(serve_and_throw(), Errc::invalid_address);
  EXPECT_TRUE(listener.is_open());
}

TEST(Incoming, EndsWhenAStepTakesLongerThanItsWait) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  int clients = 0;
  for (LocalStream stream : listener.incoming(long_wait)) clients += stream.is_open() ? 1 : 0;
  EXPECT_EQ(clients, 1);
}

TEST(Incoming, ThrowsOnOtherErrors) {
  LocalListener listener = listening();
  listener.set_accept_deadline(Clock::now());
  EXPECT_THROWS_CODE(listener.incoming().begin(), std::errc::timed_out);
}

// Moving.

void expect_without_address(LocalListener& listener) {
  EXPECT_FALSE(listener.is_open());
  EXPECT_CODE(accept(listener).ec, Errc::closed);
  EXPECT_THROWS_CODE(listener.accept(), Errc::closed);
  EXPECT_TRUE(listener.local_address().is_unnamed());
  EXPECT_EQ(listener.native_handle(), invalid_handle);
  EXPECT_EQ(listener.release(), invalid_handle);
  listener.set_accept_deadline(Clock::now());
  listener.close();
  for (LocalStream stream : listener.incoming()) ADD_FAILURE() << "handed out " << stream.is_open();
}

TEST(ListenerMove, ADefaultListenerIsClosed) {
  LocalListener listener;
  expect_without_address(listener);
}

TEST(ListenerMove, TheAddressGoesAlongAndTheOldOneIsClosed) {
  LocalListener first = listening();
  LocalListener second = std::move(first);
  expect_without_address(first);  // that is the point
  expect_serving(second);
  first = std::move(second);
  expect_without_address(second);
  expect_serving(first);
}

TEST(ListenerMove, AssignmentGivesTheOldAddressUp) {
  LocalListener one = listening();
  LocalListener other = listening();
  const LocalAddress old = one.local_address();
  one = std::move(other);
  EXPECT_CODE(connect(old).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(old), success);
  expect_serving(one);
}

TEST(ListenerMove, ToItselfChangesNothing) {
  LocalListener listener = listening();
  LocalListener& same = listener;
  listener = std::move(same);
  expect_serving(listener);
}

// Native handles.

TEST(ListenerHandle, ReleaseKeepsTheAddressAndAdoptGoesOnServingIt) {
  LocalListener first = listening();
  const LocalAddress address = first.local_address();
  EXPECT_TRUE(is_open_handle(first.native_handle()));
  const NativeHandle handle = first.release();
  ASSERT_TRUE(is_open_handle(handle));
  EXPECT_FALSE(first.is_open());
  EXPECT_CODE(accept(first).ec, Errc::closed);
  first.close();

  LocalStream client = LocalStream::connect(address, 0s);
  LocalListener second = LocalListener::adopt(handle, address);
  EXPECT_EQ(second.local_address(), address);
  LocalStream server = second.accept(soon());
  expect_connected(client, server);
  expect_serving(second);
}

TEST(ListenerHandle, AHandleThatDoesNotListenIsRefusedAndLeftOpen) {
  for (const ForeignHandle& handle : handles_that_are_no_listener()) {
    SCOPED_TRACE(handle.name());
    std::error_code ec;
    const LocalListener listener = LocalListener::adopt(handle.get(), "nobody", ec);
    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_FALSE(listener.is_open());
    EXPECT_TRUE(is_open_handle(handle.get()));
    EXPECT_THROWS_CODE(LocalListener::adopt(handle.get(), "nobody"), std::errc::operation_not_supported);
  }
}

TEST(ListenerHandle, AStreamsHandleIsRefusedAndLeftOpen) {
  Ends ends = connected_ends();
  std::error_code ec;
  const LocalListener listener = LocalListener::adopt(ends.client.native_handle(), "nobody", ec);
  EXPECT_CODE(ec, std::errc::operation_not_supported);
  expect_connected(ends.client, ends.server);
}

TEST(ListenerHandle, NoHandleIsClosed) {
  std::error_code ec;
  const LocalListener listener = LocalListener::adopt(invalid_handle, "nobody", ec);
  EXPECT_CODE(ec, Errc::closed);
}

}  // namespace
}  // namespace localsocket::test
