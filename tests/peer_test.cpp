// PeerIdentity: who is at the other end, seen from both ends.
#include <algorithm>
#include <sstream>
#include <string>

#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

CHILD_PROCESS(report_own_peer) {
  LocalStream stream = LocalStream::connect(args[0]);
  std::ostringstream peer;
  peer << stream.peer().process_id.value_or(0);
  report(peer.str());
  read_to_end(stream);
  return 0;
}

CHILD_PROCESS(serve_one_client) {
  LocalListener listener = LocalListener::bind(args[0]);
  report("listening");
  LocalStream stream = listener.accept();
  report(std::to_string(stream.peer().process_id.value_or(0)));
  read_to_end(stream);
  return 0;
}

std::string printed(const PeerIdentity& peer) {
  std::ostringstream out;
  out << peer;
  return out.str();
}

/// The id of this process, as a child sees it that connects to it; and as this process sees that child.
TEST(Peer, OfAServerIsTheChildThatConnected) {
  LocalListener listener = listening();
  ChildProcess child = spawn("report_own_peer", {listener.local_address().text()});
  LocalStream server = listener.accept();
  const PeerIdentity peer = server.peer();
  EXPECT_EQ(peer.process_id, child.id());
  EXPECT_TRUE(peer.is_current_user());
  EXPECT_NE(child.read_line(), std::to_string(child.id()));
}

TEST(Peer, OfAClientIsTheChildThatListens) {
  const std::string address = LocalAddress::unique().text();
  ChildProcess child = spawn("serve_one_client", {address});
  ASSERT_EQ(child.read_line(), "listening");
  LocalStream client = LocalStream::connect(address);
  const PeerIdentity peer = client.peer();
  EXPECT_EQ(peer.process_id, child.id());
  EXPECT_TRUE(peer.is_current_user());
  EXPECT_NE(child.read_line(), std::to_string(child.id()));
}

TEST(Peer, EachProcessSeesTheOther) {
  LocalListener listener = listening();
  ChildProcess child = spawn("report_own_peer", {listener.local_address().text()});
  LocalStream server = listener.accept();
  // This process, as it sees itself in a connection of its own.
  Ends own = connected_ends();
  EXPECT_EQ(child.read_line(), std::to_string(own.client.peer().process_id.value_or(1)));
}

using PeerTest = EachOriginTest;
INSTANTIATE_FOR_EACH_ORIGIN(PeerTest);

TEST_P(PeerTest, WithinAProcessIsTheSameFromBothEnds) {
  EXPECT_TRUE(client.peer().process_id.has_value());
  EXPECT_EQ(client.peer(), server.peer());
  EXPECT_TRUE(client.peer().is_current_user());
  EXPECT_TRUE(server.peer().is_current_user());
}

TEST_P(PeerTest, IsKnownToACopyToo) { EXPECT_EQ(client.duplicate().peer(), client.peer()); }

TEST_P(PeerTest, OfAClosedStreamIsClosed) {
  client.close();
  std::error_code ec;
  client.peer(ec);
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_THROWS_CODE(client.peer(), Errc::closed);
}

TEST(Peer, ThatHasLeftIsStillKnown) {
  LocalListener listener = listening();
  LocalStream::connect(listener.local_address()).write_all("x");
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "x");
  EXPECT_TRUE(server.peer().is_current_user());
}

TEST(PeerIdentity, IsPrintedWithWhatIsKnown) {
  EXPECT_EQ(printed({.process_id = 4711, .user_id = 1000, .group_id = 100, .sid = {}}), "pid 4711, uid 1000, gid 100");
  EXPECT_EQ(printed({.process_id = 12, .user_id = {}, .group_id = {}, .sid = "S-1-5-18"}), "pid 12, sid S-1-5-18");
  EXPECT_EQ(printed({.process_id = {}, .user_id = 7, .group_id = {}, .sid = {}}), "uid 7");
  EXPECT_EQ(printed({}), "");
}

TEST(PeerIdentity, OfNobodyIsNotTheCurrentUser) { EXPECT_FALSE(PeerIdentity().is_current_user()); }

TEST(PeerIdentity, OfASystemOrAnotherUserIsNotTheCurrentUser) {
  Ends ends = connected_ends();
  PeerIdentity peer = ends.client.peer();
  if (peer.user_id) ++*peer.user_id;
  if (!peer.sid.empty()) peer.sid += "1";
  EXPECT_FALSE(peer.is_current_user());
}

TEST(SameUser, IsAcceptedByWhoDemandsIt) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address(), 1s, {.trust = Trust::same_user});
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

}  // namespace
}  // namespace localsocket::test
