// Peers that lie about the numbers of handles that they send, and systems that do not let us take them (docs/design.md,
// 18).
#include <windows.h>

// After <windows.h>.
#include <sddl.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/failing_call.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"

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
    const auto [before, after] = counted_around(open_handles, [&] {
      Ends ends = connected_ends();
      MessageStream receiver(std::move(ends.server), {.handles = true});
      ends.client.write_all(greeting);
      ends.client.write_all(frame({good, number}, "x"));
      for (int i = 0; i < 2; ++i) {
        std::error_code ec;
        EXPECT_FALSE(receiver.receive(10s, ec));
        EXPECT_CODE(ec, Errc::malformed_message) << number;
      }
    });
    EXPECT_EQ(after, before) << number;
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

TEST_F(LyingPeer, AcknowledgesWhatWasNotSent) {
  peer.write_all(std::string_view("\1\1\0\0\0\0", 6));
  EXPECT_CODE(error_of_receive(), Errc::malformed_message);
}

TEST(RefusedHandles, LeaveTheMessage) {
  Ends ends = connected_ends();
  MessageStream client(std::move(ends.client), {.handles = true});
  MessageStream server(std::move(ends.server), {.handles = true});
  const OwnedHandle event(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  const NativeHandle handles[] = {event.native_handle()};
  client.send("x", handles, 10s);
  std::error_code ec;
  {
    const FailingCall refused("OpenProcess", 0, ERROR_ACCESS_DENIED);
    EXPECT_TRUE(server.receive(10s, ec));
  }
  EXPECT_TRUE(server.take_handles(ec).empty());
  EXPECT_CODE(ec, std::errc::permission_denied);
  client.send("y", handles, 10s);
  EXPECT_TRUE(server.receive(10s, ec));
  EXPECT_EQ(server.take_handles(ec).size(), 1U);
  EXPECT_CODE(ec, success);
}

/// That a message with this handle arrives, and the handle does not.
void expect_refused(MessageStream& messages) {
  std::error_code ec;
  EXPECT_TRUE(messages.receive(10s, ec));
  EXPECT_CODE(ec, success);
  EXPECT_TRUE(messages.take_handles(ec).empty());
  EXPECT_CODE(ec, std::errc::permission_denied);
}

// The number of a process is evidence: only who the connection itself says may send handles.
TEST_F(LyingPeer, WhoseUserOnlyItsProcessTellsSendsNone) {
  peer.write_all(frame({number_of(event.native_handle())}, "x"));
  const FailingCall anonymous("ImpersonateNamedPipeClient", 0, ERROR_CANT_OPEN_ANONYMOUS);
  expect_refused(messages);
}

TEST_F(LyingPeer, WhoseProcessIsAnotherUsersSendsNone) {
  const LocalAddress address = open_address();
  PSECURITY_DESCRIPTOR administrators = nullptr;
  ASSERT_TRUE(ConvertStringSecurityDescriptorToSecurityDescriptorA("O:BAD:(A;;FA;;;WD)", SDDL_REVISION_1,
                                                                   &administrators, nullptr));
  SECURITY_ATTRIBUTES attributes{sizeof attributes, administrators, FALSE};
  const RawPipe server(CreateNamedPipeW(wide(address.native()).c_str(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096,
                                        4096, 0, &attributes));
  LocalFree(administrators);
  MessageStream client(LocalStream::connect(address, 10s, {.trust = Trust::anyone}), {.handles = true});
  server.write(std::string(greeting) + frame({number_of(event.native_handle())}, "x"));
  expect_refused(client);
}

}  // namespace
}  // namespace localsocket::test
