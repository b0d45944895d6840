// Peers that are killed while handles and memory are passed (docs/design.md, 17 and 18).
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/race.hpp"
#include "support/test.hpp"
#include "support/thread.hpp"
#include "support/watchdog.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t size = 64 * 1024;
constexpr std::size_t largest_message = 200'000;

/// What one side does again and again: s sends a message, r receives one. Its peer does what fits.
std::string opposite(std::string_view part) {
  std::string other(part);
  for (char& step : other) step = step == 's' ? 'r' : 's';
  return other;
}

/// One side of a connection on which memory and an end of another connection go with each message.
class Side {
 public:
  Side(LocalStream stream, unsigned seed)
      : messages_(std::move(stream), {.handles = true}), sizes_(largest_message, seed) {
    memory_.read_only_for_peer();
    memory_.data()[size - 1] = std::byte{7};
    auto [here, there] = LocalStream::pair();
    here_ = std::move(here);
    there_ = OwnedHandle(there.release());
  }

  /// Until the peer has gone, and how that ended.
  std::error_code run(std::string_view part) {
    while (pass(part)) ++messages_passed_;
    return ec_;
  }

  int messages_passed() const { return messages_passed_; }

  /// That nobody has what was sent, once the peer is dead.
  void expect_to_be_alone() {
    messages_ = MessageStream();
    there_.close();
    std::array<std::byte, 1> byte{};
    std::error_code ec;
    EXPECT_EQ(here_.read_some(byte, 10s, ec), 0U);
    EXPECT_NE(ec, std::errc::timed_out);
  }

 private:
  bool pass(std::string_view part) {
    return std::all_of(part.begin(), part.end(), [&](char step) { return step == 's' ? send() : receive(); });
  }

  bool send() {
    const std::array handles{memory_.handle_for_peer(), there_.native_handle()};
    return messages_.send(std::string(sizes_.next(), 'x'), handles, 10s, ec_) && !ec_;
  }

  bool receive() {
    if (!messages_.receive(text_, 10s, ec_)) return false;
    std::vector<OwnedHandle> handles = messages_.take_handles(ec_);
    if (ec_) return false;
    EXPECT_EQ(handles.size(), 2U);
    seen_ = SharedMemory::adopt(std::move(handles.at(0)), size);
    EXPECT_EQ(std::as_const(seen_).data()[size - 1], std::byte{7});
    given_ = std::move(handles.at(1));
    return true;
  }

  MessageStream messages_;
  RandomSizes sizes_;
  SharedMemory memory_ = SharedMemory::create(size);
  LocalStream here_;
  OwnedHandle there_;
  std::string text_;
  SharedMemory seen_;
  OwnedHandle given_;
  std::error_code ec_;
  int messages_passed_ = 0;
};

/// args: the address, its part, and a seed. Goes on until it is killed.
CHILD_PROCESS(pass_handles_and_memory) {
  Side side(LocalStream::connect(args[0], 10s), static_cast<unsigned>(std::stoul(args[2])));
  side.run(args[1]);
  return 0;
}

/// The end of the stream, or an error that a peer who is gone gives: what it had sent last may be cut short, or it is
/// not there any more to take handles from.
bool tells_of_a_dead_peer(const std::error_code& ec) {
  return !ec || ec == std::errc::broken_pipe || ec == Errc::malformed_message || ec == std::errc::permission_denied;
}

class KilledPeers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
    listener = listening();
  }

  /// Kills the peer, which has that part, some time after it has come; returns how many messages there were.
  int kill_one(const std::string& part) {
    ChildProcess child =
        spawn("pass_handles_and_memory", {listener.local_address().text(), part, std::to_string(random())});
    Side side(listener.accept(10s), static_cast<unsigned>(random()));
    Async<std::error_code> passing([&] { return side.run(opposite(part)); });
    spin_for(std::chrono::microseconds(random() % 10'000) * time_factor());
    child.kill();
    EXPECT_TRUE(passing.finished_within(soon()));
    const std::error_code ec = passing.result();
    EXPECT_TRUE(tells_of_a_dead_peer(ec)) << ec.message();
    side.expect_to_be_alone();
    return side.messages_passed();
  }

  LocalListener listener;
  const int seed = number_from("RACE_SEED", static_cast<int>(std::random_device()() % 1'000'000));
  std::mt19937 random{static_cast<unsigned>(seed)};
};

// tests/race/killed_peers.sh asks for more.
TEST_F(KilledPeers, EndTheOtherSideWhichHasNothingLeftOpen) {
  const std::array<std::string, 4> parts{"s", "r", "sr", "rs"};
  const int rounds = number_from("RACE_ROUNDS", running_under_wine() ? 4 : 100);
  SCOPED_TRACE("RACE_SEED=" + std::to_string(seed));
  for (const std::string& part : parts) kill_one(part);
  const std::size_t mappings = shared_mappings();
  int messages = 0;
  for (int round = 0; round < rounds; ++round) {
    restart_watchdog();
    const std::string& part = parts[static_cast<std::size_t>(round) % parts.size()];
    const auto [before, after] = counted_around(open_handles, [&] { messages += kill_one(part); });
    ASSERT_EQ(after, before) << "round " << round;
    ASSERT_EQ(shared_mappings(), mappings) << "round " << round;
  }
  EXPECT_GE(messages, rounds);
  if (!HasFailure()) std::printf("killed peers: %d, after %d messages, seed %d\n", rounds, messages, seed);
}

}  // namespace
}  // namespace localsocket::test
