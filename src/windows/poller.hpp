// Waits for many at once: a thread of the system's pool waits for the objects, 63 a thread, and tells.
#pragma once

#include <localsocket/peer.hpp>
#include <localsocket/wait_set.hpp>

#include "core/gate.hpp"
#include "listener.hpp"
#include "stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <unordered_map>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

class Poller {
 public:
  Poller() noexcept;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  void open(std::error_code& ec) noexcept;

  void add(Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec);
  void change(Stream& stream, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec);
  void remove(Stream& stream) noexcept { remove_object(&stream); }

  void add(Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec);
  void change(Listener& listener, std::uint64_t token, WaitSet::Ready ready, std::error_code& ec) noexcept;
  void remove(Listener& listener) noexcept { remove_object(&listener); }

  void add(const ProcessOfPeer& process, std::uint64_t token, std::error_code& ec);
  void remove(const ProcessOfPeer& process) noexcept { remove_object(process.handle); }

  std::size_t wait(std::span<WaitSet::Report> out, Clock::duration time, std::error_code& ec) noexcept;
  void wake() noexcept;

 private:
  class Watch;
  using WatchPointer = std::shared_ptr<Watch>;

  void add_watch(const void* object, WatchPointer watch);
  void change_object(const void* object, WaitSet::Ready ready) noexcept;
  void remove_object(const void* object) noexcept;
  void queue(Watch& watch) noexcept;    // with the mutex
  void unqueue(Watch& watch) noexcept;  // with the mutex, while somebody else holds it
  WatchPointer next_to_look_at() noexcept;
  std::size_t look(std::span<WaitSet::Report> out) noexcept;

  void* woken_ = nullptr;  // an event
  std::mutex mutex_;
  std::unordered_map<const void*, WatchPointer> watches_;  // by the object
  // Those to look at, in a list without memory of its own.
  WatchPointer first_;
  Watch* last_ = nullptr;
  std::size_t queued_ = 0;
  bool looks_blindly_ = false;  // at one that nothing tells of
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
