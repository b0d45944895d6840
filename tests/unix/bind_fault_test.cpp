// Binds and connects that fail: at once, with an error that says what to do, and with nothing left behind.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/faults.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

class BindFault : public PathTest {
 protected:
  const std::string lock = directory / ".echo.sock.localsocket";
};

std::string name_of(const std::error_code& ec) {
  if (!ec) return "success";
  if (ec == std::errc::permission_denied) return "permission denied";
  if (ec == std::errc::address_in_use) return "address in use";
  return ec.message();
}

// What another user's dead server has left where nobody may remove what is another's.

class StickyDirectory : public BindFault {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root, to be another user";
    ASSERT_EQ(::chmod(directory.path().c_str(), 01777), 0);
  }
  static void leave_dead_socket(const std::string& at) {
    RawSocket::listening_at(at);
    ASSERT_EQ(::chmod(at.c_str(), 0666), 0);
  }
};

TEST_F(StickyDirectory, ADeadSocketThatCannotBeRemovedIsAnErrorAtOnce) {
  leave_dead_socket(path);
  EXPECT_LT(time_of([&] {
              EXPECT_EQ(as_user(unused_user(), [&] { return name_of(bind_outcome(path)); }), "permission denied");
            }),
            soon());
  EXPECT_TRUE(is_socket(path));
  EXPECT_FALSE(exists(lock)) << "and the lock is free";
  EXPECT_CODE(bind_outcome(path), success);
}

TEST_F(StickyDirectory, NorIsOneInTheWayOfAReplacement) {
  leave_dead_socket(path + "~");
  EXPECT_EQ(as_user(unused_user(),
                    [&] {
                      const LocalListener old = LocalListener::bind(path);
                      return name_of(bind_outcome(path, {.existing = Existing::replace}));
                    }),
            "permission denied");
}

TEST_F(StickyDirectory, ALockThatIsAnothersIsNotWaitedFor) {
  write_file(lock, "");
  EXPECT_LT(time_of([&] {
              EXPECT_EQ(as_user(unused_user(), [&] { return name_of(bind_outcome(path)); }), "permission denied");
            }),
            soon());
}

// The lock.

