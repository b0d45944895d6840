// What ends a call that waits, from outside: a stop request, cancel, close, a changed setting. None is missed, none is
// late, and no byte is lost or counted twice.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

// ---- Every interruption hits every pending call

/// A call that can only wait once `prepare` has run, which returns how many bytes are on their way to the server then.
struct PendingCall {
  const char* name;
  std::size_t (*prepare)(LocalStream& client, LocalStream& server);
  Outcome (*run)(LocalStream& client, const Wait& wait);
  bool is_write;
};

std::size_t nothing_to_prepare(LocalStream&, LocalStream&) { return 0; }

/// More than any connection takes. To make it takes a while, so that is not for a call that is to be interrupted.
const Bytes& much() {
  static const Bytes bytes = some_bytes(8_MiB);
  return bytes;
}

const PendingCall pending_calls[] = {
    {"ReadSome", nothing_to_prepare,
     [](LocalStream& client, const Wait& wait) {
       std::array<std::byte, 8> buffer;
       return read_some(client, buffer, wait);
     },
     false},
    {"ReadExact",
     [](LocalStream&, LocalStream& server) {
       server.write_all("abc");
       return std::size_t{0};
     },
     [](LocalStream& client, const Wait& wait) {
       std::array<std::byte, 8> buffer;
       auto outcome = read_exact(client, buffer, wait);
       EXPECT_EQ(outcome.count, 3u) << "the bytes that were there";
       outcome.count = 0;
       return outcome;
     },
     false},
    {"WriteSome", [](LocalStream& client, LocalStream&) { return fill(client); },
     [](LocalStream& client, const Wait& wait) { return write_some(client, bytes_of("hello"), wait); }, true},
    {"WriteAll",
     [](LocalStream&, LocalStream&) {
       much();
       return std::size_t{0};
     },
     [](LocalStream& client, const Wait& wait) { return write_all(client, much(), wait); }, true},
};

/// Something that ends it, what the call says then, and how to take it back.
struct Interruption {
  const char* name;
  void (*interrupt)(LocalStream& client, stop_source& source);
  std::error_condition condition;
  void (*take_back)(LocalStream& client);
};

const Interruption interruptions[] = {
    {"AStopRequest", [](LocalStream&, stop_source& source) { source.request_stop(); }, std::errc::operation_canceled,
     [](LocalStream&) {}},
    {"Cancel", [](LocalStream& client, stop_source&) { client.cancel(); }, std::errc::operation_canceled,
     [](LocalStream&) {}},
    {"ADeadline",
     [](LocalStream& client, stop_source&) {
       client.set_read_deadline(Clock::now());
       client.set_write_deadline(Clock::now());
     },
     std::errc::timed_out,
     [](LocalStream& client) {
       client.set_read_deadline(std::nullopt);
       client.set_write_deadline(std::nullopt);
     }},
    {"ATimeout",
     [](LocalStream& client, stop_source&) {
       client.set_read_timeout(1ms);
       client.set_write_timeout(1ms);
     },
     std::errc::timed_out,
     [](LocalStream& client) {
       client.set_read_timeout(std::nullopt);
       client.set_write_timeout(std::nullopt);
     }},
    {"NonblockingMode", [](LocalStream& client, stop_source&) { client.set_nonblocking(true); },
     std::errc::operation_would_block, [](LocalStream& client) { client.set_nonblocking(false); }},
    {"Close", [](LocalStream& client, stop_source&) { client.close(); }, Errc::closed, nullptr},
};

/// Each interruption comes early and late.
class InterruptedCall : public ConnectedTest,
                        public ::testing::WithParamInterface<std::tuple<PendingCall, Interruption, Moment>> {
 protected:
  const PendingCall& call = std::get<0>(GetParam());
  const Interruption& interruption = std::get<1>(GetParam());
  const Moment moment = std::get<2>(GetParam());
  stop_source source;
};

std::string case_name(const ::testing::TestParamInfo<InterruptedCall::ParamType>& info) {
  const auto& [call, interruption, moment] = info.param;
  return std::string(call.name) + "By" + interruption.name + (moment == Moment::early ? "Early" : "Late");
}

INSTANTIATE_TEST_SUITE_P(All, InterruptedCall,
                         ::testing::Combine(::testing::ValuesIn(pending_calls), ::testing::ValuesIn(interruptions),
                                            ::testing::Values(Moment::early, Moment::late)),
                         case_name);

