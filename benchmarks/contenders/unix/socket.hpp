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

struct Address {
  Address(const std::string& path) {
    native.sun_family = AF_UNIX;
    expect(path.size() < sizeof native.sun_path, "the path is too long");
    path.copy(native.sun_path, path.size());
  }

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&native); }

  sockaddr_un native{};
};

inline Descriptor open_listener(const Address& address) {
  Descriptor socket = open_socket();
  check(::bind(socket.get(), address.get(), sizeof address.native), "bind");
  check(::listen(socket.get(), SOMAXCONN), "listen");
  return socket;
}

inline Descriptor connect(const Address& address) {
  Descriptor socket = open_socket();
  check(::connect(socket.get(), address.get(), sizeof address.native), "connect");
  return socket;
}

/// `Policy::prepare(descriptor)` comes once, `Policy::wait(descriptor, events)` before each transfer, which has
/// `Policy::flags`.
template <class Policy>
class Stream {
 public:
  explicit Stream(Descriptor descriptor) : descriptor_(std::move(descriptor)) { Policy::prepare(descriptor_.get()); }

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

  bool recv_exact(std::span<std::byte> buffer) { return bench::recv_by_parts(*this, buffer); }

 private:
  Descriptor descriptor_;
};

/// The policy of one who waits in the transfers alone.
struct Blocking {
  static constexpr int flags = 0;
  static void prepare(int /*descriptor*/) noexcept {}
  static void wait(int /*descriptor*/, short /*events*/) noexcept {}
};

template <class Policy>
struct Transport {
  using Address = posix::Address;
  using Stream = posix::Stream<Policy>;
  using Batched = BufferedChannel<Stream>;
  using Single = UnbufferedChannel<Stream>;

  class Listener {
   public:
    explicit Listener(const Address& address) : socket_(open_listener(address)) {}

    Stream accept() {
      Policy::wait(socket_.get(), POLLIN);
      return Stream(Descriptor(check(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept")));
    }

   private:
    Descriptor socket_;
  };

  static Stream connect(const Address& address) { return Stream(posix::connect(address)); }
};

}  // namespace bench::posix
