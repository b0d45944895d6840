#include "support/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace localsocket::test {
namespace {

std::atomic<bool> counts{false};
std::atomic<std::size_t> largest_allocation{0};
std::atomic<std::size_t> allocations{0};

void* allocate(std::size_t size) {
  if (counts) {
    ++allocations;
    std::size_t largest = largest_allocation;
    while (size > largest && !largest_allocation.compare_exchange_weak(largest, size)) continue;
  }
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void begin_counting_allocations() noexcept {
  allocations = 0;
  largest_allocation = 0;
  counts = true;
}

Allocations end_counting_allocations() noexcept {
  counts = false;
  return {allocations, largest_allocation};
}

}  // namespace localsocket::test

using localsocket::test::allocate;

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
