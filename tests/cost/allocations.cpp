// Replaces the global new and delete by ones that count ([replacement.functions]). A header in front of each block
// remembers its size, so that nothing is asked of the allocator.
#include "allocations.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace localsocket::test {
namespace {

std::atomic<std::size_t> count{0};
std::atomic<std::size_t> bytes{0};

struct Header {
  void* block;
  std::size_t size;
};

// Malloc's own bookkeeping, and what it rounds up to.
constexpr std::size_t rounded(std::size_t size) noexcept { return (size + 8 + 15) / 16 * 16; }

void* allocate(std::size_t size, std::size_t alignment) {
  void* const block = std::malloc(sizeof(Header) + alignment + size);
  if (block == nullptr) throw std::bad_alloc();
  const auto first = reinterpret_cast<std::uintptr_t>(block) + sizeof(Header);
  auto* const memory =
      reinterpret_cast<std::byte*>(block) + sizeof(Header) + (alignment - first % alignment) % alignment;
  new (memory - sizeof(Header)) Header{block, rounded(size)};
  ++count;
  bytes += rounded(size);
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  const Header header = *reinterpret_cast<Header*>(static_cast<std::byte*>(memory) - sizeof(Header));
  bytes -= header.size;
  std::free(header.block);
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

Allocations allocations() noexcept { return {count, bytes}; }

}  // namespace localsocket::test

using localsocket::test::allocate;
using localsocket::test::release;
using localsocket::test::usual;

// The array and the nothrow forms call these.
void* operator new(std::size_t size) { return allocate(size, usual); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
