// Peers that are bare Win32 calls, with pipes of other forms than ours.
#include <string>
#include <utility>

#include "support/failing_call.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"

namespace localsocket::test {
namespace {

std::string pipe_name() { return LocalAddress::unique().native(); }

TEST(ForeignClient, IsServed) {
  LocalListener listener = listening();
  const RawPipe client = RawPipe::client(listener.local_address().native());
  LocalStream server = listener.accept();
  client.write("hello");
  EXPECT_EQ(read_text(server, 5), "hello");
  server.write_all("bye");
  server.close();
  EXPECT_EQ(client.read_until_end(), "bye");
}

TEST(ForeignClient, ThatWroteAndLeftIsHandedOut) {
  LocalListener listener = listening();
  RawPipe::client(listener.local_address().native()).write("was here");
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "was here");
}

TEST(ForeignClient, ThatWritesZeroBytesHasSaidNothingAndNotTheEnd) {
  LocalListener listener = listening();
  RawPipe client = RawPipe::client(listener.local_address().native());
  LocalStream server = listener.accept();
  auto reading = run_async([&] { return read_text(server, 1); });
  reading.wait_until_blocked();
  for (int i = 0; i < 10; ++i) client.write("");
  EXPECT_FALSE(reading.finished_within(long_wait));
  client.write("x");
  EXPECT_EQ(reading.result(), "x");

  client.write("");
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(server, byte, 20ms), 0, std::errc::timed_out);
  client.close();
  EXPECT_OUTCOME(read_some(server, byte), 0, success);
}

