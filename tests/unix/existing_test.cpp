// Taking addresses over: from the living when asked to, from the dead always, never by two at once.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "support/watchdog.hpp"
#include "unix/files.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

class ExistingAddress : public PathTest {
 protected:
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
};

using Replace = ExistingAddress;
const ListenOptions replacing{.existing = Existing::replace, .backlog = 4096};

TEST_F(Replace, NewClientsGoToTheNewListenerAndOldOnesStay) {
  LocalListener old = LocalListener::bind(path);
  LocalStream old_client = LocalStream::connect(path);
  LocalStream waiting = LocalStream::connect(path);
  LocalStream old_server = old.accept();
  LocalListener successor = LocalListener::bind(path, replacing);
  expect_serving(successor);
  expect_connected(old_client, old_server);
  LocalStream last = old.accept();
  expect_connected(waiting, last);
  EXPECT_CODE(accept(old, 0s).ec, std::errc::timed_out);
}

TEST_F(Replace, TheOldListenersEndLeavesTheNewFileAlone) {
  LocalListener old = LocalListener::bind(path);
  LocalListener successor = LocalListener::bind(path, replacing);
  old.close();
  expect_serving(successor);
  old = LocalListener();
  expect_serving(successor);
  EXPECT_THAT(files(), ::testing::ElementsAre("echo.sock"));
  successor.close();
  EXPECT_THAT(files(), ::testing::IsEmpty());
}

TEST_F(Replace, OfNothingOrOfADeadOneIsAPlainBind) {
  {
    LocalListener first = LocalListener::bind(path, replacing);
    expect_serving(first);
  }
  RawSocket::listening_at(path);
  ASSERT_TRUE(is_socket(path));
  LocalListener second = LocalListener::bind(path, replacing);
  expect_serving(second);
  EXPECT_THAT(files(), ::testing::ElementsAre("echo.sock"));
}

TEST_F(Replace, SetsAccessBeforeAnybodyMeetsTheNewOne) {
  const LocalListener old = LocalListener::bind(path, {.access = Access::everyone});
  const LocalListener successor = LocalListener::bind(path, replacing);
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST_F(Replace, ChangesTheDirectionThatIsOffered) {
  const LocalListener old = LocalListener::bind(path);
  LocalListener one_way =
      LocalListener::bind(path, {.existing = Existing::replace, .direction = Direction::client_to_server});
  EXPECT_CODE(connect(path, 0s, {.direction = Direction::client_to_server}).ec, success);
  LocalStream client = LocalStream::connect(path);
  LocalStream servers[] = {one_way.accept(), one_way.accept()};
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(client, byte, soon()), 0, success);
  LocalListener duplex = LocalListener::bind(path, replacing);
  expect_serving(duplex);
}

TEST_F(Replace, ClientsNeverSeeAMomentWithoutAListener) {
  std::vector<LocalListener> listeners;
  listeners.push_back(LocalListener::bind(path, replacing));
  std::atomic<bool> over{false};
  Event connected;
  auto connecting = run_async([&] {
    std::error_code ec;
    while (!over && !ec) {
      ec = connect(path, 0s).ec;
      if (ec == std::errc::timed_out) ec.clear();  // a listener, that has no room until it is asked to accept
      connected.set();
    }
    connected.set();
    return ec;
  });
  connected.wait();
  for (int i = 0; i < 50; ++i) {
    LocalListener& old = listeners.back();
    LocalListener successor = LocalListener::bind(path, replacing);
    while (!accept(old, 0s).ec) {
    }
    listeners.push_back(std::move(successor));
  }
  over = true;
  EXPECT_CODE(connecting.result(), success);
}

TEST_F(Replace, OfASymbolicLinkToASocketTakesNeither) {
  LocalListener listener = LocalListener::bind(directory / "real");
  std::filesystem::create_symlink(directory / "real", path);
  for (const Existing existing : {Existing::fail, Existing::reclaim_stale, Existing::replace}) {
    for (const Direction direction : {Direction::duplex, Direction::client_to_server}) {
      EXPECT_CODE(bind_outcome(path, {.existing = existing, .direction = direction}), std::errc::address_in_use);
    }
  }
  EXPECT_TRUE(std::filesystem::is_symlink(path));
  expect_serving(listener);
}

TEST_F(Replace, NeverTakesAFile) {
  write_file(path, "text");
  for (const Direction direction : {Direction::duplex, Direction::client_to_server}) {
    EXPECT_CODE(bind_outcome(path, {.existing = Existing::replace, .direction = direction}), std::errc::address_in_use);
  }
  EXPECT_EQ(read_file(path), "text");
  EXPECT_THAT(files(), ::testing::ElementsAre("echo.sock"));
}

