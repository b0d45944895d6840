#include "support/thread.hpp"

#include "core/seams.hpp"

namespace localsocket::test {

/// What the library calls, on the thread that is in a call.
struct ProgressSeam {
  inline static thread_local Progress* of_this_thread = nullptr;

  static void observe(localsocket::detail::seams::Step step) noexcept {
    if (of_this_thread != nullptr) of_this_thread_takes(step, *of_this_thread);
  }

  static void of_this_thread_takes(localsocket::detail::seams::Step step, Progress& progress) noexcept {
    using Step = localsocket::detail::seams::Step;
    {
      std::unique_lock lock(progress.mutex_);
      if (step == Step::leaves) progress.changed_.wait(lock, [&] { return !progress.holds_; });
      if (step == Step::enters) ++progress.calls_;
      if (step == Step::leaves) --progress.calls_;
      if (step == Step::waits) ++progress.waits_;
      if (step == Step::goes_on) --progress.waits_;
    }
    progress.changed_.notify_all();
  }
};

void Progress::begin() {
  ProgressSeam::of_this_thread = this;
  localsocket::detail::seams::observer = &ProgressSeam::observe;
}

void Progress::end() {
  ProgressSeam::of_this_thread = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
}

void Progress::hold(bool holds) {
  {
    const std::scoped_lock lock(mutex_);
    holds_ = holds;
  }
  changed_.notify_all();
}

void Progress::wait_until_blocked(Moment moment, std::uint64_t thread_id) {
  const auto has_begun = [this] { return calls_ > 0 || waits_ > 0 || is_over_; };
  const auto is_late = [this] { return waits_ > 0 || is_over_; };
  std::unique_lock lock(mutex_);
  // Only the system can tell whether a thread sleeps in a system call of its own.
  while (moment == Moment::early) {
    changed_.wait(lock, has_begun);
    if (is_late() || is_asleep(thread_id).value_or(false)) return;
    if (!is_asleep(thread_id)) break;
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
  changed_.wait(lock, is_late);
}

}  // namespace localsocket::test
