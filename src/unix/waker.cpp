#include "waker.hpp"

#include "system.hpp"

#include <algorithm>
#include <atomic>
#include <climits>

#include <pthread.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include "wait.hpp"

namespace localsocket::detail::unix_backend {
namespace {

// A child made by fork shares the thread's descriptor with its parent, and would take the parent's wakes.
std::atomic<unsigned> forks{1};

}  // namespace

Waker& Waker::current() noexcept {
  [[maybe_unused]] static const int hooked = ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  thread_local Waker waker;
  if (waker.read_end_ == -1 || waker.generation_ != forks.load(std::memory_order_relaxed)) waker.open();
  return waker;
}

Waker::~Waker() { close(); }

void Waker::close() noexcept {
  const Descriptor read_end(read_end_);
  const Descriptor write_end(write_end_ == read_end_ ? -1 : write_end_);
  read_end_ = write_end_ = -1;
}

void Waker::open() noexcept {
  close();
  generation_ = forks.load(std::memory_order_relaxed);
#if defined(__linux__)
  read_end_ = write_end_ = sys("eventfd", ::eventfd, 0U, EFD_CLOEXEC | EFD_NONBLOCK);
#else
  int ends[2];
  if (sys("pipe", ::pipe, static_cast<int*>(ends)) != 0) return;
  for (const int end : ends) {
    const auto control = [](int fd, int command, int flags) { return ::fcntl(fd, command, flags); };
    sys("fcntl", control, end, F_SETFD, FD_CLOEXEC);
    sys("fcntl", control, end, F_SETFL, O_NONBLOCK);
  }
  read_end_ = ends[0];
  write_end_ = ends[1];
#endif
}

void Waker::wake() noexcept {
  const std::uint64_t one = 1;  // what an eventfd takes; to a pipe just bytes
  while (sys("write", ::write, write_end_, &one, sizeof one) == -1 && errno == EINTR) {
  }  // any other failure is a full pipe or counter, which wakes as well, or no descriptor: the waiter looks up by
     // itself
}

void Waker::drain() noexcept {
  std::uint64_t wakes[16];
  while (sys("read", ::read, read_end_, static_cast<void*>(wakes), sizeof wakes) == -1 && errno == EINTR) {
  }
}

void Waker::wait(std::chrono::steady_clock::duration time) noexcept { poll_with_waker(-1, 0, *this, time); }

}  // namespace localsocket::detail::unix_backend