TEST_F(BindFault, AForeignLockOfAnotherNameIsNoneOfOurs) {
  const int foreign = ::open((path + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(::flock(foreign, LOCK_EX), 0);
  EXPECT_LT(time_of([&] { EXPECT_CODE(bind_outcome(path), success); }), soon());
  EXPECT_TRUE(exists(path + ".lock"));
  ::close(foreign);
}

TEST_F(BindFault, ALockThatIsHeldIsWaitedForButNotForEver) {
  const int held = ::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  const auto time = time_of([&] { EXPECT_CODE(bind_outcome(path), std::errc::address_in_use); });
  EXPECT_GE(time, 1s);
  EXPECT_LT(time, 2s + soon());
  auto binding = run_async([&] { return bind_outcome(path); });
  binding.wait_until_asleep();
  ASSERT_EQ(::flock(held, LOCK_UN), 0);
  EXPECT_CODE(binding.result(), success);
  ::close(held);
}

TEST_F(BindFault, AHeldLockDoesNotHoldUpAClose) {
  LocalListener listener = LocalListener::bind(path);
  const int held = ::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  EXPECT_LT(time_of([&] { listener.close(); }), soon());
  ::close(held);
  EXPECT_CODE(bind_outcome(path), success) << "what it left is reclaimed";
}

TEST_F(BindFault, WhatIsNoLockIsLeftAlone) {
  write_file(lock, "precious");
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
  EXPECT_EQ(read_file(lock), "precious");
  ASSERT_EQ(::unlink(lock.c_str()), 0);

  std::filesystem::create_symlink(directory / "target", lock);
  EXPECT_CODE(bind_outcome(path), std::errc::permission_denied);
  EXPECT_FALSE(exists(directory / "target"));
  ASSERT_EQ(::unlink(lock.c_str()), 0);

  ASSERT_EQ(::mkdir(lock.c_str(), 0700), 0);
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
  ASSERT_EQ(::rmdir(lock.c_str()), 0);

  ASSERT_EQ(::mkfifo(lock.c_str(), 0600), 0);
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
}

TEST_F(BindFault, AnEmptyLockOfAKilledProcessServesTheNextAndGoes) {
  write_file(lock, "");
  EXPECT_CODE(bind_outcome(path), success);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// Paths that lead nowhere.

void expect_text(const std::error_code& ec, const std::string& text) {
  EXPECT_THAT(ec.message(), ::testing::HasSubstr(text));
}

TEST_F(BindFault, ADirectoryThatIsMissingIsNamed) {
  for (const Existing existing : {Existing::fail, Existing::reclaim_stale, Existing::replace}) {
    const std::error_code ec = bind_outcome(directory / "missing/echo.sock", {.existing = existing});
    EXPECT_CODE(ec, std::errc::no_such_file_or_directory);
    expect_text(ec, "the directory does not exist");
    expect_text(ec, "; make it, or bind a plain name");
  }
}

TEST_F(BindFault, AFileOrALoopInPlaceOfTheDirectoryIsNone) {
  write_file(directory / "file", "");
  std::filesystem::create_symlink("loop", directory / "loop");
  for (const char* way : {"file/echo.sock", "loop/echo.sock"}) {
    EXPECT_CODE(bind_outcome(directory / way), std::errc::no_such_file_or_directory) << way;
    EXPECT_CODE(connect(directory / way).ec, std::errc::connection_refused) << way;
  }
  std::filesystem::create_symlink("echo.sock", path);
  EXPECT_CODE(connect(path).ec, std::errc::connection_refused);
}

TEST_F(BindFault, AnotherKindOfSocketIsTheWrongProtocol) {
  const RawSocket datagrams = RawSocket::bound_to(path, SOCK_DGRAM);
  const std::error_code ec = connect(path, 5s).ec;
  EXPECT_CODE(ec, std::errc::wrong_protocol_type);
  expect_text(ec, "another kind of socket");
}

#if defined(__linux__)
/// How a bind ended in a file system of its own, which `options` are for; nothing if none can be mounted here.
std::optional<std::string> on_file_system(const std::string& directory, const char* options,
                                          const std::function<std::string()>& body) {
  const std::string text = in_fork([&]() -> std::string {
    const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 &&
                            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount("none", directory.c_str(), "tmpfs", 0, options) == 0;
    return is_mounted ? body() : "cannot mount";
  });
  return text == "cannot mount" ? std::nullopt : std::optional(text);
}

TEST_F(BindFault, AFileSystemThatIsReadOnlyOrFullIsAnErrorAtOnce) {
  const auto read_only = on_file_system(directory.path(), "size=64k", [&]() -> std::string {
    RawSocket::listening_at(path);  // and somebody's dead socket is there
    if (::mount("none", directory.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return "cannot mount";
    for (const Existing existing : {Existing::fail, Existing::reclaim_stale, Existing::replace}) {
      const std::error_code ec = bind_outcome(path, {.existing = existing});
      if (ec != std::errc::read_only_file_system) return ec.message();
    }
    return "good";
  });
  if (!read_only) GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_EQ(*read_only, "good");
  EXPECT_EQ(on_file_system(directory.path(), "nr_inodes=1",
                           [&]() -> std::string {
                             const std::error_code ec = bind_outcome(path);
                             return ec == std::errc::no_space_on_device ? "good" : ec.message();
                           }),
            "good");
}
#endif

// Descriptors.

TEST_F(BindFault, WithTooFewDescriptorsToFindOutWhoIsThereItSaysSo) {
  RawSocket::listening_at(path);
  for (int left = 0; left < 3; ++left) {
    SCOPED_TRACE(left);
    NoDescriptorsLeft none;
    for (int i = 0; i < left; ++i) none.give_back_one();
    EXPECT_CODE(bind_outcome(path), std::errc::too_many_files_open);
  }
  EXPECT_TRUE(is_socket(path));
  EXPECT_CODE(bind_outcome(path), success);
}

}  // namespace
}  // namespace localsocket::test
