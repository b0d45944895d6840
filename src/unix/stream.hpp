// One connected Unix domain socket.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/platform.hpp>

#include "core/address_parts.hpp"
#include "core/gate.hpp"
#include "core/handle_passing.hpp"
#include "core/packet.hpp"
#include "socket_directory.hpp"
#include "system.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// The socket time-out of one direction, by which a call that blocks comes back after a bounded block.
class BlockingBound {
 public:
  /// Whether calls may block by now.
  bool is_relied_on() const noexcept { return relied_on_in_.load() == process_generation(); }

  /// Sets it; false if that cannot be.
  bool set(int socket, int option) noexcept;
  /// From now on no call begins to block.
  void stop_relying() noexcept { relied_on_in_ = 0; }
  /// Takes it off the socket, when no call blocks any more.
  void take_off(int socket, int option) noexcept;

  void take(BlockingBound& other) noexcept {
    relied_on_in_ = other.relied_on_in_.load();
    is_set_in_ = other.is_set_in_.load();
  }

 private:
  // Processes: a child made by fork shares the socket, but the time-out is its parent's.
  std::atomic<std::uint32_t> relied_on_in_{0};
  std::atomic<std::uint32_t> is_set_in_{0};
};

class Stream {
 public:
  Stream() noexcept = default;
  explicit Stream(int socket, Type type = Type::stream) noexcept
      : socket_(socket), has_packets_(type == Type::packets) {}
  Stream(Stream&& other) noexcept { take(other); }
  Stream& operator=(Stream&& other) noexcept {
    if (this != &other) {
      close();
      take(other);
    }
    return *this;
  }
  ~Stream() { close(); }

  static Stream connect(LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static NativeHandle connect_for_child(LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static std::size_t write_for_child(NativeHandle handle, const WriteBuffers& from, Call& call, std::error_code& ec);
  static void await_capacity(const LocalAddress& address, Call& call, Clock::duration time) noexcept;
  static std::pair<Stream, Stream> pair(Type type, std::error_code& ec);
  static Stream adopt(NativeHandle handle, std::error_code& ec);

  std::size_t read(const ReadBuffers& to, Call& call, std::error_code& ec);
  std::size_t write(const WriteBuffers& from, Call& call, std::error_code& ec);
  Type type() const noexcept { return has_packets_ ? Type::packets : Type::stream; }
  std::size_t read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>& handles, Call& call,
                                std::error_code& ec);
  std::size_t write_with_handles(const WriteBuffers& from, std::span<const NativeHandle> handles, Call& call,
                                 std::error_code& ec);
  void take_from_peer(std::span<const std::uint64_t>, std::vector<OwnedHandle>&, std::error_code&) noexcept {}
  PacketPart receive_packet(std::span<std::byte> to, Call& call, std::error_code& ec);
  PacketFate send_packet(std::span<const std::byte> message, Call& call, std::error_code& ec);
  void shutdown(Shutdown how, Call& call, std::error_code& ec) noexcept;
  bool drain(Call& call, std::error_code& ec) noexcept;
  std::size_t available(std::error_code& ec) const noexcept;
  bool is_peer_gone(std::error_code& ec) const noexcept;
  Stream duplicate(std::error_code& ec) const noexcept;
  PeerIdentity peer(std::error_code& ec) const noexcept;
  ProcessOfPeer peer_process(std::error_code& ec) const noexcept;
  void close() noexcept;
  NativeHandle handle() const noexcept { return socket(); }
  bool share() noexcept;
  void take_settings_off() noexcept;
  NativeHandle release() noexcept;

 private:
  void take(Stream& other) noexcept;
  int socket() const noexcept { return socket_.load(std::memory_order_relaxed); }
  bool connect_to(const std::string& native) noexcept;
  void meet(const NativeAddress& native, const SocketDirectory& directory, AddressForm form, const Trust& trust,
            std::error_code& ec);
  void make_blocking() noexcept;
  void make_as_found() noexcept;
  bool drop_message() noexcept;
  bool bound_blocking(BlockingBound& bound, int timeout_option) noexcept;

  struct Side;
  static const Side reading;
  static const Side writing;
  template <class Transfer>
  std::size_t move(const Side& side, BlockingBound& bound, Call& call, std::error_code& ec, Transfer transfer);

  std::atomic<int> socket_{-1};
  BlockingBound receive_bound_;
  BlockingBound send_bound_;
  std::atomic<bool> was_reset_{false};       // the peer left with bytes of ours unread
  std::atomic<bool> is_shared_{false};       // others use the socket: it has no settings of ours
  std::atomic<bool> is_given_{false};        // by handle()
  std::atomic<bool> is_nonblocking_{false};  // as connect left it, until a call has to wait
  std::atomic<bool> found_nonblocking_{false};
  bool is_adopted_ = false;
  bool has_packets_ = false;
  std::uint32_t maker_ = process_generation();
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
