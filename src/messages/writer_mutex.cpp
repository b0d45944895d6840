#include "writer_mutex.hpp"

#include "core/errors.hpp"
#include "core/gate.hpp"
#include "core/seams.hpp"

#include <algorithm>
#include <stop_token>

namespace localsocket::detail {

void WriterMutex::cancel() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    ++cancels_;
  }
  changed_.notify_all();
}

void WriterMutex::wake_one() noexcept {
  // With the mutex held: a waiter is then either before its look at the state, or waiting for this.
  { const std::scoped_lock lock(mutex_); }
  changed_.notify_one();
}

// Until `ready()`, or the Wait ends; returns which.
template <class Ready>
bool WriterMutex::wait_until(const Wait& until, std::unique_lock<std::mutex>& lock, Ready ready) {
  const Clock::time_point deadline = until.deadline({});
  const std::stop_token& stop = until.stop_token();
  if constexpr (has_stop_callback) {
    // wait_until(time_point::max()) overflows in libstdc++ where it waits by the system's clock.
    return until.is_limited() ? changed_.wait_until(lock, stop, deadline, ready) : changed_.wait(lock, stop, ready);
  } else {
    while (!ready()) {
      const Clock::time_point now = Clock::now();
      if (stop.stop_requested() || now >= deadline) return false;
      changed_.wait_until(lock, std::min(deadline, now + stop_poll_interval));
    }
    return true;
  }
}

void WriterMutex::lock_within(const Wait& until, std::error_code& ec) {
  std::unique_lock lock(mutex_);
  const std::uint32_t cancels = cancels_;
  const auto ready = [&] { return cancels_ != cancels || state_.exchange(awaited) == free; };
  seams::tell(seams::Step::waits);
  const bool is_ready = wait_until(until, lock, ready);
  seams::tell(seams::Step::goes_on);
  if (is_ready && cancels_ == cancels) return;
  const bool is_late = !is_ready && !until.stop_token().stop_requested();
  ec = error(Operation::write, is_late ? std::errc::timed_out : std::errc::operation_canceled);
  // This thread may have been woken for a mutex that it does not take: another waiter has to look.
  lock.unlock();
  changed_.notify_one();
}

void WriterLock::wait_for_mutex(std::optional<Clock::duration> timeout, std::error_code& ec) {
  if (wait_->is_limited() || timeout) {
    const Clock::time_point now = Clock::now();
    Clock::time_point deadline = wait_->deadline(now);
    if (timeout) deadline = std::min(deadline, Wait(*timeout).deadline(now));
    const bool is_limited = deadline != Clock::time_point::max();
    rest_ = is_limited ? Wait(deadline, wait_->stop_token()) : Wait(wait_->stop_token());
  }
  mutex_.lock_within(wait(), ec);
}

}  // namespace localsocket::detail
