// Peers that lie about the numbers of handles that they send, and systems that do not let us take them (docs/design.md,
// 18).
#include <windows.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/seams.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

constexpr std::string_view greeting{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffh\x01", 12};

/// A message with those numbers.
std::string frame(const std::vector<std::int64_t>& numbers, std::string_view payload) {
  std::string bytes{0, static_cast<char>(numbers.size()), static_cast<char>(payload.size()), 0, 0, 0};
  for (const std::int64_t number : numbers) {
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
  return bytes.append(payload);
}

std::int64_t number_of(HANDLE handle) { return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(handle)); }

class LyingPeer : public ::testing::Test {
 protected:
  LyingPeer() {
    Ends ends = connected_ends();
    peer = std::move(ends.client);
    messages = MessageStream(std::move(ends.server), {.handles = true});
    peer.write_all(greeting);
  }
  std::error_code error_of_receive() {
    std::error_code ec;
    messages.receive(10s, ec);
    return ec;
  }
  LocalStream peer;
  MessageStream messages;
  OwnedHandle event = OwnedHandle(CreateEventW(nullptr, TRUE, FALSE, nullptr));
};

TEST_F(LyingPeer, ThatTellsTheTruthIsUnderstood) {
  peer.write_all(frame({number_of(event.native_handle())}, "x"));
  EXPECT_CODE(error_of_receive(), success);
  const std::vector<OwnedHandle> taken = messages.take_handles();
  ASSERT_EQ(taken.size(), 1U);
  SetEvent(event.native_handle());
  EXPECT_EQ(WaitForSingleObject(taken.front().native_handle(), 0), DWORD{WAIT_OBJECT_0});
}

TEST_F(LyingPeer, SendsWhatIsNoHandle) {
  const std::int64_t good = number_of(event.native_handle());
  std::vector<std::int64_t> bad{0, good + 1, good + 2, good + 3, std::int64_t{1} << 32, INT64_MIN, 0x7ffffffc};
  for (std::int64_t pseudo = -16; pseudo < 0; ++pseudo) bad.push_back(pseudo);
  for (std::int64_t pseudo = -16; pseudo < 0; ++pseudo) bad.push_back(pseudo & 0xffffffff);
  for (const std::int64_t number : bad) {
    Ends ends = connected_ends();
    MessageStream receiver(std::move(ends.server), {.handles = true});
    ends.client.write_all(greeting);
    const std::size_t before = open_handles();
    ends.client.write_all(frame({good, number}, "x"));
    for (int i = 0; i < 2; ++i) {
      std::error_code ec;
      EXPECT_FALSE(receiver.receive(10s, ec));
      EXPECT_CODE(ec, Errc::malformed_message) << number;
    }
    EXPECT_EQ(open_handles(), before) << number;
  }
}

TEST_F(LyingPeer, SendsWhatItHasClosed) {
  // The lowest number that is free is given next: to what the receiver opens, for it is this process, too.
  std::vector<OwnedHandle> events(50);
  for (OwnedHandle& one : events) one = OwnedHandle(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  const std::int64_t number = number_of(events.back().native_handle());
  events.clear();
  peer.write_all(frame({number}, "x"));
  EXPECT_CODE(error_of_receive(), Errc::malformed_message);
}

/// While it lives, no process may be opened to take handles out of it.
class NoProcessOpens {
 public:
  NoProcessOpens() {
    detail::seams::injector = [](const char* name, detail::seams::Fault& fault) noexcept {
      fault = {detail::seams::Fault::Kind::fails, 0, ERROR_ACCESS_DENIED};
      return std::string_view(name) == "OpenProcess";
    };
  }
  NoProcessOpens(const NoProcessOpens&) = delete;
  NoProcessOpens& operator=(const NoProcessOpens&) = delete;
  ~NoProcessOpens() { detail::seams::injector = nullptr; }
};

TEST(RefusedHandles, LeaveTheMessage) {
  Ends ends = connected_ends();
  MessageStream client(std::move(ends.client), {.handles = true});
  MessageStream server(std::move(ends.server), {.handles = true});
  const OwnedHandle event(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  const NativeHandle handles[] = {event.native_handle()};
  client.send("x", handles, 10s);
  std::error_code ec;
  {
    const NoProcessOpens refused;
    EXPECT_TRUE(server.receive(10s, ec));
  }
  EXPECT_TRUE(server.take_handles(ec).empty());
  EXPECT_CODE(ec, std::errc::permission_denied);
  client.send("y", handles, 10s);
  EXPECT_TRUE(server.receive(10s, ec));
  EXPECT_EQ(server.take_handles(ec).size(), 1U);
  EXPECT_CODE(ec, success);
}

}  // namespace
}  // namespace localsocket::test
