// A connection as a child's standard output.
#include <cstdio>
#include <string>
#include <utility>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// An ordinary program: it prints, and knows nothing of where that goes.
CHILD_PROCESS(print_and_exit) {
  for (int i = 0; i < std::stoi(args[0]); ++i) std::printf("line %d;", i);
  return 0;
}

CHILD_PROCESS(connect_and_print) {
  LocalStream::connect(args[0]);
  for (int i = 0; i < std::stoi(args[1]); ++i) std::printf("line %d;", i);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

CHILD_PROCESS(print_and_hang) {
  report("here");
  Event().wait();
  return 1;
}

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "line " + std::to_string(i) + ";";
  return text;
}

TEST(ChildOutput, IsWhatTheChildPrintsAndThenTheEnd) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  ChildProcess child = spawn_into(output.native_handle(), "print_and_exit", {"3"});
  output.close();
  EXPECT_EQ(text_until_end(server), lines(3));
  EXPECT_EQ(child.wait(), 0);
}

TEST(ChildOutput, OfMoreThanABufferWaitsForTheReader) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  ChildProcess child = spawn_into(output.native_handle(), "print_and_exit", {"50000"});
  output.close();
  EXPECT_EQ(text_until_end(server), lines(50'000));
  EXPECT_EQ(child.wait(), 0);
}

TEST(ChildOutput, BeginsWithWhatTheParentWrites) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  EXPECT_EQ(output.write_all("header;"), 7U);
  ChildProcess child = spawn_into(output.native_handle(), "print_and_exit", {"3"});
  output.close();
  EXPECT_EQ(text_until_end(server), "header;" + lines(3));
}

TEST(ChildOutput, TakesMoreThanABufferFromTheParent) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  const Bytes sent = some_bytes(1_MiB);
  auto reading = run_async([&] { return read_to_end(server); });
  EXPECT_EQ(output.write_all(sent, 20s), sent.size());
  output.close();
  EXPECT_EQ(reading.result(), sent);
}

// The child must not find the limit on its standard output: its own writes wait as long as it takes.
TEST(ChildOutput, GoesOnAfterAWriteOfTheParentThatRanOutOfTime) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  const std::string letters(4_MiB, 'x');
  std::error_code ec;
  const std::size_t written = output.write_all(bytes_of(letters), 30ms, ec);
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, letters.size());

  LocalListener starting = listening();
  ChildProcess child =
      spawn_into(output.native_handle(), "connect_and_print", {starting.local_address().text(), "50000"});
  output.close();
  starting.accept();
  auto ending = run_async([&] { return child.wait(); });
  EXPECT_FALSE(ending.finished_within(long_wait));
  EXPECT_EQ(text_until_end(server), letters.substr(0, written) + lines(50'000));
  EXPECT_EQ(ending.result(), 0);
}

TEST(ChildOutput, StopEndsAWriteOfTheParentThatWaits) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  const Bytes bytes(4_MiB);
  stop_source stop;
  auto writing = run_async([&] {
    std::error_code ec;
    output.write_all(bytes, stop.get_token(), ec);
    return ec;
  });
  writing.wait_until_blocked(Moment::late);
  stop.request_stop();
  EXPECT_TRUE(writing.finished_within(soon()));
  EXPECT_CODE(writing.result(), std::errc::operation_canceled);
}

TEST(ChildOutput, AStopRequestFromBeforeEndsAWriteOfTheParent) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  stop_source stop;
  stop.request_stop();
  std::error_code ec;
  EXPECT_EQ(output.write_all(bytes_of("header"), stop.get_token(), ec), 0U);
  EXPECT_CODE(ec, std::errc::operation_canceled);
  output.close();
  EXPECT_EQ(text_until_end(server), "");
}

TEST(ChildOutput, TellsTheParentThatTheListenerHasLeft) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  listener.accept().close();
  EXPECT_THROWS_CODE(output.write_all("header"), std::errc::broken_pipe);
}

TEST(ChildOutput, ThatIsClosedTakesNothing) {
  ChildOutput output;
  std::error_code ec;
  EXPECT_EQ(output.write_all(bytes_of("header"), {}, ec), 0U);
  EXPECT_CODE(ec, Errc::closed);
}

TEST(ChildOutput, DoesNotEndWhileTheParentHasItsCopy) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  ChildProcess child = spawn_into(output.native_handle(), "print_and_exit", {"1"});
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_text(server, 7), "line 0;");
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(server, byte, 20ms), 0, std::errc::timed_out);
  output.close();
  EXPECT_OUTCOME(read_some(server, byte), 0, success);
}

TEST(ChildOutput, DoesNotEndWhileTheChildLives) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  ChildProcess child = spawn_into(output.native_handle(), "print_and_hang");
  output.close();
  EXPECT_EQ(read_text(server, 4), "here");
  Bytes rest(8);
  while (read_some(server, rest, 20ms).count > 0) {  // the line's end
  }
  EXPECT_OUTCOME(read_some(server, rest, 20ms), 0, std::errc::timed_out);
  child.kill();
  EXPECT_OUTCOME(read_some(server, rest), 0, success);
}

TEST(ChildOutput, GoesToAListenerThatOnlyReads) {
  LocalListener listener = listening({.direction = Direction::client_to_server});
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  ChildProcess child = spawn_into(output.native_handle(), "print_and_exit", {"1"});
  output.close();
  EXPECT_EQ(text_until_end(server), lines(1));
}

TEST(ChildOutput, DoesNotGoToAListenerThatOnlyWrites) {
  LocalListener listener = listening({.direction = Direction::server_to_client});
  std::error_code ec;
  ChildOutput output = ChildOutput::connect(listener.local_address(), 0s, {}, ec);
  EXPECT_EQ(output.is_open(), !platform.refuses_directions_at_connect);
  if (output.is_open()) {
    const LocalStream server = listener.accept();
    output.write_all(bytes_of("x"), 0s, ec);
    EXPECT_CODE(ec, std::errc::broken_pipe);
  } else {
    EXPECT_CODE(ec, std::errc::permission_denied);
  }
}

TEST(ChildOutput, ToNobodyIsRefused) {
  std::error_code ec;
  const ChildOutput output = ChildOutput::connect(LocalAddress::unique(), 0s, {}, ec);
  EXPECT_CODE(ec, std::errc::connection_refused);
  EXPECT_FALSE(output.is_open());
  EXPECT_EQ(output.native_handle(), invalid_handle);
  EXPECT_THROWS_CODE(ChildOutput::connect(LocalAddress::unique(), 0s), std::errc::connection_refused);
}

TEST(ChildOutput, IsMovedAndReleasedLikeAnyOwner) {
  LocalListener listener = listening();
  ChildOutput first = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  const NativeHandle handle = first.native_handle();
  ChildOutput second = std::move(first);
  EXPECT_FALSE(first.is_open());  // that is the point
  EXPECT_EQ(second.native_handle(), handle);
  {
    const ForeignHandle released("output", second.release());
    EXPECT_EQ(released.get(), handle);
    EXPECT_FALSE(second.is_open());
    second.close();
    EXPECT_TRUE(is_open_handle(handle));
  }
  EXPECT_EQ(text_until_end(server), "");
}

TEST(ChildOutput, AssignmentClosesWhatWasThere) {
  LocalListener listener = listening();
  ChildOutput output = ChildOutput::connect(listener.local_address());
  LocalStream server = listener.accept();
  output = ChildOutput();
  EXPECT_EQ(text_until_end(server), "");
}

}  // namespace
}  // namespace localsocket::test
