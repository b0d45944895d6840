// Halves, copies, drain and available.
#include <optional>
#include <string>
#include <utility>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

// Halves.

class Halves : public EachOriginTest {
 protected:
  std::pair<LocalReader, LocalWriter> halves = std::move(client).split();
  LocalReader& reader = halves.first;
  LocalWriter& writer = halves.second;

  std::string read_by_reader(std::size_t size) {
    Bytes bytes(size);
    bytes.resize(reader.read_exact(bytes));
    return text_of(bytes);
  }
  void expect_both_work() {
    writer.write_all("ping");
    EXPECT_EQ(read_text(server, 4), "ping");
    server.write_all("pong");
    EXPECT_EQ(read_by_reader(4), "pong");
  }
};
INSTANTIATE_FOR_EACH_ORIGIN(Halves);

TEST_P(Halves, ReadAndWrite) {
  EXPECT_TRUE(reader.is_open());
  EXPECT_TRUE(writer.is_open());
  expect_both_work();
}

TEST_P(Halves, AreWhatIsLeftOfTheStream) {
  EXPECT_FALSE(client.is_open());  // that is the point
  EXPECT_OUTCOME(write_all(client, bytes_of("x")), 0, Errc::closed);
}

TEST_P(Halves, WorkAtOnceInTwoThreads) {
  const Bytes sent = some_bytes(2_MiB);
  auto echoing = run_async([&] {
    Bytes buffer(16_KiB);
    std::size_t left = sent.size();
    while (left > 0) {
      const std::size_t count = server.read_some(buffer);
      server.write_all(std::span(buffer).first(count));
      left -= count;
    }
    return 0;
  });
  auto writing = run_async([half = std::move(writer), &sent]() mutable { return half.write_all(sent); });
  Bytes received(sent.size());
  EXPECT_EQ(reader.read_exact(received), sent.size());
  EXPECT_EQ(writing.result(), sent.size());
  EXPECT_TRUE(received == sent);
  echoing.result();
}

TEST_P(Halves, OfOneStreamAreReunited) {
  LocalStream whole = LocalStream::reunite(std::move(reader), std::move(writer));
  EXPECT_TRUE(whole.is_open());
  EXPECT_FALSE(reader.is_open());
  EXPECT_FALSE(writer.is_open());
  expect_connected(whole, server);
  whole.close();
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Halves, OfTwoStreamsStayWithTheirOwner) {
  auto others = std::move(server).split();
  LocalReader& other_reader = others.first;
  LocalWriter& other_writer = others.second;
  std::error_code ec;
  const LocalStream none = LocalStream::reunite(std::move(reader), std::move(other_writer), ec);
  EXPECT_CODE(ec, std::errc::invalid_argument);
  EXPECT_FALSE(none.is_open());
  EXPECT_THROWS_CODE(LocalStream::reunite(std::move(other_reader), std::move(writer)), std::errc::invalid_argument);
  LocalStream one = LocalStream::reunite(std::move(reader), std::move(writer));
  LocalStream other = LocalStream::reunite(std::move(other_reader), std::move(other_writer));
  expect_connected(one, other);
}

TEST_P(Halves, OfNothingAreNotReunited) {
  std::error_code ec;
  LocalStream::reunite(LocalReader(), LocalWriter(), ec);
  EXPECT_CODE(ec, std::errc::invalid_argument);
}

