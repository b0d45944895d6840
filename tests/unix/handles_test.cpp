// Peers that lie about the descriptors that they send with messages, and processes that have no more of them
// (docs/design.md, 18).
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <localsocket/unix/descriptors.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/test.hpp"
#include "unix/faults.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

constexpr std::string_view greeting{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffh\x01", 12};

/// A frame: its kind, how many descriptors it says, and its payload.
std::string frame(char kind, char count, std::string_view payload) {
  std::string bytes{kind, count, static_cast<char>(payload.size()), 0, 0, 0};
  return bytes.append(payload);
}

class LyingPeer : public ::testing::Test {
 protected:
  LyingPeer() {
    auto [a, b] = LocalStream::pair();
    peer = std::move(a);
    messages = MessageStream(std::move(b), {.handles = true});
    peer.write_all(greeting);
    before = open_handles();
  }
  void send(std::size_t descriptors, std::string_view bytes) {
    const std::vector<int> all(descriptors, STDIN_FILENO);
    std::size_t sent = posix::send_descriptors(peer, all, bytes);
    EXPECT_EQ(sent, bytes.size());
  }
  /// That so many messages are good, and the next is not, now and again; and that nothing is left open.
  void expect_malformed(int good = 0) {
    for (int i = 0; i < good; ++i) {
      EXPECT_TRUE(messages.receive(10s));
      messages.take_handles();
    }
    for (int i = 0; i < 2; ++i) {
      std::error_code ec;
      EXPECT_FALSE(messages.receive(10s, ec));
      EXPECT_CODE(ec, Errc::malformed_message);
    }
    EXPECT_EQ(open_handles(), before);
  }

  LocalStream peer;
  MessageStream messages;
  std::size_t before = 0;
};

TEST_F(LyingPeer, ThatTellsTheTruthIsUnderstood) {
  send(2, frame(0, 2, "x"));
  EXPECT_TRUE(messages.receive(10s));
  EXPECT_EQ(messages.take_handles().size(), 2U);
}

TEST_F(LyingPeer, SendsFewerThanItSays) {
  send(2, frame(0, 3, "x"));
  expect_malformed();
}

TEST_F(LyingPeer, SendsMoreThanItSays) {
  send(2, frame(0, 1, "x"));
  expect_malformed();
}

TEST_F(LyingPeer, SendsNoneThatItSays) {
  peer.write_all(frame(0, 1, "x"));
  expect_malformed();
}

TEST_F(LyingPeer, SendsThemWithAMessageThatSaysNone) {
  send(1, frame(0, 0, "x"));
  peer.write_all(frame(0, 0, "y"));
  expect_malformed(1);
}

TEST_F(LyingPeer, SendsThemInTheMiddleOfAMessage) {
  const std::string bytes = frame(0, 1, "abcdef");
  peer.write_all(std::string_view(bytes).substr(0, 8));
  std::error_code ec;
  messages.receive(0s, ec);
  send(1, std::string_view(bytes).substr(8));
  expect_malformed();
}

TEST_F(LyingPeer, SendsThemWithItsGreeting) {
  auto [a, b] = LocalStream::pair();
  MessageStream other(std::move(b), {.handles = true});
  posix::send_descriptors(a, {{STDIN_FILENO}}, greeting);
  std::error_code ec;
  EXPECT_FALSE(other.receive(10s, ec));
  EXPECT_CODE(ec, std::errc::operation_not_supported);
}

/// A lender, all of whose messages but the first are to have none.
class LyingLenderOfDescriptors : public LyingPeer {
 protected:
  static std::string control(char kind, char number, char value) {
    return frame(0, kind == 1 ? 1 : 0, std::string{kind, number, value, 0, 0, 0, 0, 0, 0, 0});
  }
  /// Three buffers of 100 bytes, and the descriptor with the first bytes of that.
  void begin_set_up() {
    memory.read_only_for_peer();
    posix::send_descriptors(peer, {{memory.handle_for_peer()}}, std::string_view(set_up).substr(0, 3));
  }
  void connect() {
    begin_set_up();
    peer.write_all(std::string_view(set_up).substr(3));
    peer.write_all(control(2, 0, 1));
    ASSERT_TRUE(borrower.receive(10s));
    before = open_handles();
  }

  const std::string set_up = control(1, 3, 100);
  SharedMemory memory = SharedMemory::create(3 * 4096);
  BufferBorrower borrower = BufferBorrower(std::move(messages));
};

TEST_F(LyingLenderOfDescriptors, SendsThemWithABufferUntold) {
  connect();
  for (int i = 0; i < 20; ++i) {
    send(200, control(2, 1, 1));
    EXPECT_TRUE(borrower.receive(10s));
    EXPECT_EQ(open_handles(), before) << "the system has closed them";
  }
}

TEST_F(LyingLenderOfDescriptors, TellsOfThem) {
  connect();
  std::string lend = control(2, 1, 1);
  lend[1] = 1;
  send(1, lend);
  std::error_code ec;
  EXPECT_FALSE(borrower.receive(10s, ec));
  EXPECT_CODE(ec, Errc::malformed_message);
}

TEST_F(LyingLenderOfDescriptors, SendsMoreOfThemBehindTheMemory) {
  begin_set_up();
  std::error_code ec;
  EXPECT_FALSE(borrower.receive(0s, ec));
  send(2, std::string_view(set_up).substr(3));
  EXPECT_FALSE(borrower.receive(10s, ec));
  EXPECT_CODE(ec, Errc::malformed_message);
}

TEST_F(LyingPeer, SaysMoreThanCanBe) {
  send(posix::most_descriptors, frame(0, static_cast<char>(253), "x"));
  expect_malformed();
}

TEST_F(LyingPeer, SendsThreeHundred) {
  const std::string bytes = frame(0, 64, "x");
  send(200, std::string_view(bytes).substr(0, 1));
  send(100, std::string_view(bytes).substr(1));
  expect_malformed();
}

TEST_F(LyingPeer, FloodsALargeMessageWithThem) {
  std::string header = frame(0, 0, "");
  header[4] = 16;  // a mebibyte
  peer.write_all(header);
  Clock::time_point end = Clock::now() + 20s;
  std::error_code ec;
  for (int i = 0; !ec && Clock::now() < end; ++i) {
    posix::send_descriptors(peer, std::vector<int>(200, STDIN_FILENO), "x", 0s, ec);
    if (i < 20 || i % 20 != 0) continue;
    messages.receive(0s, ec);
    if (ec == std::errc::timed_out) ec.clear();
    ASSERT_LT(open_handles(), before + 3 * 200) << "it takes them all";
  }
  EXPECT_CODE(ec, Errc::malformed_message);
}

TEST_F(LyingPeer, SendsThemWithEachByteOfAHeader) {
  std::error_code ec;
  for (const char byte : frame(0, 64, "")) {
    send(200, std::string(1, byte));
    messages.receive(0s, ec);
    if (ec != std::errc::timed_out) break;
    ASSERT_LT(open_handles(), before + 3 * 200) << "it takes them all";
  }
  expect_malformed();
}

TEST_F(LyingPeer, SendsThemWithAcknowledgements) {
  std::error_code ec;
  for (int i = 0; i < 10; ++i) {
    send(200, frame(1, 0, ""));
    messages.receive(0s, ec);
    if (ec != std::errc::timed_out) break;
    ASSERT_LT(open_handles(), before + 3 * 200) << "it takes them all";
  }
  expect_malformed();
}

TEST_F(LyingPeer, EndsInsideItsGreeting) {
  auto [a, b] = LocalStream::pair();
  MessageStream other(std::move(b), {.handles = true});
  a.write_all(greeting.substr(0, 5));
  a.close();
  std::error_code ec;
  EXPECT_FALSE(other.receive(10s, ec));
  EXPECT_CODE(ec, Errc::malformed_message);
}

TEST_F(LyingPeer, AcknowledgesWhatWasNotSent) {
  peer.write_all(frame(1, 1, ""));
  expect_malformed();
}

TEST_F(LyingPeer, SendsAnotherKind) {
  peer.write_all(frame(2, 0, ""));
  expect_malformed();
}

/// Both ends of a connection of messages with handles.
struct Messages {
  explicit Messages(std::pair<LocalStream, LocalStream> ends = LocalStream::pair())
      : sender(std::move(ends.first), {.handles = true}), receiver(std::move(ends.second), {.handles = true}) {}
  MessageStream sender;
  MessageStream receiver;
};

/// Sends three descriptors where there are numbers for `left`, with a message that says it has `said`.
void expect_cut_off(std::size_t left, std::size_t said) {
  SCOPED_TRACE(std::to_string(left) + " left, said to be " + std::to_string(said));
  auto [peer, ours] = LocalStream::pair();
  MessageStream messages(std::move(ours), {.handles = true});
  Messages others;
  peer.write_all(greeting);
  posix::send_descriptors(peer, std::vector<int>(3, STDIN_FILENO), frame(0, static_cast<char>(said), "x"));
  others.sender.send("y", 10s);
  const std::size_t before = open_handles();
  {
    NoDescriptorsLeft none;
    for (std::size_t i = 0; i < left; ++i) none.give_back_one();
    const std::size_t taken = open_handles();
    std::error_code ec;
    EXPECT_FALSE(messages.receive(10s, ec));
    EXPECT_CODE(ec, Errc::malformed_message);
    EXPECT_EQ(open_handles(), taken);
    EXPECT_TRUE(others.receiver.receive(10s, ec));
    EXPECT_CODE(ec, success);
  }
  others.sender.send("z", std::vector<int>(3, STDIN_FILENO), 10s);
  EXPECT_TRUE(others.receiver.receive(10s));
  EXPECT_EQ(others.receiver.take_handles().size(), 3U);
  EXPECT_EQ(open_handles(), before);
}

TEST(NoDescriptors, EndsTheConnectionThatBringsSomeAndNoOther) {
  for (std::size_t left = 0; left < 3; ++left) {
    for (const std::size_t said : {std::size_t{3}, left}) expect_cut_off(left, said);
  }
}

// The system counts those under way of all of a user's processes (unix(7), ETOOMANYREFS).
TEST(DescriptorsUnderWay, AreAtMostAsManyAsTheUserMayOpen) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to be a user who has none under way";
  EXPECT_EQ(as_user(unused_user(),
                    []() -> std::string {
                      constexpr rlimit few{40, 40};
                      if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return "cannot be limited";
                      Messages messages;
                      const std::vector<int> descriptors(20, STDIN_FILENO);
                      std::error_code ec;
                      int count = 0;
                      while (count < 10 && messages.sender.send("x", descriptors, 10s, ec)) ++count;
                      if (ec != std::errc::too_many_files_open) return outcome(ec);
                      for (int i = 0; i < count; ++i) messages.receiver.receive(10s);
                      messages.sender.send("y", descriptors, 10s);
                      std::string text;
                      messages.receiver.receive(text, 10s);
                      return text;
                    }),
            "y");
}

}  // namespace
}  // namespace localsocket::test
