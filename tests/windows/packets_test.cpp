// Message-type pipes: one write a message, and peers that are bare Win32 calls.
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"

namespace localsocket::test {
namespace {

constexpr RawPipe::Form in_messages{.mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, .buffer_size = 512};

/// Counts the WriteFile calls while it lives.
class Writes {
 public:
  Writes() {
    is_built_in_ = set_trace_hook([this](const SystemCall& call) { count_ += call.name == "WriteFile" ? 1 : 0; });
  }
  ~Writes() { set_trace_hook({}); }

  bool is_built_in() const { return is_built_in_; }
  int take() { return count_.exchange(0); }

 private:
  bool is_built_in_ = false;
  std::atomic<int> count_{0};
};

/// The next message that a bare client reads, by reads of 100 bytes.
std::string message_of(const RawPipe& pipe) {
  std::string message;
  char part[100];
  for (;;) {
    DWORD count = 0;
    const bool is_whole = ReadFile(pipe.get(), part, sizeof part, &count, nullptr) != FALSE;
    const DWORD error = GetLastError();
    message.append(part, count);
    if (is_whole) return message;
    EXPECT_EQ(error, DWORD{ERROR_MORE_DATA});
    if (error != ERROR_MORE_DATA) return message;
  }
}

RawPipe foreign_client(const LocalAddress& address) {
  RawPipe client = RawPipe::client(address.native());
  DWORD mode = PIPE_READMODE_MESSAGE;
  EXPECT_TRUE(SetNamedPipeHandleState(client.get(), &mode, nullptr, nullptr));
  return client;
}

constexpr std::size_t sizes[] = {0, 1, 65'536, 1_MiB};

TEST(MessagePipe, TakesEachMessageByOneWrite) {
  auto [one, other] = LocalStream::pair(Type::packets);
  MessageStream sender(std::move(one));
  MessageStream receiver(std::move(other));
  Writes writes;
  if (!writes.is_built_in()) GTEST_SKIP() << "the library was built with -Dtrace=false";
  for (const std::size_t size : sizes) {
    const Bytes message = some_bytes(size);
    auto receiving = run_async([&] {
      Bytes received;
      EXPECT_TRUE(receiver.receive(received));
      return received;
    });
    sender.send(message);
    EXPECT_EQ(writes.take(), 1);
    EXPECT_EQ(receiving.result(), message);
  }
}

TEST(MessagePipe, OfAForeignServerWithASmallBufferTakesEachByOneWrite) {
  const LocalAddress address = LocalAddress::path(LocalAddress::unique().native());
  const RawPipe server = RawPipe::server(address.native(), in_messages);
  MessageStream client(LocalStream::connect(address, {.type = Type::packets}));
  Writes writes;
  if (!writes.is_built_in()) GTEST_SKIP() << "the library was built with -Dtrace=false";
  for (const std::size_t size : sizes) {
    const Bytes message = some_bytes(size);
    auto receiving = run_async([&] { return message_of(server); });
    client.send(message);
    EXPECT_EQ(writes.take(), 1);
    EXPECT_EQ(receiving.result(), text_of(message));
    auto sending = run_async([&] {
      server.write(text_of(message));
      return 0;
    });
    Bytes received;
    EXPECT_TRUE(client.receive(received));
    EXPECT_EQ(received, message);
    sending.result();
  }
}

TEST(MessagePipe, OfAForeignClientKeepsItsBounds) {
  LocalListener listener = listening({.type = Type::packets});
  RawPipe client = foreign_client(listener.local_address());
  MessageStream server(listener.accept());
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    const Bytes message = some_bytes(size);
    client.write(text_of(message));
    Bytes received;
    EXPECT_TRUE(server.receive(received));
    EXPECT_EQ(received, message);
    server.send(message);
    EXPECT_EQ(message_of(client), text_of(message));
  }
  client.close();
  EXPECT_FALSE(server.receive());
}

TEST(MessagePipe, ThatOthersServeInBytesIsOfTheWrongType) {
  const LocalAddress address = LocalAddress::path(LocalAddress::unique().native());
  const RawPipe server = RawPipe::server(address.native(), {});
  EXPECT_CODE(connect(address, soon(), {.type = Type::packets}).ec, std::errc::wrong_protocol_type);
}

TEST(MessagePipe, OfAStreamThatCanBeHalfClosedIsAStreamsStill) {
  LocalListener listener = listening({.buffer_size = 4097, .windows = {.half_close = true}});
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

// The reader has had a part of it when its writer gives up: nothing may follow.
TEST(MessagePipe, WhoseLargeMessageIsInterruptedIsClosed) {
  LocalListener listener = listening({.type = Type::packets});
  RawPipe client = foreign_client(listener.local_address());
  MessageStream server(listener.accept());
  const Bytes message = some_bytes(1_MiB);
  auto sending = run_async([&] {
    std::error_code ec;
    EXPECT_FALSE(server.send(message, ec));
    return ec;
  });
  sending.wait_until_blocked(Moment::late);
  char part[100];
  DWORD count = 0;
  EXPECT_FALSE(ReadFile(client.get(), part, sizeof part, &count, nullptr));
  EXPECT_EQ(GetLastError(), DWORD{ERROR_MORE_DATA});
  EXPECT_EQ(count, sizeof part);
  server.cancel();
  EXPECT_CODE(sending.result(), std::errc::operation_canceled);
  EXPECT_FALSE(server.stream().is_open());

  // One that fits the buffer is not on its way as long as it waits.
  LocalListener small = listening({.buffer_size = 4096, .type = Type::packets});
  MessageStream sender(LocalStream::connect(small.local_address(), {.type = Type::packets}));
  MessageStream receiver(small.accept());
  std::error_code ec;
  while (sender.send(some_bytes(3000), 20ms, ec)) continue;
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_TRUE(sender.stream().is_open());
  EXPECT_TRUE(receiver.receive());
}

TEST(MessagePipe, WhoseWriterGaveUpInAMessageIsMalformed) {
  const LocalAddress address = LocalAddress::path(LocalAddress::unique().native());
  RawPipe server = RawPipe::server(address.native(), in_messages);
  MessageStream client(LocalStream::connect(address, {.type = Type::packets}), {.max_size = 100'000});
  auto writing = run_async([&] {
    DWORD written = 0;
    const std::string message(200'000, 'x');
    WriteFile(server.get(), message.data(), static_cast<DWORD>(message.size()), &written, nullptr);
    return 0;
  });
  std::error_code ec;
  EXPECT_EQ(client.receive(ec), std::nullopt);  // a part is in memory, the rest in the pipe
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_EQ(client.receive(ec), std::nullopt);
  EXPECT_CODE(ec, Errc::message_too_large);
  CancelIoEx(server.get(), nullptr);
  writing.result();
  server.close();
  MessageStream raised(client.release());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(raised.receive(ec), std::nullopt);
    EXPECT_CODE(ec, Errc::malformed_message);
  }
}

}  // namespace
}  // namespace localsocket::test