TEST_F(ExistingAddress, AOneWayListenersIsTakenOverFromTheDeadAlone) {
  const ListenOptions one_way{.direction = Direction::client_to_server};
  {
    const LocalListener live = LocalListener::bind(path, one_way);
    EXPECT_CODE(bind_outcome(path, one_way), std::errc::address_in_use);
    EXPECT_EQ(files(), std::vector<std::string>{"echo.sock"});
  }
  RawSocket::listening_at(path);
  EXPECT_CODE(bind_outcome(path, {.existing = Existing::fail, .direction = Direction::client_to_server}),
              std::errc::address_in_use);
  EXPECT_CODE(bind_outcome(path, one_way), success);
  EXPECT_THAT(files(), ::testing::IsEmpty());
}

TEST_F(ExistingAddress, AOneWayListenersFileIsLikeAnyOtherToAForeignClient) {
  LocalListener listener = LocalListener::bind(path, {.direction = Direction::client_to_server});
  EXPECT_TRUE(is_socket(path));
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_THAT(files(), ::testing::ElementsAre("echo.sock"));
  RawSocket client = RawSocket::connected_to(path);
  client.send("hello");
  client.close();
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "hello");
}

TEST_F(Replace, WhatAKilledOneLeftBesideItIsInNobodysWay) {
  const LocalListener old = LocalListener::bind(path);
  // Killed between bind and rename: the socket has its name for the moment.
  RawSocket::bound_to(path + "~");
  LocalListener listener = LocalListener::bind(path, replacing);
  expect_serving(listener);
  EXPECT_THAT(files(), ::testing::ElementsAre("echo.sock"));
}

// Servers that are killed, and others that want their address.

/// args: the path and a file. Binds as soon as it can, locks the file to prove that nobody else owns the path, tells
/// each client so, and goes on until it is killed.
CHILD_PROCESS(own_and_prove_it) {
  const int proof = ::open(args[1].c_str(), O_RDWR | O_CLOEXEC);
  if (proof < 0) return 1;
  report("ready");
  for (;;) {
    std::error_code ec;
    LocalListener listener = LocalListener::bind(args[0], {.existing = Existing::reclaim_stale}, ec);
    if (ec == std::errc::address_in_use) {
      // Often enough to be there when the owner dies, and no spinning: there are as many of these as processors.
      std::this_thread::sleep_for(1ms);
      continue;
    }
    if (ec) {
      report(ec.message());
      return 1;
    }
    // An owner that was killed gives it back in a moment; one that lives never does.
    if (::flock(proof, LOCK_EX) != 0) return 1;
    for (LocalStream client : listener.incoming()) {
      client.write_all("mine", {}, ec);
    }
  }
}

class KilledServers : public ExistingAddress {
 protected:
  static constexpr int racers = 5;  // one of them is the server

  void SetUp() override {
    write_file(proof, "");
    for (int i = 0; i < racers; ++i) children.push_back(racer());
  }

  ChildProcess racer() const {
    ChildProcess child = spawn("own_and_prove_it", {path, proof});
    EXPECT_EQ(child.read_line(), "ready");
    return child;
  }

  /// The index of the child that owns the path and has proved it; it is `racers` if there is none.
  std::size_t owner() {
    std::error_code ec;
    LocalStream client = LocalStream::connect(path, 10s, {}, ec);
    EXPECT_CODE(ec, success);
    if (ec) return racers;
    const auto process = client.peer().process_id;
    Bytes bytes(4);
    EXPECT_OUTCOME(read_exact(client, bytes, 10s), 4, success);
    for (std::size_t i = 0; i < children.size(); ++i) {
      if (process == children[i].id()) return i;
    }
    return racers;
  }

  const std::string proof = directory / "proof";
  std::vector<ChildProcess> children;
};

/// How many servers are killed in one run; race/killed_servers.sh runs this as often as it is asked for.
constexpr int rounds = 50;

TEST_F(KilledServers, ManyInARowNeverLeaveTwoOwnersNorAnAddressThatNobodyCanHave) {
  std::random_device seed;
  std::mt19937 random(seed());
  for (int round = 0; round < rounds; ++round) {
    restart_watchdog();
    SCOPED_TRACE("round " + std::to_string(round));
    const std::size_t server = owner();
    ASSERT_LT(server, children.size());
    for (int i = 0; i < 3; ++i) ASSERT_EQ(owner(), server) << "a live server's address was taken";
    children[server].kill();
    // And another, which may be in the middle of a bind, or the new owner already.
    if (round % 4 == 0) {
      ChildProcess& other = children[(server + 1 + random() % (racers - 1)) % racers];
      other.kill();
      other = racer();
    }
    children[server] = racer();
  }
  children.clear();
  // What the last of them left is in nobody's way, and it is gone with the next owner.
  {
    LocalListener successor = LocalListener::bind(path);
    expect_serving(successor);
  }
  EXPECT_THAT(files(), ::testing::ElementsAre("proof"));
  if (!HasFailure()) std::printf("killed servers: %d\n", rounds);
}

}  // namespace
}  // namespace localsocket::test
