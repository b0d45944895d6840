// docs/design.md, section 16, as far as descriptors show it: numbers that are used again, limits, fork.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "support/wait_sets.hpp"
#include "unix/faults.hpp"
#include "unix/fork.hpp"

namespace localsocket::test {
namespace {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WaitSet::Key key = 7;

/// How many system calls of one name the library makes while this lives.
class CallCount {
 public:
  explicit CallCount(std::string name) {
    set_trace_hook([this, name](const SystemCall& call) {
      if (call.name == name) ++count_;
      ++all_;
    });
  }
  CallCount(const CallCount&) = delete;
  CallCount& operator=(const CallCount&) = delete;
  ~CallCount() { set_trace_hook({}); }

  /// Of that name, and of all names, since the last time.
  std::pair<int, int> take() { return {count_.exchange(0), all_.exchange(0)}; }

 private:
  std::atomic<int> count_{0};
  std::atomic<int> all_{0};
};

bool is_traced() { return set_trace_hook({}); }

#if defined(__linux__)

using OneOfOne = std::pair<int, int>;

TEST(WaitSetCalls, AWaitIsOneSystemCallForAnyNumberOfReadyMembers) {
  if (!is_traced()) GTEST_SKIP() << "the library was built with -Dtrace=false";
  constexpr std::size_t members = 200;
  WaitSet set;
  std::vector<Ends> all;
  for (std::size_t i = 0; i < members; ++i) {
    auto [one, other] = LocalStream::pair();
    all.push_back({std::move(one), std::move(other)});
  }
  keys_of(set);  // takes the set's descriptors
  CallCount calls("epoll_ctl");
  for (std::size_t i = 0; i < members; ++i) {
    set.add(i, all[i].server);
    EXPECT_EQ(calls.take(), OneOfOne(1, 1));
  }
  for (Ends& ends : all) ends.client.write_all("x");
  CallCount waits("epoll_wait");
  EXPECT_EQ(keys_of(set, 1h, members).size(), members);
  EXPECT_EQ(waits.take(), OneOfOne(1, 1));
  CallCount changes("epoll_ctl");
  set.change(0, Ready::writable);
  EXPECT_EQ(changes.take(), OneOfOne(1, 1));
  set.remove(1);
  EXPECT_EQ(changes.take(), OneOfOne(1, 1));
}

TEST(WaitSetCalls, AMessageThatIsReadAheadIsReportedWithoutReading) {
  if (!is_traced()) GTEST_SKIP() << "the library was built with -Dtrace=false";
  Ends ends = connected_ends();
  MessageStream receiver(std::move(ends.server));
  WaitSet set;
  set.add(key, receiver);
  ends.client.write_all("\1a\1b\1c");
  EXPECT_THAT(keys_of(set, 1s), ElementsAre(key));
  std::string message;
  CallCount reads("recv");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(keys_of(set, 1s), ElementsAre(key));
    EXPECT_TRUE(receiver.receive(message));
  }
  EXPECT_EQ(reads.take(), OneOfOne(0, 3));  // three waits
}

TEST(WaitSetCalls, AnEventIsSetAndResetWithoutASystemCallWhileNobodyWaits) {
  if (!is_traced()) GTEST_SKIP() << "the library was built with -Dtrace=false";
  WaitSet set;
  localsocket::Event event;
  set.add(key, event);
  CallCount calls("write");
  event.set();
  event.reset();
  EXPECT_EQ(calls.take(), OneOfOne(0, 0));
}

#endif

TEST(WaitSetDescriptors, ASetTakesItsOwnAndAMemberNone) {
  const std::size_t before = open_handles();
  {
    WaitSet set;
    localsocket::Event event;
    auto [one, other] = LocalStream::pair();
    set.add(1, one);
    set.add(2, event);
    EXPECT_LE(open_handles(), before + 2 + 2);
  }
  EXPECT_EQ(open_handles(), before);
}

TEST(WaitSetDescriptors, WithoutAnyItIsAnErrorAndTheNextAddWorks) {
  auto ends = LocalStream::pair();  // no structured binding: a lambda uses them
  LocalStream& one = ends.first;
  LocalStream& other = ends.second;
  WaitSet set;
  {
    const NoDescriptorsLeft none;
    EXPECT_THROWS_CODE(set.add(key, one), std::errc::too_many_files_open);
    EXPECT_THROWS_CODE(keys_of(set), std::errc::too_many_files_open);
  }
  set.add(key, one);
  other.write_all("x");
  EXPECT_THAT(keys_of(set, 1s), ElementsAre(key));
}

// The number of a descriptor that was closed is the next one's, while a duplicate of the old one is open and readable.
TEST(WaitSetDescriptors, ANumberThatIsUsedAgainReportsNoOldKey) {
  WaitSet set;
  constexpr WaitSet::Key rounds = 10'000;
  auto [old, old_peer] = LocalStream::pair();
  old_peer.write_all("x");
  for (WaitSet::Key round = 0; round < rounds; ++round) {
    auto [next, next_peer] = LocalStream::pair();
    LocalStream duplicate = old.duplicate();
    set.add(round, duplicate);
    if (round % 64 == 0) {
      ASSERT_THAT(keys_of(set), ElementsAre(round));
    }
    const LocalStream keeps_it_open = duplicate.duplicate();
    const NativeHandle number = duplicate.native_handle();
    if (round % 2 == 0) {
      duplicate.close();
      ASSERT_THAT(keys_of(set), ElementsAre(round)) << "its end";
    } else {
      set.remove(round);
      duplicate.close();
    }
    LocalStream reused = old.duplicate();
    ASSERT_EQ(reused.native_handle(), number) << "the number is used again";
    ASSERT_THAT(keys_of(set), IsEmpty());
  }
}

TEST(WaitSetDescriptors, ACloseBesideARunningCallLetsGoBeforeTheNumberIsUsedAgain) {
  for (int round = 0; round < 200; ++round) {
    WaitSet set;
    auto [one, peer] = LocalStream::pair();
    set.add(key, one);
    auto reading = run_async([&one = one] {
      Bytes buffer(1);
      return read_some(one, buffer).ec;
    });
    reading.wait_until_blocked();
    const LocalStream keeps_it_open = one.duplicate();
    one.close();
    EXPECT_CODE(reading.result(), Errc::closed);
    peer.write_all("x");
    EXPECT_THAT(keys_of(set), ElementsAre(key)) << "its end";
    EXPECT_THAT(keys_of(set), IsEmpty());
  }
}

TEST(WaitSetDescriptors, AddingAndRemovingTakesNoMore) {
  WaitSet set;
  auto [one, other] = LocalStream::pair();
  const std::size_t before = open_handles();
  for (int i = 0; i < 20'000; ++i) {
    set.add(static_cast<WaitSet::Key>(i), one);
    set.remove(static_cast<WaitSet::Key>(i));
  }
  EXPECT_LE(open_handles(), before + 2);
  set.add(key, one);
  other.write_all("x");
  EXPECT_THAT(keys_of(set, 1s), ElementsAre(key));
}

TEST(WaitSetDescriptors, ReleaseIsReportedAsCloseIs) {
  auto [one, other] = LocalStream::pair();
  WaitSet set;
  set.add(key, one);
  LocalStream same = LocalStream::adopt(one.release());
  EXPECT_THAT(keys_of(set), ElementsAre(key));
  EXPECT_THAT(keys_of(set), IsEmpty());
  expect_connected(same, other);
}

TEST(WaitSetDescriptors, AStreamIsInSeveralSets) {
  auto [one, other] = LocalStream::pair();
  WaitSet first;
  WaitSet second;
  first.add(1, one);
  second.add(2, one, Ready::writable);
  other.write_all("x");
  EXPECT_THAT(keys_of(first, 1s), ElementsAre(1U));
  EXPECT_THAT(keys_of(second, 1s), ElementsAre(2U));
  one.close();
  EXPECT_THAT(keys_of(first), ElementsAre(1U));
  EXPECT_THAT(keys_of(second), ElementsAre(2U));
}

TEST(WaitSetSignals, EndNoWaitAndLoseNone) {
  WaitSet set;
  auto [one, other] = LocalStream::pair();
  set.add(key, one);
  const SignalStorm storm;
  EXPECT_GE(time_of([&] { EXPECT_THAT(keys_of(set, 50ms), IsEmpty()); }), 50ms);
  other.write_all("x");
  EXPECT_THAT(keys_of(set, 1h), ElementsAre(key));
}

// A listener without descriptors.

TEST(WaitSetListener, WithoutDescriptorsItDoesNotSpinAndGoesOnWithTheNext) {
  LocalListener listener = listening();
  WaitSet set;
  set.add(key, listener);
  const LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_THAT(keys_of(set, 1s), ElementsAre(key));
  keys_of(set);
  NoDescriptorsLeft none;
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::too_many_files_open);
  CallCount waits("epoll_wait");
  EXPECT_THAT(keys_of(set, 500ms), IsEmpty());
  if (is_traced()) {
    CallCount more("epoll_wait");
    EXPECT_THAT(keys_of(set, 500ms), IsEmpty());
    EXPECT_LE(more.take().first, 10);
  }
  auto waiting = run_async([&] { return keys_of(set, 1h); });
  waiting.wait_until_blocked();
  none.give_back_one();
  EXPECT_TRUE(waiting.finished_within(150ms));
  EXPECT_THAT(waiting.result(), ElementsAre(key));
  EXPECT_CODE(accept(listener, 0s).ec, success);
}

