// Where threads wait for each other, to go on at once.
#pragma once

#include <condition_variable>
#include <mutex>

namespace localsocket::test {

/// What std::barrier is for, once. That one loses a wake now and then as GCC 12 builds it for Windows (seen: once in
/// some 15,000 rounds of two threads).
class Rendezvous {
 public:
  explicit Rendezvous(int threads) : missing_(threads) {}

  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    --missing_;
    all_here_.notify_all();
    all_here_.wait(lock, [this] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int missing_;
};

}  // namespace localsocket::test
