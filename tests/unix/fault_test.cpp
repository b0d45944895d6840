// Faults injected, not hoped for: signals in the middle of everything, no descriptors left, fork between threads.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "unix/faults.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

// EINTR. What is tested runs on the first thread: that is the one that gets the signals.

TEST(SignalStorm, TransfersLoseNothing) {
  Ends ends = connected_ends();
  const Bytes sent = some_bytes(16_MiB);
  Bytes received(sent.size());
  const SignalStorm storm;
  {
    auto writing = run_async([&] { return write_all(ends.server, sent); });
    EXPECT_OUTCOME(read_exact(ends.client, received), sent.size(), success);
    EXPECT_OUTCOME(writing.result(), sent.size(), success);
  }
  EXPECT_TRUE(received == sent);
  received.assign(sent.size(), std::byte{0});
  {
    auto reading = run_async([&] { return read_exact(ends.server, received); });
    EXPECT_OUTCOME(write_all(ends.client, sent), sent.size(), success);
    EXPECT_OUTCOME(reading.result(), sent.size(), success);
  }
  EXPECT_TRUE(received == sent);
}

TEST(SignalStorm, AReadThatWaitsLongIsNotInterrupted) {
  Ends ends = connected_ends();
  Event started;
  const SignalStorm storm;
  auto answering = run_async([&] {
    started.wait_for(long_wait);
    ends.server.write_all("late");
  });
  EXPECT_EQ(read_text(ends.client, 4), "late");
}

/// That a call under the storm ends with timed_out, at its time.
template <class Call>
void expect_times_out_on_time(Call call) {
  constexpr auto limit = 200ms;
  const SignalStorm storm;
  const auto start = Clock::now();
  EXPECT_CODE(call(Wait(limit)), std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, limit);
  EXPECT_LT(Clock::now() - start, limit + soon());
}

TEST(SignalStorm, AReadTimesOutOnTime) {
  Ends ends = connected_ends();
  Bytes byte(1);
  expect_times_out_on_time([&](const Wait& wait) { return read_some(ends.client, byte, wait).ec; });
}

TEST(SignalStorm, AWriteTimesOutOnTime) {
  Ends ends = connected_ends();
  fill(ends.client);
  expect_times_out_on_time([&](const Wait& wait) { return write_all(ends.client, bytes_of("x"), wait).ec; });
}

TEST(SignalStorm, AnAcceptTimesOutOnTime) {
  LocalListener listener = listening();
  expect_times_out_on_time([&](const Wait& wait) { return accept(listener, wait).ec; });
}

TEST(SignalStorm, AConnectToAFullListenerTimesOutOnTime) {
  LocalListener listener = listening({.backlog = 1});
  std::vector<LocalStream> waiting;
  for (;;) {
    auto [client, ec] = connect(listener.local_address());
    if (ec) break;
    waiting.push_back(std::move(client));
  }
  expect_times_out_on_time([&](const Wait& wait) { return connect(listener.local_address(), wait).ec; });
}

TEST(SignalStorm, AConnectToNobodyIsRefusedOnTime) {
  const SignalStorm storm;
  const auto start = Clock::now();
  EXPECT_CODE(connect(LocalAddress::unique(), 200ms).ec, std::errc::connection_refused);
  EXPECT_GE(Clock::now() - start, 200ms);
  EXPECT_LT(Clock::now() - start, 200ms + soon());
}

TEST(SignalStorm, AStopIsSeenInTheMiddleOfIt) {
  Ends ends = connected_ends();
  stop_source stop;
  const SignalStorm storm;
  auto stopping = run_async([&] {
    Event().wait_for(long_wait);
    stop.request_stop();
  });
  Bytes byte(1);
  EXPECT_CODE(read_some(ends.client, byte, stop.get_token()).ec, std::errc::operation_canceled);
}

TEST(SignalStorm, ConnectionsAreMadeAndServed) {
  LocalListener listener = listening();
  const SignalStorm storm;
  auto clients = run_async([&] {
    int served = 0;
    for (const auto start = Clock::now(); Clock::now() - start < 50ms; ++served) {
      LocalStream client = LocalStream::connect(listener.local_address(), 10s);
      client.write_all("x");
      EXPECT_EQ(text_until_end(client), "x");
    }
    listener.close();
    return served;
  });
  int served = 0;
  for (LocalStream server : listener.incoming()) {
    server.write_all(read_text(server, 1));
    ++served;
  }
  EXPECT_EQ(served, clients.result());
}

