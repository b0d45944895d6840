// The trace hook: each system call of the library, with what it was given and what came of it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// A SystemCall that outlives the hook.
struct Traced {
  std::string name;
  std::string arguments;
  std::string result;
  int error;
  std::uint64_t thread;
  std::string text;
};

void PrintTo(const Traced& call, std::ostream* out) { *out << call.text; }

/// Traces as long as it lives.
class Tracing {
 public:
  Tracing() {
    is_built_in_ = set_trace_hook([this](const SystemCall& call) {
      const std::scoped_lock lock(mutex_);
      calls_.push_back({std::string(call.name), std::string(call.arguments), std::string(call.result), call.error,
                        call.thread, std::string(call.text)});
    });
  }
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;
  ~Tracing() { set_trace_hook({}); }

  bool is_built_in() const { return is_built_in_; }

  /// What was called since the last time.
  std::vector<Traced> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Traced> calls_;
  bool is_built_in_ = false;
};

std::vector<std::string> names_of(const std::vector<Traced>& calls) {
  std::vector<std::string> names;
  for (const Traced& call : calls) names.push_back(call.name);
  return names;
}

class Trace : public ConnectedTest {
 protected:
  void SetUp() override {
    const Tracing tracing;
    if (!tracing.is_built_in()) GTEST_SKIP() << "the library was built with -Dtrace=false";
    // Both ends have done all that they do once.
    expect_connected(client, server);
  }

  Bytes buffer = Bytes(64);
};

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(Trace, AReadOfDataThatIsReadyIsOneSystemCall) {
  server.write_all("data");
  Tracing tracing;
  client.read_some(buffer);
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.read_call));
}

TEST_F(Trace, AWriteThatFitsIsOneSystemCall) {
  Tracing tracing;
  server.write_all("data");
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.write_call));
}

TEST_F(Trace, ItIsOneSystemCallWithEveryKindOfLimitSet) {
  client.set_read_timeout(1h);
  client.set_read_deadline(Clock::now() + 1h);
  server.set_write_timeout(1h);
  server.set_write_deadline(Clock::now() + 1h);
  const stop_source stop;
  Tracing tracing;
  server.write_all("data", {1h, stop.get_token()});
  client.read_some(buffer, {1h, stop.get_token()});
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.write_call, platform.read_call));
}

TEST_F(Trace, APingPongIsOneCallForEachReadAndWrite) {
  constexpr int rounds = 100;
  Tracing tracing;
  for (int i = 0; i < rounds; ++i) expect_connected(client, server);
  const auto names = names_of(tracing.take());
  EXPECT_EQ(names.size(), std::size_t{4 * rounds});
  EXPECT_EQ(std::count(names.begin(), names.end(), platform.read_call), 2 * rounds);
  EXPECT_EQ(std::count(names.begin(), names.end(), platform.write_call), 2 * rounds);
}

TEST_F(Trace, AConnectSetsUpNothing) {
  LocalListener listener = listening();
  Tracing tracing;
  const LocalStream stream = LocalStream::connect(listener.local_address());
  EXPECT_LE(tracing.take().size(), platform.most_calls_of_a_connect);
}

TEST_F(Trace, AConnectToAFullListenerDoesNotSpin) {
  LocalListener listener = listening({.backlog = 1});
  const auto waiting = fill_backlog(listener);
  Tracing tracing;
  EXPECT_CODE(connect(listener.local_address(), 100ms).ec, std::errc::timed_out);
  // At most an attempt in a millisecond, of a handful of calls.
  EXPECT_LE(tracing.take().size(), 1000U);
}

TEST_F(Trace, AReadOfDataThatIsReadyIntoSeveralBuffersIsOneSystemCall) {
  Bytes one(4);
  Bytes two(8);
  const std::span<std::byte> parts[] = {{}, one, {}, two};
  server.write_all("one two three");
  Tracing tracing;
  EXPECT_EQ(client.read_some(parts), platform.scatters_reads ? 12U : 4U);
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.scattered_read_call));
}

TEST_F(Trace, AWriteOf64KiBFromSeveralBuffersIsOneSystemCall) {
  auto [reader, writer] = connected_ends({.buffer_size = 256_KiB});  // a system may give less than 64 KiB
  expect_connected(reader, writer);
  ByteSequence sequence;
  const std::vector<Bytes> pieces{sequence.take(1), sequence.take(40_KiB), sequence.take(24_KiB - 1)};
  const std::vector<std::span<const std::byte>> parts{pieces[0], pieces[1], {}, pieces[2]};
  Bytes received(64_KiB);
  ByteSequence expected;

  Tracing tracing;
  EXPECT_EQ(writer.write_some(parts), 64_KiB);
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.gathered_write_call));
  reader.read_exact(received);
  EXPECT_TRUE(expected.continues_with(received));

  tracing.take();
  EXPECT_EQ(writer.write_all(parts), 64_KiB);
  EXPECT_THAT(names_of(tracing.take()), ElementsAre(platform.gathered_write_call));
}

TEST_F(Trace, AnEmptyBufferIsNoSystemCall) {
  Tracing tracing;
  EXPECT_EQ(client.read_some(std::span<std::byte>()), 0U);
  EXPECT_EQ(client.write_some(std::span<const std::byte>()), 0U);
  EXPECT_EQ(client.write_all(""), 0U);
  EXPECT_THAT(tracing.take(), IsEmpty());
}

TEST_F(Trace, ABadAddressIsNoSystemCall) {
  Tracing tracing;
  std::error_code ec;
  for (const char* text : {"", ".x", "a b", "@"}) {
    LocalAddress::parse(text, ec);
    EXPECT_CODE(ec, Errc::invalid_address);
  }
  EXPECT_THAT(tracing.take(), IsEmpty());
}

