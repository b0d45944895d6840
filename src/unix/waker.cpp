#include "waker.hpp"

#include "system.hpp"

#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include "generation.hpp"
#include "wait.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

/// The end of a thread closes its waker. What runs even later, in the destructors of other objects of the thread or of
/// static ones, waits without.
struct AtThreadExit {
  Waker& waker;
  ~AtThreadExit() { waker.retire(); }
};

}  // namespace

// The waker itself has no destructor, and so is there until the thread is gone.
Waker& Waker::current() noexcept {
  constinit thread_local Waker waker;
  // A child made by fork shares the descriptor with its parent, and would take the parent's wakes.
  const bool is_of_use = waker.read_end_ != -1 && waker.generation_ == process_generation();
  if (!is_of_use && !waker.is_retired_) {
    thread_local const AtThreadExit at_exit{waker};
    waker.open();
  }
  return waker;
}

void Waker::retire() noexcept {
  close();
  is_retired_ = true;
}

void Waker::close() noexcept {
  const Descriptor read_end(read_end_);
  const Descriptor write_end(write_end_ == read_end_ ? -1 : write_end_);
  read_end_ = write_end_ = -1;
}

void Waker::open() noexcept {
  close();
  generation_ = process_generation();
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
  if (write_end_ == -1) return;
  const std::uint64_t one = 1;  // what an eventfd takes; to a pipe just bytes
  // Any other failure is a full pipe or counter, which wakes as well.
  unless_interrupted([&] { return sys("write", ::write, write_end_, &one, sizeof one); });
}

void Waker::drain() noexcept {
  std::uint64_t wakes[16];
  unless_interrupted([&] { return sys("read", ::read, read_end_, static_cast<void*>(wakes), sizeof wakes); });
}

void Waker::wait(std::chrono::steady_clock::duration time) noexcept { poll_with_waker(-1, 0, *this, time); }

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