TEST(ForeignClient, OfOverlappedHandlesIsAdopted) {
  LocalListener listener = listening();
  RawPipe raw = RawPipe::client(listener.local_address().native(), FILE_FLAG_OVERLAPPED);
  LocalStream client = LocalStream::adopt(raw.release());
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

TEST(ForeignServer, IsConnectedTo) {
  const std::string name = pipe_name();
  RawPipe server = RawPipe::server(name, {});
  LocalStream client = LocalStream::connect(name);
  client.write_all("hello");
  EXPECT_EQ(server.read(5), "hello");
  server.write("bye");
  server.close();
  EXPECT_EQ(text_until_end(client), "bye");
}

TEST(ForeignServer, ThatSendsMessagesIsReadAsBytes) {
  const std::string name = pipe_name();
  RawPipe server = RawPipe::server(name, {.mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE});
  LocalStream client = LocalStream::connect(name);
  server.write("one");
  server.write("two");
  EXPECT_EQ(read_text(client, 2), "on");
  EXPECT_EQ(read_text(client, 4), "etwo");
  client.write_all("three");
  EXPECT_EQ(server.read(5), "three");
  server.close();
  EXPECT_EQ(text_until_end(client), "");
}

TEST(ForeignServer, ThatDisconnectsAClientIsAnEnd) {
  const std::string name = pipe_name();
  const RawPipe server = RawPipe::server(name, {});
  LocalStream client = LocalStream::connect(name);
  DisconnectNamedPipe(server.get());
  SKIP_BEFORE_WINE(10, "reading from a disconnected pipe fails with 536 instead of 233");
  EXPECT_EQ(text_until_end(client), "");
  EXPECT_CODE(write_all(client, bytes_of("x")).ec, std::errc::broken_pipe);
}

class ForeignBuffer : public ::testing::TestWithParam<DWORD> {
 protected:
  const std::string name = pipe_name();
  RawPipe server = RawPipe::server(name, {.buffer_size = GetParam()});
  LocalStream client = LocalStream::connect(name);
};
INSTANTIATE_TEST_SUITE_P(Of, ForeignBuffer, ::testing::Values(0, 1, 512, 1024 * 1024));

TEST_P(ForeignBuffer, AnySizeCarriesAllBytesInOrder) {
  const Bytes sent = some_bytes(20'000);
  auto writing = run_async([&] {
    const Outcome outcome = write_all(client, sent);
    client.close();
    return outcome;
  });
  EXPECT_EQ(server.read_until_end(), text_of(sent));
  EXPECT_OUTCOME(writing.result(), sent.size(), success);
}

TEST_P(ForeignBuffer, AWriteThatTimesOutLosesAndDoublesNothing) {
  const Bytes sent = some_bytes(3 * 1024 * 1024);
  const Outcome outcome = write_all(client, sent, 50ms);
  EXPECT_CODE(outcome.ec, std::errc::timed_out);
  client.close();
  EXPECT_EQ(server.read_until_end(), text_of(std::span(sent).first(outcome.count)));
}

TEST(ForeignServer, ThatListensIsNeverSharedWith) {
  const std::string name = pipe_name();
  const RawPipe server = RawPipe::server(name, {});
  EXPECT_CODE(bind_outcome(LocalAddress::path(name)), std::errc::address_in_use);
  LocalStream client = LocalStream::connect(name);
  server.write("still here");
  EXPECT_EQ(read_text(client, 10), "still here");
}

TEST(ForeignServer, OfASingleInstanceIsNeverSharedWith) {
  const std::string name = pipe_name();
  const RawPipe server = RawPipe::server(name, {.max_instances = 1});
  EXPECT_CODE(bind_outcome(LocalAddress::path(name)), std::errc::address_in_use);
}

TEST(ForeignServer, OfASingleInstanceIsBusyWithItsFirstClient) {
  const std::string name = pipe_name();
  const RawPipe server = RawPipe::server(name, {.max_instances = 1});
  LocalStream first = LocalStream::connect(name);
  const auto start = Clock::now();
  EXPECT_CODE(connect(name, 60ms).ec, std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, 60ms);
}

// Handles from elsewhere.

TEST(ForeignHandle, ThatIsSynchronousIsRefusedForItsReadsWouldHoldUpItsWrites) {
  const std::string name = pipe_name();
  const RawPipe server = RawPipe::server(name, {});
  const RawPipe client = RawPipe::client(name);
  for (const RawPipe* pipe : {&server, &client}) {
    EXPECT_THROWS_CODE(LocalStream::adopt(pipe->get()), std::errc::operation_not_supported);
    EXPECT_THROWS_CODE(LocalListener::adopt(pipe->get(), name), std::errc::operation_not_supported);
    EXPECT_TRUE(is_open_handle(pipe->get()));
  }
}

TEST(ForeignHandle, OfAnAnonymousPipeIsRefused) {
  HANDLE read_end = nullptr;
  HANDLE write_end = nullptr;
  ASSERT_TRUE(CreatePipe(&read_end, &write_end, nullptr, 0));
  const RawPipe reader(read_end);
  const RawPipe writer(write_end);
  EXPECT_THROWS_CODE(LocalStream::adopt(reader.get()), std::errc::operation_not_supported);
  EXPECT_THROWS_CODE(LocalStream::adopt(writer.get()), std::errc::operation_not_supported);
}

/// A connection whose server's end is a foreign handle for overlapped I/O, which the client leaves alone.
struct ForeignEnds {
  std::string name = pipe_name();
  RawPipe server;
  RawPipe client = RawPipe::client(name);

  explicit ForeignEnds(DWORD mode) : server(RawPipe::server(name, {.mode = mode, .flags = FILE_FLAG_OVERLAPPED})) {}
};

TEST(ForeignHandle, ThatIsNonblockingIsMadeToWait) {
  ForeignEnds ends(PIPE_TYPE_BYTE | PIPE_NOWAIT);
  LocalStream server = LocalStream::adopt(ends.server.release());
  DWORD modes = PIPE_NOWAIT;
  ASSERT_TRUE(GetNamedPipeHandleStateW(server.native_handle(), &modes, nullptr, nullptr, nullptr, nullptr, 0));
  EXPECT_EQ(modes & PIPE_NOWAIT, 0U);

  Bytes byte(1);
  EXPECT_OUTCOME(read_some(server, byte, 30ms), 0, std::errc::timed_out);
  const Bytes sent = some_bytes(20'000);
  auto writing = run_async([&] { return write_all(server, sent); });
  writing.wait_until_blocked();
  EXPECT_EQ(ends.client.read(sent.size()), text_of(sent));
  EXPECT_OUTCOME(writing.result(), sent.size(), success);
}

TEST(ForeignHandle, ThatWouldNotBeMadeToWaitIsRefused) {
  ForeignEnds ends(PIPE_TYPE_BYTE | PIPE_NOWAIT);
  const FailingCall failing("SetNamedPipeHandleState", FALSE, ERROR_ACCESS_DENIED);
  EXPECT_THROWS_CODE(LocalStream::adopt(ends.server.get()), std::errc::operation_not_supported);
  EXPECT_THROWS_CODE(LocalListener::adopt(ends.server.get(), ends.name), std::errc::operation_not_supported);
  EXPECT_TRUE(is_open_handle(ends.server.get()));
}

TEST(ForeignHandle, ThatIsMadeNonblockingAfterwardsEndsNoCallInSilence) {
  ForeignEnds ends(PIPE_TYPE_BYTE);
  LocalStream server = LocalStream::adopt(ends.server.release());
  DWORD modes = PIPE_NOWAIT;
  ASSERT_TRUE(SetNamedPipeHandleState(server.native_handle(), &modes, nullptr, nullptr));
  Bytes byte(1);
  const Outcome reading = read_some(server, byte, 30ms);
  EXPECT_TRUE(reading.ec) << "it is not the end";
  const Outcome writing = write_all(server, some_bytes(20'000), 30ms);
  EXPECT_TRUE(writing.ec) << writing.count << " bytes of 20,000";
}

TEST(ForeignHandle, OfAMessagePipeIsReadMessageByMessage) {
  ForeignEnds ends(PIPE_TYPE_MESSAGE | PIPE_READMODE_BYTE);
  LocalStream server = LocalStream::adopt(ends.server.release());
  ends.client.write("abc");
  ends.client.write("");
  EXPECT_EQ(text_until_end(server), "abc");
}

/// A completion port of somebody else, to which a handle of ours belongs.
class ForeignPort {
 public:
  explicit ForeignPort(HANDLE handle) : port_(CreateIoCompletionPort(handle, nullptr, 7, 1)) {
    EXPECT_NE(port_, nullptr);
  }
  ~ForeignPort() { CloseHandle(port_); }

  bool has_packet() const {
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED* operation = nullptr;
    return GetQueuedCompletionStatus(port_, &bytes, &key, &operation, 0) != 0 || operation != nullptr;
  }

 private:
  HANDLE port_;
};

TEST(ForeignHandle, OfACompletionPortGetsNoPacketsOfOurCalls) {
  ForeignEnds ends(PIPE_TYPE_BYTE);
  const ForeignPort port(ends.server.get());
  LocalStream server = LocalStream::adopt(ends.server.release());

  ends.client.write("at once");
  EXPECT_EQ(read_text(server, 7), "at once");
  auto reading = run_async([&] { return read_text(server, 5); });
  reading.wait_until_blocked();
  ends.client.write("later");
  EXPECT_EQ(reading.result(), "later");
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(server, byte, 30ms), 0, std::errc::timed_out);
  server.write_all("hello");
  EXPECT_EQ(ends.client.read(5), "hello");

  EXPECT_FALSE(port.has_packet());
}

TEST(ForeignHandle, OfAListenersCompletionPortGetsNoPacketsEither) {
  const std::string name = pipe_name();
  RawPipe pipe = RawPipe::server(name, {.flags = FILE_FLAG_OVERLAPPED});
  const ForeignPort port(pipe.get());
  LocalListener listener = LocalListener::adopt(pipe.release(), LocalAddress::path(name));
  expect_serving(listener);
  EXPECT_FALSE(port.has_packet());
}

TEST(ForeignHandle, OfAMessagePipeIsAdoptedAsAListenerOfMessagePipes) {
  const std::string name = pipe_name();
  RawPipe pipe = RawPipe::server(name, {.mode = PIPE_TYPE_MESSAGE, .flags = FILE_FLAG_OVERLAPPED});
  LocalListener listener = LocalListener::adopt(pipe.release(), LocalAddress::path(name));
  for (int i = 0; i < 3; ++i) {
    LocalStream client = LocalStream::connect(listener.local_address());
    LocalStream server = listener.accept();
    client.write_all("abc");
    client.shutdown(Shutdown::write);
    EXPECT_EQ(text_until_end(server), "abc");
  }
}

TEST(ForeignHandle, OfAnOverlappedServerIsAdoptedAsAListener) {
  const std::string name = pipe_name();
  RawPipe server = RawPipe::server(name, {.flags = FILE_FLAG_OVERLAPPED});
  LocalListener listener = LocalListener::adopt(server.release(), LocalAddress::path(name));
  for (int i = 0; i < 3; ++i) expect_serving(listener);
}

}  // namespace
}  // namespace localsocket::test
