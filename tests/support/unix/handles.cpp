#include "support/handles.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace localsocket::test {

namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// The first end; the second is closed.
int pair_end(int (*make)(int* ends), const char* what) {
  int ends[2];
  checked(make(ends), what);
  ::close(ends[1]);
  return ends[0];
}

std::vector<ForeignHandle> handles_of_no_use() {
  std::vector<ForeignHandle> handles;
  handles.emplace_back("a file", checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "open"));
  handles.emplace_back("a pipe", pair_end([](int* ends) { return ::pipe(ends); }, "pipe"));
  handles.emplace_back("an Internet socket", checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
  handles.emplace_back("a datagram socket",
                       pair_end([](int* ends) { return ::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends); }, "socketpair"));
  return handles;
}

}  // namespace

bool is_open_handle(NativeHandle handle) { return ::fcntl(handle, F_GETFD) >= 0; }

void close_handle(NativeHandle handle) { ::close(handle); }

NativeHandle duplicate_handle(NativeHandle handle) { return checked(::fcntl(handle, F_DUPFD_CLOEXEC, 0), "fcntl"); }

std::size_t open_handles() {
  constexpr int most = 4096;  // far more than a test has
  std::array<pollfd, 128> some{};
  std::size_t count = 0;
  for (int next = 0; next < most;) {
    for (pollfd& one : some) one.fd = next++;
    checked(::poll(some.data(), some.size(), 0), "poll");
    for (const pollfd& one : some) count += (one.revents & POLLNVAL) == 0 ? 1U : 0U;
  }
  return count;
}

// proc(5); where there is none there is no shared memory either.
std::size_t shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:") != std::string::npos ? 1U : 0U;
  return count;
}

std::vector<ForeignHandle> handles_that_are_no_stream() {
  auto handles = handles_of_no_use();
  handles.emplace_back("a socket that is not connected", checked(::socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
  return handles;
}

std::vector<ForeignHandle> handles_that_are_no_listener() {
  auto handles = handles_of_no_use();
  handles.emplace_back("a connected socket",
                       pair_end([](int* ends) { return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends); }, "socketpair"));
  handles.emplace_back("a socket that does not listen", checked(::socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
  return handles;
}

}  // namespace localsocket::test
