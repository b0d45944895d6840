// probe, and still_owns_address: what is at an address (docs/design.md, 14).
#include <string>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

CHILD_PROCESS(listen_until_killed) {
  LocalListener listener = LocalListener::bind(args[0]);
  report("listening");
  listener.accept();
  return 0;
}

TEST(Probe, OfNobodyIsNobody) { EXPECT_EQ(probe(LocalAddress::unique()), Presence::nobody); }

TEST(Probe, OfAListenerIsListening) {
  LocalListener listener = listening();
  EXPECT_EQ(probe(listener.local_address()), Presence::listening);
  listener.close();
  EXPECT_EQ(probe(listener.local_address()), Presence::nobody);
}

TEST(Probe, AThousandTimesGivesTheListenerNoClient) {
  LocalListener listener = listening();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(probe(listener.local_address()), Presence::listening);
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  expect_serving(listener);
}

TEST(Probe, OfABusyListenerIsListening) {
  LocalListener listener = listening({.backlog = 1});
  const auto clients = fill_backlog(listener);
  EXPECT_EQ(probe(listener.local_address()), Presence::listening);
}

TEST(Probe, OfAKilledListenerIsStaleWhereItLeavesSomething) {
  const LocalAddress address = LocalAddress::unique();
  ChildProcess child = spawn("listen_until_killed", {address.text()});
  ASSERT_EQ(child.read_line(), "listening");
  EXPECT_EQ(probe(address), Presence::listening);
  child.kill();
  EXPECT_EQ(probe(address), platform.address_is_a_file ? Presence::stale : Presence::nobody);
  LocalListener listener = LocalListener::bind(address);
  EXPECT_EQ(probe(address), Presence::listening);
}

TEST(Probe, OfAMalformedAddressIsItsError) {
  std::error_code ec;
  EXPECT_EQ(probe("", ec), Presence::nobody);
  EXPECT_CODE(ec, Errc::invalid_address);
  EXPECT_THROWS_CODE(probe("a\nb"), Errc::invalid_address);
}

TEST(StillOwnsAddress, UntilItIsClosed) {
  LocalListener listener = listening();
  EXPECT_TRUE(listener.still_owns_address());
  expect_serving(listener);
  EXPECT_TRUE(listener.still_owns_address());
  listener.close();
  EXPECT_FALSE(listener.still_owns_address());
  EXPECT_FALSE(LocalListener().still_owns_address());
}

}  // namespace
}  // namespace localsocket::test