TEST_P(Halves, TheWriterDroppedAloneEndsItsDirectionWhereThatCanBe) {
  writer.write_all("last");
  writer.close();
  EXPECT_FALSE(writer.is_open());
  EXPECT_TRUE(reader.is_open());
  std::error_code ec;
  EXPECT_EQ(writer.write_all(bytes_of("x"), {}, ec), 0U);
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_EQ(read_text(server, 4), "last");
  Bytes byte(1);
  if (platform.can_half_close) {
    EXPECT_OUTCOME(read_some(server, byte), 0, success);
  } else {
    EXPECT_OUTCOME(read_some(server, byte, 0s), 0, std::errc::timed_out);
  }
  server.write_all("pong");
  EXPECT_EQ(read_by_reader(4), "pong");
  reader.close();
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Halves, TheReaderDroppedAloneEndsItsDirectionWhereThatCanBe) {
  reader.close();
  EXPECT_FALSE(reader.is_open());
  writer.write_all("ping");
  EXPECT_EQ(read_text(server, 4), "ping");
  if (platform.can_half_close) {
    EXPECT_CODE(write_all(server, bytes_of("x")).ec, std::errc::broken_pipe);
  } else {
    EXPECT_CODE(write_all(server, bytes_of("x")).ec, success);
  }
  writer.close();
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Halves, TheDestructorDoesTheSame) {
  { const LocalWriter gone = std::move(writer); }
  { const LocalReader gone = std::move(reader); }
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Halves, AssignmentClosesWhatWasThere) {
  reader = LocalReader();
  writer = LocalWriter();
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Halves, ClosingTheReaderEndsACallThatWaits) {
  auto reading = run_async([&] {
    Bytes byte(1);
    std::error_code ec;
    reader.read_some(byte, {}, ec);
    return ec;
  });
  reading.wait_until_blocked(Moment::late);
  reader.close();
  EXPECT_TRUE(reading.finished_within(soon()));
  EXPECT_CODE(reading.result(), Errc::closed);
  writer.write_all("still");
  EXPECT_EQ(read_text(server, 5), "still");
}

TEST_P(Halves, ClosingTheReaderEndsAReadOfAnExactSizeToo) {
  server.write_all("par");
  auto reading = run_async([&] {
    Bytes bytes(4);
    std::error_code ec;
    const std::size_t count = reader.read_exact(bytes, {}, ec);
    return Outcome{count, ec};
  });
  reading.wait_until_blocked(Moment::late);
  reader.close();
  const Outcome outcome = reading.result();
  EXPECT_EQ(outcome.count, 3U);
  EXPECT_CODE(outcome.ec, Errc::closed);
}

TEST_P(Halves, ClosingTheWriterEndsACallThatWaits) {
  const Bytes sent = some_bytes(16_MiB);
  auto writing = run_async([&] {
    std::error_code ec;
    writer.write_all(sent, {}, ec);
    return ec;
  });
  writing.wait_until_blocked(Moment::late);
  writer.close();
  EXPECT_TRUE(writing.finished_within(soon()));
  EXPECT_CODE(writing.result(), Errc::closed);
  server.write_all("pong");
  EXPECT_EQ(read_by_reader(4), "pong");
}

TEST_P(Halves, AWriterWhoseTimeIsOverStillEndsItsDirectionWhereThatCanBe) {
  writer.set_deadline(Clock::now());
  writer.close();
  Bytes byte(1);
  if (platform.can_half_close) {
    EXPECT_OUTCOME(read_some(server, byte, soon()), 0, success);
  } else {
    EXPECT_OUTCOME(read_some(server, byte, 0s), 0, std::errc::timed_out);
  }
}

TEST_P(Halves, CancelIsForTheirOwnDirectionAlone) {
  auto reading = run_async([&] { return read_by_reader(4); });
  reading.wait_until_blocked();
  writer.cancel();
  server.write_all("pong");
  EXPECT_EQ(reading.result(), "pong");

  auto canceled = run_async([&] {
    Bytes byte(1);
    std::error_code ec;
    while (!ec) reader.read_some(byte, 5s, ec);
    return ec;
  });
  canceled.wait_until_blocked(Moment::late);
  reader.cancel();
  EXPECT_CODE(canceled.result(), std::errc::operation_canceled);
}

TEST_P(Halves, HaveTimeOutsOfTheirOwn) {
  reader.set_timeout(0s);
  Bytes byte(1);
  std::error_code ec;
  reader.read_some(byte, {}, ec);
  EXPECT_CODE(ec, std::errc::timed_out);
  writer.write_all("x");
  writer.set_deadline(Clock::now());
  writer.write_all(bytes_of("x"), {}, ec);
  EXPECT_CODE(ec, std::errc::timed_out);
}

TEST(NoHalves, AreClosed) {
  LocalReader reader;
  LocalWriter writer;
  EXPECT_FALSE(reader.is_open());
  EXPECT_FALSE(writer.is_open());
  Bytes byte(1);
  EXPECT_THROWS_CODE(reader.read_some(byte), Errc::closed);
  EXPECT_THROWS_CODE(writer.write_some(byte), Errc::closed);
  reader.cancel();
  writer.cancel();
  reader.close();
  writer.close();
}

