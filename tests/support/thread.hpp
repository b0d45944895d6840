// Threads of a test: run something on a thread of its own, and know when it waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace localsocket::test {

/// The system's id of the calling thread.
std::uint64_t current_thread_id();

/// Whether the system can say that a thread of this process sleeps in a system call.
bool can_see_blocked_threads();

/// Whether that thread sleeps in a system call now; only where can_see_blocked_threads().
bool thread_is_blocked(std::uint64_t id);

/// How long a thread is given to arrive in a system call, where the system cannot say that it did. This is no
/// synchronisation: a test that uses it must hold if the thread is late, it only tests less then.
inline constexpr std::chrono::milliseconds arrival_time{30};

/// Longer than any short phase that a wait may begin with, so that the call is in its last one.
inline constexpr std::chrono::milliseconds long_wait{60};

/// Keeps the processor for that time: the short and varied delays of a test that provokes races. To yield would cost
/// a time slice for each thread that is ready, which is seconds on a busy machine.
inline void spin_for(std::chrono::nanoseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

/// Something that happens once; any number of threads can wait for it.
class Event {
 public:
  void set() {
    std::scoped_lock lock(mutex_);
    happened_ = true;
    changed_.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return happened_; });
  }

  /// Whether it happened within that time.
  bool wait_for(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return happened_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
};

/// A function running on a thread of its own, which the destructor waits for.
template <class Result>
class Async {
 public:
  template <class Body>
  explicit Async(Body body) {
    std::packaged_task<Result()> task(std::move(body));
    result_ = task.get_future();
    std::promise<std::uint64_t> id;
    auto started = id.get_future();
    thread_ = std::jthread([task = std::move(task), id = std::move(id)]() mutable {
      id.set_value(current_thread_id());
      task();
    });
    thread_id_ = started.get();
  }

  /// What it returned, once it has; throws what it threw.
  Result result() { return result_.get(); }

  bool finished_within(std::chrono::nanoseconds time) { return result_.wait_for(time) == std::future_status::ready; }
  bool finished() { return finished_within(std::chrono::nanoseconds::zero()); }

  /// Returns when it sleeps in a system call, or has ended.
  void wait_until_blocked() {
    if (!can_see_blocked_threads()) {
      finished_within(arrival_time);
      return;
    }
    while (!finished() && !thread_is_blocked(thread_id_)) std::this_thread::yield();
  }

  /// Returns when it has slept for that time, or has ended: the passing of time is what the test wants here.
  void wait_until_blocked_for(std::chrono::nanoseconds time) {
    wait_until_blocked();
    finished_within(time);
  }

  std::uint64_t thread_id() const { return thread_id_; }

 private:
  std::future<Result> result_;
  std::uint64_t thread_id_ = 0;
  std::jthread thread_;
};

/// Runs `body()` on a thread of its own: `auto reading = run_async([&] { return read_some(stream, buffer); });`
template <class Body>
auto run_async(Body body) {
  return Async<decltype(body())>(std::move(body));
}

}  // namespace localsocket::test
