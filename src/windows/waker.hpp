// Wakes one thread that waits for an event.
#pragma once

#include <localsocket/platform.hpp>

#include <chrono>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

namespace windows_backend {

/// One event for each thread that has ever had to wait, none for a stream. A thread has one operation in flight at
/// most, so the same event is its OVERLAPPED's: whoever wakes up looks whether the operation is complete, or the call
/// must end.
class Waker {
 public:
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker();

  static Waker& current() noexcept;

  void wake() noexcept;
  void wait(std::chrono::steady_clock::duration time) noexcept;
  /// Or until `object` is signalled.
  void wait_also_for(void* object, std::chrono::steady_clock::duration time) noexcept;

  /// An auto-reset event, or null when there were no resources for one.
  void* event() const noexcept { return event_; }

 private:
  struct OfThread;

  Waker() noexcept;
  explicit Waker(void* event) noexcept : event_(event) {}

  void* event_;
};

}  // namespace windows_backend

using NativeWaker = windows_backend::Waker;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
