// fork: what a child's copies may do to what the parent goes on using: nothing.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

TEST(ForkedChild, ThatDropsItsCopyOfAListenerLeavesTheAddressToTheParent) {
  const TemporaryDirectory directory;
  LocalListener listener = LocalListener::bind(directory / "s");
  EXPECT_EQ(in_fork([&]() -> std::string {
              { const LocalListener dropped = std::move(listener); }
              return exists(directory / "s") ? "there" : "removed";
            }),
            "there");
  EXPECT_EQ(in_fork([&]() -> std::string {
              listener.close();
              return exists(directory / "s") && !listener.is_open() ? "there" : "removed";
            }),
            "there");
  expect_serving(listener);
  listener.close();
  EXPECT_FALSE(exists(directory / "s"));
}

TEST(ForkedChild, WhoseHalvesEndLeavesBothDirectionsToTheParent) {
  Ends ends = connected_ends();
  EXPECT_EQ(in_fork([&]() -> std::string {
              auto [reader, writer] = std::move(ends.client).split();
              writer.close();
              return writer.is_open() ? "open" : "closed";
            }),
            "closed");
  EXPECT_EQ(in_fork([&]() -> std::string {
              { auto [reader, writer] = std::move(ends.client).split(); }
              return "dropped";
            }),
            "dropped");
  expect_connected(ends.client, ends.server);
}

TEST(ForkedChild, GivesNothingBackThatItsParentHasBorrowed) {
  if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
  Ends ends = connected_ends();
  BufferBorrower borrower(MessageStream(std::move(ends.server), {.handles = true}));
  BufferLender lender =
      BufferLender::create(MessageStream(std::move(ends.client), {.handles = true}), {.buffer_size = 10}, 10s);
  lender.send(lender.acquire(), 10);
  lender.send(lender.acquire(), 10);
  BorrowedBuffer explicitly = borrower.receive(10s).value();
  BorrowedBuffer dropped = borrower.receive(10s).value();
  EXPECT_EQ(in_fork([&]() -> std::string {
              std::error_code ec;
              explicitly.give_back(ec);
              dropped = {};
              const bool gives = ec != Errc::closed || borrower.receive(0s, ec) || ec != Errc::closed ||
                                 lender.acquire(0s, ec) || ec != Errc::closed;
              borrower = BufferBorrower();
              lender = BufferLender();
              return gives ? "goes on" : "closed";
            }),
            "closed");
  lender.take_returns();
  EXPECT_EQ(lender.free_buffers(), 1U);
  dropped = {};
  lender.take_returns();
  EXPECT_EQ(lender.free_buffers(), 2U) << "both ends go on in the parent";
}

TEST(ForkedChild, MayEndADirectionByShutdownForItIsAsked) {
  Ends ends = connected_ends();
  EXPECT_EQ(in_fork([&]() -> std::string {
              ends.client.shutdown(Shutdown::write);
              return "ended";
            }),
            "ended");
  EXPECT_EQ(text_until_end(ends.server), "");
}

TEST(ForkedChild, ThatReleasesAListenerDoesNotChangeItForTheParent) {
  LocalListener listener = listening();
  EXPECT_CODE(accept(listener, 10ms).ec, std::errc::timed_out);
  EXPECT_EQ(in_fork([&]() -> std::string { return listener.release() == invalid_handle ? "nothing" : "released"; }),
            "released");
  auto accepting = run_async([&] { return accept(listener).ec; });
  accepting.wait_until_blocked_for(long_wait);
  listener.close();
  EXPECT_TRUE(accepting.finished_within(soon()));
  EXPECT_CODE(accepting.result(), Errc::closed);
}

timeval timeout_of(int socket, int option) {
  timeval timeout{};
  socklen_t size = sizeof timeout;
  EXPECT_EQ(::getsockopt(socket, SOL_SOCKET, option, &timeout, &size), 0);
  return timeout;
}

TEST(ForkedChild, ThatReleasesAStreamDoesNotChangeItForTheParent) {
  Ends ends = connected_ends();
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  // Both see the same socket; the child tells what it finds, for native_handle() would change it here.
  EXPECT_EQ(in_fork([&]() -> std::string {
              const int released = ends.client.release();
              return timeout_of(released, SO_RCVTIMEO).tv_usec != 0 ? "left" : "taken off";
            }),
            "left");
  auto reading = run_async([&] { return read_some(ends.client, byte); });
  reading.wait_until_blocked_for(long_wait);
  ends.client.close();
  EXPECT_OUTCOME(reading.result(), 0, Errc::closed);
}

TEST(ForkedChild, OfAProcessWithWaitingThreadsClosesItsCopiesAtOnce) {
  Ends ends = connected_ends();
  LocalListener listener = listening();
  Bytes byte(1);
  auto reading = run_async([&] { return read_some(ends.client, byte); });
  auto accepting = run_async([&] { return accept(listener).ec; });
  reading.wait_until_blocked_for(long_wait);
  accepting.wait_until_blocked_for(long_wait);
  EXPECT_EQ(in_fork([&]() -> std::string {
              const int before = static_cast<int>(open_handles());
              ends.client.close();
              ends.server.close();
              listener.close();
              return std::to_string(before - static_cast<int>(open_handles()));
            }),
            "3");
  EXPECT_FALSE(reading.finished());
  EXPECT_FALSE(accepting.finished());
  const LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_CODE(accepting.result(), success);
  ends.server.write_all("y");
  EXPECT_OUTCOME(reading.result(), 1, success);
}

