#include "gate.hpp"

#include <algorithm>
#include <memory>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::error_code error(Operation operation, Interruption why) noexcept {
  switch (why) {
    case Interruption::none:
      break;
    case Interruption::closed:
      return error(operation, Errc::closed);
    case Interruption::unsupported:
      return error(operation, std::errc::operation_not_supported);
    case Interruption::canceled:
      return error(operation, std::errc::operation_canceled);
    case Interruption::would_block:
      return error(operation, std::errc::operation_would_block);
    case Interruption::timed_out:
      return error(operation, std::errc::timed_out);
  }
  return {};
}

namespace {

// The difference of a deadline long past and now is beyond what the clock's unit can count.
Clock::duration time_until(Clock::time_point moment) noexcept {
  const Clock::time_point now = Clock::now();
  return moment > now ? moment - now : Clock::duration::zero();
}

}  // namespace

void Gate::start_anew() noexcept {
  const ForkGuard one_thread_at_a_time;
  if (generation_.load(std::memory_order_relaxed) == process_generation()) return;
  running_ = 0;
  waiters_ = nullptr;
  observers_ = nullptr;
  std::construct_at(&mutex_);  // whoever held it is not in this process
  generation_.store(process_generation(), std::memory_order_release);
}

bool Gate::all_wait_but(std::uint32_t calls) noexcept {
  const std::lock_guard lock(mutex_);
  std::uint32_t waiting = 0;
  for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next_) ++waiting;
  return running_.load() <= waiting + calls;
}

Interruption Gate::refusal_by_deadline() const noexcept {
  const bool has_passed = Clock::now().time_since_epoch().count() >= deadline_.load(std::memory_order_relaxed);
  return has_passed ? Interruption::timed_out : Interruption::none;
}

void Gate::update() noexcept {
  may_refuse_ = deadline_ != none;
  if (state_ != Interruption::none) may_refuse_ = true;  // close() takes no mutex, and may have come in between
  is_limited_ = nonblocking_ || timeout_ != none || deadline_ != none;
  wake_all();
}

void Gate::wake_all() noexcept {
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next_) waiter->waker_.wake();
}

void Gate::set_timeout(std::optional<Clock::duration> timeout) noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  timeout_ = timeout ? Wait::saturate(*timeout).count() : none;
  update();
}

std::optional<Clock::duration> Gate::timeout() const noexcept {
  const Clock::rep timeout = timeout_;
  return timeout == none ? std::nullopt : std::optional(Clock::duration(timeout));
}

void Gate::set_deadline(std::optional<Clock::time_point> deadline) noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  deadline_ = deadline ? deadline->time_since_epoch().count() : none;
  update();
}

void Gate::set_nonblocking(bool nonblocking) noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  nonblocking_ = nonblocking;
  update();
}

void Gate::cancel() noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  ++cancels_;
  update();
}

void Gate::wake() noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  wake_all();
}

bool Gate::observe(Observer& observer) noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  Observer* const first = observers_.load();
  for (const Observer* other = first; other != nullptr; other = other->next_) {
    if (other->owner() == observer.owner()) return false;
  }
  observer.next_ = first;
  observer.link_ = nullptr;
  if (first != nullptr) first->link_ = &observer.next_;
  observers_ = &observer;
  return true;
}

void Gate::unobserve(Observer& observer) noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  if (observer.next_ != nullptr) observer.next_->link_ = observer.link_;
  if (observer.link_ != nullptr) {
    *observer.link_ = observer.next_;
  } else {
    observers_ = observer.next_;
  }
}

void Gate::tell_each_observer() noexcept {
  enter_process();
  const std::lock_guard lock(mutex_);
  for (Observer* observer = observers_; observer != nullptr; observer = observer->next_) observer->notify();
}

Clock::time_point Call::started() noexcept {
  if (!has_started()) started_ = Clock::now();
  return started_;
}

Clock::time_point Call::soft_limit() noexcept {
  return std::min(wait_.deadline(started()), Wait(timeout()).deadline(started()));
}

Interruption Call::past_limit() noexcept {
  const Clock::time_point soft = soft_limit();
  const Clock::time_point now = Clock::now();
  const bool ended = now >= hard_limit() || (now >= soft && soft > started_);
  return ended ? Interruption::timed_out : Interruption::none;
}

Clock::duration Call::remaining() noexcept {
  const bool polls = !has_stop_callback && wait_.stop_token().stop_possible();
  const Clock::duration longest = polls ? stop_poll_interval : Clock::duration::max();
  const Clock::time_point limit = std::min(soft_limit(), hard_limit());
  if (limit == Clock::time_point::max()) return longest;
  return std::min(time_until(limit), longest);
}

bool Call::has_time_for(Clock::duration time) noexcept {
  if (gate_.nonblocking_) return false;
  const bool needs_clock = has_started() || wait_.is_deadline() || hard_limit() != Clock::time_point::max();
  if (needs_clock) return remaining() >= time;
  return timeout() >= time && wait_.deadline({}) >= Clock::time_point(time);
}

Interruption Call::refused() noexcept {
  const Interruption why = ended();
  if (why != Interruption::none) return why;
  if (gate_.nonblocking_) return Interruption::would_block;
  return remaining() > Clock::duration::zero() ? Interruption::none : Interruption::timed_out;
}

Waiter::Waiter(Call& call) noexcept : gate_(call.gate_), waker_(NativeWaker::current()) {
  {
    const std::lock_guard lock(gate_.mutex_);
    next_ = gate_.waiters_;
    link_ = &gate_.waiters_;
    if (next_ != nullptr) next_->link_ = &next_;
    gate_.waiters_ = this;
  }
  on_stop_.emplace(call.wait_.stop_token(), Wake{waker_});
  seams::tell(seams::Step::waits);
}

Waiter::~Waiter() {
  seams::tell(seams::Step::goes_on);
  on_stop_.reset();
  const std::lock_guard lock(gate_.mutex_);
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
}

void pause(Call& call, Clock::duration time) noexcept {
  const Waiter waiter(call);
  const Clock::time_point until = Wait(time).deadline(Clock::now());
  while (call.ended() == Interruption::none) {
    const Clock::duration left = std::min(time_until(until), call.remaining());
    if (left == Clock::duration::zero()) return;
    waiter.waker().wait(left);
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
