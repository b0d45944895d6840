// An allocator that keeps one block back.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

namespace localsocket::detail {

/// What was given back last is what is taken next, so that whoever makes and drops one T after the other goes to the
/// heap once. The one block stays for as long as the process lives.
template <class T>
class SpareAllocator {
 public:
  using value_type = T;

  SpareAllocator() noexcept = default;
  template <class Other>
  SpareAllocator(const SpareAllocator<Other>& /*other*/) noexcept {}  // NOLINT: a rebound allocator converts

  /// One at a time, which is all that allocate_shared asks for.
  T* allocate(std::size_t /*one*/) {
    if (void* const spare = spare_.exchange(nullptr, std::memory_order_acquire)) return static_cast<T*>(spare);
    return static_cast<T*>(::operator new(sizeof(T)));
  }
  void deallocate(T* block, std::size_t /*one*/) noexcept {
    if (void* const older = spare_.exchange(block, std::memory_order_acq_rel)) ::operator delete(older);
  }

  template <class Other>
  bool operator==(const SpareAllocator<Other>& /*other*/) const noexcept {
    return true;
  }

 private:
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  inline static constinit std::atomic<void*> spare_{nullptr};
};

}  // namespace localsocket::detail
