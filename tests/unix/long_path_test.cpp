// Paths that are longer than a socket's address.
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/mount.h>
#endif

#include <filesystem>
#include <string>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

class LongPath : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    if (!on_linux) GTEST_SKIP() << "Linux alone has a way to them";
    ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
    ASSERT_EQ(deep.size(), 180U);
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(deep)) names.push_back(entry.path().filename());
    return names;
  }
  /// A listener that has died: bound by a short path, and then moved.
  void leave_stale_socket() const {
    RawSocket::listening_at(directory / "stale");
    std::filesystem::rename(directory / "stale", path);
  }

  const TemporaryDirectory directory;
  const std::string deep = directory / std::string(180 - directory.path().size() - 1, 'd');
  const std::string name = std::string(GetParam(), 'n');
  const std::string path = deep + "/" + name;
};

INSTANTIATE_TEST_SUITE_P(Name, LongPath, ::testing::Values(1, 60, 88, 100, 200), ::testing::PrintToStringParamName());

TEST_P(LongPath, IsBoundMetAndLeftClean) {
  LocalListener listener = LocalListener::bind(path, {.existing = Existing::fail});
  EXPECT_EQ(listener.local_address().native(), path);
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_THAT(files(), ::testing::ElementsAre(name));
  expect_serving(listener);
  EXPECT_EQ(LocalStream::connect(path).peer_address().native(), path);
  for (const Existing existing : {Existing::fail, Existing::reclaim_stale}) {
    EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
  }
  listener.close();
  EXPECT_THAT(files(), ::testing::IsEmpty());
  EXPECT_CODE(connect(path).ec, std::errc::connection_refused);
}

TEST_P(LongPath, IsReplacedAndTakenFromTheDead) {
  LocalListener old = LocalListener::bind(path);
  LocalListener successor = LocalListener::bind(path, {.existing = Existing::replace});
  expect_serving(successor);
  old.close();
  expect_serving(successor);
  successor.close();
  leave_stale_socket();
  EXPECT_CODE(connect(path).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(path, {.existing = Existing::fail}), std::errc::address_in_use);
  LocalListener heir = LocalListener::bind(path);
  expect_serving(heir);
  heir.close();
  EXPECT_THAT(files(), ::testing::IsEmpty());
}

TEST_P(LongPath, OfADirectoryThatWasSwappedHarmsNothingInTheOtherOne) {
  LocalListener listener = LocalListener::bind(path);
  std::filesystem::rename(deep, directory / "moved");
  ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  write_file(path, "precious");
  listener.close();
  EXPECT_EQ(read_file(path), "precious");
  EXPECT_TRUE(std::filesystem::is_empty(directory / "moved")) << "where it was made";
}

TEST_P(LongPath, InADirectoryThatIsNotThereSaysSo) {
  ASSERT_EQ(::rmdir(deep.c_str()), 0);
  EXPECT_CODE(bind_outcome(path), std::errc::no_such_file_or_directory);
  EXPECT_CODE(connect(path).ec, std::errc::connection_refused);
}

#if defined(__linux__)
TEST_P(LongPath, WithoutProcIsTooLong) {
  const LocalListener listener = LocalListener::bind(path);
  const std::string other = deep + "/" + std::string(GetParam(), 'o');
  const std::string result = in_fork([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      return "cannot";
    }
    if (bind_outcome(other) != std::errc::filename_too_long) return "bind: " + bind_outcome(other).message();
    if (connect(path).ec != std::errc::filename_too_long) return "connect: " + connect(path).ec.message();
    return "too long";
  });
  if (result == "cannot") GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_EQ(result, "too long");
  EXPECT_THAT(files(), ::testing::ElementsAre(name));
}
#endif

}  // namespace
}  // namespace localsocket::test
