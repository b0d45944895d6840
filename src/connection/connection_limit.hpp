// How many accepted streams of a listener may be open at once.
#pragma once

#include "core/gate.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace localsocket::detail {

/// Shared by a listener and its streams, so that either may go first. The listener's accepts wait in its gate.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(std::optional<unsigned> limit) noexcept
      : is_limited_(limit.has_value()), free_(limit.value_or(1)) {}

  Gate& accepting() noexcept { return accepting_; }

  /// If not, there is always one to take, and nothing to give back.
  bool is_limited() const noexcept { return is_limited_; }

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
    if (is_limited_ && ++free_ == 1) accepting_.wake();
  }

 private:
  bool try_acquire() noexcept {
    if (!is_limited_) return true;
    unsigned free = free_.load();
    while (free != 0 && !free_.compare_exchange_weak(free, free - 1)) {
    }
    return free != 0;
  }

  Gate accepting_;
  const bool is_limited_;
  std::atomic<unsigned> free_;
};

/// What a connection has taken of a limit, shared by its duplicates: the last one gives it back.
class ConnectionPermit {
 public:
  explicit ConnectionPermit(std::shared_ptr<ConnectionLimit> limit) noexcept : limit_(std::move(limit)) {}

  /// For one more; false if all have left.
  bool share() noexcept {
    unsigned sharing = sharing_.load();
    while (sharing != 0 && !sharing_.compare_exchange_weak(sharing, sharing + 1)) {
    }
    return sharing != 0;
  }
  void release() noexcept {
    if (--sharing_ == 0) limit_->release();
  }

 private:
  std::shared_ptr<ConnectionLimit> limit_;
  std::atomic<unsigned> sharing_{1};
};

}  // namespace localsocket::detail