TEST(ForkedChild, OfAProcessWithWaitingThreadsMayUseItsCopies) {
  if (!forked_child_may_start_threads) GTEST_SKIP() << "the thread sanitizer ends a forked child that starts a thread";
  Ends ends = connected_ends();
  Bytes byte(1);
  auto reading = run_async([&] { return read_some(ends.client, byte); });
  reading.wait_until_blocked_for(long_wait);
  EXPECT_EQ(in_fork([&]() -> std::string {
              Bytes mine(1);
              auto waiting = run_async([&] { return read_some(ends.client, mine, 5s).ec; });
              waiting.wait_until_blocked(Moment::late);
              ends.client.close();
              const std::error_code ec = waiting.result();
              return ec == Errc::closed ? "closed" : ec.message();
            }),
            "closed");
  ends.server.write_all("y");
  EXPECT_OUTCOME(reading.result(), 1, success);
}

TEST(ForkedChild, OfAProcessThatIsInTheTraceHookTracesByItself) {
  if (!forked_child_may_start_threads) GTEST_SKIP() << "the thread sanitizer does not let a child take such a lock";
  std::promise<void> is_in_hook;
  std::promise<void> may_leave;
  std::atomic<bool> is_first{true};
  const bool can_trace = set_trace_hook([&](const SystemCall&) {
    if (!is_first.exchange(false)) return;
    is_in_hook.set_value();
    may_leave.get_future().wait();
  });
  if (!can_trace) GTEST_SKIP() << "built without the trace hook";
  auto calling = run_async([] { return LocalStream::pair().first.is_open(); });
  is_in_hook.get_future().wait();
  EXPECT_EQ(in_fork([]() -> std::string {
              LocalStream::pair();
              set_trace_hook({});
              return "traced";
            }),
            "traced");
  may_leave.set_value();
  EXPECT_TRUE(calling.result());
  set_trace_hook({});
}

// A daemon: the parent binds, forks, releases and goes; the child serves on, and its accepts end as they should.
TEST(ForkedChild, KeepsTheAddressWhenTheParentReleasesItAndItsAcceptsEndAtClose) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  EXPECT_EQ(in_fork([&]() -> std::string {
              std::optional<LocalListener> listener = LocalListener::bind(path);
              int gone[2];
              if (::pipe(gone) != 0) return "no pipe";
              int told[2];
              if (::pipe(told) != 0) return "no pipe";
              if (::fork() != 0) {
                static_cast<void>(listener->release());
                listener.reset();
                ::close(gone[0]);
                ::close(gone[1]);  // tells the child
                ::close(told[1]);
                std::string text(64, '\0');
                const ssize_t size = ::read(told[0], text.data(), text.size());
                text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
                return text;
              }
              ::close(gone[1]);
              char byte = 0;
              static_cast<void>(!::read(gone[0], &byte, 1));
              std::string text = "good";
              if (!exists(path)) text = "the address is gone";
              LocalStream client = LocalStream::connect(path);
              if (!listener->accept(5s).is_open()) text = "not served";
              // As the parent's release left it, and another process takes the client in between.
              auto accepting = run_async([&] { return accept(*listener).ec; });
              accepting.wait_until_blocked_for(long_wait);
              listener->close();
              if (!accepting.finished_within(soon()) || accepting.result() != Errc::closed) text = "not closed";
              static_cast<void>(!::write(told[1], text.data(), text.size()));
              ::_exit(0);
            }),
            "good");
  EXPECT_TRUE(is_socket(path)) << "nobody removes it: the next bind takes it over";
  LocalListener next = LocalListener::bind(path);
  expect_serving(next);
}

TEST(ForkedChild, OfABindThatWasKilledDoesNotKeepTheLock) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  int alive[2];
  ASSERT_EQ(::pipe(alive), 0);
  const std::string parent = in_fork([&]() -> std::string {
    const bool can_trace = set_trace_hook([&](const SystemCall& call) {
      if (call.name != "flock") return;
      if (::fork() == 0) {  // lives on, with a copy of all that was open, until the test ends
        ::close(alive[1]);
        for (int fd = 3; fd < 64; ++fd) {
          // All but what the test waits by: in_fork's pipe is among them.
          struct stat status {};
          if (fd != alive[0] && ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)) ::close(fd);
        }
        char byte = 0;
        static_cast<void>(!::read(alive[0], &byte, 1));
        ::_exit(0);
      }
      ::_exit(42);
    });
    if (!can_trace) return "no trace hook";
    LocalListener::bind(path);
    return "bound";
  });
  ::close(alive[0]);
  if (parent == "no trace hook") {
    ::close(alive[1]);
    GTEST_SKIP() << "built without the trace hook";
  }
  EXPECT_EQ(parent, "died: exit code 42");
  EXPECT_TRUE(exists(directory / ".s.localsocket"));
  EXPECT_LT(time_of([&] { EXPECT_CODE(bind_outcome(path), success); }), soon());
  ::close(alive[1]);
}

}  // namespace
}  // namespace localsocket::test
