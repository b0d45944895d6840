// Waits for many at once, by a completion port.
#pragma once

#include <localsocket/peer.hpp>
#include <localsocket/wait_set.hpp>

#include "core/gate.hpp"
#include "listener.hpp"
#include "stream.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

/// Of what is added nothing is supported so far: events, which need no system, are all that it waits with.
class Poller {
 public:
  Poller() noexcept = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  void open(std::error_code& ec) noexcept;

  void add(Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void change(Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void remove(Stream& stream) noexcept;

  void add(Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void change(Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void remove(Listener& listener) noexcept;

  void add(const ProcessOfPeer& process, std::uint64_t token, std::error_code& ec) noexcept;
  void remove(const ProcessOfPeer& process) noexcept;

  std::size_t wait(std::span<WaitSet::Report> out, Clock::duration time, std::error_code& ec) noexcept;
  void wake() noexcept;

 private:
  NativeHandle port_ = nullptr;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
