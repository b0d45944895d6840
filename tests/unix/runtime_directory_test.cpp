// Where a name's socket goes on Unix: $XDG_RUNTIME_DIR if it can be trusted, else /tmp/localsocket-<uid>, and nowhere
// else.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

constexpr const char* xdg_runtime_dir = "XDG_RUNTIME_DIR";

std::string fallback_directory() { return "/tmp/localsocket-" + std::to_string(::getuid()); }

/// What the name "echo" becomes while XDG_RUNTIME_DIR has this value.
std::string native_with(std::optional<std::string> value) {
  const Environment environment(xdg_runtime_dir, std::move(value));
  return LocalAddress::named("echo").native();
}

const std::string in_fallback = fallback_directory() + "/echo.sock";

TEST(XdgRuntimeDir, OurOwnPrivateDirectoryIsUsed) {
  const TemporaryDirectory directory;
  EXPECT_EQ(native_with(directory.path()), directory / "echo.sock");
}

TEST(XdgRuntimeDir, ADirectoryThatOthersMayOnlyReadIsUsed) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  EXPECT_EQ(native_with(directory.path()), directory / "echo.sock");
}

TEST(XdgRuntimeDir, UnsetOrEmptyIsNotUsed) {
  EXPECT_EQ(native_with(std::nullopt), in_fallback);
  EXPECT_EQ(native_with(""), in_fallback);
}

TEST(XdgRuntimeDir, ARelativePathIsNotUsed) {
  const TemporaryDirectory directory;
  const WorkingDirectory inside(directory.path());
  ASSERT_EQ(::mkdir("run", 0700), 0);
  EXPECT_EQ(native_with("run"), in_fallback);
  EXPECT_EQ(native_with("."), in_fallback);
}

TEST(XdgRuntimeDir, APathWithNothingThereIsNotUsed) {
  const TemporaryDirectory directory;
  EXPECT_EQ(native_with(directory / "missing"), in_fallback);
}

TEST(XdgRuntimeDir, AFileIsNotUsed) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "");
  EXPECT_EQ(native_with(directory / "file"), in_fallback);
}

TEST(XdgRuntimeDir, ADirectoryThatOthersMayWriteIsNotUsed) {
  for (mode_t mode : {0770, 0720, 0702, 0777, 01777}) {
    const TemporaryDirectory directory;
    ASSERT_EQ(::chmod(directory.path().c_str(), mode), 0);
    EXPECT_EQ(native_with(directory.path()), in_fallback) << std::oct << mode;
  }
}

TEST(XdgRuntimeDir, SomebodyElsesDirectoryIsNotUsed) {
  if (::getuid() != 0) {
    EXPECT_EQ(native_with("/usr"), in_fallback) << "root's";
    return;
  }
  const TemporaryDirectory directory;
  ASSERT_EQ(::chown(directory.path().c_str(), unused_user(), 0), 0);
  EXPECT_EQ(native_with(directory.path()), in_fallback);
}

TEST(XdgRuntimeDir, ASymbolicLinkIsNotUsedForItCouldBeTurnedElsewhere) {
  const TemporaryDirectory target;
  const TemporaryDirectory directory;
  std::filesystem::create_directory_symlink(target.path(), directory / "link");
  EXPECT_EQ(native_with(directory / "link"), in_fallback);
  EXPECT_EQ(native_with(directory / "link/"), in_fallback);
}

TEST(XdgRuntimeDir, ASlashAtItsEndMakesNoDifference) {
  const TemporaryDirectory directory;
  EXPECT_EQ(native_with(directory / ""), directory / "echo.sock");
}

TEST(XdgRuntimeDir, ADirectoryTooLongForASocketIsUsedAllTheSame) {
  const TemporaryDirectory directory;
  const std::string deep = directory / std::string(80, 'd');
  ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  const Environment environment(xdg_runtime_dir, deep);
  LocalListener listener = LocalListener::bind("echo.example");
  EXPECT_EQ(listener.local_address().native(), deep + "/echo.example.sock");
  expect_serving(listener);
}

