// Bytes through a stream: every form of reading and writing, the end of a stream, closing, and time.
#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "support/differences.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using Writable = std::span<std::byte>;
using Readable = std::span<const std::byte>;

// ---- Reading

class Reading : public ConnectedTest {};

TEST_F(Reading, GivesWhatIsThereWithoutWaitingForTheRestOfTheBuffer) {
  Bytes buffer(100);
  server.write_all("hello");

  const auto count = client.read_some(buffer);

  EXPECT_EQ(text_of(Readable(buffer).first(count)), "hello");
}

TEST_F(Reading, DoesNotKeepTheBoundariesOfWrites) {
  Bytes buffer(100);
  server.write_all("one");
  server.write_all("two");

  EXPECT_EQ(client.read_exact(Writable(buffer).first(4)), 4u);
  EXPECT_EQ(client.read_exact(Writable(buffer).subspan(4, 2)), 2u);

  EXPECT_EQ(text_of(Readable(buffer).first(6)), "onetwo");
}

TEST_F(Reading, OfNothingGivesNothingAtOnce) {
  const std::array<Writable, 2> nothing{};

  EXPECT_OUTCOME(read_some(client, {}), 0u, success);
  EXPECT_OUTCOME(read_exact(client, {}), 0u, success);
  EXPECT_EQ(client.read_some(nothing), 0u);
  EXPECT_EQ(client.read_some(std::span<const Writable>()), 0u);
}

TEST_F(Reading, FillsSeveralBuffersInOrder) {
  std::array<std::byte, 3> first;
  std::array<std::byte, 4> second;
  const std::array<Writable, 4> buffers{Writable(), first, Writable(), second};
  server.write_all("abcdefg");

  std::error_code ec;
  const auto count = client.read_some(buffers, 5s, ec);

  EXPECT_CODE(ec, success);
  EXPECT_EQ(text_of(first), "abc");
  if (platform.scatters_reads) {
    EXPECT_EQ(count, 7u);
    EXPECT_EQ(text_of(second), "defg");
  } else {
    EXPECT_EQ(count, 3u);
  }
}

TEST_F(Reading, TakesMoreBuffersThanTheSystemDoes) {
  constexpr std::size_t many = 5000;  // IOV_MAX is 1024 on Linux, macOS and FreeBSD
  Bytes bytes(many);
  std::vector<Writable> buffers;
  for (auto& byte : bytes) buffers.emplace_back(&byte, 1);
  server.write_all(some_bytes(many));

  std::span<const Writable> rest = buffers;
  while (!rest.empty()) rest = rest.subspan(client.read_some(rest, 5s));

  EXPECT_EQ(bytes, some_bytes(many));
}

TEST_F(Reading, ExactlyWaitsForAllOfIt) {
  Bytes buffer(6);
  server.write_all("abc");
  auto reading = run_async([&] { return read_exact(client, buffer); });
  reading.wait_until_blocked();

  server.write_all("def");

  EXPECT_OUTCOME(reading.result(), 6u, success);
  EXPECT_EQ(text_of(buffer), "abcdef");
}

TEST_F(Reading, ExactlySaysHowMuchThereWasWhenTheTimeIsOver) {
  Bytes buffer(10);
  server.write_all("abc");

  EXPECT_OUTCOME(read_exact(client, buffer, 20ms), 3u, std::errc::timed_out);

  EXPECT_EQ(text_of(Readable(buffer).first(3)), "abc");
}

TEST_F(Reading, TakesAHugeBuffer) {
  Bytes buffer(64_MiB);
  server.write_all("small");

  EXPECT_EQ(client.read_some(buffer), 5u);
}

TEST_F(Reading, IsNotHeldUpByABlockedWrite) {
  fill(client);
  auto writing = run_async([&] { return write_some(client, bytes_of("no room")); });
  writing.wait_until_blocked(Moment::late);

  server.write_all("answer");

  Bytes buffer(6);
  EXPECT_OUTCOME(read_exact(client, buffer, soon()), 6u, success);
  EXPECT_FALSE(writing.finished());
  client.cancel();
}

