// Descriptors that a child made by fork does not get.
#pragma once

#include "generation.hpp"
#include "system.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// Owns a descriptor that is closed in every child made by fork. A lock of flock() lasts for as long as any process has
/// its file open (flock(2)), so a child forked in the middle of a bind would hold the lock for as long as it lives.
class UnsharedDescriptor {
 public:
  UnsharedDescriptor() noexcept = default;
  UnsharedDescriptor(const UnsharedDescriptor&) = delete;
  UnsharedDescriptor& operator=(const UnsharedDescriptor&) = delete;
  ~UnsharedDescriptor() { close(); }

  /// What `make()` opens, with no fork in between. Nothing must be open before.
  template <class Make>
  bool open(Make make) noexcept {
    const ForkGuard no_fork;
    descriptor_ = Descriptor(make());
    if (descriptor_.is_open()) link();
    return descriptor_.is_open();
  }
  void close() noexcept;
  int get() const noexcept { return descriptor_.get(); }

  /// In a child that was just forked.
  static void close_all() noexcept;

 private:
  void link() noexcept;
  void unlink() noexcept;

  Descriptor descriptor_;
  UnsharedDescriptor* next_ = nullptr;
  UnsharedDescriptor** link_ = nullptr;  // what points to this one
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
