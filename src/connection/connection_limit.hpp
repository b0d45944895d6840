// How many accepted streams of a listener may be open at once.
#pragma once

#include "core/gate.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace localsocket::detail {

/// Shared by a listener and its streams, so that either may go first. The listener's accepts wait in its gate.
class Quota {
 public:
  explicit Quota(std::optional<unsigned> limit) noexcept : is_limited_(limit.has_value()), free_(limit.value_or(1)) {}

  Gate& accepting() noexcept { return accepting_; }

  /// If not, there is always one to take, and nothing to give back.
  bool is_limited() const noexcept { return is_limited_; }

  /// Takes one, waiting until there is one to take; or says why the call ended first.
  Interruption take(Call& call) noexcept {
    if (try_take()) return Interruption::none;
    const Waiter waiter(call);
    while (!try_take()) {
      if (const Interruption why = call.refused(); why != Interruption::none) return why;
      waiter.waker().wait(call.remaining());
    }
    return Interruption::none;
  }

  void give_back() noexcept {
    if (is_limited_ && ++free_ == 1) accepting_.wake();
  }

 private:
  bool try_take() noexcept {
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

/// What a connection has taken of a quota, shared by its duplicates: the last one gives it back.
class Place {
 public:
  explicit Place(std::shared_ptr<Quota> quota) noexcept : quota_(std::move(quota)) {}

  /// For one more; false if all have left.
  bool share() noexcept {
    unsigned sharing = sharing_.load();
    while (sharing != 0 && !sharing_.compare_exchange_weak(sharing, sharing + 1)) {
    }
    return sharing != 0;
  }
  void leave() noexcept {
    if (--sharing_ == 0) quota_->give_back();
  }

 private:
  std::shared_ptr<Quota> quota_;
  std::atomic<unsigned> sharing_{1};
};

}  // namespace localsocket::detail