// ---- Writing

class Writing : public ConnectedTest {
 protected:
  /// What the server has got, once the client has ended.
  std::string received() {
    client.close();
    return text_of(read_to_end(server));
  }
};

TEST_F(Writing, TakesBytesATextOrAListOfBuffers) {
  const std::string text = "text;";
  const std::array<Readable, 3> list{bytes_of("li"), Readable(), bytes_of("st;")};

  EXPECT_EQ(client.write_all(bytes_of("bytes;")), 6u);
  EXPECT_EQ(client.write_all("literal;"), 8u);
  EXPECT_EQ(client.write_all(text), 5u);
  EXPECT_EQ(client.write_all(list), 5u);
  EXPECT_EQ(client.write_some(bytes_of("some;")), 5u);
  EXPECT_EQ(client.write_some(list), 5u);

  EXPECT_EQ(received(), "bytes;literal;text;list;some;list;");
}

TEST_F(Writing, ReportsThroughAnErrorCodeInEachForm) {
  const std::array<Readable, 2> list{bytes_of("li"), bytes_of("st;")};
  auto ec = make_error_code(std::errc::io_error);
  const auto cleared = [&] { return !std::exchange(ec, make_error_code(std::errc::io_error)); };

  EXPECT_TRUE(client.write_all(bytes_of("1"), ec) == 1 && cleared());
  EXPECT_TRUE(client.write_all(bytes_of("2"), 5s, ec) == 1 && cleared());
  EXPECT_TRUE(client.write_all("3", ec) == 1 && cleared());
  EXPECT_TRUE(client.write_all("4", 5s, ec) == 1 && cleared());
  EXPECT_TRUE(client.write_all(list, ec) == 5 && cleared());
  EXPECT_TRUE(client.write_all(list, 5s, ec) == 5 && cleared());
  EXPECT_TRUE(client.write_some(bytes_of("5"), ec) == 1 && cleared());
  EXPECT_TRUE(client.write_some(bytes_of("6"), 5s, ec) == 1 && cleared());
  EXPECT_TRUE(client.write_some(list, ec) == 5 && cleared());
  EXPECT_TRUE(client.write_some(list, 5s, ec) == 5 && cleared());

  EXPECT_EQ(received(), "1234list;list;56list;list;");
}

TEST_F(Writing, OfNothingSendsNothing) {
  const std::array<Readable, 2> nothing{};
  Bytes buffer(1);

  EXPECT_EQ(client.write_some(Readable()), 0u);
  EXPECT_EQ(client.write_some(nothing), 0u);
  EXPECT_EQ(client.write_all(Readable()), 0u);
  EXPECT_EQ(client.write_all(nothing), 0u);
  EXPECT_EQ(client.write_all(""), 0u);
  EXPECT_OUTCOME(read_some(server, buffer, 0s), 0u, std::errc::timed_out);  // and no end of the stream

  EXPECT_EQ(received(), "");
}

TEST_F(Writing, KeepsZeroBytesInAText) {
  client.write_all(std::string_view("a\0b", 3));

  EXPECT_EQ(received(), std::string("a\0b", 3));
}

TEST_F(Writing, TakesMoreBuffersThanTheSystemDoes) {
  const Bytes bytes = some_bytes(5000);  // IOV_MAX is 1024 on Linux, macOS and FreeBSD
  std::vector<Readable> buffers;
  for (const auto& byte : bytes) buffers.emplace_back(&byte, 1);

  EXPECT_EQ(client.write_all(buffers), bytes.size());

  client.close();
  EXPECT_EQ(read_to_end(server), bytes);
}

TEST_F(Writing, AllOfALongListGoesOnWhereTheConnectionWasFull) {
  const Bytes bytes = some_bytes(3_MiB);
  std::vector<Readable> buffers;
  RandomSizes sizes(200_KiB, 7);
  for (Readable rest = bytes; !rest.empty();) {
    const auto size = std::min(sizes.next(), rest.size());
    buffers.push_back(rest.first(size));
    rest = rest.subspan(size);
  }
  auto reading = run_async([&] { return read_to_end(server); });

  EXPECT_EQ(client.write_all(buffers), bytes.size());

  client.close();
  EXPECT_EQ(reading.result(), bytes);
}