// fork.

TEST(WaitSetInAChild, IsClosedAndLeavesTheParentsAlone) {
  WaitSet set;
  localsocket::Event event;
  auto ends = LocalStream::pair();  // no structured binding: a lambda uses them
  LocalStream& one = ends.first;
  LocalStream& other = ends.second;
  set.add(1, one);
  set.add(2, event);
  EXPECT_EQ(in_fork([&]() -> std::string {
              std::error_code ec;
              std::array<Report, 4> reports;
              set.wait(reports, 0s, ec);
              if (ec != Errc::closed) return "a wait works";
              set.add(3, other, ec);
              if (ec != Errc::closed) return "an add works";
              set.change(1, Ready::writable, ec);
              if (ec != Errc::closed) return "a change works";
              set.remove(1);
              event.set();
              one.close();
              set = WaitSet();
              LocalStream copy = std::move(other);
              set.add(1, copy, ec);
              set.wait(reports, 0s, ec);
              return ec.message();
            }),
            "Success");
  EXPECT_THAT(keys_of(set), IsEmpty());
  other.write_all("x");
  EXPECT_THAT(keys_of(set, 1s), ElementsAre(1U));
  event.set();
  EXPECT_EQ(keys_of(set, 1s).size(), 2U);
}

// A child that is forked while others lock the set does not hang, and its copies keep nothing in the parent's set.
TEST(WaitSetInAChild, ForkedDuringAWaitKeepsNothingInTheSet) {
  WaitSet set;
  auto [one, other] = LocalStream::pair();
  set.add(key, one);
  auto waiting = run_async([&] { return keys_of(set, 1h); });
  waiting.wait_until_blocked();
  std::string outcome;
  {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(100);
      ::close(ends[1]);
      char byte;
      // It keeps its copies open until the parent has seen what it has to see.
      const ssize_t end = ::read(ends[0], &byte, 1);
      ::_exit(end == 0 ? 0 : 1);
    }
    ::close(ends[0]);
    one.close();
    EXPECT_THAT(waiting.result(), ElementsAre(key)) << "its end";
    other.write_all("x");
    EXPECT_THAT(keys_of(set), IsEmpty());
    ::close(ends[1]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

// Many.

constexpr std::size_t ten_thousand = 10'000;

/// Whether the process may have a descriptor for each of them.
bool may_have_ten_thousand() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, ten_thousand + 200);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= ten_thousand + 200;
}