TEST(SignalStorm, AddressesAreTakenAndGivenUp) {
  const LocalAddress address = LocalAddress::unique();
  const SignalStorm storm;
  for (const auto start = Clock::now(); Clock::now() - start < 50ms;) {
    LocalListener listener = LocalListener::bind(address, {.existing = Existing::fail});
    expect_serving(listener);
  }
}

// EMFILE.

TEST(NoDescriptors, AcceptReportsItAndTheListenerGoesOnWorkingWhenThereAreSome) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream second = LocalStream::connect(listener.local_address());
  client.write_all("1");
  second.write_all("2");
  {
    NoDescriptorsLeft none;
    for (const Wait& wait : {Wait(), Wait(10s), Wait(0s)}) {
      const std::error_code ec = accept(listener, wait).ec;
      EXPECT_CODE(ec, std::errc::too_many_files_open);
      EXPECT_TRUE(is_native(ec, platform.too_many_files_open)) << ec;
    }
    EXPECT_THROWS_CODE(listener.accept(), std::errc::too_many_files_open);
    EXPECT_TRUE(listener.is_open());

    none.give_back_one();
    LocalStream server = listener.accept();
    EXPECT_EQ(read_text(server, 1), "1") << "the client that waited was not lost";
    EXPECT_CODE(accept(listener).ec, std::errc::too_many_files_open);
  }
  LocalStream server = listener.accept();
  EXPECT_EQ(read_text(server, 1), "2");
  expect_serving(listener);
}

TEST(NoDescriptors, AnAcceptThatHasNobodyToRefuseWaits) {
  LocalListener listener = listening();
  const NoDescriptorsLeft none;
  EXPECT_CODE(accept(listener, 20ms).ec, std::errc::timed_out);
}

TEST(NoDescriptors, ALoopOverIncomingGoesOnOnceThereAreSome) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  // The thread begins before: what checks types at run time asks the system by a pipe, and complains at length without.
  std::latch none_left(1);
  auto serving = run_async([&] {
    none_left.wait();
    const auto first = listener.incoming().begin();
    return (*first).is_open();
  });
  auto none = std::make_unique<NoDescriptorsLeft>();
  EXPECT_TRUE(listener.incoming(long_wait).begin() == std::default_sentinel) << "handed out a client";
  std::atomic<int> calls{0};
  const bool is_built_in = set_trace_hook([&](const SystemCall&) { ++calls; });
  none_left.count_down();
  EXPECT_FALSE(serving.finished_within(500ms));
  set_trace_hook({});
  EXPECT_LE(calls, 200) << "of a dozen tries; one that does not wait makes tens of thousands";
  none.reset();
  EXPECT_TRUE(serving.result());
  if (!is_built_in) GTEST_SKIP() << "built without tracing";
}

TEST(NoDescriptors, ConnectBindAndPairReportIt) {
  LocalListener listener = listening();
  const LocalAddress free_address = LocalAddress::unique();
  {
    const NoDescriptorsLeft none;
    EXPECT_CODE(connect(listener.local_address(), 10s).ec, std::errc::too_many_files_open);
    EXPECT_CODE(bind_outcome(free_address), std::errc::too_many_files_open);
    EXPECT_THROWS_CODE(LocalStream::pair(), std::errc::too_many_files_open);
  }
  EXPECT_CODE(bind_outcome(free_address, {.existing = Existing::fail}), success);
  expect_serving(listener);
}

TEST(NoDescriptors, AListenerIsClosedWithoutAnyToSpare) {
  LocalListener listener = listening();
  const LocalAddress address = listener.local_address();
  {
    const NoDescriptorsLeft none;
    listener.close();
  }
  // Without a descriptor for the lock the file is not removed: it might be another's by now. The next bind takes it.
  EXPECT_CODE(bind_outcome(address), success);
}

// A thread that waits is woken through a descriptor. Without one to spare it must be woken all the same. (An accept is
// no example: accept4 wants the descriptor of a client before one comes.)