// Copies.

using Duplicate = EachOriginTest;
INSTANTIATE_FOR_EACH_ORIGIN(Duplicate);

TEST_P(Duplicate, KeepsTheConnectionWhenTheFirstIsClosed) {
  LocalStream copy = client.duplicate();
  EXPECT_NE(copy.native_handle(), client.native_handle());
  client.close();
  expect_connected(copy, server);
  copy.close();
  EXPECT_EQ(text_until_end(server), "");
}

TEST_P(Duplicate, IsKeptByTheFirstWhenItIsClosed) {
  client.duplicate().close();
  expect_connected(client, server);
}

TEST_P(Duplicate, WritesIntoTheSameOrder) {
  LocalStream copy = client.duplicate();
  client.write_all("1");
  copy.write_all("2");
  client.write_all("3");
  EXPECT_EQ(read_text(server, 3), "123");
}

TEST_P(Duplicate, ReadsFromTheSameBytes) {
  LocalStream copy = client.duplicate();
  server.write_all("abcd");
  EXPECT_EQ(read_text(client, 1), "a");
  EXPECT_EQ(read_text(copy, 2), "bc");
  EXPECT_EQ(read_text(client, 1), "d");
}

TEST_P(Duplicate, HasNoSettingsAndSharesNone) {
  client.set_read_timeout(0s);
  client.set_nonblocking(true);
  LocalStream copy = client.duplicate();
  EXPECT_EQ(copy.read_timeout(), std::nullopt);
  Bytes byte(1);
  EXPECT_CODE(read_some(client, byte).ec, std::errc::operation_would_block);
  auto reading = run_async([&] { return read_text(copy, 1); });
  reading.wait_until_blocked(Moment::late);
  EXPECT_FALSE(reading.finished());
  server.write_all("x");
  EXPECT_EQ(reading.result(), "x");
  copy.set_write_timeout(1s);
  EXPECT_EQ(client.write_timeout(), std::nullopt);
}

TEST_P(Duplicate, IsInterruptedAlone) {
  LocalStream copy = client.duplicate();
  auto reading = run_async([&] { return read_text(copy, 1); });
  reading.wait_until_blocked();
  client.cancel();
  client.close();
  EXPECT_FALSE(reading.finished_within(long_wait));
  server.write_all("x");
  EXPECT_EQ(reading.result(), "x");
}

TEST_P(Duplicate, StaysInterruptibleWhenTheOtherIsReleased) {
  LocalStream copy = client.duplicate();
  Bytes byte(1);
  EXPECT_CODE(read_some(copy, byte, 1ms).ec, std::errc::timed_out);
  const ForeignHandle released("the first", client.release());
  for (const Moment moment : {Moment::early, Moment::late}) {
    auto reading = run_async([&] { return read_some(copy, byte).ec; });
    reading.wait_until_blocked(moment);
    copy.cancel();
    EXPECT_TRUE(reading.finished_within(soon()));
    EXPECT_CODE(reading.result(), std::errc::operation_canceled);
  }
  EXPECT_CODE(read_some(copy, byte, 20ms).ec, std::errc::timed_out);
}

TEST_P(Duplicate, OfACopyIsACopy) {
  LocalStream third = client.duplicate().duplicate();
  client.close();
  expect_connected(third, server);
}

TEST_P(Duplicate, OfAClosedStreamIsClosed) {
  client.close();
  std::error_code ec;
  const LocalStream copy = client.duplicate(ec);
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_THROWS_CODE(LocalStream().duplicate(), Errc::closed);
}

TEST(DuplicateOfAConnection, HasItsAddresses) {
  LocalListener listener = listening();
  const LocalStream client = LocalStream::connect(listener.local_address());
  const LocalStream server = listener.accept();
  EXPECT_EQ(client.duplicate().peer_address(), listener.local_address());
  EXPECT_EQ(server.duplicate().local_address(), listener.local_address());
}

// Available.

using Available = EachOriginTest;
INSTANTIATE_FOR_EACH_ORIGIN(Available);

