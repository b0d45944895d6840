// One listening Unix domain socket, and the file that it is found by.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>

#include "core/gate.hpp"
#include "socket_file.hpp"
#include "stream.hpp"

#include <atomic>
#include <optional>
#include <system_error>

namespace localsocket::detail::unix_backend {

class Listener {
 public:
  Listener() noexcept = default;
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener() { close(); }

  static Listener bind(const LocalAddress& address, const ListenOptions& options, std::error_code& ec);
  static Listener adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec);

  Stream accept(Call& call, std::error_code& ec);
  void withdraw() noexcept;
  void close() noexcept;
  NativeHandle handle() const noexcept { return socket_.load(std::memory_order_relaxed); }
  NativeHandle release() noexcept;

 private:
  explicit Listener(int socket) noexcept : socket_(socket) {}
  bool make_accept_interruptible() noexcept;

  std::atomic<int> socket_{-1};
  SocketFile file_;  // nothing for an abstract name, and for a socket that others have bound
  std::optional<std::size_t> buffer_size_;
};

}  // namespace localsocket::detail::unix_backend