TEST_F(Writing, SomeOfAHugeBufferTakesWhatFits) {
  const Bytes huge = some_bytes(64_MiB);

  const auto [count, ec] = write_some(client, huge, 0s);

  EXPECT_CODE(ec, success);
  EXPECT_GT(count, 0u);
  EXPECT_LT(count, huge.size());
  client.close();
  EXPECT_EQ(read_to_end(server), first_of(huge, count));
}

TEST_F(Writing, AllSaysExactlyHowMuchWasTakenWhenTheTimeIsOverAndGoesOnInOrder) {
  const Bytes bytes = some_bytes(8_MiB);

  const auto [count, ec] = write_all(client, bytes, 30ms);

  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_GT(count, 0u);
  EXPECT_LT(count, bytes.size());
  auto reading = run_async([&] { return read_to_end(server); });
  client.write_all(Readable(bytes).subspan(count));
  client.close();
  EXPECT_TRUE(reading.result() == bytes) << "after " << count << " bytes";
}

TEST_F(Writing, TakesToTheByteWhatThePlatformPromises) {
  const auto room = fill(client);

  if (platform.exact_room != 0) {
    EXPECT_EQ(room, platform.exact_room);
  }
  Bytes all(room);
  EXPECT_OUTCOME(read_exact(server, all, 5s), room, success);
  EXPECT_EQ(all, some_bytes(room));
  EXPECT_OUTCOME(read_some(server, all, 0s), 0u, std::errc::timed_out);
}

TEST_F(Writing, IsNotHeldUpByABlockedRead) {
  Bytes buffer(1);
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked(Moment::late);

  EXPECT_OUTCOME(write_all(client, bytes_of("question"), soon()), 8u, success);

  EXPECT_FALSE(reading.finished());
  server.write_all("!");
  EXPECT_OUTCOME(reading.result(), 1u, success);
}

TEST_F(Writing, ToAPeerThatIsGoneIsABrokenPipe) {
  server.close();

  EXPECT_OUTCOME(write_some(client, bytes_of("hello")), 0u, std::errc::broken_pipe);
  EXPECT_OUTCOME(write_all(client, bytes_of("hello")), 0u, std::errc::broken_pipe);
  EXPECT_THROWS_CODE(client.write_all("hello"), std::errc::broken_pipe);
}

TEST_F(Writing, EndsWithABrokenPipeWhenThePeerLeavesInTheMiddle) {
  const Bytes sent = some_bytes(16_MiB);
  auto writing = run_async([&] { return write_all(client, sent); });
  writing.wait_until_blocked(Moment::late);

  server.close();

  const auto [count, ec] = writing.result();
  EXPECT_CODE(ec, std::errc::broken_pipe);
  EXPECT_GT(count, 0u);
}

// ---- Large transfers

class Transfer : public EachOriginTest {};

INSTANTIATE_FOR_EACH_ORIGIN(Transfer);

TEST_P(Transfer, Of64MiBInPiecesOfAnySizeArrivesWhole) {
  constexpr std::size_t total = 64_MiB;
  const Bytes source = some_bytes(1_MiB);
  auto sending = run_async([&] {
    Checksum checksum;
    RandomSizes sizes(256_KiB, 1);
    for (std::size_t sent = 0; sent < total;) {
      const auto at = sent * 7 % (source.size() / 2);
      const auto piece = Readable(source).subspan(at, std::min(sizes.next(), total - sent));
      client.write_all(piece);
      checksum.add(piece);
      sent += piece.size();
    }
    client.close();
    return checksum;
  });

  Checksum checksum;
  RandomSizes sizes(256_KiB, 2);
  std::size_t received = 0;
  Bytes buffer(256_KiB);
  while (const auto count = server.read_some(Writable(buffer).first(sizes.next()))) {
    checksum.add(Readable(buffer).first(count));
    received += count;
  }

  EXPECT_EQ(received, total);
  EXPECT_EQ(checksum.value(), sending.result().value());
}

