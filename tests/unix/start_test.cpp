// What a started program has of whoever started it: nothing. And who may be inside a start.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

std::set<int> open_descriptors() {
  std::set<int> open;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) open.insert(descriptor);
  }
  return open;
}

bool leads_nowhere(int descriptor) {
  struct stat own {};
  struct stat nowhere {};
  return ::fstat(descriptor, &own) == 0 && ::stat("/dev/null", &nowhere) == 0 && own.st_rdev == nowhere.st_rdev;
}

CHILD_PROCESS(tell_what_was_inherited) {
  const std::size_t descriptors = open_descriptors().size();
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  struct sigaction on_pipe {};
  ::sigaction(SIGPIPE, nullptr, &on_pipe);
  std::string told = std::to_string(descriptors) + " descriptors";
  for (int standard = 0; standard < 3; ++standard) told += leads_nowhere(standard) ? ", nowhere" : ", somewhere";
  if (::getsid(0) == std::atoi(args[1].c_str())) told += ", in our session";
  if (::getsid(0) == ::getpid()) told += ", leads its session";
  if (::sigismember(&blocked, SIGUSR1)) told += ", signals blocked";
  if (on_pipe.sa_handler != SIG_DFL) told += ", signals ignored";
  if (const int terminal = ::open("/dev/tty", O_RDWR); terminal != -1) told += ", has a terminal";
  LocalStream stream = LocalStream::connect(args[0], 10s);
  stream.write_all(told);
  read_to_end(stream);
  return 0;
}

std::string session() { return std::to_string(::getsid(0)); }

TEST(DetachedProcessOfUnix, HasNothingOfWhoeverStartedIt) {
  LocalListener listener = listening();
  const int leaks = ::fcntl(STDIN_FILENO, F_DUPFD, 200);  // not close-on-exec
  sigset_t users;
  sigset_t before;
  ::sigemptyset(&users);
  ::sigaddset(&users, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &users, &before);
  const auto on_pipe = ::signal(SIGPIPE, SIG_IGN);
  const std::error_code ec =
      DetachedProcess{child_command_line("tell_what_was_inherited", {listener.local_address().text(), session()})}();
  ::signal(SIGPIPE, on_pipe);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(leaks);
  ASSERT_CODE(ec, success);
  LocalStream stream = listener.accept(60s);
  std::array<char, 200> told{};
  const std::size_t size = stream.read_some(told);
  EXPECT_EQ(std::string(told.data(), size), "3 descriptors, nowhere, nowhere, nowhere");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it is no child of this process";
  EXPECT_TRUE(stream.peer_process().is_alive());
}

// Whoever has closed its standard streams has other descriptors in their stead.
TEST(DetachedProcessOfUnix, IsStartedWithoutStandardStreams) {
  LocalListener listener = listening();
  const auto start = [&] {
    for (int standard = 0; standard < 3; ++standard) ::close(standard);
    const DetachedProcess process{
        child_command_line("tell_what_was_inherited", {listener.local_address().text(), session()})};
    return outcome(process());
  };
  ASSERT_EQ(in_fork(start), "success");
  LocalStream stream = listener.accept(60s);
  std::array<char, 200> told{};
  const std::size_t size = stream.read_some(told);
  EXPECT_EQ(std::string(told.data(), size), "3 descriptors, nowhere, nowhere, nowhere");
}

TEST(DetachedProcessOfUnix, ThatMayNotRunIsDenied) {
  const TemporaryDirectory directory;
  EXPECT_CODE(DetachedProcess{{directory.path()}}(), std::errc::permission_denied);
}

TEST(DetachedProcessOfUnix, IsStartedWhereChildrenAreIgnored) {
  LocalListener listener = listening();
  const auto start = [&] {
    ::signal(SIGCHLD, SIG_IGN);
    const DetachedProcess process{
        child_command_line("tell_what_was_inherited", {listener.local_address().text(), session()})};
    return outcome(process());
  };
  EXPECT_EQ(in_fork(start), "success");
  EXPECT_TRUE(listener.accept(60s).is_open());
}

