// Faults to inject: signals without end, no descriptors left.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <vector>

namespace localsocket::test {

/// Interrupts the process, mostly its first thread, every 200 microseconds: each system call that blocks there fails
/// with EINTR, for the handler is set without SA_RESTART.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++count_; };
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGALRM, &action, &old_);
    count_ = 0;
    set_interval(200);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm() {
    set_interval(0);
    EXPECT_GT(count_, 10) << "there was no storm";
    ::sigaction(SIGALRM, &old_, nullptr);
  }

 private:
  static void set_interval(suseconds_t microseconds) {
    const itimerval timer{{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }

  inline static std::atomic<int> count_{0};
  struct sigaction old_ {};
};

/// While it lives the process can open no descriptor: all that the (lowered) limit allows are taken.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    rlimit low = old_;
    low.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int fd; (fd = ::dup(STDIN_FILENO)) != -1;) taken_.push_back(fd);
    EXPECT_FALSE(taken_.empty());
  }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() {
    while (!taken_.empty()) give_back_one();
    ::setrlimit(RLIMIT_NOFILE, &old_);
  }

  void give_back_one() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit old_{};
  std::vector<int> taken_;
};

}  // namespace localsocket::test