TEST_P(Transfer, GoesBothWaysAtOnceWhileBothConnectionsAreFull) {
  const Bytes there = some_bytes(4_MiB, 1);
  const Bytes back = some_bytes(4_MiB, 2);
  auto client_writing = run_async([&] { return write_all(client, there); });
  auto server_writing = run_async([&] { return write_all(server, back); });
  client_writing.wait_until_blocked();
  server_writing.wait_until_blocked();

  Bytes got_there(there.size());
  Bytes got_back(back.size());
  auto server_reading = run_async([&] { return read_exact(server, got_there); });

  EXPECT_OUTCOME(read_exact(client, got_back), back.size(), success);
  EXPECT_OUTCOME(server_reading.result(), there.size(), success);
  EXPECT_OUTCOME(client_writing.result(), there.size(), success);
  EXPECT_OUTCOME(server_writing.result(), back.size(), success);
  EXPECT_TRUE(got_there == there);
  EXPECT_TRUE(got_back == back);
}

// ---- The end of a stream

class EndOfStream : public EachOriginTest {
 protected:
  Bytes buffer = Bytes(100);
};

INSTANTIATE_FOR_EACH_ORIGIN(EndOfStream);

TEST_P(EndOfStream, ComesAfterAllBytesAndStays) {
  const auto room = fill(server);
  server.close();

  EXPECT_EQ(read_to_end(client), some_bytes(room));

  for (int again = 0; again < 3; ++again) EXPECT_OUTCOME(read_some(client, buffer), 0u, success);
}

TEST_P(EndOfStream, ComesWhenThePeerIsDestroyed) {
  server.write_all("last words");
  { const LocalStream gone = std::move(server); }

  EXPECT_EQ(text_of(read_to_end(client)), "last words");
}

TEST_P(EndOfStream, ComesWhenAnotherStreamIsAssignedToThePeer) {
  server.write_all("last words");
  server = LocalStream();

  EXPECT_EQ(text_of(read_to_end(client)), "last words");
}

TEST_P(EndOfStream, WakesAReadThatWaits) {
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked(Moment::late);

  server.close();

  EXPECT_OUTCOME(reading.result(), 0u, success);
}

TEST_P(EndOfStream, IsAnErrorForReadExactWithTheCountOfWhatWasThere) {
  server.write_all("abc");
  server.close();

  EXPECT_OUTCOME(read_exact(client, buffer), 3u, Errc::end_of_stream);
  EXPECT_EQ(text_of(Readable(buffer).first(3)), "abc");
  EXPECT_OUTCOME(read_exact(client, buffer), 0u, Errc::end_of_stream);
  EXPECT_THROWS_CODE(client.read_exact(buffer), Errc::end_of_stream);
}

TEST_P(EndOfStream, IsThePlainOneWhenThePeerClosedWithOurBytesUnread) {
  client.write_all("never read");
  server.write_all("bye");
  server.close();

  EXPECT_OUTCOME(read_exact(client, Writable(buffer).first(3)), 3u, success);
  EXPECT_EQ(text_of(Readable(buffer).first(3)), "bye");
  EXPECT_OUTCOME(read_some(client, buffer), 0u, success);
  EXPECT_OUTCOME(read_exact(client, buffer), 0u, Errc::end_of_stream);
}

TEST_P(EndOfStream, IsThePlainOneForAPendingReadWhenThePeerClosesWithOurBytesUnread) {
  client.write_all("never read");
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked(Moment::late);

  server.close();

  EXPECT_OUTCOME(reading.result(), 0u, success);
}

TEST_P(EndOfStream, DoesNotKeepAnEarlierWriteFromBeingRead) {
  client.write_all("request");
  client.close();

  server.read_exact(Writable(buffer).first(7));

  EXPECT_EQ(text_of(Readable(buffer).first(7)), "request");
  EXPECT_OUTCOME(write_all(server, bytes_of("too late")), 0u, std::errc::broken_pipe);
  EXPECT_OUTCOME(read_some(server, buffer), 0u, success);
}

