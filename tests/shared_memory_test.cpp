// Memory for a peer to read (docs/design.md, 17). The peer is this process, by a handle of its own; the tests of a
// platform have one that lies.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t size = std::size_t{3} << 20;

/// A handle as the peer gets it.
OwnedHandle sent(const SharedMemory& memory) { return OwnedHandle(duplicate_handle(memory.handle_for_peer())); }

/// Both ends of the memory.
class SharedWithAPeer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
    memory = SharedMemory::create(size);
    memory.read_only_for_peer();
  }
  SharedMemory memory;
};

TEST(SharedMemory, IsNotSupportedEverywhere) {
  std::error_code ec;
  const SharedMemory memory = SharedMemory::create(size, ec);
  EXPECT_CODE(ec, platform.has_shared_memory ? success : std::errc::operation_not_supported);
  EXPECT_EQ(memory.is_open(), platform.has_shared_memory);
}

TEST(SharedMemory, OfNoneHasNothing) {
  SharedMemory memory;
  EXPECT_FALSE(memory);
  EXPECT_EQ(memory.data(), nullptr);
  EXPECT_EQ(memory.size(), 0U);
  EXPECT_EQ(memory.native_handle(), invalid_handle);
  EXPECT_EQ(memory.handle_for_peer(), invalid_handle);
  EXPECT_THROWS_CODE(memory.read_only_for_peer(), Errc::closed);
  EXPECT_THROWS_CODE(SharedMemory::adopt(OwnedHandle()), Errc::closed);
  memory.close();
}

TEST(SharedMemory, HasASizeThatTheSystemCanGive) {
  EXPECT_THROWS_CODE(SharedMemory::create(0), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(SharedMemory::create(std::numeric_limits<std::size_t>::max()), std::errc::not_enough_memory);
}

TEST_F(SharedWithAPeer, IsZeroedAndWritable) {
  EXPECT_EQ(memory.size(), size);
  EXPECT_TRUE(memory.is_writable());
  EXPECT_TRUE(std::all_of(memory.bytes().begin(), memory.bytes().end(), [](std::byte b) { return b == std::byte(); }));
  std::fill(memory.bytes().begin(), memory.bytes().end(), std::byte{7});
}

TEST(SharedMemory, OfAnySize) {
  if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, std::size_t{4096}, std::size_t{70'001}}) {
    SharedMemory memory = SharedMemory::create(bytes);
    EXPECT_EQ(memory.size(), bytes);
    memory.data()[bytes - 1] = std::byte{9};
    memory.read_only_for_peer();
    const SharedMemory seen = SharedMemory::adopt(sent(memory), bytes);
    EXPECT_GE(seen.size(), bytes);
    if (platform.tells_exact_memory_size) {
      EXPECT_EQ(seen.size(), bytes);
    }
    EXPECT_EQ(seen.data()[bytes - 1], std::byte{9});
  }
}

TEST_F(SharedWithAPeer, ThePeerSeesWhatIsWrittenBeforeAndAfter) {
  memory.data()[0] = std::byte{1};
  const SharedMemory seen = SharedMemory::adopt(sent(memory), size);
  EXPECT_FALSE(seen.is_writable());
  EXPECT_EQ(seen.size(), size);
  EXPECT_EQ(seen.data()[0], std::byte{1});
  memory.data()[size - 1] = std::byte{2};
  EXPECT_EQ(seen.data()[size - 1], std::byte{2});
}

TEST_F(SharedWithAPeer, OutlivesEitherSide) {
  memory.data()[5] = std::byte{1};
  SharedMemory seen = SharedMemory::adopt(sent(memory));
  memory.close();
  EXPECT_FALSE(memory.is_open());
  EXPECT_EQ(seen.data()[5], std::byte{1});
  memory = SharedMemory::adopt(OwnedHandle(duplicate_handle(seen.native_handle())));
  seen.close();
  EXPECT_EQ(std::as_const(memory).data()[5], std::byte{1}) << "a peer may pass it on";
}

TEST_F(SharedWithAPeer, ThereIsAHandleForThePeerOnceItIsReadOnly) {
  SharedMemory other = SharedMemory::create(1);
  EXPECT_EQ(other.handle_for_peer(), invalid_handle);
  other.read_only_for_peer();
  const NativeHandle handle = other.handle_for_peer();
  EXPECT_TRUE(is_open_handle(handle));
  other.read_only_for_peer();
  EXPECT_EQ(other.handle_for_peer(), handle) << "again does nothing";
}

TEST_F(SharedWithAPeer, WhatWasAdoptedCannotBeMadeReadOnly) {
  SharedMemory seen = SharedMemory::adopt(sent(memory));
  EXPECT_THROWS_CODE(seen.read_only_for_peer(), std::errc::operation_not_supported);
  EXPECT_EQ(seen.handle_for_peer(), invalid_handle);
}

TEST_F(SharedWithAPeer, ShorterThanToldIsRefused) {
  OwnedHandle handle = sent(memory);
  const NativeHandle number = handle.native_handle();
  EXPECT_THROWS_CODE(SharedMemory::adopt(std::move(handle), size + 1), std::errc::invalid_argument);
  EXPECT_FALSE(is_open_handle(number));
  EXPECT_TRUE(SharedMemory::adopt(sent(memory), size));
}

TEST_F(SharedWithAPeer, WhatIsSomethingElseIsRefusedAndClosed) {
  for (ForeignHandle& foreign : handles_that_are_no_stream()) {
    const NativeHandle handle = duplicate_handle(foreign.get());
    std::error_code ec;
    EXPECT_FALSE(SharedMemory::adopt(OwnedHandle(handle), ec));
    EXPECT_CODE(ec, std::errc::operation_not_supported) << foreign.name();
    EXPECT_FALSE(is_open_handle(handle)) << foreign.name();
  }
  LocalStream client = LocalStream::pair().first;
  EXPECT_THROWS_CODE(SharedMemory::adopt(OwnedHandle(client.release())), std::errc::operation_not_supported);
}

TEST_F(SharedWithAPeer, MovesAndLeavesNothing) {
  const auto use = [this] {
    SharedMemory one = SharedMemory::create(size);
    one.read_only_for_peer();
    SharedMemory two = SharedMemory::adopt(sent(one));
    SharedMemory three = std::move(one);
    EXPECT_FALSE(one.is_open());
    EXPECT_TRUE(three.is_writable());
    two = std::move(three);
    EXPECT_TRUE(two.is_writable());
    OwnedHandle handle = sent(memory);
    handle = sent(memory);
    OwnedHandle& same = handle;
    handle = std::move(same);
    EXPECT_TRUE(handle.is_open());
  };
  use();
  const auto [before, after] = counted_around(open_handles, [&] {
    for (int i = 0; i < 100; ++i) use();
  });
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace localsocket::test
