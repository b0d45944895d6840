// Who may connect, by the file's mode; and who is told from whom.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

class UnixAccess : public ::testing::Test {
 protected:
  UnixAccess() { ::chmod(directory.path().c_str(), 0755); }

  static ListenOptions with_mode(unsigned mode) { return {.posix = {.mode = mode}}; }

  const TemporaryDirectory directory;
  const std::string path = directory / "echo.sock";
};

TEST_F(UnixAccess, AModeIsSetAsItIs) {
  const mode_t old = ::umask(0077);
  for (const unsigned mode : {0U, 0600U, 0660U, 0666U, 0777U}) {
    const LocalListener listener = LocalListener::bind(path, with_mode(mode));
    EXPECT_EQ(mode_of(path), mode);
  }
  ::umask(old);
}

TEST_F(UnixAccess, AModeStandsInsteadOfThatOfAccess) {
  ListenOptions options = with_mode(0640);
  options.access = Access::everyone;
  const LocalListener listener = LocalListener::bind(path, options);
  EXPECT_EQ(mode_of(path), 0640U);
}

TEST_F(UnixAccess, OptionsWithoutAModeChangeNothing) {
  const LocalListener listener = LocalListener::bind(path, {.posix = {}});
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST_F(UnixAccess, WhatIsNoModeIsInvalidAndNothingIsLeft) {
  for (const unsigned mode : {01000U, 04755U, 010000U, ~0U}) {
    EXPECT_CODE(bind_outcome(path, with_mode(mode)), std::errc::invalid_argument);
    EXPECT_FALSE(exists(path));
  }
}

TEST_F(UnixAccess, OptionsOfWindowsAreNotLookedAt) {
  const LocalListener listener = LocalListener::bind(
      path, {.windows = {.sddl = "no security descriptor", .half_close = true, .in_buffer_size = 0}});
  EXPECT_EQ(mode_of(path), 0600U);
}

/// What another user sees.
class OtherUser : public UnixAccess {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  }

  std::string connect_as_other(const ConnectOptions& options = {}) const {
    return as_user(unused_user(), [&]() -> std::string {
      Arrival arrival = connect(path, 0s, options);
      if (arrival.ec == std::errc::permission_denied) return "permission denied";
      if (arrival.ec) return arrival.ec.message();
      arrival.stream.write_all("connected");
      return "connected";
    });
  }
};

TEST_F(OtherUser, IsRefusedByDefault) {
  const LocalListener listener = LocalListener::bind(path);
  EXPECT_EQ(connect_as_other(), "permission denied");
}

TEST_F(OtherUser, IsLetInWhereEveryoneIs) {
  LocalListener listener = LocalListener::bind(path, {.access = Access::everyone});
  EXPECT_EQ(connect_as_other(), "connected");
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "connected");
}

TEST_F(OtherUser, IsLetInByAMode) {
  {
    const LocalListener listener = LocalListener::bind(path, with_mode(0660));
    EXPECT_EQ(connect_as_other(), "permission denied");
  }
  const LocalListener listener = LocalListener::bind(path, with_mode(0606));
  EXPECT_EQ(connect_as_other(), "connected");
}

TEST_F(OtherUser, IsRefusedByAOneWayListenerToo) {
  const LocalListener listener = LocalListener::bind(path, {.direction = Direction::client_to_server});
  EXPECT_EQ(connect_as_other({.direction = Direction::client_to_server}), "permission denied");
}

TEST_F(OtherUser, IsKnownByWhoAccepts) {
  LocalListener listener = LocalListener::bind(path, {.access = Access::everyone});
  ASSERT_EQ(connect_as_other(), "connected");
  const PeerIdentity peer = listener.accept().peer();
  EXPECT_EQ(peer.user_id, unused_user());
  EXPECT_EQ(peer.group_id, unused_user());
  EXPECT_FALSE(peer.is_current_user());
  EXPECT_EQ(peer.sid, "");
}

TEST_F(OtherUser, WhoDemandsTheSameUserSendsNoByteToASquatter) {
  LocalListener squatter = LocalListener::bind(path, {.access = Access::everyone});
  EXPECT_EQ(connect_as_other({.trust = Trust::same_user}), "permission denied");
  LocalStream server = squatter.accept(soon());
  EXPECT_EQ(text_until_end(server), "");
}

TEST_F(OtherUser, AsTheParentOfAnOutputIsAskedForTheSameUserToo) {
  const LocalListener squatter = LocalListener::bind(path, {.access = Access::everyone});
  EXPECT_EQ(as_user(unused_user(),
                    [&]() -> std::string {
                      std::error_code ec;
                      ChildOutput::connect(path, 0s, {.trust = Trust::same_user}, ec);
                      return ec == std::errc::permission_denied ? "permission denied" : ec.message();
                    }),
            "permission denied");
}

TEST(UnixPeer, IsTheEffectiveUserAndGroup) {
  Ends ends = connected_ends();
  for (LocalStream* stream : {&ends.client, &ends.server}) {
    const PeerIdentity peer = stream->peer();
    EXPECT_EQ(peer.user_id, ::geteuid());
    EXPECT_EQ(peer.group_id, ::getegid());
    EXPECT_EQ(peer.process_id, static_cast<std::uint64_t>(::getpid()));
    EXPECT_EQ(peer.sid, "");
  }
}

}  // namespace
}  // namespace localsocket::test