TEST(XdgRuntimeDir, IsLookedAtWhenTheAddressIsMade) {
  const TemporaryDirectory directory;
  LocalAddress address;
  {
    const Environment environment(xdg_runtime_dir, directory.path());
    address = "echo";
  }
  const LocalListener listener = LocalListener::bind(address);
  EXPECT_TRUE(is_socket(directory / "echo.sock"));
}

TEST(XdgRuntimeDir, TheSocketIsForThisUserOnlyEvenWhereOthersMayLook) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const Environment environment(xdg_runtime_dir, directory.path());
  const LocalListener listener = LocalListener::bind("echo");
  EXPECT_EQ(mode_of(directory / "echo.sock"), 0600U);
}

// /tmp is everybody's: what is there under our name may be somebody else's. These run as a user of their own.
class FallbackDirectory : public testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root, to be another user and to make another user's directory";
    std::filesystem::remove_all(path());
  }
  void TearDown() override { std::filesystem::remove_all(path()); }

  static uid_t user() { return unused_user(); }
  static std::string path() { return "/tmp/localsocket-" + std::to_string(user()); }
  static std::string socket() { return path() + "/echo.sock"; }

  static void make(mode_t mode, uid_t owner) {
    ASSERT_EQ(::mkdir(path().c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    ASSERT_EQ(::chown(path().c_str(), owner, owner), 0);
  }

  /// How bind ended, for the other user.
  static std::string bind() {
    return as_user(user(), [] {
      ::unsetenv(xdg_runtime_dir);
      return outcome(bind_outcome("echo"));
    });
  }
  /// How connect ended, for the other user.
  static std::string connect() {
    return as_user(user(), [] {
      ::unsetenv(xdg_runtime_dir);
      return outcome(test::connect("echo").ec);
    });
  }

  static void expect_refused() {
    EXPECT_EQ(bind(), "permission denied");
    EXPECT_EQ(connect(), "permission denied");
  }
  static bool is_empty() { return std::filesystem::is_empty(path()); }
};

TEST_F(FallbackDirectory, IsMadeForThisUserAloneByBind) {
  EXPECT_EQ(as_user(user(),
                    [] {
                      ::unsetenv(xdg_runtime_dir);
                      ::umask(0);
                      const LocalAddress address("echo");
                      if (exists(path())) return std::string("made by an address");
                      const LocalListener listener = LocalListener::bind(address);
                      if (mode_of(path()) != 0700) return std::string("directory not 0700");
                      if (mode_of(socket()) != 0600) return std::string("socket not 0600");
                      if (!LocalStream::connect("echo").is_open()) return std::string("no connection");
                      return std::string("good");
                    }),
            "good");
  EXPECT_EQ(status_of(path()).st_uid, user());
}

TEST_F(FallbackDirectory, OfOursIsUsedAgain) {
  make(0700, user());
  EXPECT_EQ(bind(), "success");
}

TEST_F(FallbackDirectory, OfSomebodyElseIsNotUsed) {
  make(0700, user() + 1);
  expect_refused();
  EXPECT_TRUE(is_empty());
}

TEST_F(FallbackDirectory, OfSomebodyElseIsNotUsedEvenIfItWouldLetUsIn) {
  make(0777, user() + 1);
  expect_refused();
  EXPECT_TRUE(is_empty());
}

TEST_F(FallbackDirectory, ThatOthersMayReadOrWriteIsNotUsedThoughItIsOurs) {
  for (mode_t mode : {0755, 0770, 0777, 0711, 01777}) {
    SCOPED_TRACE(mode);
    make(mode, user());
    expect_refused();
    EXPECT_TRUE(is_empty());
    EXPECT_EQ(mode_of(path()), mode) << "left as it was";
    TearDown();
  }
}

TEST_F(FallbackDirectory, ThatIsASymbolicLinkIsNotFollowedThoughItLeadsToOurs) {
  const TemporaryDirectory target;
  ASSERT_EQ(::chown(target.path().c_str(), user(), user()), 0);
  std::filesystem::create_directory_symlink(target.path(), path());
  ASSERT_EQ(::lchown(path().c_str(), user(), user()), 0);
  expect_refused();
  EXPECT_TRUE(std::filesystem::is_empty(target.path()));
}

TEST_F(FallbackDirectory, ThatIsAFileIsLeftAlone) {
  write_file(path(), "mine");
  ASSERT_EQ(::chown(path().c_str(), user(), user()), 0);
  expect_refused();
  EXPECT_EQ(read_file(path()), "mine");
}

TEST_F(FallbackDirectory, AListenerThatSomebodyElsePutThereIsNotConnectedTo) {
  make(0777, user() + 1);
  const RawSocket squatter = RawSocket::listening_at(socket());
  ASSERT_EQ(::chmod(socket().c_str(), 0666), 0);
  EXPECT_EQ(connect(), "permission denied");
  EXPECT_FALSE(squatter.somebody_waits());
}

TEST_F(FallbackDirectory, IsOfUseWhateverTheUmaskWas) {
  for (const mode_t mask : {0177U, 0777U, 0300U}) {
    SCOPED_TRACE(mask);
    EXPECT_EQ(as_user(user(),
                      [&] {
                        ::unsetenv(xdg_runtime_dir);
                        ::umask(mask);
                        const std::string first = outcome(bind_outcome("echo"));
                        return first == "success" ? outcome(bind_outcome("other")) : first;
                      }),
              "success");
    EXPECT_EQ(mode_of(path()), 0700U);
    EXPECT_EQ(bind(), "success");
    TearDown();
  }
}

TEST_F(FallbackDirectory, OfOursThatWeCannotEnterIsRepairedByBind) {
  make(0600, user());
  EXPECT_EQ(bind(), "success");
  EXPECT_EQ(mode_of(path()), 0700U);
}

/// What the other user's connect gives when a stranger is as fast as can be: his directory, with a listener for
/// everybody, takes the place of ours, or of nothing, as soon as connect has looked at it.
std::string connect_past_a_stranger(uid_t user, const std::string& directory) {
  return in_fork([&]() -> std::string {
    ::unsetenv(xdg_runtime_dir);
    if (::setegid(user) != 0 || ::seteuid(user) != 0) return "cannot be another user";
    std::optional<RawSocket> squatter;
    const bool can_trace = set_trace_hook([&](const SystemCall& call) {
      if (call.name != "openat" && call.name != "fstat") return;
      if (squatter || ::seteuid(0) != 0) return;
      const std::string aside = directory + "-aside";
      ::rename(directory.c_str(), aside.c_str());
      ::mkdir(directory.c_str(), 0700);
      squatter = RawSocket::listening_at(directory + "/echo.sock");
      ::chmod(directory.c_str(), 0755);
      ::chmod((directory + "/echo.sock").c_str(), 0666);
      ::chown(directory.c_str(), user + 1, user + 1);
      ::seteuid(user);
    });
    if (!can_trace) return "no trace hook";
    const std::error_code ec = connect("echo").ec;
    set_trace_hook({});
    if (!squatter) return "nobody was there";
    if (squatter->somebody_waits()) return "met the stranger";
    if (ec == std::errc::connection_refused) return "refused";
    return ec ? ec.message() : "connected";
  });
}

TEST_F(FallbackDirectory, OfAStrangerWhoIsFastIsNeverConnectedTo) {
  EXPECT_EQ(connect_past_a_stranger(user(), path()), "refused") << "there was none when we looked";
  std::filesystem::remove_all(path());
  make(0700, user());
  const std::string aside = path() + "-aside";
  EXPECT_EQ(connect_past_a_stranger(user(), path()), "refused") << "there was nobody in ours";
  std::filesystem::remove_all(path());
  std::filesystem::remove_all(aside);

  make(0700, user());
  const RawSocket ours = RawSocket::listening_at(socket());
  ASSERT_EQ(::chown(socket().c_str(), user(), user()), 0);
  EXPECT_EQ(connect_past_a_stranger(user(), path()), "connected") << "to the listener that was in ours";
  EXPECT_TRUE(ours.somebody_waits());
  std::filesystem::remove_all(aside);
}

}  // namespace
}  // namespace localsocket::test
