// One connected Unix domain socket.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/platform.hpp>

#include "../buffers.hpp"
#include "../call.hpp"

#include <atomic>
#include <span>
#include <system_error>
#include <utility>

namespace localsocket::detail::unix_room {

class Stream {
 public:
  Stream() noexcept = default;
  explicit Stream(int socket, bool send_sliced = false) noexcept : socket_(socket), send_sliced_(send_sliced) {}
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream() {
    if (handle() != -1) close();  // most are moved from, and close() is an atomic exchange
  }

  static Stream connect(const LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static NativeHandle connect_for_child(const LocalAddress& address, const ConnectOptions& options,
                                        std::error_code& ec);
  static std::size_t write_for_child(NativeHandle handle, std::span<const std::byte> bytes, Call& call,
                                     std::error_code& ec);
  static void await_room(const LocalAddress& address, Call& call, Clock::duration time) noexcept;
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
  NativeHandle handle() const noexcept { return socket_.load(std::memory_order_relaxed); }
  NativeHandle release() noexcept;

 private:
  // One direction's socket time-out: whether it has been set to a slice, so that a blocking call comes back in time.
  using Sliced = std::atomic<bool>;

  struct Traffic;
  static const Traffic reading;
  static const Traffic writing;

  // How an attempt is made, and what has been tried.
  struct Attempt {
    bool may_block;
    bool has_blocked = false;
  };

  template <class Transfer>
  std::size_t move(const Traffic& traffic, Sliced& sliced, Call& call, std::error_code& ec, Transfer transfer);
  bool prepare_next(Attempt& attempt, const Traffic& traffic, Sliced& sliced, Call& call, std::error_code& ec) noexcept;

  std::atomic<int> socket_{-1};
  Sliced receive_sliced_{false};
  Sliced send_sliced_{false};
  std::atomic<bool> was_reset_{false};              // the peer left with bytes of ours unread
  mutable std::atomic<bool> is_duplicated_{false};  // then the socket time-outs are not ours alone
};

}  // namespace localsocket::detail::unix_room
