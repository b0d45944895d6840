// Peers that are bare system calls, and descriptors that come from elsewhere.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

TEST(ForeignClient, IsServed) {
  LocalListener listener = listening();
  const RawSocket client = RawSocket::connected_to(listener.local_address().native());
  LocalStream server = listener.accept();
  client.send("hello");
  EXPECT_EQ(read_text(server, 5), "hello");
  server.write_all("bye");
  server.close();
  EXPECT_EQ(client.receive_all(), "bye");
}

TEST(ForeignClient, ThatWroteAndLeftIsHandedOut) {
  LocalListener listener = listening();
  RawSocket::connected_to(listener.local_address().native()).send("was here");
  LocalStream server = listener.accept();
  EXPECT_EQ(text_until_end(server), "was here");
}

TEST(ForeignClient, ThatNeverBlocksFindsCapacityInABurst) {
  LocalListener listener = listening();
  std::vector<RawSocket> clients;
  for (int i = 0; i < 200; ++i) {
    clients.emplace_back(SOCK_STREAM | SOCK_NONBLOCK);
    ASSERT_TRUE(clients.back().try_to_connect(listener.local_address().native())) << i;
  }
}

TEST(ForeignServer, IsConnectedTo) {
  const TemporaryDirectory directory;
  const RawSocket listener = RawSocket::listening_at(directory / "s");
  LocalStream client = LocalStream::connect(directory / "s");
  RawSocket server = listener.accept();
  client.write_all("hello");
  client.shutdown(Shutdown::write);
  EXPECT_EQ(server.receive_all(), "hello");
  server.send("bye");
  server.close();
  EXPECT_EQ(text_until_end(client), "bye");
}

TEST(ForeignServer, ThatClosesWithOurBytesUnreadIsAPlainEnd) {
  const TemporaryDirectory directory;
  const RawSocket listener = RawSocket::listening_at(directory / "s");
  LocalStream client = LocalStream::connect(directory / "s");
  {
    const RawSocket server = listener.accept();
    server.send("all that it sent");
    client.write_all("never read");
  }
  EXPECT_EQ(text_until_end(client), "all that it sent");
  EXPECT_CODE(write_all(client, bytes_of("x")).ec, std::errc::broken_pipe);
}

TEST(ForeignServer, OfAnotherKindOfSocketIsNotConnectedTo) {
  const TemporaryDirectory directory;
  const RawSocket datagrams = RawSocket::bound_to(directory / "s", SOCK_DGRAM);
  EXPECT_TRUE(connect(directory / "s").ec);
}

TEST(ForeignFile, ThatIsNoSocketIsNotConnectedTo) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "text");
  EXPECT_CODE(connect(directory / "file").ec, std::errc::connection_refused);
  EXPECT_EQ(read_file(directory / "file"), "text");
}

/// The two ends of a socketpair(), with the flags that whoever made it liked.
std::pair<RawSocket, RawSocket> socket_pair(int flags) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | flags, 0, ends) != 0) throw std::runtime_error("socketpair");
  return {RawSocket::owning(ends[0]), RawSocket::owning(ends[1])};
}

class AdoptedSocket : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Made, AdoptedSocket, ::testing::Values(0, SOCK_NONBLOCK),
                         [](const auto& flags) { return flags.param == 0 ? "Blocking" : "NonBlocking"; });

TEST_P(AdoptedSocket, BehavesLikeAnyOtherOnceItIsAdopted) {
  auto [ours, theirs] = socket_pair(GetParam());
  LocalStream stream = LocalStream::adopt(ours.release());
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(stream, byte, 30ms), 0, std::errc::timed_out);
  auto reading = run_async([&] { return read_text(stream, 4); });
  reading.wait_until_blocked(Moment::late);
  EXPECT_FALSE(reading.finished());
  theirs.send("data");
  EXPECT_EQ(reading.result(), "data");

  const Bytes sent = some_bytes(4_MiB);
  auto writing = run_async([&] { return write_all(stream, sent); });
  writing.wait_until_blocked();
  Bytes received(4_MiB);
  LocalStream peer = LocalStream::adopt(theirs.release());
  EXPECT_OUTCOME(read_exact(peer, received), 4_MiB, success);
  EXPECT_OUTCOME(writing.result(), 4_MiB, success);
  EXPECT_TRUE(received == sent);
}

