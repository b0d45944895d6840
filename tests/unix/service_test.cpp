// Sockets from a service manager, by the rules of sd_listen_fds(3). In a child, whose descriptors 3 and up are free.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <localsocket/unix/service.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

void move_to(int from, int to) {
  if (::fcntl(to, F_GETFD) >= 0 || ::dup2(from, to) != to) throw std::runtime_error("dup2");
}

/// args: a path, what LISTEN_FDS and LISTEN_PID ("own" is its own) are, and perhaps LISTEN_FDNAMES to ask for them.
/// Descriptors 3 and 6 are listening Unix domain sockets, 4 is a pipe and 5 an Internet socket.
CHILD_PROCESS(service) {
  const std::string& path = args[0];
  {
    // Out of the way first.
    const auto high = [](int fd) {
      const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
      ::close(fd);
      return moved;
    };
    const int first = high(RawSocket::listening_at(path).release());
    int ends[2];
    if (::pipe(ends) != 0) return 1;
    const int pipe = high(ends[0]);
    ::close(ends[1]);
    const int tcp = high(::socket(AF_INET, SOCK_STREAM, 0));
    const int second = high(RawSocket::listening_at(path + "2").release());
    for (int fd = 3; fd <= 6; ++fd) ::close(fd);
    move_to(first, 3);
    move_to(pipe, 4);
    move_to(tcp, 5);
    move_to(second, 6);
  }
  ::setenv("LISTEN_FDS", args[1].c_str(), 1);
  ::setenv("LISTEN_PID", args[2] == "own" ? std::to_string(::getpid()).c_str() : args[2].c_str(), 1);
  ::setenv("LISTEN_FDNAMES", args.size() > 3 ? args[3].c_str() : "a:b:c:d", 1);

  std::error_code ec;
  std::string names;
  std::vector<NativeHandle> handles;
  if (args.size() > 3) {
    for (const auto& [handle, name] : posix::inherited_listeners_with_names(ec)) {
      handles.push_back(handle);
      names += name + " ";
    }
  } else {
    handles = posix::inherited_listeners(ec);
  }
  std::string line = !ec ? "" : ec == std::errc::invalid_argument ? "invalid" : ec.message();
  for (const NativeHandle handle : handles) line += std::to_string(handle) + " ";
  for (int fd = 3; fd <= 6; ++fd) line += ::fcntl(fd, F_GETFD) == FD_CLOEXEC ? "c" : "-";
  line += std::getenv("LISTEN_FDS") == nullptr && std::getenv("LISTEN_PID") == nullptr &&
                  std::getenv("LISTEN_FDNAMES") == nullptr
              ? " removed"
              : " there";
  report(names + line);
  if (!handles.empty()) {
    LocalListener listener = LocalListener::adopt(handles[0], LocalAddress::path(path));
    LocalStream stream = listener.accept();
    stream.write_all("served");
  }
  return 0;
}

class Service : public ::testing::Test {
 protected:
  std::string line_of(const std::string& count, const std::string& process) {
    return spawn("service", {path, count, process}).read_line();
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "s";
};

TEST_F(Service, TakesTheListeningUnixSocketsAndLeavesOthersAlone) {
  EXPECT_EQ(line_of("4", "own"), "3 6 cccc removed");
}

TEST_F(Service, TakesNoMoreThanWerePassed) { EXPECT_EQ(line_of("1", "own"), "3 c--- removed"); }

TEST_F(Service, ServesTheirClients) {
  ChildProcess child = spawn("service", {path, "1", "own"});
  ASSERT_EQ(child.read_line(), "3 c--- removed");
  LocalStream client = LocalStream::connect(path);
  EXPECT_EQ(text_until_end(client), "served");
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(is_socket(path)) << "the file is the service manager's";
}

TEST_F(Service, TakesNothingThatWasPassedToAnotherProcess) { EXPECT_EQ(line_of("4", "1"), "---- there"); }

TEST_F(Service, TakesNothingWhenNothingWasPassed) { EXPECT_EQ(line_of("0", "own"), "---- removed"); }

TEST_F(Service, StopsWhereFewerAreOpenThanPromised) { EXPECT_EQ(line_of("1000000", "own").substr(0, 9), "3 6 cccc "); }

TEST_F(Service, WhatIsNoNumberIsInvalidAndTakesNothing) {
  for (const char* garbage : {"", "x", "-1", "4x", "99999999999999999999"}) {
    SCOPED_TRACE(garbage);
    const TemporaryDirectory own;
    EXPECT_EQ(spawn("service", {own / "s", garbage, "own"}).read_line(), "invalid---- removed");
  }
}

TEST_F(Service, AProcessThatIsNoNumberIsAnother) { EXPECT_EQ(line_of("4", "me"), "---- there"); }

TEST_F(Service, GivesTheNamesOfWhatItTakes) {
  EXPECT_EQ(spawn("service", {path, "4", "own", "one:pipe:tcp:two"}).read_line(), "one two 3 6 cccc removed");
}

TEST_F(Service, GivesWhatHasNoNameTheNameOfTheUnknown) {
  const TemporaryDirectory own;
  EXPECT_EQ(spawn("service", {path, "4", "own", "one"}).read_line(), "one unknown 3 6 cccc removed");
  EXPECT_EQ(spawn("service", {own / "s", "4", "own", ""}).read_line(), "unknown unknown 3 6 cccc removed");
}

/// args: a path, and whether inetd waits. The standard input and output are the socket; what is reported goes
/// elsewhere.
CHILD_PROCESS(inetd_service) {
  const int told = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
  const bool waits = args[1] == "wait";
  const RawSocket listening = RawSocket::listening_at(args[0]);
  const RawSocket client = RawSocket::connected_to(args[0]);
  RawSocket accepted = RawSocket::owning(waits ? -1 : ::accept(listening.fd(), nullptr, nullptr));
  for (int standard = 0; standard < 3; ++standard) ::dup2(waits ? listening.fd() : accepted.fd(), standard);
  accepted.close();

  const NativeHandle socket = posix::inetd_socket();
  if (socket == invalid_handle || ::fcntl(socket, F_GETFD) != FD_CLOEXEC) return 1;
  std::printf("what a library prints\n");
  std::fflush(stdout);
  LocalStream stream = waits ? LocalListener::adopt(socket, args[0]).accept() : LocalStream::adopt(socket);
  stream.write_all("served");
  stream.close();
  std::array<char, 20> text{};
  const ssize_t size = ::recv(client.fd(), text.data(), text.size(), MSG_WAITALL);
  ::dup2(told, STDOUT_FILENO);
  report(std::string(text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)));
  return 0;
}

TEST_F(Service, TakesTheSocketOfInetd) {
  for (const char* mode : {"wait", "nowait"}) {
    SCOPED_TRACE(mode);
    const TemporaryDirectory own;
    EXPECT_EQ(spawn("inetd_service", {own / "s", mode}).read_line(), "served");
  }
}

TEST(NoService, IsInetdsWhereStandardInputIsNoSocket) {
  std::error_code ec;
  EXPECT_EQ(posix::inetd_socket(ec), invalid_handle);
  EXPECT_CODE(ec, success);
}

TEST(NoService, IsLaunchdsElsewhere) {
  std::error_code ec;
  EXPECT_TRUE(posix::launchd_listeners("app", ec).empty());
  EXPECT_TRUE(ec);
}

TEST(NoService, PassesNothing) {
  const Environment count("LISTEN_FDS", std::nullopt);
  const Environment process("LISTEN_PID", std::nullopt);
  EXPECT_TRUE(posix::inherited_listeners().empty());
}

}  // namespace
}  // namespace localsocket::test
