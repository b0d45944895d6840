// docs/design.md, section 16.8: what a write that may not wait leaves to a stream in a wait set.
#include <windows.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/failing_call.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "support/wait_sets.hpp"

namespace localsocket::test {
namespace {

using Ready = WaitSet::Ready;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WaitSet::Key key = 7;

/// A writer in a set that tells of space, and more bytes than a pipe takes.
class PendingWrites : public ::testing::Test {
 protected:
  explicit PendingWrites(const ListenOptions& options = {}) : ends(connected_ends(options)) {
    set.add(key, writer, Ready::writable);
  }

  /// As many bytes of the sequence as are taken without waiting.
  std::size_t fill() {
    const Bytes bytes = some_bytes(256_KiB);
    const Outcome outcome = write_all(writer, bytes, 0s);
    EXPECT_CODE(outcome.ec, std::errc::timed_out);
    return outcome.count;
  }

  void expect_read(std::size_t count) {
    Bytes bytes(count);
    EXPECT_OUTCOME(read_exact(reader, bytes, 10s), count, success);
    EXPECT_TRUE(read_.continues_with(bytes));
  }

  /// That the reader gets all that was taken, and the text, and then the end.
  void expect_read_to_the_end(std::size_t count, std::string_view text = "") {
    expect_read(count);
    EXPECT_EQ(text_until_end(reader), text);
  }

  void expect_space() { EXPECT_THAT(keys_of(set, 100ms * time_factor()), ElementsAre(key)); }

  Ends ends;
  LocalStream& writer = ends.client;
  LocalStream& reader = ends.server;
  WaitSet set;
  test::Event is_full;

 private:
  ByteSequence read_;
};

TEST_F(PendingWrites, TakeOneBufferMoreThanThePipe) {
  EXPECT_EQ(fill(), platform.exact_room + 64_KiB);
  EXPECT_THAT(keys_of(set), IsEmpty());
  EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 0, std::errc::timed_out);
  writer.set_nonblocking(true);
  EXPECT_OUTCOME(write_some(writer, bytes_of("x")), 0, std::errc::operation_would_block);
}

TEST_F(PendingWrites, EndWhenThePipeHasSpace) {
  for (int i = 0; i < 3; ++i) {
    const Outcome first = write_some(writer, bytes_of("first"), 0s);
    EXPECT_OUTCOME(first, 5, success);
    EXPECT_THAT(keys_of(set), ElementsAre(key)) << "it has not had to wait";
    EXPECT_EQ(read_text(reader, 5), "first");
  }
  const std::size_t taken = fill();
  EXPECT_THAT(keys_of(set), IsEmpty());
  expect_read(taken - 64_KiB);
  expect_space();
  EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 1, success);
  expect_read(64_KiB);
  EXPECT_EQ(read_text(reader, 1), "x");
}

TEST_F(PendingWrites, EndAWait) {
  const std::size_t taken = fill();
  auto waiting = run_async([&] { return keys_of(set, 1h); });
  waiting.wait_until_blocked();
  expect_read(taken);
  EXPECT_TRUE(waiting.finished_within(100ms * time_factor()));
  EXPECT_THAT(waiting.result(), ElementsAre(key));
}

TEST_F(PendingWrites, AreOfTheSetAlone) {
  set.remove(key);
  auto [one, other] = LocalStream::pair();
  Outcome outcome = write_all(one, Bytes(256_KiB), 0s);
  EXPECT_OUTCOME(outcome, platform.exact_room, std::errc::timed_out);
  set.add(key, one);
  EXPECT_OUTCOME(write_some(one, Bytes(1), 0s), 0, std::errc::timed_out);
  set.change(key, Ready::writable);
  EXPECT_OUTCOME(write_some(one, Bytes(1), 0s), 1, success);
}

TEST_F(PendingWrites, AreBeforeAWriteThatWaits) {
  const std::size_t taken = fill();
  auto writing = run_async([&] { return write_all(writer, bytes_of("last")); });
  writing.wait_until_blocked();
  expect_read(taken);
  EXPECT_OUTCOME(writing.result(), 4, success);
  EXPECT_EQ(read_text(reader, 4), "last");
}

TEST_F(PendingWrites, AreNotEndedWithAWriteThatWaits) {
  const std::size_t taken = fill();
  EXPECT_OUTCOME(write_all(writer, bytes_of("none"), 20ms), 0, std::errc::timed_out);
  auto writing = run_async([&] { return write_all(writer, bytes_of("none")); });
  writing.wait_until_blocked();
  writer.cancel();
  EXPECT_OUTCOME(writing.result(), 0, std::errc::operation_canceled);
  stop_source stop;
  writing = run_async([&] { return write_all(writer, bytes_of("none"), stop.get_token()); });
  writing.wait_until_blocked();
  stop.request_stop();
  EXPECT_OUTCOME(writing.result(), 0, std::errc::operation_canceled);
  writing = run_async([&] { return write_all(writer, bytes_of("none")); });
  writing.wait_until_blocked();
  writer.close();
  EXPECT_OUTCOME(writing.result(), 0, Errc::closed);
  expect_read_to_the_end(taken);
}

