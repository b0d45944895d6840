// bind_or_connect, connect_or_start and DetachedProcess: one server for many clients (docs/design.md, 15).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/race.hpp"
#include "support/test.hpp"
#include "support/watchdog.hpp"

namespace localsocket::test {
namespace {

constexpr auto quit = "quit";

long long in_milliseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

/// Greets each client until one of them says "quit", or nobody comes for long.
void serve(LocalListener& listener) {
  for (LocalStream client : listener.incoming(60s)) {
    client.write_all("hello");
    Bytes word(4);
    std::error_code ec;
    if (client.read_exact(word, 60s, ec) == word.size() && text_of(word) == quit) return;
  }
}

void tell_to_quit(LocalStream& stream) {
  EXPECT_EQ(read_text(stream, 5), "hello");
  stream.write_all(quit);
}

void tell_to_quit(const LocalAddress& address) {
  LocalStream stream = LocalStream::connect(address, 10s);
  tell_to_quit(stream);
}

CHILD_PROCESS(serve_until_quit) {
  LocalListener listener = LocalListener::bind(args[0]);
  serve(listener);
  return 0;
}

/// Processes that begin something at once.
class Race {
 public:
  Race(int size, std::string_view name, const ChildArguments& args) {
    ChildArguments with_start{starting_.local_address().text()};
    with_start.insert(with_start.end(), args.begin(), args.end());
    for (int i = 0; i < size; ++i) runners.push_back(spawn(name, with_start));
    std::vector<LocalStream> waiting;
    for (int i = 0; i < size; ++i) waiting.push_back(starting_.accept(60s));
  }

  /// In a runner: until all are there.
  static void wait_for_start(const std::string& address) {
    LocalStream start = LocalStream::connect(address, 60s);
    read_to_end(start);
  }

  std::vector<std::string> read_lines() {
    std::vector<std::string> lines;
    for (ChildProcess& runner : runners) lines.push_back(runner.read_line());
    return lines;
  }

  std::vector<ChildProcess> runners;

