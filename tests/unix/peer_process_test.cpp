// The process at the other end of a socket: the very one, whoever has its number now.
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <localsocket/unix/descriptors.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "support/failing_call.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

/// A child of fork that does something and then sleeps until it is killed.
class Sleeper {
 public:
  template <class Body>
  explicit Sleeper(Body body) : id_(::fork()) {
    if (id_ != 0) return;
    ::alarm(100);
    body();
    for (;;) ::pause();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }

  pid_t id() const { return id_; }
  void kill() { ::kill(id_, SIGKILL); }
  void end() {
    if (id_ <= 0) return;
    kill();
    while (::waitpid(id_, nullptr, 0) == -1 && errno == EINTR) {
    }
    id_ = -1;
  }

 private:
  pid_t id_;
};

class PeerProcessOfASocket : public ::testing::Test {
 protected:
  LocalListener listener = listening();
  const LocalAddress address = listener.local_address();
};

TEST_F(PeerProcessOfASocket, ThatHasEndedIsNotAliveBeforeItsParentLooks) {
  LocalStream kept;
  Sleeper client([&] { kept = LocalStream::connect(address); });
  LocalStream server = listener.accept(10s);
  const PeerProcess process = server.peer_process();
  EXPECT_EQ(process.process_id(), static_cast<std::uint64_t>(client.id()));
  client.kill();
  EXPECT_TRUE(process.wait_for_exit(10s)) << "it is a zombie";
  EXPECT_FALSE(process.is_alive());
}

/// What the system says of the connection where it knows no such question, and where the process has gone.
class PeerProcessByErrors : public ::testing::TestWithParam<std::pair<int, bool>> {};
INSTANTIATE_TEST_SUITE_P(Of, PeerProcessByErrors,
                         ::testing::Values(std::pair(ENOPROTOOPT, true), std::pair(EINVAL, false),
                                           std::pair(ESRCH, false)));

TEST_P(PeerProcessByErrors, IsAGuessOrHasExited) {
  Ends ends = connected_ends();
  if (!ends.server.peer_process().is_exact()) GTEST_SKIP() << "this system keeps no process with a connection";
  const auto [error, is_alive] = GetParam();
  const FailingCall failing("getsockopt", -1, error, 1);  // the first one asks for the number
  const PeerProcess process = ends.server.peer_process();
  EXPECT_EQ(process.is_alive(), is_alive);
  EXPECT_EQ(process.wait_for_exit(0s), !is_alive);
  EXPECT_EQ(process.is_exact(), !is_alive);
  EXPECT_EQ(process.process_id(), static_cast<std::uint64_t>(::getpid()));
}

TEST(PeerProcessByErrors, OfAnotherKindAreErrors) {
  Ends ends = connected_ends();
  if (!ends.server.peer_process().is_exact()) GTEST_SKIP() << "this system keeps no process with a connection";
  const FailingCall failing("getsockopt", -1, EMFILE, 1);
  EXPECT_THROWS_CODE(ends.server.peer_process(), std::errc::too_many_files_open);
}

#if defined(__linux__)

/// A child with that process number, which must be free; needs root. -1 and errno if the system does not make one.
pid_t fork_as(pid_t id) {
  struct {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
  } arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uintptr_t>(&id);
  arguments.set_tid_size = 1;
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (child == 0) {
    for (;;) ::syscall(SYS_pause);
  }
  return child;
}

/// Ends a process, has another one take its number, and sees that nothing of it is left.
void expect_told_from_its_successor(Sleeper& first, const LocalStream& stream) {
  const pid_t id = first.id();
  const PeerProcess before = stream.peer_process();
  EXPECT_EQ(before.process_id(), static_cast<std::uint64_t>(id));
  EXPECT_TRUE(before.is_alive());
  first.end();
  const pid_t second = fork_as(id);
  ASSERT_EQ(second, id) << "clone3: " << errno;
  const PeerProcess after = stream.peer_process();
  for (const PeerProcess* process : {&before, &after}) {
    EXPECT_TRUE(process->is_exact());
    EXPECT_FALSE(process->is_alive());
    EXPECT_TRUE(process->wait_for_exit(0s));
  }
  ::kill(second, SIGKILL);
  ::waitpid(second, nullptr, 0);
}

class PeerProcessWhoseNumberIsTakenAgain : public PeerProcessOfASocket {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (!connected_ends().server.peer_process().is_exact()) GTEST_SKIP() << "an older kernel";
  }
};

TEST_F(PeerProcessWhoseNumberIsTakenAgain, HasExitedForWhoAccepted) {
  LocalStream kept;
  Sleeper client([&] { kept = LocalStream::connect(address); });
  LocalStream server = listener.accept(10s);
  expect_told_from_its_successor(client, server);
}

TEST_F(PeerProcessWhoseNumberIsTakenAgain, HasExitedForWhoConnected) {
  const LocalAddress own = LocalAddress::unique();
  LocalListener kept;
  Sleeper server([&] { kept = LocalListener::bind(own); });
  LocalStream client = LocalStream::connect(own, 10s);
  expect_told_from_its_successor(server, client);
}

TEST_F(PeerProcessWhoseNumberIsTakenAgain, HasExitedForAPairAndInAForkedChild) {
  // The pair is the child's, which gives one end of it to this process.
  auto ends = LocalStream::pair();
  Sleeper maker([&] {
    auto [kept, given] = LocalStream::pair();
    posix::send_descriptors(ends.second, std::array{given.native_handle()}, "x");
    static LocalStream stays;
    stays = std::move(kept);
  });
  std::array<std::byte, 1> byte{};
  const posix::Received received = posix::receive_descriptors(ends.first, byte, 10s);
  ASSERT_EQ(received.descriptors.size(), 1U);
  LocalStream end = LocalStream::adopt(received.descriptors[0]);
  EXPECT_EQ(in_fork([&] { return std::string(end.peer_process().is_alive() ? "alive" : "exited"); }), "alive");
  expect_told_from_its_successor(maker, end);
  EXPECT_EQ(in_fork([&] { return std::string(end.peer_process().is_alive() ? "alive" : "exited"); }), "exited");
}

#endif

}  // namespace
}  // namespace localsocket::test
