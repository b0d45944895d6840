// SOCK_SEQPACKET: its sizes, and peers that are bare system calls.
#include <string>
#include <utility>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

int send_buffer_of(const MessageStream& messages) {
  int size = 0;
  socklen_t length = sizeof size;
  EXPECT_EQ(::getsockopt(messages.stream().native_handle(), SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
  return size;
}

TEST(SeqPacket, TakesWhatFitsTheSocketsBufferAndNothingAboveIt) {
  auto [one, other] = LocalStream::pair(Type::packets);
  MessageStream sender(std::move(one));
  MessageStream receiver(std::move(other));
  const auto largest = static_cast<std::size_t>(send_buffer_of(sender) - 32);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, largest}) {
    const Bytes message = some_bytes(size);
    sender.send(message);
    EXPECT_EQ(receiver.next_size(), size);
    Bytes received;
    EXPECT_TRUE(receiver.receive(received));
    EXPECT_EQ(received, message);
  }
  std::error_code ec;
  EXPECT_FALSE(sender.send(some_bytes(largest + 1), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_EQ(receiver.receive(0s, ec), std::nullopt);
  EXPECT_CODE(ec, std::errc::timed_out);
}

TEST(SeqPacket, TakesNoMoreThanTheSystemDoesHoweverLargeTheBuffer) {
  auto [one, other] = LocalStream::pair(Type::packets);
  const int buffer = 64 << 20;
  if (::setsockopt(one.native_handle(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0) {
    GTEST_SKIP() << "only root may have so large a buffer";
  }
  MessageStream sender(std::move(one));
  std::error_code ec;
  EXPECT_FALSE(sender.send(Bytes(15_MiB), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
}

TEST(SeqPacket, OfTheListenersBufferSize) {
  LocalListener listener = listening({.buffer_size = 50'000, .type = Type::packets});
  MessageStream client(LocalStream::connect(listener.local_address(), {.type = Type::packets}));
  MessageStream server(listener.accept());
  const auto largest = static_cast<std::size_t>(send_buffer_of(server) - 32);
  EXPECT_LT(largest, 200'000U);
  server.send(some_bytes(largest));
  EXPECT_EQ(client.next_size(), largest);
  std::error_code ec;
  EXPECT_FALSE(server.send(some_bytes(largest + 1), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
}

TEST(SeqPacket, OfAForeignClientKeepItsBounds) {
  LocalListener listener = listening({.type = Type::packets});
  RawSocket client(SOCK_SEQPACKET);
  ASSERT_TRUE(client.try_to_connect(listener.local_address().native()));
  client.send("before accept");
  client.send("");
  MessageStream server(listener.accept());
  client.send("");
  client.close();
  std::string message;
  for (const std::string_view expected : {"before accept", "", ""}) {
    ASSERT_TRUE(server.receive(message));
    EXPECT_EQ(message, expected);
  }
  EXPECT_FALSE(server.receive(message));
}

TEST(SeqPacket, OfAForeignServerKeepItsBounds) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  const RawSocket listener = RawSocket::bound_to(path, SOCK_SEQPACKET);
  ASSERT_EQ(::listen(listener.fd(), 1), 0);
  MessageStream client(LocalStream::connect(LocalAddress::path(path), {.type = Type::packets}));
  RawSocket server = listener.accept();
  client.send("to the server");
  char bytes[100];
  EXPECT_EQ(::recv(server.fd(), bytes, sizeof bytes, 0), 13);
  server.send("");
  server.close();
  std::string message;
  EXPECT_TRUE(client.receive(message));
  EXPECT_FALSE(client.receive(message));
}

TEST(SeqPacket, IsLearntFromASocketThatIsAdopted) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const RawSocket other = RawSocket::owning(ends[1]);
  MessageStream adopted(LocalStream::adopt(ends[0]));
  EXPECT_EQ(adopted.stream().type(), Type::packets);
  other.send("");
  EXPECT_EQ(adopted.next_size(), 0U);

  const TemporaryDirectory directory;
  RawSocket socket = RawSocket::bound_to(directory / "s", SOCK_SEQPACKET);
  ASSERT_EQ(::listen(socket.fd(), 1), 0);
  LocalListener listener = LocalListener::adopt(socket.release(), LocalAddress::path(directory / "s"));
  MessageStream client(LocalStream::connect(listener.local_address(), {.type = Type::packets}));
  MessageStream server(listener.accept());
  EXPECT_EQ(server.stream().type(), Type::packets);
  client.send("");
  EXPECT_EQ(server.next_size(), 0U);
}

TEST(SeqPacket, AtAnAbstractNameIsAnAddressOfItsOwn) {
  const LocalAddress address = LocalAddress("@" + LocalAddress::unique().text());
  LocalListener packets = LocalListener::bind(address, {.type = Type::packets});
  EXPECT_EQ(probe(address), Presence::listening);
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);  // of a stream's type nobody listens
  EXPECT_CODE(bind_outcome(address, {.type = Type::packets}), std::errc::address_in_use);
  MessageStream client(LocalStream::connect(address, {.type = Type::packets}));
  MessageStream server(packets.accept());
  client.send("x");
  EXPECT_EQ(server.next_size(), 1U);
}

}  // namespace
}  // namespace localsocket::test
