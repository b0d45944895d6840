// Two real processes: what is left when one is killed, and what a child does not inherit.
#include <string>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t sent_before_the_kill = 10'000;

/// Sends the first bytes of the sequence, says so, and waits to be killed, reading nothing.
int send_and_hang(LocalStream stream) {
  stream.write_all(some_bytes(sent_before_the_kill));
  report("sent");
  Event().wait();
  return 1;
}

/// args: the address.
CHILD_PROCESS(server_that_sends_and_hangs) {
  LocalListener listener = LocalListener::bind(args[0]);
  report("listening");
  return send_and_hang(listener.accept());
}

CHILD_PROCESS(client_that_sends_and_hangs) { return send_and_hang(LocalStream::connect(args[0])); }

/// A connection to another process, which has sent its bytes and hangs.
struct Peer {
  ChildProcess process;
  LocalStream stream;
};

Peer hanging_server() {
  const std::string address = LocalAddress::unique().text();
  ChildProcess child = spawn("server_that_sends_and_hangs", {address});
  EXPECT_EQ(child.read_line(), "listening");
  LocalStream stream = LocalStream::connect(address);
  EXPECT_EQ(child.read_line(), "sent");
  return {std::move(child), std::move(stream)};
}

Peer hanging_client() {
  LocalListener listener = listening();
  ChildProcess child = spawn("client_that_sends_and_hangs", {listener.local_address().text()});
  LocalStream stream = listener.accept();
  EXPECT_EQ(child.read_line(), "sent");
  return {std::move(child), std::move(stream)};
}

struct Role {
  const char* name;
  Peer (*start)();
};

void PrintTo(const Role& role, std::ostream* out) { *out << role.name; }

class KilledPeer : public ::testing::TestWithParam<Role> {
 protected:
  Peer peer = GetParam().start();
};

INSTANTIATE_TEST_SUITE_P(As, KilledPeer,
                         ::testing::Values(Role{"Server", hanging_server}, Role{"Client", hanging_client}),
                         [](const auto& role) { return std::string(role.param.name); });

TEST_P(KilledPeer, AllThatItSentIsReadAndThenTheEnd) {
  peer.process.kill();
  EXPECT_EQ(read_to_end(peer.stream), some_bytes(sent_before_the_kill));
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(peer.stream, byte), 0, success);
}

TEST_P(KilledPeer, AReaderThatWaitsSeesTheEnd) {
  auto reading = run_async([&] { return read_to_end(peer.stream); });
  reading.wait_until_blocked(Moment::late);
  peer.process.kill();
  EXPECT_EQ(reading.result(), some_bytes(sent_before_the_kill));
}

TEST_P(KilledPeer, AWriterGetsBrokenPipe) {
  peer.process.kill();
  EXPECT_CODE(write_all(peer.stream, some_bytes(1)).ec, std::errc::broken_pipe);
}

TEST_P(KilledPeer, AWriterThatWaitsForRoomGetsBrokenPipe) {
  const Bytes bytes = some_bytes(16_MiB);
  auto writing = run_async([&] { return write_all(peer.stream, bytes); });
  writing.wait_until_blocked(Moment::late);
  EXPECT_FALSE(writing.finished());
  peer.process.kill();
  EXPECT_CODE(writing.result().ec, std::errc::broken_pipe);
}

// Whose address it was is dead: the next listener gets it, whatever it left behind.

CHILD_PROCESS(listener_that_hangs) {
  LocalListener listener = LocalListener::bind(args[0]);
  report("listening");
  listener.accept();
  return 1;
}

TEST(KilledListener, LeavesNobodyListening) {
  const LocalAddress address = LocalAddress::unique();
  ChildProcess child = spawn("listener_that_hangs", {address.text()});
  ASSERT_EQ(child.read_line(), "listening");
  child.kill();
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
}