void expect_no_timeouts(int socket) {
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    timeval timeout{};
    socklen_t size = sizeof timeout;
    ASSERT_EQ(::getsockopt(socket, SOL_SOCKET, option, &timeout, &size), 0);
    EXPECT_TRUE(timeout.tv_sec == 0 && timeout.tv_usec == 0) << "a time-out was left on it";
  }
}

TEST_P(AdoptedSocket, IsInItsOwnModeAgainWhenItIsReleased) {
  auto [ours, theirs] = socket_pair(GetParam());
  const int flags = ::fcntl(ours.fd(), F_GETFL);
  LocalStream stream = LocalStream::adopt(ours.release());
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(stream, byte, 20ms), 0, std::errc::timed_out);
  fill(stream);
  EXPECT_CODE(write_all(stream, byte, 20ms).ec, std::errc::timed_out);

  const RawSocket released = RawSocket::owning(stream.release());
  EXPECT_EQ(::fcntl(released.fd(), F_GETFL), flags);
  expect_no_timeouts(released.fd());
}

/// Waits in both directions, asks for the handle, and ends the stream by `end`.
template <class End>
void use(LocalStream stream, End end) {
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(stream, byte, long_wait), 0, std::errc::timed_out);
  fill(stream);
  EXPECT_CODE(write_all(stream, byte, long_wait).ec, std::errc::timed_out);
  EXPECT_EQ(::fcntl(stream.native_handle(), F_GETFL) & O_NONBLOCK, 0);
  end(stream);
}

