// A mutex whose waiting is a blocking call like any other: a time-out, a stop request or cancel() ends it.
#pragma once

#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <system_error>

namespace localsocket::detail {

/// Lets one thread write at a time. While it is free, locking and unlocking cost two atomic operations.
class WriterMutex {
 public:
  /// Those that wait now give up, with operation_canceled; who holds the mutex keeps it.
  void cancel() noexcept;

 private:
  friend class WriterLock;

  // A futex mutex (U. Drepper, "Futexes Are Tricky", mutex 2) with a condition variable for the futex: who leaves looks
  // for waiters only if the state says that there may be some.
  enum : std::uint32_t { free, held, awaited };

  bool try_lock() noexcept {
    std::uint32_t expected = free;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  template <class Ready>
  bool wait_until(const Wait& until, std::unique_lock<std::mutex>& lock, Ready ready);
  void lock_within(const Wait& until, std::error_code& ec);
  void unlock() noexcept {
    if (state_.exchange(free, std::memory_order_release) == awaited) wake_one();
  }
  void wake_one() noexcept;

  std::atomic<std::uint32_t> state_{free};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint32_t cancels_ = 0;
};

/// Holds the mutex from its construction on, unless that gave an error.
class WriterLock {
 public:
  /// The stream's time-out for writing is a limit for the waiting too.
  WriterLock(WriterMutex& mutex, const LocalStream& stream, const Wait& wait, std::error_code& ec)
      : mutex_(mutex), wait_(&wait) {
    if (!mutex_.try_lock()) [[unlikely]] {
      wait_for_mutex(stream.write_timeout(), ec);
    }
    owns_ = !ec;
  }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock() {
    if (owns_) mutex_.unlock();
  }

  /// What is left of the Wait.
  const Wait& wait() const noexcept { return rest_ ? *rest_ : *wait_; }

 private:
  void wait_for_mutex(std::optional<Wait::Clock::duration> timeout, std::error_code& ec);

  WriterMutex& mutex_;
  const Wait* wait_;
  std::optional<Wait> rest_;
  bool owns_ = false;
};

}  // namespace localsocket::detail