/// A process with a terminal of its own, which starts a program and stays.
TEST(DetachedProcessOfUnix, OutlivesTheTerminal) {
  LocalListener listener = listening();
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_NE(master, -1);
  ASSERT_EQ(::grantpt(master), 0);
  ASSERT_EQ(::unlockpt(master), 0);
  const std::string name = ::ptsname(master);
  const pid_t user = ::fork();
  if (user == 0) {
    ::alarm(100);
    ::close(master);
    ::signal(SIGHUP, SIG_DFL);  // nohup, and whatever else runs the suite, may have it ignored
    ::setsid();
    const int terminal = ::open(name.c_str(), O_RDWR);
    ::ioctl(terminal, TIOCSCTTY, 0);
    const DetachedProcess process{
        child_command_line("tell_what_was_inherited", {listener.local_address().text(), session()})};
    if (process()) ::_exit(1);
    for (;;) ::pause();
  }
  LocalStream stream = listener.accept(60s);
  std::array<char, 200> told{};
  const std::size_t size = stream.read_some(told);
  EXPECT_EQ(std::string(told.data(), size), "3 descriptors, nowhere, nowhere, nowhere");
  ::close(master);  // the terminal is closed
  int status = 0;
  ASSERT_EQ(::waitpid(user, &status, 0), user);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP) << status;
  EXPECT_FALSE(stream.peer_process().wait_for_exit(50ms)) << "it goes on";
}

// connect_or_start

class StartLock : public PathTest {};

TEST_F(StartLock, DiesWithItsHolder) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::alarm(100);
    std::error_code ec;
    connect_or_start(
        path,
        [&] {
          if (::write(ends[1], "x", 1) != 1) ::_exit(1);
          for (;;) ::pause();
        },
        60s, ec);
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  int calls = 0;
  std::error_code ec;
  connect_or_start(
      path, [&] { ++calls; }, 50ms, ec);
  EXPECT_EQ(calls, 0) << "somebody is inside";
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  LocalListener listener;
  connect_or_start(path, [&] { listener = LocalListener::bind(path); });
  listener.close();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "nothing is left";
}

TEST_F(StartLock, IsNoChilds) {
  pid_t child = -1;
  std::error_code ec;
  connect_or_start(
      path,
      [&] {
        child = ::fork();  // a server that is made by fork alone
        if (child == 0) {
          ::alarm(100);
          for (;;) ::pause();
        }
        return std::make_error_code(std::errc::io_error);
      },
      10s, ec);
  EXPECT_CODE(ec, std::errc::io_error);
  int calls = 0;
  connect_or_start(
      path,
      [&] {
        ++calls;
        return std::make_error_code(std::errc::io_error);
      },
      10s, ec);
  EXPECT_EQ(calls, 1) << "the child that still lives does not hold the lock";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(StartLock, InADirectoryThatMayNotBeWrittenIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const auto start = [&] {
    std::error_code ec;
    connect_or_start(
        path, [] {}, 10s, ec);
    return outcome(ec);
  };
  EXPECT_EQ(as_user(unused_user(), start), "permission denied");
}

TEST_F(StartLock, IsOneForEnvironmentsThatDiffer) {
  const LocalAddress name = LocalAddress::unique();
  Event inside;
  Event go_on;
  Async<void> first([&] {
    std::error_code ec;
    connect_or_start(
        name,
        [&] {
          inside.set();
          go_on.wait();
          return std::make_error_code(std::errc::io_error);
        },
        60s, ec);
  });
  inside.wait();
  int calls = 0;
  {
    const Environment other("XDG_RUNTIME_DIR", directory.path());
    std::error_code ec;
    connect_or_start(
        name.text(), [&] { ++calls; }, 50ms, ec);
    EXPECT_CODE(ec, std::errc::connection_refused);
  }
  EXPECT_EQ(calls, 0);
  go_on.set();
}

#if defined(__linux__)

TEST(StartLockOfAnAbstractName, IsHeldByOneAtATime) {
  const LocalAddress address("@" + LocalAddress::unique().text());
  int calls = 0;
  const auto start = [&] {
    ++calls;
    std::error_code ec;
    connect_or_start(
        address, [] { ADD_FAILURE() << "somebody is inside"; }, 30ms, ec);
    EXPECT_CODE(ec, std::errc::connection_refused);
    return std::make_error_code(std::errc::io_error);
  };
  std::error_code ec;
  for (int i = 1; i <= 2; ++i) {
    connect_or_start(address, start, 10s, ec);
    EXPECT_CODE(ec, std::errc::io_error);
    EXPECT_EQ(calls, i);
  }
}

#endif

}  // namespace
}  // namespace localsocket::test