TEST(KilledListener, ItsAddressIsReclaimedByASuccessor) {
  const LocalAddress address = LocalAddress::unique();
  for (int generation = 0; generation < 3; ++generation) {
    ChildProcess child = spawn("listener_that_hangs", {address.text()});
    ASSERT_EQ(child.read_line(), "listening");
    EXPECT_CODE(bind_outcome(address), std::errc::address_in_use);
    child.kill();
  }
  LocalListener successor = LocalListener::bind(address);
  expect_serving(successor);
}

TEST(KilledListener, WhatItLeftIsInTheWayOfWhoAsksForAnUnusedAddress) {
  const LocalAddress address = LocalAddress::unique();
  ChildProcess child = spawn("listener_that_hangs", {address.text()});
  ASSERT_EQ(child.read_line(), "listening");
  child.kill();
  const std::error_code ec = bind_outcome(address, {.existing = Existing::fail});
  if (platform.address_is_a_file) {
    EXPECT_CODE(ec, std::errc::address_in_use);
    EXPECT_CODE(bind_outcome(address), success);
  } else {
    EXPECT_CODE(ec, success);
  }
}

TEST(KilledListener, AClientThatIsConnectingMeetsTheSuccessor) {
  const LocalAddress address = LocalAddress::unique();
  ChildProcess child = spawn("listener_that_hangs", {address.text()});
  ASSERT_EQ(child.read_line(), "listening");
  child.kill();
  auto connecting = run_async([&] { return LocalStream::connect(address, 10s); });
  connecting.wait_until_blocked();
  LocalListener successor = LocalListener::bind(address);
  LocalStream server = successor.accept(10s);
  LocalStream client = connecting.result();
  expect_connected(client, server);
}

// Inheritance. The child lives on, doing nothing: what it held open would show.

CHILD_PROCESS(bystander) {
  LocalStream parent = LocalStream::connect(args[0]);
  report("alive");
  read_to_end(parent);
  return 0;
}

/// A child that was started while the test's handles were open, and lives until this is destroyed.
class Bystander {
 public:
  Bystander() : process_(spawn("bystander", {listener_.local_address().text()})), line_(listener_.accept()) {
    EXPECT_EQ(process_.read_line(), "alive");
  }

 private:
  LocalListener listener_ = listening();
  ChildProcess process_;
  LocalStream line_;
};

TEST(Inheritance, AChildHoldsNoStreamOpen) {
  Ends ends = connected_ends();
  auto [one, other] = LocalStream::pair();
  const Bystander child;
  ends.server.close();
  EXPECT_EQ(text_until_end(ends.client), "");
  one.close();
  EXPECT_EQ(text_until_end(other), "");
}

TEST(Inheritance, AChildHoldsNoListenerOpen) {
  LocalListener listener = listening();
  LocalStream nobody_accepts = LocalStream::connect(listener.local_address());
  const LocalAddress address = listener.local_address();
  const Bystander child;
  listener.close();
  EXPECT_EQ(text_until_end(nobody_accepts), "");
  nobody_accepts.close();
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

TEST(Inheritance, AnAdoptedStreamIsNotInheritedAnyMoreThanAnother) {
  auto [one, other] = LocalStream::pair();
  LocalStream adopted = LocalStream::adopt(one.release());
  const Bystander child;
  adopted.close();
  EXPECT_EQ(text_until_end(other), "");
}

// Two processes that work together.

CHILD_PROCESS(echo_until_end) {
  LocalStream stream = LocalStream::connect(args[0]);
  Bytes buffer(64_KiB);
  while (const std::size_t count = stream.read_some(buffer)) stream.write_all(std::span(buffer).first(count));
  return 0;
}

TEST(OtherProcess, EchoesEverythingInOrder) {
  LocalListener listener = listening();
  ChildProcess child = spawn("echo_until_end", {listener.local_address().text()});
  LocalStream stream = listener.accept();
  const Bytes sent = some_bytes(4_MiB);
  auto writing = run_async([&] { return write_all(stream, sent); });
  Bytes received(sent.size());
  EXPECT_OUTCOME(read_exact(stream, received), sent.size(), success);
  EXPECT_OUTCOME(writing.result(), sent.size(), success);
  EXPECT_TRUE(received == sent);
  stream.close();
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace localsocket::test
