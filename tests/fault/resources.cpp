// Replaces the global new and delete ([replacement.functions]) by ones that count and that fail when they are told to.
#include "fault/resources.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include "support/handles.hpp"

namespace localsocket::test {
namespace {

std::atomic<std::size_t> blocks{0};
std::atomic<std::size_t> until_failure{0};  // 0: none is to fail

bool is_to_fail() noexcept {
  std::size_t left = until_failure.load(std::memory_order_relaxed);
  while (left != 0 && !until_failure.compare_exchange_weak(left, left - 1)) {
  }
  return left == 1;
}

void* allocate(std::size_t size) {
  if (is_to_fail()) throw std::bad_alloc();
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  ++blocks;
  return block;
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  --blocks;
  std::free(block);
}

}  // namespace

bool fail_allocation(std::size_t n) noexcept { return until_failure.exchange(n) == 0; }

Resources resources() { return {open_handles(), blocks, count_files()}; }

}  // namespace localsocket::test

// The nothrow forms call these. (Nothing here is aligned beyond what malloc gives.)
void* operator new(std::size_t size) { return localsocket::test::allocate(size); }
void* operator new[](std::size_t size) { return localsocket::test::allocate(size); }
void operator delete(void* block) noexcept { localsocket::test::release(block); }
void operator delete[](void* block) noexcept { localsocket::test::release(block); }
void operator delete(void* block, std::size_t) noexcept { localsocket::test::release(block); }
void operator delete[](void* block, std::size_t) noexcept { localsocket::test::release(block); }
