// Half-close on pipes: a message-type pipe that is read message by message, and an empty one is the end of the stream.
#include <windows.h>

#include <algorithm>
#include <string>
#include <utility>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"

namespace localsocket::test {
namespace {

ListenOptions with_half_close() { return {.windows = {.half_close = true}}; }

enum class Who { client, server };

void PrintTo(Who who, std::ostream* out) { *out << (who == Who::client ? "Client" : "Server"); }

/// Both tests of each kind: the client ends its direction, or the server does.
class HalfClose : public ::testing::TestWithParam<Who> {
 protected:
  Ends ends = connected_ends(with_half_close());
  LocalStream& ending = GetParam() == Who::client ? ends.client : ends.server;
  LocalStream& other = GetParam() == Who::client ? ends.server : ends.client;
};
INSTANTIATE_TEST_SUITE_P(By, HalfClose, ::testing::Values(Who::client, Who::server),
                         ::testing::PrintToStringParamName());

TEST_P(HalfClose, ThePeerReadsAllAndThenTheEndAgainAndAgain) {
  ending.write_all("last words");
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(other), "last words");
  Bytes byte(1);
  for (int i = 0; i < 3; ++i) EXPECT_OUTCOME(read_some(other, byte, 0s), 0, success);
  EXPECT_OUTCOME(read_exact(other, byte), 0, Errc::end_of_stream);
}

TEST_P(HalfClose, AReaderThatWaitsSeesTheEnd) {
  auto reading = run_async([&] { return text_until_end(other); });
  reading.wait_until_blocked(Moment::late);
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(reading.result(), "");
}

TEST_P(HalfClose, TheOtherDirectionGoesOn) {
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(other), "");
  other.write_all("still here");
  EXPECT_EQ(read_text(ending, 10), "still here");
  other.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(ending), "");
}

TEST_P(HalfClose, WritesAfterItAreBroken) {
  ending.shutdown(Shutdown::write);
  EXPECT_OUTCOME(write_all(ending, bytes_of("x")), 0, std::errc::broken_pipe);
  EXPECT_OUTCOME(write_some(ending, bytes_of("x")), 0, std::errc::broken_pipe);
  EXPECT_EQ(text_until_end(other), "");
}

TEST_P(HalfClose, KnowsNoDeadline) {
  ending.set_write_deadline(Clock::now() - 1s);
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(other), "");
}

TEST_P(HalfClose, TwiceIsOnce) {
  ending.shutdown(Shutdown::write);
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(other), "");
  EXPECT_EQ(other.available(), 0U);
}

TEST_P(HalfClose, IsForWritingOnly) {
  std::error_code ec;
  for (const Shutdown how : {Shutdown::read, Shutdown::both}) {
    ending.shutdown(how, ec);
    EXPECT_CODE(ec, std::errc::operation_not_supported);
  }
  expect_connected(ends.client, ends.server);
}

TEST_P(HalfClose, AWriteOfNothingIsNotTheEnd) {
  ending.write_all("");
  EXPECT_OUTCOME(write_some(ending, {}), 0, success);
  ending.write_all("x");
  EXPECT_EQ(read_text(other, 1), "x");
}

