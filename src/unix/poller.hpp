// Waits for many descriptors at once: epoll on Linux, kqueue elsewhere.
#pragma once

#include <localsocket/peer.hpp>
#include <localsocket/wait_set.hpp>

#include "core/gate.hpp"
#include "fork.hpp"
#include "listener.hpp"
#include "stream.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#if !defined(__linux__)
struct kevent;  // <sys/event.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

class Poller {
 public:
  Poller() noexcept = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  void open(std::error_code& ec) noexcept;

  void add(const Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept {
    add(stream.handle(), token, ready, ec);
  }
  void change(const Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept {
    change(stream.handle(), token, ready, ec);
  }
  void remove(const Stream& stream) noexcept { remove(stream.handle()); }

  void add(const Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept {
    add(listener.handle(), token, ready, ec);
  }
  void change(const Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept {
    change(listener.handle(), token, ready, ec);
  }
  void remove(const Listener& listener) noexcept { remove(listener.handle()); }

  void add(const ProcessOfPeer& process, std::uint64_t token, std::error_code& ec) noexcept {
    add(process.handle, token, WaitSet::Ready::readable, ec);
  }
  void remove(const ProcessOfPeer& process) noexcept { remove(process.handle); }

  std::size_t wait(std::span<WaitSet::Report> out, Clock::duration time, std::error_code& ec) noexcept;
  void wake() noexcept;

 private:
  void add(int descriptor, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void change(int descriptor, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void remove(int descriptor) noexcept;

#if defined(__linux__)
  bool control(int operation, int descriptor, std::uint64_t token, std::uint32_t events) noexcept;

  UnsharedDescriptor queue_;
  UnsharedDescriptor waker_;  // an eventfd
#else
  // A child made by fork does not have it (kqueue(2)), and has nothing to close: it would close another
  // descriptor that has got the number. So the process that made it is remembered, and any other one forgets the
  // number.
  Descriptor queue_;
  std::uint32_t maker_ = process_generation();
#endif
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
