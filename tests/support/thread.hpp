// Threads of a test: run something on a thread of its own, and know when it waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace localsocket::test {

/// The system's id of the calling thread.
std::uint64_t current_thread_id();

/// Whether the system says that a thread of this process sleeps in a system call now; nothing where it cannot say.
std::optional<bool> is_asleep(std::uint64_t thread_id);

/// Time that a call is given to do what it must not do.
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
  /// A runtime library may make a condition variable's own handles with the first wait: they are there before a test
  /// counts handles, and not at any moment of a thread that waits meanwhile.
  Event() { wait_for(std::chrono::nanoseconds::zero()); }

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

/// A wait may begin in the system call itself, for a moment, and then goes on where a waker of the library has to wake
/// it; on Windows it begins so. What ends a wait has to end it in both.
enum class Moment { early, late };

/// How far the calls of one thread are, which the library tells as it is built for the tests (src/core/seams.hpp). So
/// nobody has to guess how long a thread needs to arrive somewhere.
class Progress {
 public:
  /// On the thread itself, before its first call and after its last one.
  void begin();
  void end();

  /// Returns when the thread waits in a call, or has ended.
  void wait_until_blocked(Moment moment, std::uint64_t thread_id);

  /// Keeps the thread inside its call, when that has come to its end, until it is let go.
  void hold(bool holds);

 private:
  friend struct ProgressSeam;

  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0;
  int waits_ = 0;
  bool is_over_ = false;
  bool holds_ = false;
};

/// A thread that its destructor waits for: what std::jthread is where a C++ library has it.
class Thread {
 public:
  Thread() noexcept = default;
  template <class Body>
  explicit Thread(Body body) : thread_(std::move(body)) {}
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread&& other) noexcept {
    join();
    thread_ = std::move(other.thread_);
    return *this;
  }
  ~Thread() { join(); }

 private:
  void join() noexcept {
    if (thread_.joinable()) thread_.join();
  }

  std::thread thread_;
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
    thread_ = Thread([task = std::move(task), id = std::move(id), progress = progress_]() mutable {
      progress->begin();
      id.set_value(current_thread_id());
      task();
      progress->end();
    });
    thread_id_ = started.get();
  }

  /// What it returned, once it has; throws what it threw.
  Result result() { return result_.get(); }

  bool finished_within(std::chrono::nanoseconds time) { return result_.wait_for(time) == std::future_status::ready; }
  bool finished() { return finished_within(std::chrono::nanoseconds::zero()); }

  /// Returns when it waits in a call, or has ended.
  void wait_until_blocked(Moment moment = Moment::early) { progress_->wait_until_blocked(moment, thread_id_); }

  /// Keeps it inside its call, when that has come to its end, until it is let go.
  void hold() { progress_->hold(true); }
  void let_go() { progress_->hold(false); }

  /// Returns when it has waited for that time, or has ended: the passing of time is what the test wants here.
  void wait_until_blocked_for(std::chrono::nanoseconds time) {
    wait_until_blocked();
    finished_within(time);
  }

  /// Returns when it sleeps in a system call that is not the library's, or has ended. Only where the system can say so.
  void wait_until_asleep() {
    while (!finished() && !is_asleep(thread_id_).value_or(true)) std::this_thread::yield();
  }

  std::uint64_t thread_id() const { return thread_id_; }

 private:
  std::future<Result> result_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  std::uint64_t thread_id_ = 0;
  Thread thread_;
};

/// Runs `body()` on a thread of its own: `auto reading = run_async([&] { return read_some(stream, buffer); });`
template <class Body>
auto run_async(Body body) {
  return Async<decltype(body())>(std::move(body));
}

}  // namespace localsocket::test