 private:
  LocalListener starting_ = listening();
};

// bind_or_connect

TEST(BindOrConnect, IsTheListenerWhenThereIsNone) {
  const LocalAddress address = LocalAddress::unique();
  auto role = bind_or_connect(address);
  ASSERT_TRUE(std::holds_alternative<LocalListener>(role));
  EXPECT_EQ(std::get<LocalListener>(role).local_address(), address);
  expect_serving(std::get<LocalListener>(role));
}

TEST(BindOrConnect, IsAClientWhenThereIsOne) {
  LocalListener listener = listening();
  auto role = bind_or_connect(listener.local_address());
  ASSERT_TRUE(std::holds_alternative<LocalStream>(role));
  LocalStream server = listener.accept(10s);
  expect_connected(std::get<LocalStream>(role), server);
}

TEST(BindOrConnect, TakesTheOptionsOfBoth) {
  const LocalAddress address = LocalAddress::unique();
  auto role = bind_or_connect(address, 10s, {.direction = Direction::client_to_server},
                              {.direction = Direction::client_to_server});
  auto& listener = std::get<LocalListener>(role);
  auto second = bind_or_connect(address, 10s, {}, {.direction = Direction::client_to_server});
  LocalStream server = listener.accept(10s);
  EXPECT_EQ(std::get<LocalStream>(second).write_all("x"), 1U);
  EXPECT_EQ(read_text(server, 1), "x");
  EXPECT_THROWS_CODE(server.write_all("x"), std::errc::operation_not_supported);
}

TEST(BindOrConnect, EndsWhenAskedToStop) {
  LocalListener listener = listening({.backlog = 1});
  const auto clients = fill_backlog(listener);
  stop_source stop;
  Async<std::error_code> waiting([&] {
    std::error_code ec;
    bind_or_connect(listener.local_address(), stop.get_token(), ec);
    return ec;
  });
  waiting.wait_until_blocked(Moment::late);
  stop.request_stop();
  EXPECT_CODE(waiting.result(), std::errc::operation_canceled);
}

TEST(BindOrConnect, IsTimedOutByABusyListener) {
  LocalListener listener = listening({.backlog = 1});
  const auto clients = fill_backlog(listener);
  const auto start = Clock::now();
  EXPECT_THROWS_CODE(bind_or_connect(listener.local_address(), 50ms), std::errc::timed_out);
  EXPECT_GE(Clock::now() - start, 50ms);
  EXPECT_LT(Clock::now() - start, 50ms + soon());
}

TEST(BindOrConnect, ReportsWhatIsNoMatterOfTime) {
  std::error_code ec;
  const auto role = bind_or_connect("", ec);
  EXPECT_CODE(ec, Errc::invalid_address);
  ASSERT_TRUE(std::holds_alternative<LocalListener>(role));
  EXPECT_FALSE(std::get<LocalListener>(role).is_open());
  EXPECT_THROWS_CODE(bind_or_connect(LocalAddress::unique(), 10s, {.backlog = 0}), std::errc::invalid_argument);
}

CHILD_PROCESS(join_the_race) {
  Race::wait_for_start(args[0]);
  for (;;) {
    auto role = bind_or_connect(args[1], 60s);
    if (auto* const listener = std::get_if<LocalListener>(&role)) {
      report("listener");
      serve(*listener);
      return 0;
    }
    Bytes greeting(5);
    const Outcome read = read_exact(std::get<LocalStream>(role), greeting, 60s);
    // Wine lets two processes make the first instance; the one that takes its own away again may have had a client.
    if (read.ec == Errc::end_of_stream && running_under_wine()) continue;
    report(text_of(greeting));
    return 0;
  }
}

TEST(BindOrConnect, OfManyProcessesOneListensAndWhenItIsKilledTheNext) {
  const int size = number_from("RACE_PROCESSES", 10);
  const int rounds = number_from("RACE_ROUNDS", 3);
  const LocalAddress address = LocalAddress::unique();
  Clock::duration longest_race{};
  Clock::duration longest_gap{};
  for (int round = 0; round < rounds; ++round) {
    restart_watchdog();
    Race race(size, "join_the_race", {address.text()});
    const auto start = Clock::now();
    const std::vector<std::string> lines = race.read_lines();
    longest_race = std::max(longest_race, Clock::now() - start);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "listener"), 1);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "hello"), size - 1);

    const auto listener = std::find(lines.begin(), lines.end(), "listener") - lines.begin();
    ASSERT_LT(listener, size);
    race.runners[static_cast<std::size_t>(listener)].kill();
    const auto killed = Clock::now();
    EXPECT_TRUE(std::holds_alternative<LocalListener>(bind_or_connect(address)));
    longest_gap = std::max(longest_gap, Clock::now() - killed);
  }
  EXPECT_LT(longest_gap, 2s * time_factor());
  std::printf(
      "bind_or_connect: %d rounds of %d processes; all connected within %lld ms, the next listener after %lld ms\n",
      rounds, size, in_milliseconds(longest_race), in_milliseconds(longest_gap));
}

/// A listener that greets a few clients, or none, and then perhaps ends without a word; its clients try again.
CHILD_PROCESS(join_the_race_and_perhaps_die) {
  Race::wait_for_start(args[0]);
  std::random_device random;
  for (std::optional<Clock::time_point> died_at;;) {
    auto role = bind_or_connect(args[1], 60s);
    const bool is_late = died_at && Clock::now() - *died_at > 2s * time_factor();
    if (auto* const listener = std::get_if<LocalListener>(&role)) {
      report(is_late ? "late" : "listener");
      for (auto greetings = random() % 4; greetings > 0; --greetings) {
        if (LocalStream client = accept(*listener, 1s).stream; client.is_open()) client.write_all("hello");
      }
      if (random() % 2 == 0) std::_Exit(killed_exit_code);
      serve(*listener);
      return 0;
    }
    Bytes greeting(5);
    if (read_exact(std::get<LocalStream>(role), greeting, 60s).count == greeting.size()) {
      report(is_late ? "late" : text_of(greeting));
      return 0;
    }
    died_at = Clock::now();
  }
}

