// Handles that travel with messages (docs/design.md, 18).
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "support/thread.hpp"

namespace localsocket::test {
namespace {

constexpr MessageOptions with_handles{.handles = true};

/// Both ends of a connection of messages with handles.
class MessagesWithHandles : public ::testing::Test {
 protected:
  explicit MessagesWithHandles(Ends ends = connected_ends())
      : client(std::move(ends.client), with_handles), server(std::move(ends.server), with_handles) {}

  std::vector<OwnedHandle> receive(std::string_view text) {
    std::string message;
    EXPECT_TRUE(server.receive(message, 10s));
    EXPECT_EQ(message, text);
    return server.take_handles();
  }

  MessageStream client;
  MessageStream server;
};

/// Something by which two handles are known to be of one thing: an end of a connection whose other end is here.
struct Token {
  Token() {
    auto [a, b] = LocalStream::pair();
    here = std::move(a);
    handle = OwnedHandle(b.release());
  }
  /// Whether that handle, which is taken over, is of it.
  bool is(OwnedHandle other) {
    LocalStream there = LocalStream::adopt(other.native_handle());
    other.release();
    here.write_all("!");
    std::array<std::byte, 1> byte{};
    return there.read_exact(byte, 10s) == 1;
  }
  LocalStream here;
  OwnedHandle handle;
};

TEST_F(MessagesWithHandles, WorksAtThePeerThoughItIsClosedAtOnce) {
  Token token;
  const std::array handles{token.handle.native_handle()};
  client.send("take this", handles);
  token.handle.close();
  std::vector<OwnedHandle> taken = receive("take this");
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_TRUE(token.is(std::move(taken.front())));
}

TEST_F(MessagesWithHandles, GoBothWaysAndAreTakenOnce) {
  Token token;
  const std::array handles{token.handle.native_handle()};
  client.send("a", handles);
  std::vector<OwnedHandle> taken = receive("a");
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_TRUE(server.take_handles().empty());
  const std::array back{taken.front().native_handle()};
  server.send("b", back);
  taken.clear();
  EXPECT_EQ(client.receive(10s)->size(), 1U);
  taken = client.take_handles();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_TRUE(token.is(std::move(taken.front())));
}

TEST_F(MessagesWithHandles, ThatAreNotTakenAreClosed) {
  Token token;
  const std::array handles{token.handle.native_handle()};
  client.send("a", handles);
  client.send("b");
  receive("a");
  client.send("a", handles);
  EXPECT_TRUE(receive("b").empty());
  EXPECT_TRUE(server.receive(10s));
  token.handle.close();
  client.send("c");
  EXPECT_TRUE(receive("c").empty());
  std::array<std::byte, 1> byte{};
  std::error_code ec;
  if (platform.can_fork) {
    EXPECT_EQ(token.here.read_some(byte, 10s, ec), 0U) << "nobody has the other end";
  }
}

TEST_F(MessagesWithHandles, MatchTheirMessagesWhenTheseAreReadAhead) {
  constexpr std::size_t count = 100;
  std::vector<Token> tokens(5);
  std::vector<NativeHandle> all;
  for (const Token& token : tokens) all.push_back(token.handle.native_handle());
  Async<void> sending([&] {
    for (std::size_t i = 0; i < count; ++i) client.send(std::to_string(i), std::span(all).first(i % 6), 20s);
  });
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<OwnedHandle> taken = receive(std::to_string(i));
    ASSERT_EQ(taken.size(), i % 6) << i;
    for (std::size_t k = 0; k < taken.size(); ++k) EXPECT_TRUE(tokens[k].is(std::move(taken[k]))) << i;
  }
  sending.result();
}

TEST_F(MessagesWithHandles, WithMessagesOfAllSizes) {
  Token token;
  const std::array handles{token.handle.native_handle()};
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{600}, std::size_t{1'000'000}}) {
    const std::string text(size, 'x');
    Async<void> sending([&] {
      client.send(text, handles, 20s);
      client.send("after", 20s);
    });
    EXPECT_EQ(receive(text).size(), 1U) << size;
    EXPECT_TRUE(receive("after").empty());
    sending.result();
  }
}