TEST_P(HalfClose, CarriesBytesInOrderWhateverTheSizesOfReadsAndWrites) {
  const Bytes sent = some_bytes(3_MiB);
  auto writing = run_async([&] {
    RandomSizes sizes(200'000, 1);
    std::span<const std::byte> rest = sent;
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), sizes.next()));
      ending.write_all(part);
      rest = rest.subspan(part.size());
    }
    ending.shutdown(Shutdown::write);
    return true;
  });
  RandomSizes sizes(200'000, 2);
  Bytes received;
  Bytes buffer(200'000);
  while (const std::size_t count = other.read_some(std::span(buffer).first(sizes.next()))) {
    received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
  EXPECT_TRUE(writing.result());
  EXPECT_TRUE(received == sent);
}

TEST_P(HalfClose, AWriterDroppedAloneEndsItsDirection) {
  auto [reader, writer] = std::move(ending).split();
  writer.write_all("last");
  writer.close();
  EXPECT_EQ(text_until_end(other), "last");
  other.write_all("pong");
  Bytes bytes(4);
  EXPECT_EQ(reader.read_exact(bytes), 4U);
}

TEST_P(HalfClose, OfAFullConnectionIsTheEndOfAllThatItHolds) {
  const std::size_t filled = fill(ending);
  auto shutting = run_async([&] {
    ending.shutdown(Shutdown::write);
    return true;
  });
  shutting.wait_until_blocked();
  EXPECT_EQ(read_to_end(other).size(), filled);
  EXPECT_TRUE(shutting.result());
}

TEST_P(HalfClose, AWriterDroppedWhileTheConnectionIsFullDoesNotWait) {
  auto [reader, writer] = std::move(ending).split();
  std::error_code ec;
  const Bytes chunk = some_bytes(4096);
  while (!ec) writer.write_all(chunk, 0s, ec);
  ASSERT_CODE(ec, std::errc::timed_out);
  auto closing = run_async([&] {
    writer.close();
    return true;
  });
  EXPECT_TRUE(closing.finished_within(soon()));
  EXPECT_GE(read_to_end(other).size(), chunk.size());
}

TEST_P(HalfClose, BothEndsReadMessageByMessage) {
  for (LocalStream* end : {&ending, &other}) {
    DWORD modes = 0;
    ASSERT_TRUE(GetNamedPipeHandleStateW(end->native_handle(), &modes, nullptr, nullptr, nullptr, nullptr, 0));
    EXPECT_NE(modes & PIPE_READMODE_MESSAGE, 0U);
    EXPECT_EQ(modes & PIPE_NOWAIT, 0U);
  }
}

TEST_P(HalfClose, AMebibyteAndTheEndArriveWhole) {
  const Bytes sent = some_bytes(1_MiB);
  auto writing = run_async([&] {
    ending.write_all(sent);
    ending.shutdown(Shutdown::write);
    return true;
  });
  EXPECT_TRUE(read_to_end(other) == sent);
  EXPECT_TRUE(writing.result());
}

TEST_P(HalfClose, AMessageOfMoreThanTheReaderTakesIsReadInParts) {
  Bytes two(2);
  auto reading = run_async([&] { return read_some(other, two); });
  reading.wait_until_blocked();
  ending.write_all("hello");
  EXPECT_OUTCOME(reading.result(), 2, success);
  EXPECT_EQ(text_of(two), "he");
  EXPECT_EQ(read_text(other, 3), "llo");
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(other), "");
}

TEST_P(HalfClose, NothingIsAvailableAfterTheEnd) {
  ending.write_all("last");
  ending.shutdown(Shutdown::write);
  EXPECT_EQ(other.available(), 4U);
  EXPECT_EQ(text_until_end(other), "last");
  EXPECT_EQ(other.available(), 0U);
}

TEST_P(HalfClose, CloseIsTheEndToo) {
  ending.write_all("last");
  ending.close();
  EXPECT_EQ(text_until_end(other), "last");
}

TEST(HalfCloseOfABytePipe, IsNotSupported) {
  Ends ends = connected_ends();
  std::error_code ec;
  ends.client.shutdown(Shutdown::write, ec);
  EXPECT_CODE(ec, std::errc::operation_not_supported);
  expect_connected(ends.client, ends.server);
}

// As go-winio's pipes do it: CloseWrite writes zero bytes, and a read of zero bytes is the end.

class ForeignHalfClose : public ::testing::Test {
 protected:
  LocalListener listener = listening(with_half_close());
  RawPipe client = message_client(listener.local_address().native());
  LocalStream server = listener.accept();

  static RawPipe message_client(const std::string& name) {
    RawPipe pipe = RawPipe::client(name);
    DWORD mode = PIPE_READMODE_MESSAGE;
    EXPECT_TRUE(SetNamedPipeHandleState(pipe.get(), &mode, nullptr, nullptr));
    return pipe;
  }
};

TEST_F(ForeignHalfClose, AnEmptyMessageIsTheEnd) {
  client.write("hello");
  client.write("");
  EXPECT_EQ(text_until_end(server), "hello");
  server.write_all("bye");
  EXPECT_EQ(client.read(3), "bye");
}

TEST_F(ForeignHalfClose, TheEmptyMessageIsTheEndBeforeWhateverFollowsIt) {
  client.write("abc");
  client.write("");
  client.write("de");
  EXPECT_EQ(text_until_end(server), "abc");
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(server, byte), 0, success);
}

TEST(ForeignMessageServer, EndsItsHalfWithAnEmptyMessageToo) {
  const std::string name = LocalAddress::unique().native();
  const RawPipe server = RawPipe::server(name, {.mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE});
  LocalStream client = LocalStream::connect(name);
  server.write("abc");
  server.write("");
  server.write("de");
  EXPECT_EQ(text_until_end(client), "abc");
  client.write_all("still here");
  EXPECT_EQ(server.read(10), "still here");
}

TEST_F(ForeignHalfClose, ShutdownIsAnEmptyMessage) {
  server.write_all("bye");
  server.shutdown(Shutdown::write);
  EXPECT_EQ(client.read(3), "bye");
  char byte = 0;
  DWORD count = 1;
  EXPECT_TRUE(ReadFile(client.get(), &byte, 1, &count, nullptr));
  EXPECT_EQ(count, 0U);
  client.write("still here");
  EXPECT_EQ(read_text(server, 10), "still here");
}

TEST_F(ForeignHalfClose, MessagesAreReadAsBytes) {
  client.write("one");
  client.write("two");
  EXPECT_EQ(read_text(server, 4), "onet");
  EXPECT_EQ(read_text(server, 2), "wo");
}

}  // namespace
}  // namespace localsocket::test
