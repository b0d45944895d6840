// Wakes a thread by what C++ has.
#pragma once

#include <localsocket/platform.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class NativeWaker {
 public:
  static NativeWaker& current() noexcept {
    thread_local NativeWaker waker;
    return waker;
  }
  void wake() noexcept {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
    changed_.notify_all();
  }
  void wait(std::chrono::steady_clock::duration time) noexcept {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return std::exchange(is_woken_, false); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