TEST_P(InterruptedCall, EndsSoonAndTheStreamGoesOnInOrder) {
  const auto written_before = call.prepare(client, server);
  auto pending = run_async([&] { return call.run(client, source.get_token()); });
  pending.wait_until_blocked(moment);

  Outcome outcome;
  const auto latency = time_of([&] {
    interruption.interrupt(client, source);
    outcome = pending.result();
  });

  EXPECT_CODE(outcome.ec, interruption.condition);
  EXPECT_LT(latency, soon());
  if (interruption.take_back == nullptr) return;
  interruption.take_back(client);
  if (call.is_write) {
    // What arrives is what was counted, to the byte, and what comes next.
    auto reading = run_async([&] { return read_to_end(server).size(); });
    const auto more = write_all(client, some_bytes(100));
    client.close();
    EXPECT_OUTCOME(more, 100u, success);
    EXPECT_EQ(reading.result(), written_before + outcome.count + 100);
  } else {
    EXPECT_EQ(outcome.count, 0u);
    server.write_all("hello");
    Bytes buffer(5);
    EXPECT_OUTCOME(read_exact(client, buffer, 5s), 5u, success);
    EXPECT_EQ(text_of(buffer), "hello");
  }
}

TEST_F(ConnectedTest, CloseByThePeerIsTheEndForAllOfManyPendingReads) {
  std::vector<Async<Outcome>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(run_async([&] {
      std::array<std::byte, 8> buffer;
      return read_some(client, buffer);
    }));
  }
  for (auto& reader : readers) reader.wait_until_blocked();

  server.close();

  for (auto& reader : readers) EXPECT_OUTCOME(reader.result(), 0u, success);
}

// ---- A stop request is never missed, whenever it comes

class StopRequest : public ConnectedTest {
 protected:
  stop_source source;
  Bytes buffer = Bytes(8);
};

TEST_F(StopRequest, BeforeTheCallEndsItAtOnceAndTakesNothing) {
  server.write_all("hello");
  source.request_stop();

  EXPECT_OUTCOME(read_some(client, buffer, source.get_token()), 0u, std::errc::operation_canceled);
  EXPECT_OUTCOME(read_exact(client, buffer, source.get_token()), 0u, std::errc::operation_canceled);
  EXPECT_OUTCOME(write_some(client, buffer, source.get_token()), 0u, std::errc::operation_canceled);
  EXPECT_OUTCOME(write_all(client, buffer, {5s, source.get_token()}), 0u, std::errc::operation_canceled);

  EXPECT_OUTCOME(read_some(client, buffer), 5u, success);
  EXPECT_OUTCOME(read_some(server, buffer, 0s), 0u, std::errc::timed_out);
}

TEST_F(StopRequest, AfterTheCallChangesNothing) {
  server.write_all("hello");
  EXPECT_OUTCOME(read_some(client, buffer, source.get_token()), 5u, success);

  source.request_stop();

  server.write_all("again");
  EXPECT_OUTCOME(read_some(client, buffer), 5u, success);
}

TEST_F(StopRequest, BetweenThePartsOfACallEndsIt) {
  auto reading = run_async([&] { return read_exact(client, buffer, source.get_token()); });
  server.write_all("abc");
  reading.wait_until_blocked();

  source.request_stop();

  const auto [count, ec] = reading.result();
  EXPECT_CODE(ec, std::errc::operation_canceled);
  Bytes rest(3 - count);
  EXPECT_OUTCOME(read_exact(client, rest, 5s), 3 - count, success);
}

// Whichever way the race goes, the call ends.
TEST_F(StopRequest, AtAnyMomentIsSeen) {
  for (int i = 0; i < 60; ++i) {
    stop_source another;
    auto reading = run_async([&] { return read_some(client, buffer, {1h, another.get_token()}); });
    spin_for(i % 20 * 5us);
    another.request_stop();
    EXPECT_OUTCOME(reading.result(), 0u, std::errc::operation_canceled);
  }
}

TEST_F(StopRequest, EndsBothDirections) {
  fill(client);
  auto reading = run_async([&] { return read_some(client, buffer, source.get_token()); });
  auto writing = run_async([&] { return write_some(client, buffer, source.get_token()); });
  reading.wait_until_blocked();
  writing.wait_until_blocked();

  source.request_stop();

  EXPECT_OUTCOME(reading.result(), 0u, std::errc::operation_canceled);
  EXPECT_OUTCOME(writing.result(), 0u, std::errc::operation_canceled);
}

TEST_F(StopRequest, OfOneCallLeavesTheOtherDirectionWaiting) {
  fill(client);
  auto reading = run_async([&] { return read_some(client, buffer, source.get_token()); });
  auto writing = run_async([&] { return write_some(client, bytes_of("hello")); });
  reading.wait_until_blocked();
  writing.wait_until_blocked();

  source.request_stop();

  EXPECT_OUTCOME(reading.result(), 0u, std::errc::operation_canceled);
  EXPECT_FALSE(writing.finished());
  client.cancel();
}

