// Passing descriptors: all of them arrive, none is left over (cmsg(3), unix(7)).
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <localsocket/unix/descriptors.hpp>

#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/faults.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

/// How many descriptors this process has open.
int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 2048; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

/// A pipe: what is written into one end comes out of the other, whoever has them.
struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    read_end = RawSocket::owning(ends[0]);
    write_end = RawSocket::owning(ends[1]);
  }
  RawSocket read_end = RawSocket::owning(-1);
  RawSocket write_end = RawSocket::owning(-1);
};

void close_all(const std::vector<int>& descriptors) {
  for (const int fd : descriptors) ::close(fd);
}

class PassedDescriptors : public ConnectedTest {
 protected:
  std::size_t send(const std::vector<int>& fds, std::string_view text, const Wait& wait = {}) {
    ec.clear();
    return posix::send_descriptors(client, fds, bytes_of(text), wait, ec);
  }
  posix::Received receive(const Wait& wait = {}) {
    ec.clear();
    return posix::receive_descriptors(server, buffer, wait, ec);
  }
  std::string text_of_received(const posix::Received& received) const {
    return text_of(std::span(buffer).first(received.bytes));
  }

  /// The ancillary data of a foreign sender: this many copies of the descriptor.
  void send_raw(int count) {
    std::vector<int> fds(static_cast<std::size_t>(count), STDIN_FILENO);
    alignas(cmsghdr) std::byte control[CMSG_SPACE(253 * sizeof(int))]{};
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    ASSERT_EQ(::sendmsg(client.native_handle(), &message, 0), 1);
  }

  std::error_code ec;
  Bytes buffer = Bytes(4096);
};

TEST_F(PassedDescriptors, OfAPipeStillCarryItsBytes) {
  Pipe pipe;
  EXPECT_EQ(send({pipe.write_end.fd()}, "take this"), 9U);
  EXPECT_CODE(ec, success);
  const posix::Received received = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(text_of_received(received), "take this");
  ASSERT_EQ(received.descriptors.size(), 1U);
  ASSERT_EQ(::write(received.descriptors[0], "hello", 5), 5);
  char text[5];
  ASSERT_EQ(::read(pipe.read_end.fd(), text, sizeof text), 5);
  EXPECT_EQ(std::string(text, sizeof text), "hello");
  close_all(received.descriptors);
}

TEST_F(PassedDescriptors, AreCloseOnExec) {
  send({STDIN_FILENO, STDOUT_FILENO}, "x");
  const posix::Received received = receive();
  ASSERT_EQ(received.descriptors.size(), 2U);
  for (const int fd : received.descriptors) EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
  close_all(received.descriptors);
}