TEST_F(PendingWrites, AreDeliveredAfterAClose) {
  const std::size_t taken = fill();
  EXPECT_LT(time_of([&] { writer.close(); }), soon());
  writer.close();
  expect_read_to_the_end(taken);
}

TEST_F(PendingWrites, AreDeliveredAfterTheStreamIsDestroyed) {
  const std::size_t taken = fill();
  set.remove(key);
  { const LocalStream destroyed = std::move(writer); }
  expect_read_to_the_end(taken);
}

TEST_F(PendingWrites, AreDeliveredAfterTheyWereRemovedFromTheSet) {
  const std::size_t taken = fill();
  set.remove(key);
  expect_read(taken);
  write_all(writer, bytes_of("more"));
  EXPECT_EQ(read_text(reader, 4), "more");
}

TEST_F(PendingWrites, GoOnBesideAReleasedHandle) {
  const std::size_t taken = fill();
  LocalStream same = LocalStream::adopt(writer.release());
  EXPECT_OUTCOME(write_some(same, bytes_of("none"), 0s), 0, std::errc::timed_out);
  auto writing = run_async([&] { return write_all(same, bytes_of("last")); });
  writing.wait_until_blocked();
  expect_read(taken);
  EXPECT_OUTCOME(writing.result(), 4, success);
  same.close();
  expect_read_to_the_end(0, "last");
}

TEST_F(PendingWrites, OutliveAReleasedHandle) {
  const std::size_t taken = fill();
  close_handle(writer.release());
  expect_read_to_the_end(taken);
}

TEST_F(PendingWrites, OutliveTheThreadThatBeganThem) {
  std::size_t taken = 0;
  {
    auto filling = run_async([&] { return fill(); });
    taken = filling.result();
  }
  expect_read(taken);
  write_all(writer, bytes_of("last"));
  EXPECT_EQ(read_text(reader, 4), "last");
}

TEST_F(PendingWrites, KeepTheirPlaceWhenTheirThreadExits) {
  test::Event may_exit;
  auto filling = run_async([&] {
    const std::size_t taken = fill();
    is_full.set();
    may_exit.wait();
    return taken;
  });
  is_full.wait();
  auto writing = run_async([&] { return write_all(writer, bytes_of("last")); });
  writing.wait_until_blocked();
  may_exit.set();
  const std::size_t taken = filling.result();
  { const auto ended = std::move(filling); }
  expect_read(taken);
  EXPECT_OUTCOME(writing.result(), 4, success);
  EXPECT_EQ(read_text(reader, 4), "last");
}

// It is the one failure that the pipe itself does not tell of.
TEST_F(PendingWrites, ThatCannotBeBegunAnewAreToldByEachCallThatFollows) {
  {
    std::optional<FailingCall> failing;
    run_async([&] {
      const std::size_t taken = fill();
      failing.emplace("WriteFile", FALSE, ERROR_NO_SYSTEM_RESOURCES);
      return taken;
    }).result();
    EXPECT_THAT(keys_of(set, 10s), ElementsAre(key));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 0, std::errc::too_many_files_open);
    EXPECT_OUTCOME(write_some(writer, bytes_of("x")), 0, std::errc::too_many_files_open);
    EXPECT_THROWS_CODE(writer.drain(), std::errc::too_many_files_open);
  }
  writer.close();
  expect_read_to_the_end(platform.exact_room);
}

TEST_F(PendingWrites, AreWaitedForByADrain) {
  const std::size_t taken = fill();
  EXPECT_FALSE(writer.drain(20ms));
  auto draining = run_async([&] { return writer.drain(); });
  draining.wait_until_blocked();
  expect_read(taken - 1);
  EXPECT_FALSE(draining.finished_within(long_wait));
  expect_read(1);
  EXPECT_TRUE(draining.result());
}

TEST_F(PendingWrites, ThatFailAreToldByEachCallThatFollows) {
  fill();
  auto waiting = run_async([&] { return keys_of(set, 1h); });
  waiting.wait_until_blocked();
  reader.close();
  EXPECT_THAT(waiting.result(), ElementsAre(key));
  for (int i = 0; i < 2; ++i) {
    EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 0, std::errc::broken_pipe);
    EXPECT_OUTCOME(write_some(writer, bytes_of("x")), 0, std::errc::broken_pipe);
    EXPECT_THROWS_CODE(writer.drain(), std::errc::broken_pipe);
    EXPECT_THAT(keys_of(set), ElementsAre(key));
  }
}

TEST_F(PendingWrites, ThatFailEndAWriteThatWaits) {
  fill();
  auto writing = run_async([&] { return write_all(writer, bytes_of("x")); });
  writing.wait_until_blocked();
  reader.close();
  EXPECT_OUTCOME(writing.result(), 0, std::errc::broken_pipe);
}

