#include "writer_mutex.hpp"

#include <memory>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

void WriterMutex::start_anew() noexcept {
  const ForkGuard one_thread_at_a_time;
  if (generation_.load(std::memory_order_relaxed) == process_generation()) return;
  state_ = free;
  first_ = nullptr;
  std::construct_at(&mutex_);
  generation_.store(process_generation(), std::memory_order_release);
}

void WriterMutex::add(Waiting& waiting) noexcept {
  const std::lock_guard lock(mutex_);
  Waiting** last = &first_;
  while (*last != nullptr) last = &(*last)->next;
  *last = &waiting;
}

void WriterMutex::remove(const Waiting& waiting) noexcept {
  const std::lock_guard lock(mutex_);
  Waiting** link = &first_;
  while (*link != &waiting) link = &(*link)->next;
  *link = waiting.next;
}

void WriterMutex::wake_first() noexcept {
  const std::lock_guard lock(mutex_);
  if (first_ != nullptr) first_->waker.wake();
}

void WriterMutex::wake_all() noexcept {
  const std::lock_guard lock(mutex_);
  for (const Waiting* waiting = first_; waiting != nullptr; waiting = waiting->next) waiting->waker.wake();
}

// Who waits is in the queue before it marks the mutex as awaited; who leaves looks at the mark and then at the queue.
bool WriterMutex::lock_within(Call& call, std::error_code& ec, bool (*is_needless)(const void*),
                              const void* of) noexcept {
  const Waiter waiter(call);
  Waiting waiting{waiter.waker()};
  add(waiting);
  Interruption why = Interruption::none;
  bool is_locked = false;
  for (;;) {
    // In this order: a cancel that ends the thread that holds it does not give it to one that is canceled too.
    why = call.refused();
    if (why != Interruption::none || is_needless(of)) break;
    is_locked = state_.exchange(awaited) == free;
    if (is_locked) break;
    waiter.waker().wait(call.remaining());
  }
  remove(waiting);
  if (why != Interruption::none) ec = error(Operation::write, why);
  if (!is_locked) wake_first();  // the mutex may have been left to this thread
  return is_locked;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