// ---- Cancel

class Cancel : public ConnectedTest {
 protected:
  Bytes buffer = Bytes(8);
};

TEST_F(Cancel, DoesNotTouchLaterCalls) {
  client.cancel();

  EXPECT_OUTCOME(read_some(client, buffer, 1ms), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(write_some(client, bytes_of("hello")), 5u, success);
}

TEST_F(Cancel, IsOverWhenTheCallsItHitHaveEnded) {
  for (int again = 0; again < 3; ++again) {
    auto reading = run_async([&] { return read_some(client, buffer); });
    reading.wait_until_blocked();
    while (!reading.finished()) {
      client.cancel();  // once more if the call had not begun
      std::this_thread::yield();
    }
    EXPECT_OUTCOME(reading.result(), 0u, std::errc::operation_canceled);
  }

  server.write_all("hello");
  EXPECT_OUTCOME(read_some(client, buffer), 5u, success);
}

TEST_F(Cancel, DoesNotTouchThePeer) {
  auto reading = run_async([&] { return read_some(server, buffer); });
  reading.wait_until_blocked();

  client.cancel();
  client.write_all("hello");

  EXPECT_OUTCOME(reading.result(), 5u, success);
}

// ---- A setting that is changed the other way

TEST_F(ConnectedTest, ADeadlineThatIsPutOffLetsAPendingReadWaitOn) {
  Bytes buffer(8);
  client.set_read_deadline(Clock::now() + 100ms);
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked();

  client.set_read_deadline(std::nullopt);

  EXPECT_FALSE(reading.finished_within(200ms)) << "the old deadline ended it";
  server.write_all("hello");
  EXPECT_OUTCOME(reading.result(), 5u, success);
}

TEST_F(ConnectedTest, ATimeoutThatIsRaisedLetsAPendingReadWaitOn) {
  Bytes buffer(8);
  client.set_read_timeout(100ms);
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked();

  client.set_read_timeout(1h);

  EXPECT_FALSE(reading.finished_within(200ms)) << "the old time-out ended it";
  server.write_all("hello");
  EXPECT_OUTCOME(reading.result(), 5u, success);
}

// ---- accept and connect

class Accepting : public ::testing::TestWithParam<Moment> {
 protected:
  auto accept() {
    auto accepting = run_async([this] {
      std::error_code ec;
      const auto stream = listener.accept(source.get_token(), ec);
      EXPECT_NE(stream.is_open(), bool{ec});
      return ec;
    });
    accepting.wait_until_blocked(GetParam());
    return accepting;
  }

  void expect_it_still_works() {
    const auto client = LocalStream::connect(listener.local_address());
    EXPECT_TRUE(listener.accept(5s).is_open());
  }

  LocalListener listener = LocalListener::bind(LocalAddress::unique());
  stop_source source;
};

INSTANTIATE_TEST_SUITE_P(Interrupted, Accepting, ::testing::Values(Moment::early, Moment::late),
                         [](const auto& info) { return info.param == Moment::early ? "Early" : "Late"; });

TEST_P(Accepting, EndsAtAStopRequest) {
  auto accepting = accept();

  const auto latency = time_of([&] {
    source.request_stop();
    EXPECT_CODE(accepting.result(), std::errc::operation_canceled);
  });

  EXPECT_LT(latency, soon());
  expect_it_still_works();
}

TEST_P(Accepting, EndsAtADeadlineThatIsSetWhileItWaits) {
  auto accepting = accept();

  const auto latency = time_of([&] {
    listener.set_accept_deadline(Clock::now());
    EXPECT_CODE(accepting.result(), std::errc::timed_out);
  });

  EXPECT_LT(latency, soon());
  listener.set_accept_deadline(std::nullopt);
  expect_it_still_works();
}

TEST_P(Accepting, EndsAtClose) {
  auto accepting = accept();

  const auto latency = time_of([&] {
    listener.close();
    EXPECT_CODE(accepting.result(), Errc::closed);
  });

  EXPECT_LT(latency, soon());
}

TEST(StoppedBefore, AcceptEndsAtOnceAndLeavesTheClientForTheNext) {
  auto listener = LocalListener::bind(LocalAddress::unique());
  const auto client = LocalStream::connect(listener.local_address());
  stop_source source;
  source.request_stop();
  std::error_code ec;

  EXPECT_FALSE(listener.accept(source.get_token(), ec).is_open());

  EXPECT_CODE(ec, std::errc::operation_canceled);
  EXPECT_TRUE(listener.accept(5s).is_open());
}

TEST(StoppedBefore, ConnectEndsAtOnce) {
  auto listener = LocalListener::bind(LocalAddress::unique());
  stop_source source;
  source.request_stop();

  EXPECT_THROWS_CODE(LocalStream::connect(listener.local_address(), source.get_token()), std::errc::operation_canceled);

  std::error_code ec;
  listener.accept(0s, ec);
  EXPECT_CODE(ec, std::errc::timed_out);
}

class Connecting : public ::testing::TestWithParam<Moment> {};

INSTANTIATE_TEST_SUITE_P(Interrupted, Connecting, ::testing::Values(Moment::early, Moment::late),
                         [](const auto& info) { return info.param == Moment::early ? "Early" : "Late"; });

TEST_P(Connecting, EndsAtAStopRequest) {
  const auto nobody = LocalAddress::unique();
  stop_source source;
  auto connecting = run_async([&] {
    std::error_code ec;
    LocalStream::connect(nobody, source.get_token(), {.poll_interval = 1h}, ec);
    return ec;
  });
  connecting.wait_until_blocked(GetParam());

  const auto latency = time_of([&] {
    source.request_stop();
    EXPECT_CODE(connecting.result(), std::errc::operation_canceled);
  });

  EXPECT_LT(latency, soon());
}

// ---- Nothing is lost

/// Lets time pass in round `n`: hardly any, or now and then so much that a call of the other side waits in earnest.
void pause(unsigned n, Event& over) {
  if (n % 16 == 15) {
    over.wait_for(15ms);
  } else {
    spin_for(n % 50 * 4us);
  }
}

/// Interrupts the calls of a stream in every way and all the time, but ever again lets them go on.
class Interrupter {
 public:
  explicit Interrupter(LocalStream& stream) : stream_(stream) {}

  unsigned rounds() const { return rounds_; }

  /// For the next call of the stream: a stop may be requested at any moment.
  stop_token token() {
    const std::scoped_lock lock(mutex_);
    if (source_.stop_requested()) source_ = stop_source();
    return source_.get_token();
  }

  void stop() {
    over_.set();
    thread_.result();
  }

 private:
  void run() {
    for (; !over_.wait_for(0s); ++rounds_) {
      switch (rounds_ % 5) {
        case 0:
          stream_.cancel();
          break;
        case 1:
          request_stop();
          break;
        case 2:
          set_deadlines(Clock::now());
          spin_for(5us);
          set_deadlines(std::nullopt);
          break;
        case 3:
          set_timeouts(0ms);
          spin_for(5us);
          set_timeouts(std::nullopt);
          break;
        case 4:
          stream_.set_nonblocking(true);
          spin_for(5us);
          stream_.set_nonblocking(false);
          break;
      }
      pause(rounds_, over_);
    }
  }

  void request_stop() {
    const std::scoped_lock lock(mutex_);
    source_.request_stop();
  }

  void set_deadlines(std::optional<Clock::time_point> deadline) {
    stream_.set_read_deadline(deadline);
    stream_.set_write_deadline(deadline);
  }

  void set_timeouts(std::optional<Clock::duration> timeout) {
    stream_.set_read_timeout(timeout);
    stream_.set_write_timeout(timeout);
  }

  LocalStream& stream_;
  std::mutex mutex_;
  stop_source source_;
  Event over_;
  std::atomic<unsigned> rounds_ = 0;
  Async<void> thread_ = run_async([this] { run(); });
};

bool is_interruption(const std::error_code& ec) {
  return ec == std::errc::operation_canceled || ec == std::errc::timed_out || ec == std::errc::operation_would_block;
}

class UnderInterruptions : public EachOriginTest {
 protected:
  static constexpr std::uint64_t enough_bytes = 512_KiB;
  static constexpr unsigned enough_rounds = 400;

  bool is_enough(const Interrupter& interrupter, const ByteSequence& sequence) {
    return interrupter.rounds() >= enough_rounds && sequence.position() >= enough_bytes;
  }

  Event over;
};

INSTANTIATE_FOR_EACH_ORIGIN(UnderInterruptions);

TEST_P(UnderInterruptions, AReaderGetsEveryByteOnceAndInOrder) {
  auto writing = run_async([&] {
    ByteSequence sequence;
    RandomSizes sizes(16_KiB, 3);
    for (unsigned round = 0; !over.wait_for(0s); ++round) {
      if (write_all(server, sequence.take(sizes.next())).ec) break;
      pause(round, over);
    }
    server.close();
    return sequence.position();
  });
  Interrupter interrupter(client);

  ByteSequence sequence;
  RandomSizes sizes(16_KiB, 4);
  Bytes buffer(16_KiB);
  for (bool exactly = true; !is_enough(interrupter, sequence); exactly = !exactly) {
    const auto piece = std::span(buffer).first(sizes.next());
    const auto [count, ec] =
        exactly ? read_exact(client, piece, interrupter.token()) : read_some(client, piece, interrupter.token());
    EXPECT_TRUE(sequence.continues_with(piece.first(count))) << "near byte " << sequence.position();
    EXPECT_TRUE(!ec || is_interruption(ec)) << ec.message();
    if (HasFailure()) break;
  }

  interrupter.stop();
  over.set();
  EXPECT_TRUE(sequence.continues_with(read_to_end(client)));
  EXPECT_EQ(sequence.position(), writing.result());
}

TEST_P(UnderInterruptions, AWriterIsToldExactlyWhatTheReaderGets) {
  auto reading = run_async([&] {
    ByteSequence sequence;
    RandomSizes sizes(16_KiB, 5);
    Bytes buffer(16_KiB);
    for (unsigned round = 0;; ++round) {
      const auto count = server.read_some(std::span(buffer).first(sizes.next()));
      if (count == 0) break;
      EXPECT_TRUE(sequence.continues_with(std::span(buffer).first(count))) << "near byte " << sequence.position();
      if (HasFailure()) break;
      pause(round, over);
    }
    server.close();
    return sequence.position();
  });
  Interrupter interrupter(client);

  ByteSequence sequence;
  RandomSizes sizes(512_KiB, 6);
  for (bool all = true; !is_enough(interrupter, sequence); all = !all) {
    auto ahead = sequence;
    const Bytes piece = ahead.take(sizes.next());
    const auto [count, ec] =
        all ? write_all(client, piece, interrupter.token()) : write_some(client, piece, interrupter.token());
    sequence.take(count);
    EXPECT_TRUE(!ec || is_interruption(ec)) << ec.message();
    if (HasFailure()) break;
  }

  interrupter.stop();
  over.set();
  client.close();
  EXPECT_EQ(reading.result(), sequence.position());
}

// The byte and the end of the time come together, a hundred times: each round has one or the other, never half of both.
TEST_F(ConnectedTest, ABufferIsNotTouchedAfterATimedOutCall) {
  constexpr std::byte untouched{0xee};
  constexpr std::byte sent{0x11};
  for (int round = 0; round < 100; ++round) {
    std::array<std::byte, 64> buffer;
    buffer.fill(untouched);
    Event begun;
    auto writing = run_async([&] {
      begun.wait_for(std::chrono::microseconds(4000 + 20 * round));
      server.write_all({&sent, 1});
    });

    const auto [count, ec] = read_some(client, buffer, 5ms);
    writing.result();

    if (ec) {
      EXPECT_CODE(ec, std::errc::timed_out);
      std::array<std::byte, 8> another;
      EXPECT_OUTCOME(read_some(client, another, 5s), 1u, success);
      EXPECT_EQ(another[0], sent);
    } else {
      EXPECT_EQ(count, 1u);
      EXPECT_EQ(std::exchange(buffer[0], untouched), sent);
    }
    EXPECT_EQ(std::count(buffer.begin(), buffer.end(), untouched), 64) << "in round " << round;
  }
}

// Each thread that has waited has something to be woken by, which goes with it.

TEST(WaitingThread, ThatEndsLeavesNothingOpenAndClosesNothingElse) {
  Ends ends = connected_ends();
  std::vector<Ends> others;
  for (int i = 0; i < 20; ++i) others.push_back(connected_ends());
  const auto wait_aside = [&] {
    return run_async([&] {
             Bytes buffer(1);
             return read_some(ends.server, buffer, long_wait).ec;
           })
        .result();
  };
  EXPECT_CODE(wait_aside(), std::errc::timed_out);
  const auto [before, after] = counted_around(open_handles, [&] {
    for (int i = 0; i < 20; ++i) EXPECT_CODE(wait_aside(), std::errc::timed_out);
  });
  EXPECT_LE(after, before);
  for (Ends& other : others) {
    expect_connected(other.client, other.server);
  }
}

TEST(OpenHandles, AreCounted) {
  const std::size_t before = open_handles();
  const auto [client, server] = LocalStream::pair();
  EXPECT_GT(open_handles(), before);
}

}  // namespace
}  // namespace localsocket::test