TEST_P(Available, IsWhatCanBeReadAtOnce) {
  EXPECT_EQ(server.available(), 0U);
  client.write_all("hello");
  EXPECT_EQ(server.available(), 5U);
  EXPECT_EQ(client.available(), 0U);
  read_text(server, 2);
  EXPECT_EQ(server.available(), 3U);
}

TEST_P(Available, IsStillThereAfterThePeerHasLeft) {
  client.write_all("hello");
  client.close();
  EXPECT_EQ(server.available(), 5U);
  EXPECT_EQ(text_until_end(server), "hello");
  EXPECT_EQ(server.available(), 0U);
}

TEST_P(Available, OfAClosedStreamIsClosed) {
  client.close();
  std::error_code ec;
  EXPECT_EQ(client.available(ec), 0U);
  EXPECT_CODE(ec, Errc::closed);
}

// The peer.

using PeerGone = EachOriginTest;
INSTANTIATE_FOR_EACH_ORIGIN(PeerGone);

TEST_P(PeerGone, IsNotOneThatHasEndedItsWriting) {
  EXPECT_FALSE(server.is_peer_gone());
  std::error_code ec;
  client.shutdown(Shutdown::write, ec);
  if (!ec) {
    EXPECT_EQ(text_until_end(server), "");
  }
  EXPECT_FALSE(server.is_peer_gone());
  EXPECT_FALSE(client.is_peer_gone());
}

TEST_P(PeerGone, IsOneThatHasClosed) {
  auto [reader, writer] = std::move(server).split();
  client.write_all("last words");
  client.close();
  EXPECT_EQ(text_of(reader.read_to_end(100)), "last words");
  EXPECT_TRUE(reader.is_peer_gone());
  EXPECT_TRUE(writer.is_peer_gone());
}

TEST_P(PeerGone, OfAClosedStreamIsClosed) {
  client.close();
  std::error_code ec;
  EXPECT_FALSE(client.is_peer_gone(ec));
  EXPECT_CODE(ec, Errc::closed);
}

// All there is to read.

using ReadToEnd = EachOriginTest;
INSTANTIATE_FOR_EACH_ORIGIN(ReadToEnd);

TEST_P(ReadToEnd, GivesEverything) {
  const Bytes sent = ByteSequence().take(300000);
  auto writing = run_async([&] {
    client.write_all(sent);
    client.close();
  });
  EXPECT_TRUE(server.read_to_end(sent.size()) == sent);
  writing.result();
  EXPECT_TRUE(server.read_to_end(0).empty());
}

TEST_P(ReadToEnd, GivesNoMoreThanItsLimit) {
  client.write_all("four and more");
  client.close();
  std::error_code ec;
  EXPECT_EQ(text_of(server.read_to_end(4, ec)), "four");
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_THROWS_CODE(server.read_to_end(3), Errc::message_too_large);
}

TEST_P(ReadToEnd, EndsWithItsWaitAndGivesWhatCame) {
  client.write_all("some");
  std::error_code ec;
  EXPECT_EQ(text_of(server.read_to_end(SIZE_MAX, long_wait, ec)), "some");
  EXPECT_CODE(ec, std::errc::timed_out);
  server.close();
  EXPECT_TRUE(server.read_to_end(1, ec).empty());
  EXPECT_CODE(ec, Errc::closed);
}

// Drain.

class Drain : public EachOriginTest {
 protected:
  void SetUp() override {
    if (!platform.can_drain) GTEST_SKIP() << "the system cannot tell what a peer has read";
  }
  std::error_code ec;
};
INSTANTIATE_FOR_EACH_ORIGIN(Drain);

TEST_P(Drain, OfNothingIsTrueAtOnce) {
  EXPECT_TRUE(client.drain());
  EXPECT_TRUE(client.drain(0s));
}

TEST_P(Drain, IsTrueOnceThePeerHasReadAll) {
  client.write_all("hello");
  auto draining = run_async([&] { return client.drain(); });
  draining.wait_until_blocked();
  EXPECT_EQ(read_text(server, 4), "hell");
  EXPECT_FALSE(draining.finished_within(long_wait));
  EXPECT_EQ(read_text(server, 1), "o");
  EXPECT_TRUE(draining.finished_within(soon()));
  EXPECT_TRUE(draining.result());
}