TEST_P(AdoptedSocket, IsLeftAsItWasToWhoeverElseHasIt) {
  auto [ours, theirs] = socket_pair(GetParam());
  const timeval timeout{7, 0};
  ASSERT_EQ(::setsockopt(ours.fd(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
  const RawSocket also = RawSocket::owning(::dup(ours.fd()));
  const int flags = ::fcntl(also.fd(), F_GETFL);
  const auto expect_as_it_was = [&] {
    EXPECT_EQ(::fcntl(also.fd(), F_GETFL), flags);
    timeval now{};
    socklen_t size = sizeof now;
    ASSERT_EQ(::getsockopt(also.fd(), SOL_SOCKET, SO_RCVTIMEO, &now, &size), 0);
    EXPECT_EQ(now.tv_sec, 7);
    ASSERT_EQ(::getsockopt(also.fd(), SOL_SOCKET, SO_SNDTIMEO, &now, &size), 0);
    EXPECT_TRUE(now.tv_sec == 0 && now.tv_usec == 0);
  };
  RawSocket again = RawSocket::owning(-1);
  use(LocalStream::adopt(ours.release()), [&](LocalStream& stream) { again = RawSocket::owning(stream.release()); });
  expect_as_it_was();
  use(LocalStream::adopt(again.release()), [](LocalStream& stream) { stream.close(); });
  expect_as_it_was();
}

TEST_P(AdoptedSocket, ThatListensIsLeftAsItWasToWhoeverElseHasIt) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  RawSocket raw = RawSocket::listening_at(path);
  ASSERT_EQ(::fcntl(raw.fd(), F_SETFL, ::fcntl(raw.fd(), F_GETFL) | GetParam()), 0);
  const RawSocket also = RawSocket::owning(::dup(raw.fd()));
  const int flags = ::fcntl(also.fd(), F_GETFL);
  {
    LocalListener listener = LocalListener::adopt(raw.release(), path);
    EXPECT_CODE(accept(listener, long_wait).ec, std::errc::timed_out);
    expect_serving(listener);
  }
  EXPECT_EQ(::fcntl(also.fd(), F_GETFL), flags);
  expect_no_timeouts(also.fd());
}

// Other code that is given a handle expects what socket() and accept() give: one that blocks, for as long as it takes.

bool is_blocking(int socket) { return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0; }

TEST(NativeHandleOfAStream, IsBlocking) {
  LocalListener listener = listening();
  const LocalStream client = LocalStream::connect(listener.local_address());
  EXPECT_TRUE(is_blocking(client.native_handle()));
  EXPECT_TRUE(is_blocking(listener.accept().native_handle()));
}

TEST(NativeHandleOfAStream, IsBlockingWithoutTimeoutsWhenReleased) {
  LocalListener listener = listening();
  const RawSocket client = RawSocket::owning(LocalStream::connect(listener.local_address()).release());
  EXPECT_TRUE(is_blocking(client.fd()));
  expect_no_timeouts(client.fd());
}

TEST(NativeHandleOfAStream, IsBlockingWithoutTimeoutsWhenReleasedAfterAConnectThatWaitedForRoom) {
  LocalListener listener = listening({.backlog = 1});
  const auto waiting = fill_backlog(listener);
  auto connecting = run_async([&] { return LocalStream::connect(listener.local_address(), 10s).release(); });
  connecting.wait_until_blocked();
  for (std::size_t i = 0; i <= waiting.size(); ++i) static_cast<void>(listener.accept(10s));
  const RawSocket client = RawSocket::owning(connecting.result());
  EXPECT_TRUE(is_blocking(client.fd()));
  expect_no_timeouts(client.fd());
}

TEST(NativeHandleOfAStream, BlocksForAsLongAsItTakesAfterAReadAndAWriteThatWaited) {
  Ends ends = connected_ends();
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  fill(ends.client);
  EXPECT_CODE(write_all(ends.client, byte, long_wait).ec, std::errc::timed_out);
  const int socket = ends.client.native_handle();
  expect_no_timeouts(socket);
  EXPECT_TRUE(is_blocking(socket));
  // And no call sets any from now on.
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  EXPECT_CODE(write_all(ends.client, byte, long_wait).ec, std::errc::timed_out);
  expect_no_timeouts(socket);
  auto receiving = run_async([&] { return ::recv(socket, byte.data(), 1, 0); });
  receiving.wait_until_asleep();
  EXPECT_FALSE(receiving.finished_within(long_wait));
  ends.server.write_all("x");
  EXPECT_EQ(receiving.result(), 1);
}

TEST(NativeHandleOfAStream, IsGivenWhileCallsRunAndTheyEndAsEver) {
  Ends ends = connected_ends();
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  for (const auto already : {0ms, 1ms, long_wait}) {
    auto reading = run_async([&] { return read_some(ends.client, byte); });
    reading.wait_until_blocked_for(already);
    expect_no_timeouts(ends.client.native_handle());
    ends.client.cancel();
    EXPECT_TRUE(reading.finished_within(soon()));
    const Outcome outcome = reading.result();
    EXPECT_OUTCOME(outcome, 0, std::errc::operation_canceled);
  }
  auto reading = run_async([&] { return read_some(ends.client, byte); });
  reading.wait_until_blocked();
  ends.client.close();
  EXPECT_OUTCOME(reading.result(), 0, Errc::closed);
}

TEST(NativeHandleOfAStream, IsWithoutTimeoutsWhenReleasedAfterACopyWasMade) {
  Ends ends = connected_ends();
  Bytes byte(1);
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  LocalStream copy = ends.client.duplicate();
  EXPECT_OUTCOME(read_some(copy, byte, long_wait), 0, std::errc::timed_out);
  EXPECT_OUTCOME(read_some(ends.client, byte, long_wait), 0, std::errc::timed_out);
  const RawSocket released = RawSocket::owning(ends.client.release());
  expect_no_timeouts(released.fd());
  const RawSocket other = RawSocket::owning(copy.release());
  expect_no_timeouts(other.fd());
}

TEST(NativeHandleOfAStream, IsBlockingInACopy) {
  LocalListener listener = listening();
  const LocalStream copy = LocalStream::connect(listener.local_address()).duplicate();
  EXPECT_TRUE(is_blocking(copy.native_handle()));
}

TEST(ForeignSocket, ThatListensIsNoStream) {
  const TemporaryDirectory directory;
  const RawSocket listening = RawSocket::listening_at(directory / "s");
  EXPECT_THROWS_CODE(LocalStream::adopt(listening.fd()), std::errc::operation_not_supported);
  EXPECT_TRUE(is_open_handle(listening.fd()));
}

TEST(ForeignSocket, ThatListensIsAdoptedAsAListenerAndItsFileStays) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  RawSocket listening = RawSocket::listening_at(path);
  LocalListener listener = LocalListener::adopt(listening.release(), path);
  expect_serving(listener);
  listener.close();
  EXPECT_TRUE(is_socket(path));
  EXPECT_CODE(connect(path).ec, std::errc::connection_refused);
}

TEST(ForeignSocket, AdoptedAsAListenerTimesOutAndIsWokenLikeAnyOther) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  RawSocket raw = RawSocket::listening_at(path);
  ASSERT_EQ(::fcntl(raw.fd(), F_SETFL, O_NONBLOCK), 0);
  LocalListener listener = LocalListener::adopt(raw.release(), path);
  EXPECT_CODE(accept(listener, 30ms).ec, std::errc::timed_out);
  auto accepting = run_async([&] { return accept(listener).ec; });
  accepting.wait_until_blocked(Moment::late);
  EXPECT_FALSE(accepting.finished());
  listener.close();
  EXPECT_CODE(accepting.result(), Errc::closed);
}