// ---- Shutdown

class ShutdownOf : public EachOriginTest {
 protected:
  /// Whether the platform can; if not, says that it reported so and changed nothing.
  bool shut_down(LocalStream& stream, Shutdown how) {
    std::error_code ec;
    stream.shutdown(how, ec);
    if (platform.can_half_close) {
      EXPECT_CODE(ec, success);
      return true;
    }
    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_THROWS_CODE(stream.shutdown(how), std::errc::operation_not_supported);
    EXPECT_OUTCOME(write_all(client, bytes_of("goes on")), 7u, success);
    EXPECT_OUTCOME(read_exact(server, Writable(buffer).first(7), 5s), 7u, success);
    return false;
  }

  Bytes buffer = Bytes(100);
};

INSTANTIATE_FOR_EACH_ORIGIN(ShutdownOf);

TEST_P(ShutdownOf, WritingTellsThePeerTheEndWhileReadingGoesOn) {
  client.write_all("question");
  if (!shut_down(client, Shutdown::write)) return;

  EXPECT_EQ(text_of(read_to_end(server)), "question");
  server.write_all("answer");
  EXPECT_OUTCOME(read_exact(client, Writable(buffer).first(6)), 6u, success);
  EXPECT_OUTCOME(write_all(client, bytes_of("more")), 0u, std::errc::broken_pipe);
}

TEST_P(ShutdownOf, ReadingEndsOurReadsWhileWritingGoesOn) {
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.wait_until_blocked(Moment::late);
  if (!shut_down(client, Shutdown::read)) {
    client.cancel();
    return;
  }

  EXPECT_OUTCOME(reading.result(), 0u, success);
  EXPECT_OUTCOME(read_some(client, buffer), 0u, success);
  client.write_all("hello");
  EXPECT_OUTCOME(read_some(server, buffer), 5u, success);
}

TEST_P(ShutdownOf, BothEndsBoth) {
  if (!shut_down(client, Shutdown::both)) return;

  EXPECT_OUTCOME(read_some(client, buffer), 0u, success);
  EXPECT_OUTCOME(write_all(client, bytes_of("hello")), 0u, std::errc::broken_pipe);
  EXPECT_OUTCOME(read_some(server, buffer), 0u, success);
  EXPECT_OUTCOME(write_all(server, bytes_of("hello")), 0u, std::errc::broken_pipe);
}

// ---- Time

class Timeouts : public ConnectedTest {
 protected:
  Bytes buffer = Bytes(100);
};

TEST_F(Timeouts, AreNoneAtFirst) {
  EXPECT_EQ(client.read_timeout(), std::nullopt);
  EXPECT_EQ(client.write_timeout(), std::nullopt);
}

TEST_F(Timeouts, AreForEachDirectionAndCanBeTakenBack) {
  client.set_read_timeout(3s);
  client.set_write_timeout(4ms);
  EXPECT_EQ(client.read_timeout(), 3s);
  EXPECT_EQ(client.write_timeout(), 4ms);
  EXPECT_EQ(server.read_timeout(), std::nullopt);

  client.set_read_timeout(std::nullopt);
  EXPECT_EQ(client.read_timeout(), std::nullopt);
  EXPECT_EQ(client.write_timeout(), 4ms);
}

TEST_F(Timeouts, CountFromTheStartOfEachRead) {
  client.set_read_timeout(30ms);

  for (int i = 0; i < 3; ++i) {
    const auto time = time_of([&] { EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::timed_out); });
    EXPECT_GE(time, 30ms);
    EXPECT_LT(time, 30ms + soon());
  }
}

TEST_F(Timeouts, CountFromTheStartOfEachWrite) {
  fill(client);
  client.set_write_timeout(30ms);

  for (int i = 0; i < 3; ++i) {
    const auto time = time_of([&] { EXPECT_OUTCOME(write_some(client, buffer), 0u, std::errc::timed_out); });
    EXPECT_GE(time, 30ms);
    EXPECT_LT(time, 30ms + soon());
  }
}

