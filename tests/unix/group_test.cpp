// A group that is let in, and strangers that come to a name without permissions.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

class Group : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root, to be other users";
    ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  }

  static gid_t group() { return unused_user() + 1; }

  static std::string connect_as(uid_t user, bool is_member, const LocalAddress& address) {
    return in_fork([&]() -> std::string {
      const gid_t groups[] = {group()};
      if (::setgroups(is_member ? 1 : 0, static_cast<const gid_t*>(groups)) != 0 || ::setgid(user) != 0 ||
          ::setuid(user) != 0) {
        return "cannot be another user";
      }
      return outcome(connect(address).ec);
    });
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "echo.sock";
  const ListenOptions options{.group = std::to_string(group())};
};

TEST_F(Group, HasItsMembersLetInAndNobodyElse) {
  const LocalListener listener = LocalListener::bind(path, options);
  EXPECT_EQ(mode_of(path), 0660U);
  EXPECT_EQ(status_of(path).st_gid, group());
  EXPECT_EQ(connect_as(unused_user(), true, path), "success");
  EXPECT_EQ(connect_as(unused_user(), false, path), "permission denied");
}

TEST_F(Group, ByItsNameIsTheSame) {
  const LocalListener listener = LocalListener::bind(path, {.group = "daemon"});
  EXPECT_EQ(status_of(path).st_gid, ::getgrnam("daemon")->gr_gid);
}

TEST_F(Group, WithAModeHasThat) {
  const LocalListener listener = LocalListener::bind(path, {.group = options.group, .posix = {.mode = 0640}});
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(status_of(path).st_gid, group());
}

TEST_F(Group, ThatTheCallerIsNotInIsRefusedAndNothingIsLeft) {
  EXPECT_EQ(as_user(unused_user(), [&] { return outcome(bind_outcome(path, options)); }), "permission denied");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

class Strangers : public Group {
 protected:
  void SetUp() override {
    if (!platform.has_abstract_names) GTEST_SKIP() << "abstract names are Linux's";
    Group::SetUp();
  }
  /// Somebody else, with the groups that this process was started with.
  static std::string come(int times, const LocalAddress& address) {
    return in_fork([&]() -> std::string {
      if (::setgroups(0, nullptr) != 0 || ::setgid(unused_user()) != 0 || ::setuid(unused_user()) != 0) return "?";
      int connected = 0;
      for (int i = 0; i < times; ++i) connected += connect(address).ec ? 0 : 1;
      return std::to_string(connected);
    });
  }
  const LocalAddress address{"@" + LocalAddress::unique().text()};
};

TEST_F(Strangers, NeverComeOutOfAcceptAndHoldUpNobody) {
  LocalListener listener = LocalListener::bind(address);
  const std::size_t before = open_handles();
  ASSERT_EQ(come(1000, address), "1000");
  LocalStream client = LocalStream::connect(address);
  client.write_all("ours");
  LocalStream server = listener.accept(1s);
  EXPECT_EQ(read_text(server, 4), "ours");
  EXPECT_EQ(open_handles(), before + 2);
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  ASSERT_EQ(come(1, address), "1");
  EXPECT_CODE(accept(listener, 20ms).ec, std::errc::timed_out);
}

TEST_F(Strangers, AreLetInWhereEveryoneIs) {
  LocalListener listener = LocalListener::bind(address, {.access = Access::everyone});
  ASSERT_EQ(come(1, address), "1");
  EXPECT_CODE(accept(listener, 1s).ec, success);
}

TEST_F(Strangers, OfAGroupThatIsLetInAreNone) {
  LocalListener listener = LocalListener::bind(address, options);
  ASSERT_EQ(connect_as(unused_user(), true, address), "success");
  EXPECT_CODE(accept(listener, 1s).ec, success);
  ASSERT_EQ(connect_as(unused_user(), false, address), "success") << "until it is accepted";
  EXPECT_CODE(accept(listener, 20ms).ec, std::errc::timed_out);
}

}  // namespace
}  // namespace localsocket::test
