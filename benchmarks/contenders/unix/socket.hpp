// Unix domain sockets by the system's own calls.
#pragma once

#include "channels.hpp"
#include "transport.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace bench::posix {

template <class Result>
Result check(Result result, const char* call) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ != -1) ::close(number_);
  }

  int get() const noexcept { return number_; }

 private:
  int number_;
};

inline Descriptor open_socket() {
  return Descriptor(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

inline sockaddr_un to_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  expect(path.size() < sizeof address.sun_path, "the path is too long");
  path.copy(address.sun_path, path.size());
  return address;
}

/// `Policy::wait(descriptor, events)` comes before each transfer, which has `Policy::flags`.
template <class Policy>
class Stream {
 public:
  explicit Stream(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  void send_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      Policy::wait(descriptor_.get(), POLLOUT);
      const ssize_t n = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | Policy::flags);
      if (n == -1 && errno == EAGAIN) continue;
      bytes = bytes.subspan(static_cast<std::size_t>(check(n, "send")));
    }
  }

  std::size_t recv_some(std::span<std::byte> buffer) {
    for (;;) {
      Policy::wait(descriptor_.get(), POLLIN);
      const ssize_t n = ::recv(descriptor_.get(), buffer.data(), buffer.size(), Policy::flags);
      if (n == -1 && errno == EAGAIN) continue;
      return static_cast<std::size_t>(check(n, "recv"));
    }
  }

  bool recv_exact(std::span<std::byte> buffer) {
    while (!buffer.empty()) {
      const std::size_t n = recv_some(buffer);
      if (n == 0) return false;
      buffer = buffer.subspan(n);
    }
    return true;
  }

 private:
  Descriptor descriptor_;
};

template <class Policy>
struct Transport {
  using Stream = posix::Stream<Policy>;
  using Batched = BufferedChannel<Stream>;
  using Single = UnbufferedChannel<Stream>;

  class Listener {
   public:
    explicit Listener(const std::string& path) {
      const sockaddr_un address = to_address(path);
      check(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
      check(::listen(socket_.get(), SOMAXCONN), "listen");
    }

    Stream accept() {
      Policy::wait(socket_.get(), POLLIN);
      return Stream(Descriptor(check(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept")));
    }

   private:
    Descriptor socket_ = open_socket();
  };

  static Stream connect(const std::string& path) {
    Descriptor socket = open_socket();
    const sockaddr_un address = to_address(path);
    check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    return Stream(std::move(socket));
  }
};

}  // namespace bench::posix