TEST(BindOrConnect, OfManyProcessesTheNextListensWhenOneDies) {
  const int size = number_from("RACE_PROCESSES", 10);
  const int rounds = number_from("RACE_ROUNDS", 3);
  for (int round = 0; round < rounds; ++round) {
    restart_watchdog();
    const LocalAddress address = LocalAddress::unique();
    Race race(size, "join_the_race_and_perhaps_die", {address.text()});
    const std::vector<std::string> lines = race.read_lines();
    const auto listeners = std::count(lines.begin(), lines.end(), "listener");
    EXPECT_GE(listeners, 1);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "hello"), size - listeners);
  }
}

// connect_or_start

Starter nothing_to_start() {
  return [] { ADD_FAILURE() << "nothing is to be started"; };
}

TEST(ConnectOrStart, StartsNothingWhenSomebodyListens) {
  LocalListener listener = listening();
  LocalStream client = connect_or_start(listener.local_address(), nothing_to_start());
  LocalStream server = listener.accept(10s);
  expect_connected(client, server);
}

TEST(ConnectOrStart, StartsNothingWhenSomebodyIsBusy) {
  LocalListener listener = listening({.backlog = 1});
  const auto clients = fill_backlog(listener);
  EXPECT_THROWS_CODE(connect_or_start(listener.local_address(), nothing_to_start(), 50ms), std::errc::timed_out);
}

TEST(ConnectOrStart, StartsAServerAndConnectsToIt) {
  const LocalAddress address = LocalAddress::unique();
  LocalStream stream =
      connect_or_start(address, DetachedProcess{child_command_line("serve_until_quit", {address.text()})});
  EXPECT_FALSE(stream.peer().process_id == LocalStream::pair().first.peer().process_id) << "another process";
  tell_to_quit(stream);
}

TEST(ConnectOrStart, GivesTheErrorOfAStartThatFailsAndNextTimeTriesAgain) {
  const LocalAddress address = LocalAddress::unique();
  int calls = 0;
  const Starter start = [&] {
    ++calls;
    return std::make_error_code(std::errc::executable_format_error);
  };
  for (int i = 1; i <= 2; ++i) {
    const auto begin = Clock::now();
    EXPECT_THROWS_CODE(connect_or_start(address, start), std::errc::executable_format_error);
    EXPECT_LT(Clock::now() - begin, soon());
    EXPECT_EQ(calls, i);
  }
}

TEST(ConnectOrStart, LetsPassWhatAStartThrows) {
  const LocalAddress address = LocalAddress::unique();
  const Starter start = [] { throw std::runtime_error("no"); };
  EXPECT_THROW(connect_or_start(address, start), std::runtime_error);
  EXPECT_THROW(connect_or_start(address, start), std::runtime_error) << "the lock was let go of";
}

TEST(ConnectOrStart, IsRefusedWhenTheServerDoesNotListenInTime) {
  int calls = 0;
  const auto start = Clock::now();
  EXPECT_THROWS_CODE(connect_or_start(
                         LocalAddress::unique(), [&] { ++calls; }, 60ms),
                     std::errc::connection_refused);
  EXPECT_GE(Clock::now() - start, 60ms);
  EXPECT_LT(Clock::now() - start, 60ms + soon());
  EXPECT_EQ(calls, 1);
}

TEST(ConnectOrStart, AWaiterIsServedByTheServerOfTheOneThatStarts) {
  const LocalAddress address = LocalAddress::unique();
  Event inside;
  Event go_on;
  LocalListener listener;
  Async<void> first([&] {
    connect_or_start(
        address,
        [&] {
          inside.set();
          go_on.wait();
          listener = LocalListener::bind(address);
        },
        60s);
  });
  inside.wait();
  Async<void> second([&] { connect_or_start(address, nothing_to_start(), 60s); });
  second.wait_until_blocked(Moment::late);
  std::error_code ec;
  connect_or_start(address, nothing_to_start(), 50ms, ec);
  EXPECT_CODE(ec, std::errc::connection_refused) << "somebody is inside, and not done in time";
  go_on.set();
  first.result();
  second.result();
}

