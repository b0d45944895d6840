// Who may connect, by the access list that is read back entry by entry.
#include <windows.h>

#include <optional>
#include <string>
#include <vector>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/security.hpp"

namespace localsocket::test {
namespace {

constexpr const char* system_sid = "S-1-5-18";
constexpr const char* everyone_sid = "S-1-1-0";

TEST(PipeSecurity, IsForTheCurrentUserAndTheSystemAlone) {
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  const LocalStream server = listener.accept();
  // The first instance, and one that was made to take its place.
  for (const HANDLE handle : {server.native_handle(), listener.native_handle()}) {
    const Security security(handle);
    EXPECT_EQ(security.owner(), current_user());
    EXPECT_THAT(security.who(), ::testing::UnorderedElementsAre(current_user(), system_sid));
  }
}

TEST(PipeSecurity, ForEveryoneLetsNobodyElseServeTheName) {
  const LocalListener listener = LocalListener::bind(open_address(), {.access = Access::everyone});
  const Security security(listener.native_handle());
  EXPECT_THAT(security.who(), ::testing::UnorderedElementsAre(current_user(), system_sid, everyone_sid));
  const ACCESS_MASK access = security.access_of(everyone_sid);
  EXPECT_NE(access & FILE_READ_DATA, 0U);
  EXPECT_NE(access & FILE_WRITE_DATA, 0U);
  EXPECT_EQ(access & FILE_CREATE_PIPE_INSTANCE, 0U);
  EXPECT_EQ(access & (GENERIC_WRITE | GENERIC_ALL | WRITE_DAC | WRITE_OWNER), 0U);
}

/// All rights, however the system spells them.
bool is_all(ACCESS_MASK access) { return access == FILE_ALL_ACCESS || access == GENERIC_ALL; }

TEST(PipeSecurity, GivesThisUserAndTheSystemAllRightsAndHasNoOtherEntry) {
  const LocalListener listener = listening();
  const Security security(listener.native_handle());
  ASSERT_EQ(security.entries().size(), 2U);
  for (const auto& entry : security.entries()) EXPECT_TRUE(is_all(entry.access)) << entry.who << entry.access;
}

ListenOptions with_sddl(const std::string& sddl) { return {.windows = {.sddl = sddl}}; }

TEST(PipeSecurity, IsWhatTheTextSays) {
  constexpr const char* authenticated_users = "S-1-5-11";
  LocalListener listener = listening(with_sddl("D:P(A;;FA;;;" + current_user() + ")(A;;0x120189;;;AU)"));
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  for (const HANDLE handle : {server.native_handle(), listener.native_handle()}) {
    const Security security(handle);
    ASSERT_EQ(security.entries().size(), 2U);
    EXPECT_EQ(security.entries()[0].who, current_user());
    EXPECT_TRUE(is_all(security.entries()[0].access));
    EXPECT_EQ(security.entries()[1].who, authenticated_users);
    EXPECT_EQ(security.entries()[1].access, ACCESS_MASK{0x120189});
  }
  expect_connected(client, server);
}

TEST(PipeSecurity, OfATextThatDoesNotParseIsInvalidAndNothingIsLeft) {
  const LocalAddress address = LocalAddress::unique();
  for (const char* sddl : {"everyone", "D:(A;;FA;;;", "D:(A;;FA;;;NOBODY)", "D:P(X;;FA;;;WD)"}) {
    SCOPED_TRACE(sddl);
    EXPECT_CODE(bind_outcome(address, with_sddl(sddl)), std::errc::invalid_argument);
    EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  }
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

TEST(PipeSecurity, OptionsOfUnixAreNotLookedAt) {
  const LocalListener listener = listening({.posix = {.mode = ~0U}});
  const Security security(listener.native_handle());
  EXPECT_THAT(security.who(), ::testing::UnorderedElementsAre(current_user(), system_sid));
}

TEST(PipePeer, IsTheCurrentUsersSid) {
  Ends ends = connected_ends();
  for (LocalStream* stream : {&ends.client, &ends.server}) {
    const PeerIdentity peer = stream->peer();
    EXPECT_EQ(peer.sid, current_user());
    EXPECT_EQ(peer.process_id, GetCurrentProcessId());
    EXPECT_EQ(peer.user_id, std::nullopt);
    EXPECT_EQ(peer.group_id, std::nullopt);
  }
}

}  // namespace
}  // namespace localsocket::test