TEST_F(Trace, TellsNameArgumentsResultAndThread) {
  server.write_all("1234567");
  Tracing tracing;
  client.read_some(buffer);
  const auto calls = tracing.take();
  ASSERT_EQ(calls.size(), 1U);
  const Traced& call = calls.front();
  EXPECT_EQ(call.name, platform.read_call);
  EXPECT_THAT(call.arguments, HasSubstr("64")) << "the buffer's size";
  EXPECT_EQ(call.error, 0);
  EXPECT_EQ(call.thread, current_thread_id());
  EXPECT_EQ(call.text,
            "[" + std::to_string(call.thread) + "] " + call.name + "(" + call.arguments + ") = " + call.result);
}

TEST_F(Trace, TellsTheErrorOfACallThatFailed) {
  server.close();
  Tracing tracing;
  const Outcome outcome = write_all(client, bytes_of("data"));
  EXPECT_CODE(outcome.ec, std::errc::broken_pipe);
  const auto calls = tracing.take();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls.front().name, platform.write_call);
  EXPECT_EQ(calls.front().error, outcome.ec.value());
  EXPECT_THAT(calls.front().text, ::testing::EndsWith(", " + std::to_string(outcome.ec.value()) + ")"));
}

TEST_F(Trace, TellsTheThreadThatMadeTheCall) {
  server.write_all("data");
  Tracing tracing;
  auto reading = run_async([&] { return read_some(client, buffer); });
  reading.result();
  const auto calls = tracing.take();
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls.front().thread, reading.thread_id());
  EXPECT_NE(calls.front().thread, current_thread_id());
}

TEST_F(Trace, SeesListenersComeAndGo) {
  Tracing tracing;
  {
    LocalListener listener = listening();
    EXPECT_THAT(names_of(tracing.take()), Contains(platform.bind_call));
    LocalStream peer = LocalStream::connect(listener.local_address());
    EXPECT_THAT(names_of(tracing.take()), Contains(platform.connect_call));
    listener.accept();
    tracing.take();
  }
  EXPECT_THAT(names_of(tracing.take()), Contains(platform.close_call));
}

TEST_F(Trace, IsOffWhenTheHookIsTakenAway) {
  int calls = 0;
  set_trace_hook([&](const SystemCall&) { ++calls; });
  set_trace_hook({});
  expect_connected(client, server);
  EXPECT_EQ(calls, 0);
}

TEST_F(Trace, ANewHookReplacesTheOneBefore) {
  int first = 0;
  int second = 0;
  set_trace_hook([&](const SystemCall&) { ++first; });
  server.write_all("x");
  set_trace_hook([&](const SystemCall&) { ++second; });
  server.write_all("x");
  set_trace_hook({});
  server.write_all("x");
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_F(Trace, TheHookMayBeSetAndTakenAwayWhileCallsRun) {
  auto ping_pong = run_async([&] {
    for (int i = 0; i < 2000; ++i) expect_connected(client, server);
  });
  int calls = 0;
  while (!ping_pong.finished()) {
    set_trace_hook([&](const SystemCall& call) { calls += call.name.empty() ? 0 : 1; });
    set_trace_hook({});
  }
  const int seen = calls;
  expect_connected(client, server);
  EXPECT_EQ(calls, seen) << "the hook still ran when it had been taken away";
}

TEST_F(Trace, TheHookLeavesTheErrorOfTheCallAlone) {
  set_trace_hook([](const SystemCall&) { errno = ENOENT; });
  server.close();
  EXPECT_CODE(write_all(client, bytes_of("data")).ec, std::errc::broken_pipe);
  set_trace_hook({});
}

// Without a line of code.

CHILD_PROCESS(makes_a_pair) {
  auto [a, b] = LocalStream::pair();
  a.write_all("x");
  return read_text(b, 1) == "x" ? 0 : 1;
}

/// Sets LOCALSOCKET_TRACE for the children of this process as long as it lives.
class TraceVariable {
 public:
  explicit TraceVariable(const std::string& target) { set(target); }
  TraceVariable(const TraceVariable&) = delete;
  TraceVariable& operator=(const TraceVariable&) = delete;
  ~TraceVariable() { set(""); }

 private:
  // putenv() is the one that both C libraries have; POSIX keeps the very bytes that it is given.
  static void set(const std::string& target) {
    static std::array<char, 512> variable;
    const std::string text = "LOCALSOCKET_TRACE=" + target;
    ASSERT_LT(text.size(), variable.size());
    std::copy_n(text.c_str(), text.size() + 1, variable.begin());
    ASSERT_EQ(::putenv(variable.data()), 0);
  }
};

TEST_F(Trace, TheEnvironmentSendsItToStandardError) {
  const TraceVariable variable("stderr");
  ChildProcess child = spawn_program(child_command_line("makes_a_pair"));
  const std::string output = child.read_to_end();
  EXPECT_EQ(child.wait(), 0);
  EXPECT_THAT(output, HasSubstr("] " + std::string(platform.write_call) + '('));
}

TEST_F(Trace, TheEnvironmentSendsItToAFile) {
  const auto file = std::filesystem::temp_directory_path() / LocalAddress::unique("trace").text();
  {
    const TraceVariable variable(file.string());
    for (int run = 0; run < 2; ++run) EXPECT_EQ(spawn("makes_a_pair").wait(), 0);
  }
  std::ifstream lines(file);
  int writes = 0;
  for (std::string line; std::getline(lines, line);) {
    writes += line.find("] " + std::string(platform.write_call) + '(') != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(writes, 2) << "one of each run, the second appended";
  lines.close();
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace localsocket::test