// Descriptors.

std::set<int> open_descriptors() {
  std::set<int> open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) open.insert(fd);
  }
  return open;
}

TEST(Descriptors, AreCloseOnExecFromBirth) {
  const auto before = open_descriptors();
  LocalListener listener = listening();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  auto [one, other] = LocalStream::pair();
  Bytes byte(1);
  auto reading = run_async([&] { return read_some(client, byte); });
  auto accepting = run_async([&] { return accept(listener).ec; });
  reading.wait_until_blocked(Moment::late);
  accepting.wait_until_blocked(Moment::late);

  auto after = open_descriptors();
  for (const int fd : before) after.erase(fd);
  EXPECT_GE(after.size(), 5U);
  for (const int fd : after) EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC) << fd;
  client.cancel();
  listener.close();
}

TEST(Descriptors, OfAConnectionAreTheConnectionsOwnAlone) {
  LocalListener listener = listening();
  expect_serving(listener);  // whatever a thread needs once
  const auto before = open_descriptors();
  {
    LocalStream client = LocalStream::connect(listener.local_address());
    LocalStream server = listener.accept();
    expect_connected(client, server);
    EXPECT_EQ(open_descriptors().size(), before.size() + 2);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Descriptors, AreAllGivenBackWhateverFails) {
  LocalListener listener = listening();
  const auto use_everything = [&] {
    EXPECT_CODE(bind_outcome(listener.local_address()), std::errc::address_in_use);
    EXPECT_CODE(connect(LocalAddress::unique()).ec, std::errc::connection_refused);
    EXPECT_CODE(accept(listener, 10ms).ec, std::errc::timed_out);
    Ends ends = connected_ends();
    Bytes byte(1);
    EXPECT_CODE(read_some(ends.client, byte, 10ms).ec, std::errc::timed_out);
    for (const ForeignHandle& handle : handles_that_are_no_stream()) {
      SCOPED_TRACE(handle.name());
      EXPECT_THROWS_CODE(LocalStream::adopt(handle.get()), std::errc::operation_not_supported);
    }
  };
  use_everything();
  const auto before = open_descriptors();
  use_everything();
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace localsocket::test
