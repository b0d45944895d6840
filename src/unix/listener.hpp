// One listening Unix domain socket, and the file that it is found by.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>

#include "core/gate.hpp"
#include "socket_file.hpp"
#include "stream.hpp"
#include "wait.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <system_error>

#include <sys/time.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

class Listener {
 public:
  Listener() noexcept = default;
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  /// Gives the address up as well, unless it was released: a bind that fails half-way leaves nothing behind.
  ~Listener();

  static Listener bind(LocalAddress& address, const ListenOptions& options, std::error_code& ec);
  static Listener adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec);

  Stream accept(Call& call, std::error_code& ec);
  bool owns_address(std::error_code& ec) const noexcept;
  void withdraw() noexcept;
  void close() noexcept;
  NativeHandle handle() const noexcept { return socket_.load(std::memory_order_relaxed); }
  NativeHandle release() noexcept;

 private:
  Listener(int socket, Type type) noexcept : socket_(socket), type_(type) {}
  bool prepare() noexcept;
  bool find_settings() noexcept;
  bool make_accept_interruptible() noexcept;
  void restore_settings() noexcept;
  int try_accept(Attempt attempt, bool is_inherited) noexcept;
  int accept_one(Call& call, std::error_code& ec);
  bool lets_in(int client) const noexcept;

  std::atomic<int> socket_{-1};
  Type type_ = Type::stream;
  SocketFile file_;  // nothing for an abstract name
  std::uint32_t maker_ = process_generation();
  bool is_adopted_ = false;
  struct Settings {
    timeval timeout{};
    bool is_nonblocking = false;
  } found_;  // as they were before it was ours
  Direction direction_ = Direction::duplex;
  std::optional<std::size_t> buffer_size_;
  bool asks_who_comes_ = false;  // an abstract name has no permissions
  std::optional<gid_t> group_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
