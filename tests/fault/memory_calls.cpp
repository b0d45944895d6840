// Memory for a peer.
#include <memory>
#include <utility>

#include "fault/calls.hpp"
#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t memory_size = std::size_t{2} << 20;

struct Memory {
  SharedMemory memory;
  SharedMemory seen;

  static std::shared_ptr<Memory> for_peer() {
    auto state = std::make_shared<Memory>();
    state->memory = SharedMemory::create(memory_size);
    state->memory.read_only_for_peer();
    return state;
  }

  OwnedHandle sent() const { return OwnedHandle(duplicate_handle(memory.handle_for_peer())); }

  void expect_shared() {
    if (!memory.is_open()) memory = SharedMemory::create(memory_size);
    memory.read_only_for_peer();
    if (!seen.is_open()) seen = SharedMemory::adopt(sent(), memory_size);
    memory.data()[memory_size - 1] = std::byte{1};
    EXPECT_EQ(std::as_const(seen).data()[memory_size - 1], std::byte{1});
  }
};

template <class Call>
Prepared use_memory(std::shared_ptr<Memory> state, Call call) {
  return prepared(
      std::move(state),
      [call](Memory& s) {
        std::error_code ec;
        call(s, ec);
        return ec;
      },
      [](Memory& s, const std::error_code&) { s.expect_shared(); });
}

const bool memory =
    !platform.has_shared_memory ||
    add_calls({
        {"create shared memory",
         [] {
           return use_memory(std::make_shared<Memory>(),
                             [](Memory& s, std::error_code& ec) { s.memory = SharedMemory::create(memory_size, ec); });
         }},
        {"seal shared memory",
         [] {
           auto state = std::make_shared<Memory>();
           state->memory = SharedMemory::create(memory_size);
           return use_memory(state, [](Memory& s, std::error_code& ec) { s.memory.read_only_for_peer(ec); });
         }},
        {"adopt shared memory",
         [] {
           return use_memory(Memory::for_peer(),
                             [](Memory& s, std::error_code& ec) { s.seen = SharedMemory::adopt(s.sent(), ec); });
         }},
    });

}  // namespace
}  // namespace localsocket::test