TEST_P(Drain, IsFalseWhenTheTimeIsOver) {
  client.write_all("hello");
  EXPECT_FALSE(client.drain(0s));
  EXPECT_FALSE(client.drain(20ms, ec));
  EXPECT_CODE(ec, success);
  EXPECT_EQ(read_text(server, 5), "hello");
  EXPECT_TRUE(client.drain(soon()));
}

TEST_P(Drain, IsCanceled) {
  client.write_all("hello");
  auto draining = run_async([&] {
    std::error_code code;
    client.drain({}, code);
    return code;
  });
  draining.wait_until_blocked(Moment::late);
  client.cancel();
  EXPECT_TRUE(draining.finished_within(soon()));
  EXPECT_CODE(draining.result(), std::errc::operation_canceled);
  EXPECT_EQ(read_text(server, 5), "hello");
}

TEST_P(Drain, IsStopped) {
  client.write_all("hello");
  stop_source source;
  auto draining = run_async([&] {
    std::error_code code;
    client.drain(source.get_token(), code);
    return code;
  });
  draining.wait_until_blocked(Moment::late);
  source.request_stop();
  EXPECT_TRUE(draining.finished_within(soon()));
  EXPECT_CODE(draining.result(), std::errc::operation_canceled);
}

TEST_P(Drain, EndsWithClose) {
  client.write_all("hello");
  auto draining = run_async([&] {
    std::error_code code;
    client.drain({}, code);
    return code;
  });
  draining.wait_until_blocked(Moment::late);
  client.close();
  EXPECT_TRUE(draining.finished_within(soon()));
  EXPECT_CODE(draining.result(), Errc::closed);
  EXPECT_EQ(text_until_end(server), "hello");
}

TEST_P(Drain, IsBrokenWhenThePeerIsGoneWithBytesUnread) {
  client.write_all("hello");
  server.close();
  for (int time = 0; time < 2; ++time) {
    const bool is_drained = client.drain(soon(), ec);
    if (is_drained && !platform.drain_knows_what_was_lost) continue;  // a pipe takes "gone" for "read"
    EXPECT_FALSE(is_drained);
    EXPECT_CODE(ec, std::errc::broken_pipe);
  }
}

TEST_P(Drain, IsTrueWhenThePeerHasReadAllAndLeft) {
  client.write_all("hello");
  EXPECT_EQ(read_text(server, 5), "hello");
  server.close();
  EXPECT_TRUE(client.drain(soon(), ec));
  EXPECT_CODE(ec, success);
}

TEST_P(Drain, ThatWaitsIsBrokenWhenThePeerLeaves) {
  client.write_all("hello");
  auto draining = run_async([&] {
    std::error_code code;
    client.drain({}, code);
    return code;
  });
  draining.wait_until_blocked(Moment::late);
  server.close();
  EXPECT_TRUE(draining.finished_within(soon()));
  const std::error_code result = draining.result();
  // The system's own call may begin after the close, and a pipe takes "gone" for "read" then.
  if (result || platform.drain_knows_what_was_lost) {
    EXPECT_CODE(result, std::errc::broken_pipe);
  }
}

TEST_P(Drain, DoesNotHoldUpReading) {
  client.write_all("hello");
  auto draining = run_async([&] { return client.drain(); });
  draining.wait_until_blocked(Moment::late);
  server.write_all("x");
  EXPECT_EQ(read_text(client, 1), "x");
  EXPECT_EQ(read_text(server, 5), "hello");
  EXPECT_TRUE(draining.result());
}

TEST_P(Drain, OfAClosedStreamIsClosed) {
  client.close();
  EXPECT_FALSE(client.drain(0s, ec));
  EXPECT_CODE(ec, Errc::closed);
}

TEST(DrainOfNothing, IsTrueOrNotSupported) {
  Ends ends = connected_ends();
  std::error_code ec;
  EXPECT_EQ(ends.client.drain(soon(), ec), platform.can_drain);
  if (!platform.can_drain) {
    EXPECT_CODE(ec, std::errc::operation_not_supported);
  } else {
    EXPECT_CODE(ec, success);
  }
}

}  // namespace
}  // namespace localsocket::test
