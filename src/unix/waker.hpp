// Wakes one thread that waits in poll().
#pragma once

#include <localsocket/platform.hpp>

#include <chrono>
#include <cstdint>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

namespace unix_backend {

/// A descriptor that a waiting thread polls beside the one it waits for. One for each thread that has ever had to wait
/// long, none for a stream. Without descriptors to spare it has none, and whoever waits looks up every few
/// milliseconds.
class Waker {
 public:
  constexpr Waker() noexcept = default;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  static Waker& current() noexcept;

  void wake() noexcept;
  void wait(std::chrono::steady_clock::duration time) noexcept;

  /// The descriptor to poll for input, or -1.
  int descriptor() const noexcept { return read_end_; }
  /// Forgets the wakes so far.
  void drain() noexcept;
  /// For good: closes the descriptor.
  void retire() noexcept;

 private:
  void open() noexcept;
  void close() noexcept;

  int read_end_ = -1;
  int write_end_ = -1;  // the same descriptor where there is eventfd
  std::uint32_t generation_ = 0;
  bool is_retired_ = false;
};

}  // namespace unix_backend

using NativeWaker = unix_backend::Waker;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