/// A read that begins to wait on a thread of its own while there is no descriptor to wake it through.
class ReadWithoutWaker {
 public:
  ReadWithoutWaker(LocalStream& stream, const Wait& wait)
      : reading_(run_async([this, &stream, wait] {
          begin_.wait();
          return read_some(stream, byte_, wait);
        })) {
    // Looked at once before, for the undefined behaviour sanitizer: it needs descriptors to check what it has not seen
    // yet.
    EXPECT_FALSE(reading_.finished_within(0s));
    const NoDescriptorsLeft none;
    begin_.set();
    EXPECT_FALSE(reading_.finished_within(long_wait));
  }

  Outcome outcome() {
    EXPECT_TRUE(reading_.finished_within(soon()));
    return reading_.result();
  }

 private:
  Bytes byte_ = Bytes(1);
  Event begin_;
  Async<Outcome> reading_;
};

TEST(NoDescriptors, AWaitTimesOutOnTime) {
  Ends ends = connected_ends();
  const auto start = Clock::now();
  EXPECT_OUTCOME(ReadWithoutWaker(ends.client, 150ms).outcome(), 0, std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, 150ms);
  EXPECT_LT(Clock::now() - start, 150ms + soon());
}

TEST(NoDescriptors, AWaitIsEndedByDataByStopByCancelByADeadlineAndByClose) {
  Ends ends = connected_ends();
  {
    ReadWithoutWaker reading(ends.client, {});
    ends.server.write_all("x");
    EXPECT_OUTCOME(reading.outcome(), 1, success);
  }
  {
    stop_source stop;
    ReadWithoutWaker reading(ends.client, stop.get_token());
    stop.request_stop();
    EXPECT_OUTCOME(reading.outcome(), 0, std::errc::operation_canceled);
  }
  {
    ReadWithoutWaker reading(ends.client, {});
    ends.client.cancel();
    EXPECT_OUTCOME(reading.outcome(), 0, std::errc::operation_canceled);
  }
  {
    ReadWithoutWaker reading(ends.client, {});
    ends.client.set_read_deadline(Clock::now());
    EXPECT_OUTCOME(reading.outcome(), 0, std::errc::timed_out);
    ends.client.set_read_deadline(std::nullopt);
  }
  ReadWithoutWaker reading(ends.client, {});
  ends.client.close();
  EXPECT_OUTCOME(reading.outcome(), 0, Errc::closed);
}

// RLIMIT_NOFILE below what poll is given: it fails with EINVAL (poll(2)).

std::string without_any_descriptor_allowed(const std::function<std::string()>& body) {
  return in_fork([&]() -> std::string {
    const rlimit none{0, 0};
    return ::setrlimit(RLIMIT_NOFILE, &none) == 0 ? body() : "cannot be limited";
  });
}

TEST(NoPoll, AReadTakesTheByteThatIsThereAndTheOneThatComes) {
  if (!forked_child_may_start_threads) GTEST_SKIP() << "the thread sanitizer ends a forked child that starts a thread";
  Ends ends = connected_ends();
  EXPECT_EQ(without_any_descriptor_allowed([&]() -> std::string {
              Bytes byte(1);
              ends.server.write_all("x");
              if (read_some(ends.client, byte, 5s).count != 1) return "did not take it";
              auto late = run_async([&] { return read_some(ends.client, byte, 5s); });
              late.wait_until_blocked(Moment::late);
              ends.server.write_all("y");
              return late.result().count == 1 ? "good" : "did not take the late one";
            }),
            "good");
}

TEST(NoPoll, AWaitTimesOutOnTimeWithoutSpinning) {
  Ends ends = connected_ends();
  EXPECT_EQ(without_any_descriptor_allowed([&]() -> std::string {
              Bytes byte(1);
              const std::clock_t before = std::clock();
              const auto time = time_of([&] {
                if (read_some(ends.client, byte, 300ms).ec != std::errc::timed_out) std::abort();
              });
              const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
              if (time < 300ms || time > 300ms + soon()) return "not on time";
              return busy < 0.15 ? "good" : "busy";
            }),
            "good");
}

TEST(NoPoll, AnAcceptSaysThatThereAreNoDescriptors) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_EQ(without_any_descriptor_allowed([&]() -> std::string {
              const std::error_code ec = accept(listener, 5s).ec;
              return ec == std::errc::too_many_files_open ? "good" : ec.message();
            }),
            "good");
}

