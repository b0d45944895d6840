// How many accepted streams of a listener may be open at once.
#pragma once

#include "core/gate.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// Shared by a listener and its streams, so that either may go first. The listener's accepts wait in its gate.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(std::optional<unsigned> limit) noexcept
      : is_limited_(limit.has_value()), free_(limit.value_or(0)) {}

  Gate& accepting() noexcept { return accepting_; }

  /// If not, connections need no permit.
  bool is_limited() const noexcept { return is_limited_; }

  bool has_permit() const noexcept { return !is_limited_ || free_.load() != 0; }

  /// Takes one, waiting until there is one to take; or says why the call ended first.
  Interruption acquire(Call& call) noexcept {
    if (try_acquire()) return Interruption::none;
    const Waiter waiter(call);
    while (!try_acquire()) {
      if (const Interruption why = call.refused(); why != Interruption::none) return why;
      waiter.waker().wait(call.remaining());
    }
    return Interruption::none;
  }

  void release() noexcept {
    if (++free_ != 1) return;
    accepting_.wake();
    accepting_.tell_observers();
  }

 private:
  bool try_acquire() noexcept {
    unsigned free = free_.load();
    while (free != 0 && !free_.compare_exchange_weak(free, free - 1)) {
    }
    return free != 0;
  }

  Gate accepting_;
  const bool is_limited_;
  std::atomic<unsigned> free_;
};

/// What a connection holds of a limit, and shares with its duplicates: the last one to let go of it gives it back.
class ConnectionPermit {
 public:
  explicit ConnectionPermit(std::shared_ptr<ConnectionLimit> limit) noexcept : limit_(std::move(limit)) {}
  ConnectionPermit(const ConnectionPermit&) = delete;
  ConnectionPermit& operator=(const ConnectionPermit&) = delete;
  ~ConnectionPermit() {
    if (is_acquired_) limit_->release();
  }

  Interruption acquire(Call& call) noexcept {
    const Interruption why = limit_->acquire(call);
    is_acquired_ = why == Interruption::none;
    return why;
  }

 private:
  std::shared_ptr<ConnectionLimit> limit_;
  bool is_acquired_ = false;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
