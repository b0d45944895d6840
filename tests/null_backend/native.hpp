// A platform that has nothing yet: where a port begins (docs/porting.md). Every call fails with
// operation_not_supported, and .ci/run sees that the portable code compiles with it, so nothing in it needs more.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/wait_set.hpp>

#include "core/errors.hpp"
#include "core/gate.hpp"
#include "core/handle_passing.hpp"

#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// What each function here does.
template <class Result = void>
Result not_supported(std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
  return Result();
}

class NativeStream {
 public:
  static NativeStream connect(LocalAddress&, const ConnectOptions&, std::error_code& ec) {
    return not_supported<NativeStream>(ec);
  }
  static NativeHandle connect_for_child(LocalAddress&, const ConnectOptions&, std::error_code& ec) {
    not_supported(ec);
    return invalid_handle;
  }
  static std::size_t write_for_child(NativeHandle, const WriteBuffers&, Call&, std::error_code& ec) {
    return not_supported<std::size_t>(ec);
  }
  static void await_capacity(const LocalAddress&, Call& call, Clock::duration time) { pause(call, time); }
  static std::pair<NativeStream, NativeStream> pair(Type, std::error_code& ec) {
    return not_supported<std::pair<NativeStream, NativeStream>>(ec);
  }
  static NativeStream adopt(NativeHandle, std::error_code& ec) { return not_supported<NativeStream>(ec); }

  std::size_t read(const ReadBuffers&, Call&, std::error_code& ec) { return not_supported<std::size_t>(ec); }
  Type type() const noexcept { return Type::stream; }
  PacketPart receive_packet(std::span<std::byte>, Call&, std::error_code& ec) { return not_supported<PacketPart>(ec); }
  PacketFate send_packet(std::span<const std::byte>, Call&, std::error_code& ec) {
    return not_supported<PacketFate>(ec);
  }
  std::size_t read_with_handles(const ReadBuffers&, std::vector<OwnedHandle>&, Call&, std::error_code& ec) {
    return not_supported<std::size_t>(ec);
  }
  std::size_t write_with_handles(const WriteBuffers&, std::span<const NativeHandle>, Call&, std::error_code& ec) {
    return not_supported<std::size_t>(ec);
  }
  void take_from_peer(std::span<const std::uint64_t>, std::vector<OwnedHandle>&, std::error_code& ec) {
    not_supported(ec);
  }
  std::size_t write(const WriteBuffers&, Call&, std::error_code& ec) { return not_supported<std::size_t>(ec); }
  void shutdown(Shutdown, Call&, std::error_code& ec) { not_supported(ec); }
  bool drain(Call&, std::error_code& ec) { return not_supported<bool>(ec); }
  std::size_t available(std::error_code& ec) const { return not_supported<std::size_t>(ec); }
  bool is_peer_gone(std::error_code& ec) const { return not_supported<bool>(ec); }
  NativeStream duplicate(std::error_code& ec) const { return not_supported<NativeStream>(ec); }
  PeerIdentity peer(std::error_code& ec) const { return not_supported<PeerIdentity>(ec); }
  ProcessOfPeer peer_process(std::error_code& ec) const { return not_supported<ProcessOfPeer>(ec); }
  void close() noexcept {}
  NativeHandle handle() const noexcept { return invalid_handle; }
  NativeHandle release() noexcept { return invalid_handle; }
  bool share() noexcept { return false; }
  void take_settings_off() noexcept {}
};

class NativeListener {
 public:
  static NativeListener bind(LocalAddress&, const ListenOptions&, std::error_code& ec) {
    return not_supported<NativeListener>(ec);
  }
  static NativeListener adopt(NativeHandle, const LocalAddress&, std::error_code& ec) {
    return not_supported<NativeListener>(ec);
  }
  NativeStream accept(Call&, std::error_code& ec) { return not_supported<NativeStream>(ec); }
  bool owns_address(std::error_code& ec) const { return not_supported<bool>(ec); }
  void withdraw() noexcept {}
  void close() noexcept {}
  NativeHandle handle() const noexcept { return invalid_handle; }
  NativeHandle release() noexcept { return invalid_handle; }
};

class NativePoller {
 public:
  void open(std::error_code& ec) { not_supported(ec); }
  void add(NativeStream&, std::uint64_t, WaitSet::Ready, std::error_code& ec) { not_supported(ec); }
  void change(NativeStream&, std::uint64_t, WaitSet::Ready, std::error_code& ec) { not_supported(ec); }
  void remove(NativeStream&) noexcept {}
  void add(NativeListener&, std::uint64_t, WaitSet::Ready, std::error_code& ec) { not_supported(ec); }
  void change(NativeListener&, std::uint64_t, WaitSet::Ready, std::error_code& ec) { not_supported(ec); }
  void remove(NativeListener&) noexcept {}
  void add(const ProcessOfPeer&, std::uint64_t, std::error_code& ec) { not_supported(ec); }
  void remove(const ProcessOfPeer&) noexcept {}
  std::size_t wait(std::span<WaitSet::Report>, Clock::duration, std::error_code& ec) {
    return not_supported<std::size_t>(ec);
  }
  void wake() noexcept {}
};

class NativeStartLock {
 public:
  NativeStartLock(const LocalAddress&, std::error_code& ec) { not_supported(ec); }
  bool try_lock(std::error_code& ec) { return not_supported<bool>(ec); }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