/// All of them at once, which send and want it back.
CHILD_PROCESS(be_ten_thousand_clients) {
  if (!may_have_ten_thousand()) return 1;
  std::vector<LocalStream> clients;
  for (std::size_t i = 0; i < ten_thousand; ++i) clients.push_back(LocalStream::connect(args[0], 10s));
  for (LocalStream& client : clients) client.write_all("ping");
  for (LocalStream& client : clients) {
    if (read_text(client, 4) != "ping") return 2;
  }
  return 0;
}

TEST(WaitSetMany, TenThousandEchoOnOneThread) {
  if (!may_have_ten_thousand()) GTEST_SKIP() << "RLIMIT_NOFILE cannot be raised to 10,200";
  LocalListener listener = listening();
  const std::size_t handles = open_handles();
  WaitSet set;
  set.add(ten_thousand, listener);
  ChildProcess child = spawn("be_ten_thousand_clients", {listener.local_address().text()});
  std::vector<LocalStream> servers;
  std::vector<Report> reports(1000);
  std::array<std::byte, 64> buffer;
  for (std::size_t echoed = 0; echoed < ten_thousand;) {
    const std::size_t count = set.wait(reports, 10s);
    ASSERT_NE(count, 0U);
    for (const Report& report : std::span(reports).first(count)) {
      if (report.key == ten_thousand) {
        servers.push_back(listener.accept(0s));
        set.add(servers.size() - 1, servers.back());
      } else {
        LocalStream& stream = servers[report.key];
        const std::size_t size = stream.read_some(buffer, 0s);
        if (size == 0) continue;  // it has all that it sent, and has left
        stream.write_all(std::span(buffer).first(size));
        ++echoed;
        if (echoed == 1) {
          EXPECT_LE(open_handles(), handles + servers.size() + 10) << "one each";
        }
      }
    }
  }
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace localsocket::test