TEST_F(Timeouts, OfZeroOrLessTryOnce) {
  for (const auto timeout : {0ms, -1ms}) {
    server.write_all("hello");
    client.set_read_timeout(timeout);
    client.set_write_timeout(timeout);

    EXPECT_OUTCOME(read_some(client, buffer), 5u, success);
    EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::timed_out);
    EXPECT_OUTCOME(write_some(client, bytes_of("hello")), 5u, success);
  }
  fill(client);
  EXPECT_OUTCOME(write_some(client, bytes_of("hello")), 0u, std::errc::timed_out);
}

TEST_F(Timeouts, OfACallOfZeroOrLessTryOnce) {
  for (const Wait& wait : {Wait(0s), Wait(-1h)}) {
    server.write_all("hello");
    EXPECT_OUTCOME(read_some(client, buffer, wait), 5u, success);
    EXPECT_OUTCOME(read_some(client, buffer, wait), 0u, std::errc::timed_out);
    EXPECT_OUTCOME(write_some(client, bytes_of("hello"), wait), 5u, success);
  }
}

TEST_F(Timeouts, LetReadExactTakeAllThatIsThereEvenIfZero) {
  server.write_all(some_bytes(60));

  EXPECT_OUTCOME(read_exact(client, buffer, 0s), 60u, std::errc::timed_out);
}

TEST_F(Timeouts, ThatAreTooLongForTheClockAreNone) {
  client.set_read_timeout(LocalStream::Duration::max());
  auto reading = run_async([&] { return read_some(client, buffer, std::chrono::hours::max()); });
  reading.wait_until_blocked(Moment::late);
  EXPECT_FALSE(reading.finished());

  server.write_all("hello");

  EXPECT_OUTCOME(reading.result(), 5u, success);
}

TEST_F(Timeouts, OfTheReaderDoNotTouchTheWriter) {
  client.set_read_timeout(0s);
  client.set_read_deadline(Clock::now() - 1s);
  client.set_write_timeout(5s);

  EXPECT_OUTCOME(write_all(client, bytes_of("hello")), 5u, success);
}

TEST_F(Timeouts, AreAnErrorThatCanBeCaughtAndTheStreamGoesOn) {
  EXPECT_THROWS_CODE(client.read_some(buffer, 1ms), std::errc::timed_out);

  server.write_all("hello");

  EXPECT_EQ(client.read_some(buffer, 5s), 5u);
}

TEST_F(Timeouts, OfACallThatHasPassedEndItWithoutWaiting) {
  const auto time =
      time_of([&] { EXPECT_OUTCOME(read_some(client, buffer, Clock::now() - 1h), 0u, std::errc::timed_out); });

  EXPECT_LT(time, soon());
}

// A call has three limits; whichever is the shortest ends it.
struct Limits {
  const char* name;
  Wait wait;
  std::optional<Clock::duration> timeout;
  std::optional<Clock::duration> deadline_in;
};

class ShortestLimit : public ConnectedTest, public ::testing::WithParamInterface<Limits> {};

INSTANTIATE_TEST_SUITE_P(Is, ShortestLimit,
                         ::testing::Values(Limits{"TheWait", 30ms, 1h, 1h}, Limits{"TheTimeout", 1h, 30ms, 1h},
                                           Limits{"TheDeadline", 1h, 1h, 30ms},
                                           Limits{"TheTimeoutAlone", {}, 30ms, std::nullopt},
                                           Limits{"TheDeadlineAlone", {}, std::nullopt, 30ms}),
                         [](const auto& info) { return info.param.name; });

TEST_P(ShortestLimit, EndsARead) {
  Bytes buffer(1);
  const auto& [name, wait, timeout, deadline_in] = GetParam();
  const auto start = Clock::now();
  client.set_read_timeout(timeout);
  if (deadline_in) client.set_read_deadline(start + *deadline_in);

  EXPECT_OUTCOME(read_some(client, buffer, wait), 0u, std::errc::timed_out);

  EXPECT_GE(Clock::now() - start, 30ms);
  EXPECT_LT(Clock::now() - start, 30ms + soon());
}

