// The file of a listening socket: who may connect, what is taken over, and what is left alone.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

class SocketFile : public PathTest {
 protected:
  /// A socket that nobody has open any more.
  void leave_stale_socket() const {
    RawSocket::listening_at(path);
    ASSERT_TRUE(is_socket(path));
    ASSERT_CODE(connect(path).ec, std::errc::connection_refused);
  }
};

constexpr Existing every_existing[] = {Existing::fail, Existing::reclaim_stale, Existing::replace};

// Access.

TEST_F(SocketFile, IsForThisUserAloneUnlessItIsForEveryone) {
  {
    const LocalListener listener = LocalListener::bind(path);
    EXPECT_EQ(mode_of(path), 0600U);
  }
  const LocalListener listener = LocalListener::bind(path, {.access = Access::everyone});
  EXPECT_EQ(mode_of(path), 0666U);
}

TEST_F(SocketFile, HasItsModeWhateverTheUmaskAndLeavesTheUmaskAlone) {
  for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
    const mode_t old = ::umask(mask);
    {
      const LocalListener mine = LocalListener::bind(path);
      EXPECT_EQ(mode_of(path), 0600U);
    }
    {
      const LocalListener ours = LocalListener::bind(path, {.access = Access::everyone});
      EXPECT_EQ(mode_of(path), 0666U);
    }
    EXPECT_EQ(::umask(old), mask);
  }
}

TEST_F(SocketFile, OfThisUserAloneRefusesAnotherUser) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const auto connect_as_another = [&] {
    return as_user(unused_user(), [&]() -> std::string {
      const std::error_code ec = connect(path).ec;
      return !ec ? "connected" : ec == std::errc::permission_denied ? "permission denied" : ec.message();
    });
  };
  {
    const LocalListener listener = LocalListener::bind(path);
    EXPECT_EQ(connect_as_another(), "permission denied");
  }
  const LocalListener listener = LocalListener::bind(path, {.access = Access::everyone});
  EXPECT_EQ(connect_as_another(), "connected");
}

