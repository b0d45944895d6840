// PeerProcess: whether the process at the other end still runs (docs/design.md, 14).
#include <string>
#include <thread>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// A child at the other end; peer_test.cpp has what the children do.
class PeerProcessOfAChild : public ::testing::Test {
 protected:
  LocalListener listener = listening();
  ChildProcess child = spawn("report_own_peer", {listener.local_address().text()});
  LocalStream server = listener.accept(10s);
};

TEST_F(PeerProcessOfAChild, IsAliveUntilItIsKilled) {
  const PeerProcess process = server.peer_process();
  EXPECT_EQ(process.process_id(), child.id());
  EXPECT_TRUE(process.is_alive());
  EXPECT_FALSE(process.wait_for_exit(0s));
  child.kill();
  EXPECT_FALSE(process.is_alive());
  EXPECT_TRUE(process.wait_for_exit(0s)) << "it is over, and stays so";
}

TEST_F(PeerProcessOfAChild, AWaitEndsWithItAtOnce) {
  const PeerProcess process = server.peer_process();
  Async<Clock::time_point> waiting([&] {
    EXPECT_TRUE(process.wait_for_exit());
    return Clock::now();
  });
  waiting.wait_until_blocked(Moment::late);
  child.kill();
  const auto killed = Clock::now();
  EXPECT_LT(waiting.result() - killed, soon());
}

TEST_F(PeerProcessOfAChild, IsFoundThoughItHasExited) {
  child.kill();
  EXPECT_FALSE(server.peer_process().is_alive());
  EXPECT_TRUE(server.peer_process().wait_for_exit(10s));
}

TEST_F(PeerProcessOfAChild, OutlivesTheStream) {
  const PeerProcess process = server.peer_process();
  server.close();
  EXPECT_TRUE(process.wait_for_exit(10s)) << "the child ends with its connection";
}

TEST(PeerProcess, OfAClientIsTheOneThatListens) {
  const std::string address = LocalAddress::unique().text();
  ChildProcess child = spawn("serve_one_client", {address});
  ASSERT_EQ(child.read_line(), "listening");
  LocalStream client = LocalStream::connect(address, 10s);
  const PeerProcess process = client.peer_process();
  EXPECT_EQ(process.process_id(), child.id());
  EXPECT_TRUE(process.is_alive());
  child.kill();
  EXPECT_TRUE(process.wait_for_exit(10s));
}

class PeerProcessOfThisOne : public EachOriginTest {};
INSTANTIATE_FOR_EACH_ORIGIN(PeerProcessOfThisOne);

TEST_P(PeerProcessOfThisOne, IsAlive) {
  EXPECT_TRUE(client.peer_process().is_alive());
  EXPECT_TRUE(server.peer_process().is_alive());
  EXPECT_EQ(server.peer_process().process_id(), server.peer().process_id);
}

TEST_P(PeerProcessOfThisOne, IsExactWhereTheSystemKnows) {
  std::error_code ec;
  const bool is_exact = server.peer_process().is_exact();
  const PeerProcess process = server.peer_process(Exactness::required, ec);
  if (is_exact) {
    EXPECT_CODE(ec, success);
    EXPECT_TRUE(process.is_alive());
  } else {
    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_EQ(process.process_id(), 0U);
  }
}

TEST_P(PeerProcessOfThisOne, AWaitEndsInTime) {
  const PeerProcess process = server.peer_process();
  const auto start = Clock::now();
  EXPECT_FALSE(process.wait_for_exit(50ms));
  EXPECT_GE(Clock::now() - start, 50ms);
  EXPECT_LT(Clock::now() - start, 50ms + soon());
}

TEST_P(PeerProcessOfThisOne, AWaitEndsWhenAskedToStop) {
  const PeerProcess process = server.peer_process();
  stop_source stop;
  std::error_code ec;
  Async<Clock::time_point> waiting([&] {
    EXPECT_FALSE(process.wait_for_exit(stop.get_token(), ec));
    return Clock::now();
  });
  waiting.wait_until_blocked(Moment::late);
  const auto asked = Clock::now();
  stop.request_stop();
  EXPECT_LT(waiting.result() - asked, soon());
  EXPECT_CODE(ec, std::errc::operation_canceled);

  EXPECT_FALSE(process.wait_for_exit(stop.get_token(), ec));
  EXPECT_CODE(ec, std::errc::operation_canceled) << "asked before the call";
}

TEST_P(PeerProcessOfThisOne, OfAHalfIsThatOfTheStream) {
  auto [reader, writer] = std::move(server).split();
  EXPECT_TRUE(reader.peer_process().is_alive());
  EXPECT_EQ(writer.peer_process().process_id(), reader.peer_process().process_id());
}

TEST_P(PeerProcessOfThisOne, OfAClosedStreamIsClosed) {
  server.close();
  EXPECT_THROWS_CODE(server.peer_process(), Errc::closed);
}

TEST_P(PeerProcessOfThisOne, IsMoved) {
  PeerProcess one = server.peer_process();
  PeerProcess other = std::move(one);
  EXPECT_TRUE(other.is_alive());
  EXPECT_THROWS_CODE(one.is_alive(), Errc::closed);
  EXPECT_THROWS_CODE(one.wait_for_exit(0s), Errc::closed);
  one = std::move(other);
  EXPECT_TRUE(one.is_alive());
  one = client.peer_process();
  EXPECT_TRUE(one.is_alive());
}

TEST(PeerProcess, OfNoStreamIsClosed) {
  EXPECT_THROWS_CODE(LocalStream().peer_process(), Errc::closed);
  EXPECT_THROWS_CODE(PeerProcess().is_alive(), Errc::closed);
  EXPECT_EQ(PeerProcess().process_id(), 0U);
}

}  // namespace
}  // namespace localsocket::test
