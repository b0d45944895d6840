// One connected Unix domain socket.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/platform.hpp>

#include "core/buffers.hpp"
#include "core/gate.hpp"
#include "system.hpp"

#include <atomic>
#include <span>
#include <system_error>
#include <utility>

namespace localsocket::detail::unix_backend {

class Stream {
 public:
  Stream() noexcept = default;
  explicit Stream(int socket) noexcept : socket_(socket) {}
  Stream(Stream&& other) noexcept { take(other); }
  Stream& operator=(Stream&& other) noexcept {
    if (this != &other) {
      const Descriptor closing(socket());
      take(other);
    }
    return *this;
  }
  ~Stream() { const Descriptor closing(socket()); }

  static Stream connect(const LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static NativeHandle connect_for_child(const LocalAddress& address, const ConnectOptions& options,
                                        std::error_code& ec);
  static std::size_t write_for_child(NativeHandle handle, std::span<const std::byte> bytes, Call& call,
                                     std::error_code& ec);
  static void await_capacity(const LocalAddress& address, Call& call, Clock::duration time) noexcept;
  static std::pair<Stream, Stream> pair(std::error_code& ec);
  static Stream adopt(NativeHandle handle, std::error_code& ec);

  std::size_t read(const ReadBuffers& to, Call& call, std::error_code& ec);
  std::size_t write(const WriteBuffers& from, Call& call, std::error_code& ec);
  void shutdown(Shutdown how, Call& call, std::error_code& ec) noexcept;
  bool drain(Call& call, std::error_code& ec) noexcept;
  std::size_t available(std::error_code& ec) const noexcept;
  Stream duplicate(std::error_code& ec) const noexcept;
  PeerIdentity peer(std::error_code& ec) const noexcept;
  void close() noexcept;
  /// For others: it is blocking.
  NativeHandle handle() const noexcept {
    make_blocking();
    return socket();
  }
  NativeHandle release() noexcept;

 private:
  void take(Stream& other) noexcept;
  int socket() const noexcept { return socket_.load(std::memory_order_relaxed); }
  bool attempt(const LocalAddress& address) noexcept;
  void make_blocking() const noexcept;

  // One direction's socket time-out: whether it bounds a blocking call, so that a blocking call comes back in time.
  using Bounded = std::atomic<bool>;

  bool bound_blocking(Bounded& bounded, int timeout_option) noexcept;

  struct Traffic;
  static const Traffic reading;
  static const Traffic writing;

  // How an attempt is made, and what has been tried.
  struct Attempt {
    bool may_block;
    bool has_blocked = false;
  };

  template <class Transfer>
  std::size_t move(const Traffic& traffic, Bounded& bounded, Call& call, std::error_code& ec, Transfer transfer);
  bool prepare_next(Attempt& attempt, const Traffic& traffic, Bounded& bounded, Call& call,
                    std::error_code& ec) noexcept;

  std::atomic<int> socket_{-1};
  Bounded receive_bounded_{false};
  Bounded send_bounded_{false};
  std::atomic<bool> was_reset_{false};               // the peer left with bytes of ours unread
  mutable std::atomic<bool> is_duplicated_{false};   // then the socket time-outs are not ours alone
  mutable std::atomic<bool> is_nonblocking_{false};  // as connect left it, until a call has to wait
};

}  // namespace localsocket::detail::unix_backend