TEST_F(SocketFile, CannotBeMadeWhereThisUserMayNotWrite) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  EXPECT_EQ(as_user(unused_user(),
                    [&]() -> std::string {
                      const std::error_code ec = bind_outcome(path);
                      return ec == std::errc::permission_denied ? "permission denied" : ec.message();
                    }),
            "permission denied");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(SocketFile, CannotBeMadeInADirectoryThatIsNotThere) {
  EXPECT_CODE(bind_outcome(directory / "missing/echo.sock"), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// What is in the way.

TEST_F(SocketFile, ARegularFileIsLeftAlone) {
  write_file(path, "precious");
  for (const Existing existing : every_existing) {
    EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
    EXPECT_EQ(read_file(path), "precious");
  }
}

TEST_F(SocketFile, ADirectoryIsLeftAlone) {
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  for (const Existing existing : every_existing) {
    EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
    EXPECT_TRUE(std::filesystem::is_directory(path));
  }
}

TEST_F(SocketFile, AFifoIsLeftAlone) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  for (const Existing existing : every_existing) {
    EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
    EXPECT_TRUE(std::filesystem::is_fifo(path));
  }
}

TEST_F(SocketFile, ASymbolicLinkIsNeitherFollowedNorRemovedWhereverItLeads) {
  const std::string target = directory / "target";
  std::filesystem::create_symlink(target, path);
  const auto expect_left_alone = [&] {
    for (const Existing existing : every_existing) {
      EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
      EXPECT_EQ(std::filesystem::read_symlink(path), target);
    }
  };
  {
    SCOPED_TRACE("to nothing");
    expect_left_alone();
    EXPECT_FALSE(exists(target));
  }
  {
    SCOPED_TRACE("to a file");
    write_file(target, "precious");
    expect_left_alone();
    EXPECT_EQ(read_file(target), "precious");
    ASSERT_EQ(::unlink(target.c_str()), 0);
  }
  {
    SCOPED_TRACE("to a stale socket");
    RawSocket::listening_at(target);
    expect_left_alone();
    EXPECT_TRUE(is_socket(target));
  }
}

TEST_F(SocketFile, FilesBesideItAreLeftAlone) {
  const std::vector<std::string> neighbours = {directory / "echo.sock.lock",
                                               directory / "echo.sock.new",
                                               directory / "echo.sock.tmp",
                                               directory / "echo.sock~",
                                               directory / "echo.lock",
                                               directory / ".echo.sock.lock",
                                               directory / ".echo.sock.localsocket"};
  for (const std::string& neighbour : neighbours) write_file(neighbour, "precious");
  for (const Existing existing : every_existing) {
    // It may be refused because of them; it may not harm them.
    bind_outcome(path, {.existing = existing});
    for (const std::string& neighbour : neighbours) EXPECT_EQ(read_file(neighbour), "precious") << neighbour;
  }
}

TEST_F(SocketFile, AStaleOneIsReclaimedUnlessTheCallerAsksForAnUnusedAddress) {
  leave_stale_socket();
  EXPECT_CODE(bind_outcome(path, {.existing = Existing::fail}), std::errc::address_in_use);
  EXPECT_TRUE(is_socket(path)) << "left alone";
  for (const Existing existing : {Existing::reclaim_stale, Existing::replace}) {
    LocalListener listener = LocalListener::bind(path, {.existing = existing});
    expect_serving(listener);
    listener.close();
    leave_stale_socket();
  }
}

TEST_F(SocketFile, AStaleOneOfAnyKindOfSocketIsReclaimed) {
  RawSocket::bound_to(path, SOCK_DGRAM);
  LocalListener listener = LocalListener::bind(path);
  expect_serving(listener);
}

TEST_F(SocketFile, AStaleOneThatSeveralReclaimAtOnceHasOneWinner) {
  constexpr int threads = 3;
  for (int round = 0; round < 100; ++round) {
    leave_stale_socket();
    Rendezvous start(threads);
    const auto bind = [&] {
      start.arrive_and_wait();
      std::error_code ec;
      LocalListener listener = LocalListener::bind(path, ec);
      return listener;
    };
    std::vector<Async<LocalListener>> racing;
    for (int i = 0; i < threads; ++i) racing.push_back(run_async(bind));
    std::vector<LocalListener> winners;
    for (auto& racer : racing) {
      LocalListener listener = racer.result();
      if (listener.is_open()) winners.push_back(std::move(listener));
    }
    ASSERT_EQ(winners.size(), 1U);
    expect_serving(winners.front());
    winners.clear();
    ASSERT_FALSE(exists(path));
  }
}

// Other programs, which know nothing of this library.

TEST_F(SocketFile, OfAnotherProgramThatListensIsNeverTaken) {
  const RawSocket other = RawSocket::listening_at(path);
  const ino_t inode = status_of(path).st_ino;
  for (const Existing existing : {Existing::fail, Existing::reclaim_stale}) {
    EXPECT_CODE(bind_outcome(path, {.existing = existing}), std::errc::address_in_use);
    EXPECT_EQ(status_of(path).st_ino, inode);
  }
  EXPECT_FALSE(other.somebody_waits()) << "it was bothered with a client that is none";
  LocalStream client = LocalStream::connect(path);
  const RawSocket server = other.accept();
  server.send("still here");
  EXPECT_EQ(read_text(client, 10), "still here");
}

TEST_F(SocketFile, OfAnotherProgramWithAFullBacklogIsNotTaken) {
  const RawSocket other = RawSocket::listening_at(path, 0);
  std::vector<LocalStream> clients;
  for (;;) {
    auto [client, ec] = connect(path);
    if (ec) break;
    clients.push_back(std::move(client));
  }
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
}

TEST_F(SocketFile, OfAnotherProgramWithDatagramsIsNotTaken) {
  const RawSocket other = RawSocket::bound_to(path, SOCK_DGRAM);
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
  EXPECT_TRUE(is_socket(path));
}

TEST_F(SocketFile, OfAnotherProgramThatIsAboutToListenIsNotTaken) {
  const RawSocket other = RawSocket::bound_to(path);
  EXPECT_CODE(bind_outcome(path), std::errc::address_in_use);
  ASSERT_EQ(::listen(other.fd(), 1), 0);
  EXPECT_CODE(connect(path).ec, success);
}

// Closing.

TEST_F(SocketFile, IsRemovedByCloseWithNothingLeftBehind) {
  LocalListener listener = LocalListener::bind(path);
  EXPECT_TRUE(is_socket(path));
  listener.close();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(SocketFile, IsRemovedByTheDestructorAndByAssignment) {
  LocalListener listener = LocalListener::bind(path);
  listener = LocalListener();
  EXPECT_FALSE(exists(path));
  { const LocalListener other = LocalListener::bind(path); }
  EXPECT_FALSE(exists(path));
}

TEST_F(SocketFile, OfASuccessorIsNotRemovedByClose) {
  LocalListener first = LocalListener::bind(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  LocalListener second = LocalListener::bind(path);
  first.close();
  EXPECT_TRUE(is_socket(path));
  expect_serving(second);
}

TEST_F(SocketFile, OfAnotherKindThatTookItsPlaceIsNotRemovedByClose) {
  LocalListener listener = LocalListener::bind(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  write_file(path, "precious");
  listener.close();
  EXPECT_EQ(read_file(path), "precious");
}

TEST_F(SocketFile, ThatWasTakenAwayDoesNotHinderClose) {
  LocalListener listener = LocalListener::bind(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  listener.close();
  EXPECT_FALSE(listener.is_open());
}

TEST_F(SocketFile, OfAReleasedOrAdoptedListenerStaysInPlace) {
  LocalListener first = LocalListener::bind(path);
  LocalListener second = LocalListener::adopt(first.release(), path);
  first.close();
  EXPECT_TRUE(is_socket(path));
  expect_serving(second);
  second.close();
  EXPECT_TRUE(is_socket(path)) << "it belongs to whoever made it";
}

// Paths.

TEST_F(SocketFile, OfARelativePathIsWhereItWasWhenTheAddressWasMade) {
  ASSERT_EQ(::mkdir((directory / "a").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((directory / "b").c_str(), 0700), 0);
  LocalAddress address;
  LocalAddress without_slash;
  {
    const WorkingDirectory in_a(directory / "a");
    address = "./echo.sock";
    without_slash = LocalAddress::path("echo2.sock");
  }
  const WorkingDirectory in_b(directory / "b");
  EXPECT_TRUE(std::filesystem::path(address.native()).is_absolute());
  EXPECT_EQ(without_slash.native(), directory / "a/echo2.sock");
  EXPECT_EQ(address.text(), "./echo.sock");
  LocalListener listener = LocalListener::bind(address);
  LocalListener other = LocalListener::bind(without_slash);
  EXPECT_TRUE(is_socket(directory / "a/echo.sock"));
  EXPECT_TRUE(is_socket(directory / "a/echo2.sock"));
  expect_serving(listener);
  expect_serving(other);
}

TEST_F(SocketFile, OfAPathThatIsExactlyAsLongAsASocketsAddressWorks) {
  const std::size_t longest = sizeof(sockaddr_un{}.sun_path) - 1;
  const LocalAddress address(directory / std::string(longest - directory.path().size() - 1, 'x'));
  ASSERT_EQ(address.native().size(), longest);
  LocalListener listener = LocalListener::bind(address);
  EXPECT_TRUE(is_socket(address.native()));
  expect_serving(listener);
}

TEST_F(SocketFile, OfAPathWithSpacesAndUtf8Works) {
  LocalListener listener = LocalListener::bind(directory / "gr\xc3\xbc\xc3\x9f e, 'dich'\n");
  expect_serving(listener);
}

// Abstract names have no file.

TEST(AbstractName, IsTakenAndServedAndFreeAfterwards) {
  if (!platform.has_abstract_names) GTEST_SKIP() << "abstract names are Linux's";
  const LocalAddress address("@" + LocalAddress::unique().text());
  LocalListener listener = LocalListener::bind(address);
  EXPECT_CODE(bind_outcome(address), std::errc::address_in_use);
  expect_serving(listener);
  listener.close();
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

}  // namespace
}  // namespace localsocket::test
