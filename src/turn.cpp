#include "turn.hpp"

#include "failure.hpp"

#include <algorithm>
#include <stop_token>

namespace localsocket::detail {

using Clock = Wait::Clock;

void Turn::cancel() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    ++cancels_;
  }
  changed_.notify_all();
}

void Turn::wake_one() noexcept {
  // With the mutex held: a waiter is then either before its look at the state, or waiting for this.
  { const std::scoped_lock lock(mutex_); }
  changed_.notify_one();
}

void Turn::wait_to_enter(const Wait& until, std::error_code& ec) {
  std::unique_lock lock(mutex_);
  const std::uint32_t cancels = cancels_;
  const std::stop_token& stop = until.stop_token();
  const auto may_go_on = [&] { return cancels_ != cancels || state_.exchange(awaited) == free; };
  bool woken = false;
  if (until.is_limited()) {
    woken = changed_.wait_until(lock, stop, until.deadline({}), may_go_on);
  } else {
    woken = changed_.wait(lock, stop, may_go_on);
  }
  if (woken && cancels_ == cancels) return;
  const bool is_late = !woken && !stop.stop_requested();
  ec = error(Operation::transfer, is_late ? std::errc::timed_out : std::errc::operation_canceled);
  // This may have been woken for a turn that it does not take: somebody else shall look.
  lock.unlock();
  changed_.notify_one();
}

void Turn::Holder::wait_for_turn(std::optional<Clock::duration> timeout, std::error_code& ec) {
  if (wait_->is_limited() || timeout) {
    const Clock::time_point now = Clock::now();
    Clock::time_point deadline = wait_->deadline(now);
    if (timeout) deadline = std::min(deadline, Wait(*timeout).deadline(now));
    // wait_until(time_point::max()) overflows in libstdc++ where it waits by the system's clock.
    const bool is_limited = deadline != Clock::time_point::max();
    rest_ = is_limited ? Wait(deadline, wait_->stop_token()) : Wait(wait_->stop_token());
  }
  turn_.wait_to_enter(wait(), ec);
}

}  // namespace localsocket::detail
