// Which process this is: a child made by fork has copies of all that its parent has made.
#pragma once

#include <localsocket/platform.hpp>

#include <atomic>
#include <cstdint>

#include <pthread.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

namespace unix_backend {

extern std::atomic<std::uint32_t> generation;
extern pthread_mutex_t fork_mutex;

}  // namespace unix_backend

/// A number, never 0, that is another one in a child made by fork (which pthread_atfork sees; vfork and posix_spawn go
/// on to exec, and nothing of ours is left then).
inline std::uint32_t process_generation() noexcept { return unix_backend::generation.load(std::memory_order_relaxed); }

/// While it lives no other thread of this process forks.
class ForkGuard {
 public:
  ForkGuard() noexcept { ::pthread_mutex_lock(&unix_backend::fork_mutex); }
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard() { ::pthread_mutex_unlock(&unix_backend::fork_mutex); }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
