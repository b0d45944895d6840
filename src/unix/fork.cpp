#include "fork.hpp"

#include "core/trace.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

// All three are plain data, which no destructor ends before the last user at exit.
constinit std::atomic<std::uint32_t> generation{1};
pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;

namespace {

constinit UnsharedDescriptor* unshared = nullptr;  // under fork_mutex

void before_fork() noexcept { ::pthread_mutex_lock(&fork_mutex); }

void in_parent() noexcept { ::pthread_mutex_unlock(&fork_mutex); }

void in_child() noexcept {
  generation.fetch_add(1, std::memory_order_relaxed);
  free_trace_in_child();
  UnsharedDescriptor::close_all();
  ::pthread_mutex_unlock(&fork_mutex);
}

// When the library is loaded: before anything that a fork could copy is made.
[[maybe_unused]] const int hooked = ::pthread_atfork(before_fork, in_parent, in_child);

}  // namespace

void UnsharedDescriptor::link() noexcept {
  next_ = unshared;
  link_ = &unshared;
  if (next_ != nullptr) next_->link_ = &next_;
  unshared = this;
}

void UnsharedDescriptor::unlink() noexcept {
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
}

void UnsharedDescriptor::close() noexcept {
  const ForkGuard no_fork;
  if (!descriptor_.is_open()) return;
  unlink();
  descriptor_ = Descriptor();
}

// close(2) alone, untraced: a hook may do what only a process that has all its threads may do.
void UnsharedDescriptor::close_all() noexcept {
  for (UnsharedDescriptor* each = unshared; each != nullptr; each = each->next_) ::close(each->descriptor_.release());
  unshared = nullptr;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
