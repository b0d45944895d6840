// A mutex whose waiting is part of a call: whatever ends a call ends it, within the same 20 ms.
#pragma once

#include "core/gate.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// Lets one thread write at a time. While it is free, locking and unlocking cost two atomic operations.
class WriterMutex {
 public:
  void lock(Call& call, std::error_code& ec) noexcept {
    enter_process();
    if (!try_lock()) [[unlikely]] {
      lock_within(call, ec);
    }
  }

  bool try_lock_now() noexcept {
    enter_process();
    return try_lock();
  }

  /// The same, or until `is_needless()`, of which wake_all() tells those that wait: then false, and it is not held.
  template <class IsNeedless>
  bool lock_unless(IsNeedless is_needless, Call& call, std::error_code& ec) noexcept {
    enter_process();
    return try_lock() ||
           lock_within(
               call, ec, [](const void* f) { return (*static_cast<const IsNeedless*>(f))(); }, &is_needless);
  }
  void wake_all() noexcept;

  void unlock() noexcept {
    if (state_.exchange(free, std::memory_order_release) == awaited) [[unlikely]] {
      wake_first();
    }
  }

 private:
  // U. Drepper, "Futexes Are Tricky", mutex 2, with a queue of wakers for the futex: who leaves looks for waiters only
  // if the state says that there may be some.
  enum : std::uint32_t { free, held, awaited };

  struct Waiting {
    NativeWaker& waker;
    Waiting* next = nullptr;
  };

  bool try_lock() noexcept {
    std::uint32_t expected = free;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void lock_within(Call& call, std::error_code& ec) noexcept {
    lock_within(
        call, ec, [](const void*) { return false; }, nullptr);
  }
  bool lock_within(Call& call, std::error_code& ec, bool (*is_needless)(const void*), const void* of) noexcept;
  void wake_first() noexcept;
  void add(Waiting& waiting) noexcept;
  void remove(const Waiting& waiting) noexcept;

  // As with a Gate: a child made by fork has none of the threads that hold it or wait.
  void enter_process() noexcept {
    if (generation_.load(std::memory_order_acquire) != process_generation()) [[unlikely]] {
      start_anew();
    }
  }
  void start_anew() noexcept;

  std::atomic<std::uint32_t> state_{free};
  std::atomic<std::uint32_t> generation_{process_generation()};
  std::mutex mutex_;
  Waiting* first_ = nullptr;
};

/// Holds the mutex from its construction on, unless that gave an error.
class WriterLock {
 public:
  WriterLock(WriterMutex& mutex, Call& call, std::error_code& ec) noexcept : mutex_(mutex) {
    mutex_.lock(call, ec);
    owns_ = !ec;
  }
  /// Of what is locked already.
  explicit WriterLock(WriterMutex& locked) noexcept : mutex_(locked), owns_(true) {}
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock() {
    if (owns_) mutex_.unlock();
  }

 private:
  WriterMutex& mutex_;
  bool owns_ = false;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
