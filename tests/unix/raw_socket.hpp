// A program that knows nothing of this library: bare system calls.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace localsocket::test {

/// Owns a descriptor of a Unix domain socket.
class RawSocket {
 public:
  explicit RawSocket(int type = SOCK_STREAM) : fd_(::socket(AF_UNIX, type, 0)) { check(fd_ >= 0, "socket"); }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawSocket& operator=(RawSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~RawSocket() { close(); }

  static RawSocket owning(int fd) { return RawSocket(Owned{fd}); }

  static RawSocket bound_to(const std::string& path, int type = SOCK_STREAM) {
    RawSocket socket(type);
    const sockaddr_un address = at(path);
    check(::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    return socket;
  }
  static RawSocket listening_at(const std::string& path, int backlog = 8) {
    RawSocket socket = bound_to(path);
    check(::listen(socket.fd_, backlog) == 0, "listen");
    return socket;
  }
  static RawSocket connected_to(const std::string& path) {
    RawSocket socket;
    const sockaddr_un address = at(path);
    check(::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
    return socket;
  }

  /// One attempt; of a nonblocking socket it fails when there is no capacity.
  bool try_to_connect(const std::string& path) const {
    const sockaddr_un address = at(path);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  RawSocket accept() const {
    const int fd = ::accept(fd_, nullptr, nullptr);
    check(fd >= 0, "accept");
    return owning(fd);
  }

  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  void send(std::string_view text) const {
    check(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()), "send");
  }
  /// All until the end of the stream.
  std::string receive_all() const {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd_, buffer, sizeof buffer, 0)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
  /// Whether a listening socket has a client to accept.
  bool somebody_waits() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  }

 private:
  struct Owned {
    int fd;
  };
  explicit RawSocket(Owned owned) : fd_(owned.fd) {}

  static void check(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
  static sockaddr_un at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    check(path.size() < sizeof address.sun_path, "path");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
  }

  int fd_;
};

}  // namespace localsocket::test