TEST_F(PendingWrites, AreNotOfWritesThatMayWait) {
  write_all(writer, some_bytes(platform.exact_room), 0s);
  EXPECT_OUTCOME(write_some(writer, bytes_of("none"), 20ms), 0, std::errc::timed_out);
  EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 1, success);
  expect_read(platform.exact_room);
  EXPECT_EQ(read_text(reader, 1), "x");
}

TEST_F(PendingWrites, ThatCannotBeginHaveTakenNothing) {
  write_all(writer, some_bytes(platform.exact_room), 0s);
  {
    const FailingCall failing("WriteFile", FALSE, ERROR_NO_SYSTEM_RESOURCES, 1);
    EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 0, std::errc::too_many_files_open);
  }
  EXPECT_THAT(keys_of(set), ElementsAre(key));
  EXPECT_OUTCOME(write_some(writer, bytes_of("y"), 0s), 1, success);
  expect_read(platform.exact_room);
  EXPECT_EQ(read_text(reader, 1), "y");
}

TEST_F(PendingWrites, GiveBackTheirHandles) {
  const auto round = [&] {
    auto [one, other] = LocalStream::pair();
    set.remove(key);
    set.add(key, one, Ready::writable);
    const std::size_t taken = write_all(one, Bytes(256_KiB), 0s).count;
    set.remove(key);
    one = LocalStream();
    EXPECT_EQ(read_to_end(other).size(), taken);
  };
  round();
  const std::size_t before = open_handles();
  for (int i = 0; i < 1000; ++i) round();
  const auto until = Clock::now() + soon();
  while (open_handles() > before + platform.handles_kept_by_the_runtime && Clock::now() < until)
    std::this_thread::yield();
  EXPECT_LE(open_handles(), before + platform.handles_kept_by_the_runtime);
}

TEST_F(PendingWrites, AreMessagesWhole) {
  MessageStream sender(std::move(writer));
  MessageStream receiver(std::move(reader));
  std::error_code ec;
  int sent = 0;
  while (!ec) {
    sender.send(std::to_string(sent) + std::string(1000, 'x'), 0s, ec);
    if (!ec) ++sent;
  }
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_GT(sent * 1000, 64'000) << "more than the pipe takes";
  EXPECT_THAT(keys_of(set), IsEmpty());
  sender.close();
  std::string message;
  int received = 0;
  for (; received < sent && receiver.receive(message); ++received) {
    EXPECT_EQ(message, std::to_string(received) + std::string(1000, 'x'));
  }
  EXPECT_EQ(received, sent);
}

class PendingWritesOnMessagePipe : public PendingWrites {
 protected:
  PendingWritesOnMessagePipe() : PendingWrites({.windows = {.half_close = true}}) {}
};

TEST_F(PendingWritesOnMessagePipe, AreBeforeTheEndOfTheHalf) {
  const std::size_t taken = fill();
  writer.shutdown(Shutdown::write);
  EXPECT_OUTCOME(write_some(writer, bytes_of("x"), 0s), 0, std::errc::broken_pipe);
  expect_read_to_the_end(taken);
  reader.write_all("answer");
  EXPECT_EQ(read_text(writer, 6), "answer");
}

TEST_F(PendingWritesOnMessagePipe, AreBeforeTheEndOfTheHalfAlsoAfterAClose) {
  const std::size_t taken = fill();
  writer.shutdown(Shutdown::write);
  writer.close();
  expect_read_to_the_end(taken);
}

class PendingPackets : public ::testing::Test {
 protected:
  PendingPackets() {
    auto [one, other] = LocalStream::pair(Type::packets);
    sender = MessageStream(std::move(one));
    receiver = MessageStream(std::move(other));
    set.add(key, sender, Ready::writable);
  }
  MessageStream sender;
  MessageStream receiver;
  WaitSet set;
};

TEST_F(PendingPackets, AreNotCutShort) {
  sender.send(std::string(60'000, 'a'));
  EXPECT_THROWS_CODE(sender.send(std::string(1_MiB, 'x'), 0s), std::errc::timed_out);
  std::string message;
  ASSERT_TRUE(receiver.receive(message));
  EXPECT_EQ(message, std::string(60'000, 'a'));
}

TEST_F(PendingPackets, KeepTheirBounds) {
  std::error_code ec;
  int sent = 0;
  while (!ec) {
    sender.send(std::string(60'000, static_cast<char>('a' + sent)), 0s, ec);
    if (!ec) ++sent;
  }
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_EQ(sent, 2);
  EXPECT_THAT(keys_of(set), IsEmpty());
  EXPECT_THROWS_CODE(sender.send(std::string(1_MiB, 'x'), 0s), std::errc::timed_out);
  std::string message;
  for (int i = 0; i < sent; ++i) {
    ASSERT_TRUE(receiver.receive(message));
    EXPECT_EQ(message, std::string(60'000, static_cast<char>('a' + i)));
  }
  EXPECT_THAT(keys_of(set, 100ms * time_factor()), ElementsAre(key));
  sender.send("last");
  ASSERT_TRUE(receiver.receive(message));
  EXPECT_EQ(message, "last");
}

}  // namespace
}  // namespace localsocket::test