TEST_F(PassedDescriptors, AsManyAsAMessageCarriesArriveInOrder) {
  const TemporaryDirectory directory;
  std::vector<int> files;
  for (std::size_t i = 0; i < posix::most_descriptors; ++i) {
    const std::string path = directory / std::to_string(i);
    files.push_back(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_GE(files.back(), 0);
  }
  EXPECT_EQ(send(files, "x"), 1U);
  const posix::Received received = receive();
  EXPECT_CODE(ec, success);
  ASSERT_EQ(received.descriptors.size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    struct stat sent {};
    struct stat got {};
    ASSERT_EQ(::fstat(files[i], &sent), 0);
    ASSERT_EQ(::fstat(received.descriptors[i], &got), 0);
    EXPECT_EQ(got.st_ino, sent.st_ino) << i;
  }
  close_all(files);
  close_all(received.descriptors);
}

TEST_F(PassedDescriptors, OneMoreThanAMessageCarriesIsInvalidAndNothingIsSent) {
  EXPECT_EQ(send(std::vector<int>(posix::most_descriptors + 1, STDIN_FILENO), "x"), 0U);
  EXPECT_CODE(ec, std::errc::invalid_argument);
  EXPECT_EQ(server.available(), 0U);
}

TEST_F(PassedDescriptors, WithoutAByteToTravelWithAreInvalid) {
  EXPECT_EQ(send({STDIN_FILENO}, ""), 0U);
  EXPECT_CODE(ec, std::errc::invalid_argument);
}

TEST_F(PassedDescriptors, ThatAreNotOpenAreClosed) {
  EXPECT_EQ(send({-1}, "x"), 0U);
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_EQ(server.available(), 0U);
}

TEST_F(PassedDescriptors, NoneIsAPlainWriteAndRead) {
  EXPECT_EQ(send({}, "hello"), 5U);
  EXPECT_EQ(read_text(server, 5), "hello");
  client.write_all("bytes");
  const posix::Received received = receive();
  EXPECT_EQ(text_of_received(received), "bytes");
  EXPECT_TRUE(received.descriptors.empty());
}

TEST_F(PassedDescriptors, MayBeClosedOnceTheyAreSent) {
  auto pipe = std::make_unique<Pipe>();
  send({pipe->read_end.fd()}, "x");
  ASSERT_EQ(::write(pipe->write_end.fd(), "y", 1), 1);
  pipe.reset();
  const posix::Received received = receive();
  ASSERT_EQ(received.descriptors.size(), 1U);
  char byte = 0;
  EXPECT_EQ(::read(received.descriptors[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  close_all(received.descriptors);
}

TEST_F(PassedDescriptors, OfTwoMessagesAreNotMixed) {
  send({STDIN_FILENO}, "one");
  send({STDIN_FILENO, STDIN_FILENO}, "two");
  const posix::Received first = receive();
  EXPECT_EQ(text_of_received(first), "one");
  EXPECT_EQ(first.descriptors.size(), 1U);
  const posix::Received second = receive();
  EXPECT_EQ(text_of_received(second), "two");
  EXPECT_EQ(second.descriptors.size(), 2U);
  close_all(first.descriptors);
  close_all(second.descriptors);
}

// None is left over.

TEST_F(PassedDescriptors, ThatAPlainReadPassesOverAreNotKept) {
  const int before = open_descriptors();
  send(std::vector<int>(20, STDIN_FILENO), "hello");
  EXPECT_EQ(read_text(server, 5), "hello");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PassedDescriptors, ThatNobodyReceivesEndWithTheConnection) {
  Pipe pipe;
  send({pipe.write_end.fd()}, "x");
  pipe.write_end.close();
  server.close();
  client.close();
  char byte = 0;
  EXPECT_EQ(::read(pipe.read_end.fd(), &byte, 1), 0);
}

TEST_F(PassedDescriptors, ThatDoNotFitAreReportedWithTheBytesAndNoneIsKept) {
  send(std::vector<int>(20, STDIN_FILENO), "hello");
  posix::Received received;
  {
    NoDescriptorsLeft none;
    for (int i = 0; i < 5; ++i) none.give_back_one();
    const int before = open_descriptors();
    received = receive();
    EXPECT_EQ(open_descriptors(), before);
  }
  EXPECT_CODE(ec, std::errc::too_many_files_open);
  EXPECT_EQ(text_of_received(received), "hello");
  EXPECT_TRUE(received.descriptors.empty());
  // And the stream goes on.
  send({STDIN_FILENO}, "again");
  received = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(text_of_received(received), "again");
  EXPECT_EQ(received.descriptors.size(), 1U);
  close_all(received.descriptors);
}

#if defined(SO_PASSCRED)
TEST_F(PassedDescriptors, BesideCredentialsAreAllTaken) {
  const int on = 1;
  ASSERT_EQ(::setsockopt(server.native_handle(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  const int before = open_descriptors();
  send_raw(static_cast<int>(posix::most_descriptors));
  const posix::Received received = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(received.bytes, 1U);
  EXPECT_EQ(received.descriptors.size(), posix::most_descriptors);
  close_all(received.descriptors);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PassedDescriptors, CredentialsAloneArePassedOver) {
  const int on = 1;
  ASSERT_EQ(::setsockopt(server.native_handle(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  client.write_all("x");
  const posix::Received received = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(received.bytes, 1U);
  EXPECT_TRUE(received.descriptors.empty());
}
#endif

TEST_F(PassedDescriptors, OfAForeignSenderThatLeavesArrive) {
  send_raw(3);
  client.close();
  const posix::Received received = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(received.descriptors.size(), 3U);
  close_all(received.descriptors);
  const posix::Received end = receive();
  EXPECT_CODE(ec, success);
  EXPECT_EQ(end.bytes, 0U);
  EXPECT_TRUE(end.descriptors.empty());
}

// When a call ends.

TEST_F(PassedDescriptors, ReceivingKeepsItsTime) {
  receive(0s);
  EXPECT_CODE(ec, std::errc::timed_out);
  receive(20ms);
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_THROWS_CODE(posix::receive_descriptors(server, buffer, 0s), std::errc::timed_out);
}

TEST_F(PassedDescriptors, ReceivingIsStopped) {
  stop_source source;
  auto receiving = run_async([&] {
    receive(source.get_token());
    return ec;
  });
  receiving.wait_until_blocked(Moment::late);
  source.request_stop();
  EXPECT_TRUE(receiving.finished_within(soon()));
  EXPECT_CODE(receiving.result(), std::errc::operation_canceled);
}

TEST_F(PassedDescriptors, SendingKeepsItsTimeAndTakesNoneWithIt) {
  fill(client);
  EXPECT_EQ(send({STDIN_FILENO}, std::string(64_KiB, 'x'), 20ms), 0U);
  EXPECT_CODE(ec, std::errc::timed_out);
}

TEST_F(PassedDescriptors, SendingToWhoIsGoneIsBrokenWithoutASignal) {
  server.close();
  EXPECT_EQ(send({STDIN_FILENO}, "x"), 0U);
  EXPECT_CODE(ec, std::errc::broken_pipe);
}

TEST_F(PassedDescriptors, ToAnotherProcess) {
  Pipe pipe;
  send({pipe.write_end.fd()}, "x");
  EXPECT_EQ(in_fork([&]() -> std::string {
              const posix::Received received = receive();
              return received.descriptors.size() == 1 && ::write(received.descriptors[0], "child", 5) == 5 ? "sent"
                                                                                                           : "failed";
            }),
            "sent");
  char text[5];
  ASSERT_EQ(::read(pipe.read_end.fd(), text, sizeof text), 5);
  EXPECT_EQ(std::string(text, sizeof text), "child");
}

}  // namespace
}  // namespace localsocket::test