TEST_P(ShortestLimit, EndsAWrite) {
  const auto& [name, wait, timeout, deadline_in] = GetParam();
  fill(client);
  const auto start = Clock::now();
  client.set_write_timeout(timeout);
  if (deadline_in) client.set_write_deadline(start + *deadline_in);

  EXPECT_OUTCOME(write_some(client, bytes_of("hello"), wait), 0u, std::errc::timed_out);

  EXPECT_GE(Clock::now() - start, 30ms);
  EXPECT_LT(Clock::now() - start, 30ms + soon());
}

// One deadline for the whole call: a peer that is slow, but never too slow for one piece, must not stretch it.
class OneDeadline : public ConnectedTest {
 protected:
  static constexpr auto pace = 5ms;
  Event over;
};

TEST_F(OneDeadline, IsForAllOfReadExact) {
  auto trickling = run_async([&] {
    while (!over.wait_for(pace)) server.write_all(".");
  });

  Bytes buffer(100'000);
  const auto time = time_of([&] { EXPECT_CODE(read_exact(client, buffer, 50ms).ec, std::errc::timed_out); });

  EXPECT_GE(time, 50ms);
  EXPECT_LT(time, 50ms + soon());
  over.set();
}

TEST_F(OneDeadline, IsForAllOfWriteAll) {
  auto trickling = run_async([&] {
    Bytes buffer(4_KiB);
    while (!over.wait_for(pace)) read_some(server, buffer, 0s);
  });

  const Bytes bytes = some_bytes(16_MiB);
  const auto time = time_of([&] { EXPECT_CODE(write_all(client, bytes, 50ms).ec, std::errc::timed_out); });

  EXPECT_GE(time, 50ms);
  EXPECT_LT(time, 50ms + soon());
  over.set();
}

// ---- Nonblocking mode

class NonblockingMode : public EachOriginTest {
 protected:
  NonblockingMode() { client.set_nonblocking(true); }

  Bytes buffer = Bytes(100);
};

INSTANTIATE_FOR_EACH_ORIGIN(NonblockingMode);

TEST_P(NonblockingMode, ReadsWhatIsThereInsteadOfWaiting) {
  EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::operation_would_block);
  EXPECT_THROWS_CODE(client.read_some(buffer), std::errc::operation_would_block);

  server.write_all("hello");

  EXPECT_OUTCOME(read_some(client, buffer), 5u, success);
  EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::operation_would_block);
}

TEST_P(NonblockingMode, WritesWhatFitsInsteadOfWaiting) {
  const Bytes bytes = some_bytes(8_MiB);

  const auto [count, ec] = write_all(client, bytes);

  EXPECT_CODE(ec, std::errc::operation_would_block);
  EXPECT_GT(count, 0u);
  EXPECT_OUTCOME(write_some(client, bytes), 0u, std::errc::operation_would_block);
  client.close();
  EXPECT_TRUE(read_to_end(server) == first_of(bytes, count));
}

TEST_P(NonblockingMode, SaysHowMuchOfReadExactThereWas) {
  server.write_all("abc");

  EXPECT_OUTCOME(read_exact(client, buffer), 3u, std::errc::operation_would_block);
  EXPECT_EQ(text_of(Readable(buffer).first(3)), "abc");
}

TEST_P(NonblockingMode, ReportsTheEndOfTheStream) {
  server.close();

  EXPECT_OUTCOME(read_some(client, buffer), 0u, success);
  EXPECT_OUTCOME(write_some(client, bytes_of("hello")), 0u, std::errc::broken_pipe);
}

TEST_P(NonblockingMode, IsForOneEndAndCanBeEnded) {
  EXPECT_OUTCOME(read_some(server, buffer, 1ms), 0u, std::errc::timed_out);

  client.set_nonblocking(false);

  EXPECT_OUTCOME(read_some(client, buffer, 1ms), 0u, std::errc::timed_out);
}

}  // namespace
}  // namespace localsocket::test