// SIGPIPE. In a child with the default disposition it would be deadly.

TEST(Sigpipe, IsNeverRaisedByAWriteToNobody) {
  EXPECT_EQ(in_fork([]() -> std::string {
              std::signal(SIGPIPE, SIG_DFL);
              auto [one, other] = LocalStream::pair();
              other.close();
              if (write_all(one, bytes_of("x")).ec != std::errc::broken_pipe) return "pair: no broken pipe";

              Ends ends = connected_ends();
              ends.client.close();
              if (write_some(ends.server, bytes_of("x")).ec != std::errc::broken_pipe) return "server: no broken pipe";

              Ends more = connected_ends();
              more.server.close();
              const std::span<const std::byte> parts[] = {bytes_of("x"), bytes_of("y")};
              std::error_code ec;
              more.client.write_all(parts, ec);
              if (ec != std::errc::broken_pipe) return "client: no broken pipe";

              int raw[2];
              ::socketpair(AF_UNIX, SOCK_STREAM, 0, raw);
              LocalStream adopted = LocalStream::adopt(raw[0]);
              ::close(raw[1]);
              if (write_all(adopted, bytes_of("x")).ec != std::errc::broken_pipe) return "adopted: no broken pipe";
              return "alive";
            }),
            "alive");
}

// The end of the program: static objects may use the library until the last of them is gone.

struct UsesTheLibraryAtExit {
  LocalStream one, other;
  ~UsesTheLibraryAtExit() {
    Bytes byte(1);
    if (read_some(one, byte, long_wait).ec != std::errc::timed_out) ::_exit(1);
    auto reading = run_async([&] { return read_some(one, byte).ec; });
    reading.wait_until_blocked_for(long_wait);
    one.close();
    const std::error_code ec = reading.result();
    if (ec != Errc::closed || ec.message().empty()) ::_exit(2);
    report("good");
  }
};

CHILD_PROCESS(uses_the_library_at_exit) {
  static UsesTheLibraryAtExit object;
  auto [one, other] = LocalStream::pair();
  object.one = std::move(one);
  object.other = std::move(other);
  return 0;
}

TEST(Exit, StaticObjectsMayWait) {
  ChildProcess child = spawn("uses_the_library_at_exit");
  EXPECT_EQ(child.read_line(), "good");
  EXPECT_EQ(child.wait(), 0);
}

// fork.

TEST(Fork, AChildOfAProcessWithWaitingThreadsWaitsByItselfAndWakesNobodyElse) {
  Ends ends = connected_ends();
  LocalListener listener = listening();
  Bytes byte(1);
  // This thread too has waited, so it has all that a thread has for that; the child gets a copy.
  EXPECT_OUTCOME(read_some(ends.server, byte, long_wait), 0, std::errc::timed_out);
  auto reading = run_async([&] { return read_some(ends.client, byte); });
  auto accepting = run_async([&] { return accept(listener).ec; });
  reading.wait_until_blocked(Moment::late);
  accepting.wait_until_blocked(Moment::late);

  EXPECT_EQ(in_fork([]() -> std::string {
              auto [one, other] = LocalStream::pair();
              Bytes mine(1);
              const auto start = Clock::now();
              if (read_some(one, mine, 100ms).ec != std::errc::timed_out) return "no time-out";
              if (Clock::now() - start < 100ms) return "too early";
              other.write_all("x");
              if (read_text(one, 1) != "x") return "no byte";
              LocalListener own = listening();
              if (accept(own, 50ms).ec != std::errc::timed_out) return "no time-out of accept";
              LocalStream client = LocalStream::connect(own.local_address());
              if (!accept(own).stream.is_open()) return "not accepted";
              return "good";
            }),
            "good");

  EXPECT_FALSE(reading.finished());
  EXPECT_FALSE(accepting.finished());
  ends.server.write_all("y");
  EXPECT_OUTCOME(reading.result(), 1, success);
  EXPECT_OUTCOME(read_some(ends.server, byte, long_wait), 0, std::errc::timed_out);
  listener.close();
  EXPECT_CODE(accepting.result(), Errc::closed);
}

}  // namespace
}  // namespace localsocket::test