TEST(ConnectOrStart, AWaiterTriesOnceWhenTheStartOfAnotherFails) {
  const LocalAddress address = LocalAddress::unique();
  Event inside;
  Event go_on;
  Async<std::error_code> first([&] {
    std::error_code ec;
    connect_or_start(
        address,
        [&] {
          inside.set();
          go_on.wait();
          return std::make_error_code(std::errc::io_error);
        },
        60s, ec);
    return ec;
  });
  inside.wait();
  std::atomic<int> calls{0};
  Async<std::error_code> second([&] {
    std::error_code ec;
    connect_or_start(
        address,
        [&] {
          ++calls;
          return std::make_error_code(std::errc::no_space_on_device);
        },
        60s, ec);
    return ec;
  });
  second.wait_until_blocked(Moment::late);
  EXPECT_EQ(calls, 0);
  go_on.set();
  EXPECT_CODE(first.result(), std::errc::io_error);
  EXPECT_CODE(second.result(), std::errc::no_space_on_device);
  EXPECT_EQ(calls, 1);
}

TEST(ConnectOrStart, EndsWhenAskedToStop) {
  stop_source stop;
  Async<std::error_code> waiting([&] {
    std::error_code ec;
    connect_or_start(
        LocalAddress::unique(), [] {}, stop.get_token(), ec);
    return ec;
  });
  waiting.wait_until_blocked(Moment::late);
  stop.request_stop();
  EXPECT_CODE(waiting.result(), std::errc::operation_canceled);
}

CHILD_PROCESS(connect_or_start_in_a_race) {
  Race::wait_for_start(args[0]);
  const DetachedProcess server{child_command_line("serve_until_quit", {args[1]})};
  std::error_code ec;
  LocalStream stream = connect_or_start(
      args[1],
      [&] {
        report("start");
        return args[2] == "fails" ? std::make_error_code(std::errc::io_error) : server();
      },
      60s, ec);
  if (!ec) report(read_text(stream, 5));
  if (ec) report(ec == std::errc::io_error ? "the error of start" : ec.message());
  return 0;
}

/// Until each has ended.
std::vector<std::string> all_lines(Race& race) {
  std::vector<std::string> lines;
  for (ChildProcess& runner : race.runners) {
    for (std::string line = runner.read_line(); !line.empty(); line = runner.read_line()) lines.push_back(line);
  }
  return lines;
}

TEST(ConnectOrStart, OfManyProcessesOneStarts) {
  const int size = number_from("RACE_PROCESSES", 10);
  const LocalAddress address = LocalAddress::unique();
  Race race(size, "connect_or_start_in_a_race", {address.text(), "works"});
  const std::vector<std::string> lines = all_lines(race);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "start"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "hello"), size);
  tell_to_quit(address);
}

TEST(ConnectOrStart, OfManyProcessesAllEndWithTheErrorOfTheirStart) {
  const int size = number_from("RACE_PROCESSES", 10);
  Race race(size, "connect_or_start_in_a_race", {LocalAddress::unique().text(), "fails"});
  const std::vector<std::string> lines = all_lines(race);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "the error of start"), size);
}

// DetachedProcess

CHILD_PROCESS(tell_arguments) {
  LocalStream stream = LocalStream::connect(args[0], 10s);
  std::string all;
  for (const std::string& argument : args) all += argument + "\n";
  stream.write_all(all);
  return 0;
}

TEST(DetachedProcess, GetsItsArgumentsAsTheyAre) {
  LocalListener listener = listening();
  const ChildArguments args{
      listener.local_address().text(), "", "a b", "\"", "\\\"", "c:\\d\\", "a\\\\ \\\"b", "%x% *"};
  ASSERT_CODE(DetachedProcess{child_command_line("tell_arguments", args)}(), success);
  std::string expected;
  for (const std::string& argument : args) expected += argument + "\n";
  LocalStream stream = listener.accept(60s);
  EXPECT_EQ(text_until_end(stream), expected);
}

TEST(DetachedProcess, ThatDoesNotExistIsNoSuchFile) {
  EXPECT_CODE(DetachedProcess{{"localsocket-no-such-program"}}(), std::errc::no_such_file_or_directory);
}

TEST(DetachedProcess, OfAMalformedCommandIsInvalid) {
  EXPECT_CODE(DetachedProcess{}(), std::errc::invalid_argument);
  EXPECT_CODE(DetachedProcess{{""}}(), std::errc::invalid_argument);
  const std::string with_nul("a\0b", 3);
  EXPECT_CODE((DetachedProcess{{"program", with_nul}}()), std::errc::invalid_argument);
}

}  // namespace
}  // namespace localsocket::test