TEST_F(MessagesWithHandles, LeaveNothingOpen) {
  const auto send_all = [this](std::size_t total) {
    Token token;
    const std::vector<NativeHandle> handles(MessageStream::most_handles, token.handle.native_handle());
    for (std::size_t sent = 0, count = 1; sent < total; sent += count, count = count % handles.size() + 1) {
      client.send("x", std::span(handles).first(count), 10s);
      EXPECT_EQ(receive("x").size(), count);
    }
    client.send("last");
    receive("last");
    std::error_code none;
    client.receive(0s, none);  // the last acknowledgements
  };
  send_all(100);
  const auto [before, after] = counted_around(open_handles, [&] { send_all(10'000); });
  EXPECT_LE(after, before);
}

TEST_F(MessagesWithHandles, AreAtMostSoMany) {
  Token token;
  const std::vector<NativeHandle> handles(MessageStream::most_handles + 1, token.handle.native_handle());
  std::error_code ec;
  EXPECT_FALSE(client.send("x", handles, 10s, ec));
  EXPECT_CODE(ec, std::errc::invalid_argument);
  EXPECT_TRUE(client.send("x", std::span(handles).first(MessageStream::most_handles), 10s, ec));
  EXPECT_EQ(receive("x").size(), MessageStream::most_handles);
}

TEST_F(MessagesWithHandles, ThatAreNotOpenAreNotSent) {
  std::error_code ec;
  const std::array handles{invalid_handle};
  EXPECT_FALSE(client.send("x", handles, 10s, ec));
  EXPECT_CODE(ec, Errc::closed);
  client.send("y");
  EXPECT_TRUE(receive("y").empty());
}

TEST_F(MessagesWithHandles, WaitForThePeersReceive) {
  Token token;
  const std::vector<NativeHandle> handles(MessageStream::most_handles, token.handle.native_handle());
  client.send("1", handles, 10s);
  Async<void> sending([&] { client.send("2", handles, 20s); });
  EXPECT_EQ(receive("1").size(), handles.size());
  EXPECT_EQ(receive("2").size(), handles.size());
  sending.result();
}

TEST_F(MessagesWithHandles, AreNotForABatch) {
  MessageBatch batch(client);
  std::error_code ec;
  EXPECT_FALSE(batch.add("x", ec));
  EXPECT_CODE(ec, std::errc::operation_not_supported);
}

/// Sends one handle to a peer, and expects this error and not a byte of the message.
void expect_not_sent(LocalStream stream, const MessageOptions& options, const std::error_condition& expected) {
  Token token;
  const std::array handles{token.handle.native_handle()};
  MessageStream messages(std::move(stream), options);
  std::error_code ec;
  EXPECT_FALSE(messages.send("x", handles, 1s, ec));
  EXPECT_CODE(ec, expected);
}

TEST(HandlesWithMessages, NeedTheOptionAtBothEnds) {
  Ends ends = connected_ends();
  MessageStream plain(std::move(ends.server));
  plain.send("I do not");
  expect_not_sent(std::move(ends.client), with_handles, std::errc::operation_not_supported);
  std::error_code ec;
  EXPECT_FALSE(plain.receive(10s, ec));
  EXPECT_CODE(ec, Errc::malformed_message) << "what the other end has said";
  expect_not_sent(LocalStream::pair().first, {}, std::errc::operation_not_supported);
}

TEST(HandlesWithMessages, AreNotForPacketsNorOneWay) {
  if (!platform.has_abstract_names && platform.can_fork) GTEST_SKIP() << "no packets everywhere";
  expect_not_sent(LocalStream::pair(Type::packets).first, with_handles, std::errc::operation_not_supported);
  constexpr Direction one_way = Direction::client_to_server;
  LocalListener listener = LocalListener::bind(LocalAddress::unique(), {.direction = one_way});
  LocalStream client = LocalStream::connect(listener.local_address(), {.direction = one_way});
  expect_not_sent(listener.accept(10s), with_handles, std::errc::operation_not_supported);
  expect_not_sent(std::move(client), with_handles, std::errc::operation_not_supported);
}

TEST(HandlesWithMessages, HaveAFormatOfTheirOwn) {
  auto ends = LocalStream::pair();
  expect_not_sent(std::move(ends.first), {.framing = Framing::lines, .handles = true}, std::errc::invalid_argument);
}

TEST(HandlesWithMessages, WaitForAPeerThatHasNotComeYet) {
  Ends ends = connected_ends();
  MessageStream client(std::move(ends.client), with_handles);
  Token token;
  const std::array handles{token.handle.native_handle()};
  std::error_code ec;
  EXPECT_FALSE(client.send("x", handles, 20ms, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  // One thread receives already, and the greeting comes to that one.
  Async<bool> receiving([&] {
    std::string text;
    return client.receive(text, 20s);
  });
  receiving.wait_until_blocked(Moment::late);
  Async<void> sending([&] { client.send("y", handles, 20s); });
  sending.wait_until_blocked(Moment::late);
  MessageStream server(std::move(ends.server), with_handles);
  sending.result();
  EXPECT_TRUE(server.receive(10s));
  EXPECT_EQ(server.take_handles().size(), 1U);
  server.send("z");
  EXPECT_TRUE(receiving.result());
}

CHILD_PROCESS(use_what_is_sent) {
  MessageStream messages(LocalStream::connect(args[0], 10s), with_handles);
  messages.receive(10s);
  std::vector<OwnedHandle> handles = messages.take_handles();
  LocalStream given = LocalStream::adopt(handles.at(0).native_handle());
  handles[0].release();
  given.write_all("from the child");
  messages.send("done");
  return 0;
}

TEST(HandlesWithMessages, ArriveInAnotherProcess) {
  LocalListener listener = listening();
  ChildProcess child = spawn("use_what_is_sent", {listener.local_address().text()});
  MessageStream messages(listener.accept(10s), with_handles);
  Token token;
  const std::array handles{token.handle.native_handle()};
  messages.send("x", handles, 10s);
  token.handle.close();
  std::string text;
  EXPECT_TRUE(messages.receive(text, 10s));
  Bytes bytes(14);
  EXPECT_EQ(token.here.read_exact(bytes, 10s), bytes.size());
  EXPECT_EQ(text_of(bytes), "from the child");
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace localsocket::test
