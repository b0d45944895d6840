// One end of a connected named pipe.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/platform.hpp>

#include "core/gate.hpp"
#include "core/handle_passing.hpp"
#include "core/packet.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

struct Completion;
struct PipeInfo;
class PendingWrite;
class ReadProbe;

class Stream {
 public:
  Stream() noexcept = default;
  explicit Stream(NativeHandle pipe, Type type = Type::stream) noexcept : pipe_(pipe), type_(type) {}
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  static Stream connect(LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static NativeHandle connect_for_child(LocalAddress& address, const ConnectOptions& options, std::error_code& ec);
  static std::size_t write_for_child(NativeHandle handle, const WriteBuffers& from, Call& call, std::error_code& ec);
  static void await_capacity(const LocalAddress& address, Call& call, Clock::duration time);
  static std::pair<Stream, Stream> pair(Type type, std::error_code& ec);
  static Stream adopt(NativeHandle handle, std::error_code& ec);

  std::size_t read(const ReadBuffers& to, Call& call, std::error_code& ec) noexcept;
  std::size_t write(const WriteBuffers& from, Call& call, std::error_code& ec) noexcept;
  std::size_t read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>& /*none*/, Call& call,
                                std::error_code& ec) noexcept {
    return read(to, call, ec);
  }
  std::size_t write_with_handles(const WriteBuffers& from, std::span<const NativeHandle> /*numbers*/, Call& call,
                                 std::error_code& ec) noexcept {
    return write(from, call, ec);
  }
  void take_from_peer(std::span<const std::uint64_t> numbers, std::vector<OwnedHandle>& handles, std::error_code& ec);
  Type type() const noexcept { return type_; }
  PacketPart receive_packet(std::span<std::byte> to, Call& call, std::error_code& ec) noexcept;
  PacketFate send_packet(std::span<const std::byte> message, Call& call, std::error_code& ec) noexcept;
  void shutdown(Shutdown how, Call& call, std::error_code& ec) noexcept;
  bool drain(Call& call, std::error_code& ec) noexcept;
  std::size_t available(std::error_code& ec) const noexcept;
  bool is_peer_gone(std::error_code& ec) const noexcept;
  Stream duplicate(std::error_code& ec) const noexcept;
  PeerIdentity peer(std::error_code& ec) const;
  ProcessOfPeer peer_process(std::error_code& ec) const noexcept;
  void close() noexcept;
  NativeHandle handle() const noexcept { return pipe_.load(std::memory_order_relaxed); }
  bool share() noexcept { return false; }
  void take_settings_off() noexcept {}
  NativeHandle release() noexcept;

  // For a wait set: a probe for something to read, which is made once and stays with the stream.
  void make_probe(std::error_code& ec);
  bool probe() noexcept;
  NativeHandle probe_event() const noexcept;
  void end_probe() noexcept;

  // For a wait set that is to tell of space: a write that goes on by itself, which is made once and stays, too.
  void make_pending_write(std::error_code& ec);
  bool can_write() noexcept;
  NativeHandle write_event() const noexcept;

 private:
  std::size_t read_pipe(std::span<std::byte> buffer, Call& call, std::error_code& ec) noexcept;
  std::size_t read_beside(ReadProbe& probe, std::span<std::byte> buffer, Call& call, std::error_code& ec) noexcept;
  std::size_t write_one(std::span<const std::byte> bytes, Call& call, std::error_code& ec) noexcept;
  std::size_t write_gathered(const WriteBuffers& from, Call& call, std::error_code& ec) noexcept;
  PacketPart receive_from_pipe(std::span<std::byte> to, Call& call, std::error_code& ec) noexcept;
  std::size_t rest_of_message(std::error_code& ec) const noexcept;
  Completion read_once(std::span<std::byte> to, Call& call) noexcept;
  Completion write_once(std::span<const std::byte> bytes, Call& call) noexcept;
  Completion write_pipe(std::span<const std::byte> bytes, Call& call) noexcept;
  Completion write_beside(PendingWrite& pending, std::span<const std::byte> bytes, Call& call) noexcept;
  std::optional<std::size_t> peek(std::error_code& ec) const noexcept;
  void learn(const std::optional<PipeInfo>& info) noexcept;
  bool has_messages() noexcept;
  std::size_t largest_write() noexcept;

  std::atomic<NativeHandle> pipe_{invalid_handle};
  Type type_ = Type::stream;
  std::atomic<std::uint32_t> largest_write_{0};  // 0: neither this nor the next is known yet
  std::atomic<bool> has_messages_{false};
  // Half-close, on a message-type pipe: an empty message has come, or has been sent.
  std::atomic<bool> read_ended_{false};
  std::atomic<bool> write_ended_{false};
  std::atomic<ReadProbe*> probe_{nullptr};             // its own
  std::atomic<PendingWrite*> pending_write_{nullptr};  // the same
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
