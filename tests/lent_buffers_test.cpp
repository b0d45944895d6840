// Buffers that are lent to a peer and come back (docs/design.md, 19).
#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "support/thread.hpp"

namespace localsocket::test {
namespace {

constexpr MessageOptions with_handles{.handles = true};
constexpr std::size_t size = 100'000;
constexpr LenderOptions three{.buffer_size = size};

void fill(const LentBuffer& buffer, int byte) {
  std::fill(buffer.bytes().begin(), buffer.bytes().end(), static_cast<std::byte>(byte));
}

/// A lender and its borrower.
struct Pool {
  explicit Pool(const LenderOptions& options = three, Ends ends = connected_ends())
      : borrower(MessageStream(std::move(ends.server), with_handles)),
        lender(BufferLender::create(MessageStream(std::move(ends.client), with_handles), options, 10s)) {}

  /// Lends a buffer that is all of that byte.
  void send(int byte, std::size_t count = size) {
    LentBuffer buffer = lender.acquire(10s);
    fill(buffer, byte);
    lender.send(std::move(buffer), count, 10s);
    EXPECT_FALSE(buffer);
  }
  BorrowedBuffer receive() { return borrower.receive(10s).value(); }

  BufferBorrower borrower;
  BufferLender lender;
};

int first_of(const BorrowedBuffer& buffer) { return std::to_integer<int>(buffer.bytes().front()); }

class LentBuffers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
  }
};

TEST(BufferLender, IsNotSupportedEverywhere) {
  Ends ends = connected_ends();
  const MessageStream peer(std::move(ends.server), with_handles);
  std::error_code ec;
  MessageStream messages(std::move(ends.client), with_handles);
  const BufferLender lender = BufferLender::create(std::move(messages), three, 10s, ec);
  EXPECT_CODE(ec, platform.has_shared_memory ? success : std::errc::operation_not_supported);
  EXPECT_EQ(static_cast<bool>(lender), platform.has_shared_memory);
}

TEST_F(LentBuffers, ArriveWithTheirBytes) {
  Pool pool;
  EXPECT_EQ(pool.lender.free_buffers(), 3U);
  LentBuffer buffer = pool.lender.acquire();
  EXPECT_EQ(buffer.bytes().size(), size);
  EXPECT_EQ(pool.lender.free_buffers(), 2U);
  const Bytes bytes = ByteSequence().take(size);
  std::copy(bytes.begin(), bytes.end(), buffer.bytes().begin());
  pool.lender.send(std::move(buffer), size - 1);
  const BorrowedBuffer received = pool.receive();
  EXPECT_TRUE(std::equal(received.bytes().begin(), received.bytes().end(), bytes.begin(), bytes.end() - 1));
  EXPECT_TRUE(buffer.bytes().empty());
}

TEST_F(LentBuffers, BeginAtAMultipleOf4096AndDoNotOverlap) {
  for (const std::size_t each : {std::size_t{1}, std::size_t{4096}, std::size_t{4097}}) {
    Pool pool({.buffer_size = each, .buffers = BufferLender::most_buffers});
    for (int i = 0; i < 64; ++i) pool.send(i, each);
    std::vector<BorrowedBuffer> all;
    for (int i = 0; i < 64; ++i) {
      all.push_back(pool.receive());
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.back().bytes().data()) % 4096, 0U);
    }
    for (int i = 0; i < 64; ++i) {
      const std::span<const std::byte> bytes = all[static_cast<std::size_t>(i)].bytes();
      EXPECT_EQ(std::count(bytes.begin(), bytes.end(), static_cast<std::byte>(i)), static_cast<long>(each)) << i;
    }
  }
}

TEST_F(LentBuffers, GoRoundForEver) {
  Pool pool;
  for (int i = 0; i < 1000; ++i) {
    pool.send(i % 256, 1);
    EXPECT_EQ(first_of(pool.receive()), i % 256);
  }
}

TEST_F(LentBuffers, MayHaveNoBytes) {
  Pool pool;
  pool.send(1, 0);
  EXPECT_TRUE(pool.receive().bytes().empty());
  pool.send(2);
  EXPECT_EQ(first_of(pool.receive()), 2) << "an empty one is not the end";
}

TEST_F(LentBuffers, OfNoneGiveClosed) {
  BufferLender lender;
  EXPECT_FALSE(lender);
  EXPECT_EQ(lender.free_buffers(), 0U);
  EXPECT_THROWS_CODE(lender.acquire(), Errc::closed);
  EXPECT_THROWS_CODE(lender.send(LentBuffer(), 0), Errc::closed);
  EXPECT_THROWS_CODE(lender.take_returns(), Errc::closed);
  BufferBorrower borrower;
  EXPECT_FALSE(borrower);
  EXPECT_THROWS_CODE(borrower.receive(), Errc::closed);
  BorrowedBuffer buffer;
  EXPECT_FALSE(buffer);
  buffer.give_back();
}

TEST_F(LentBuffers, HaveOptionsWithinLimits) {
  Ends ends = connected_ends();
  const MessageStream peer(std::move(ends.server), with_handles);
  MessageStream messages(std::move(ends.client), with_handles);
  const auto create = [&](std::size_t buffer_size, std::size_t buffers) {
    BufferLender::create(std::move(messages), {.buffer_size = buffer_size, .buffers = buffers}, 10s);
  };
  EXPECT_THROWS_CODE(create(0, 3), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(create(1, 0), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(create(1, 65), std::errc::invalid_argument);
  for (const std::size_t divisor : {1, 2, 3, 4, 64}) {
    EXPECT_THROWS_CODE(create(SIZE_MAX / divisor, 64), std::errc::not_enough_memory);
  }
  create(1, 64);  // messages is still there
}

TEST_F(LentBuffers, NeedAPeerWithHandles) {
  Ends ends = connected_ends();
  MessageStream plain(std::move(ends.server));
  MessageStream messages(std::move(ends.client), with_handles);
  plain.send("I do not");
  EXPECT_THROWS_CODE(BufferLender::create(std::move(messages), three, 10s), std::errc::operation_not_supported);
  MessageStream without(LocalStream::pair().first);
  EXPECT_THROWS_CODE(BufferLender::create(std::move(without), three, 10s), std::errc::operation_not_supported);
  EXPECT_TRUE(without.stream().is_open()) << "it may still be used";
}

// Which buffers are free.

TEST_F(LentBuffers, AreWaitedForWhileAllAreLent) {
  Pool pool;
  for (int i = 0; i < 3; ++i) pool.send(i);
  std::error_code ec;
  EXPECT_FALSE(pool.lender.acquire(20ms, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_FALSE(pool.lender.acquire(0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  pool.lender.messages().stream().set_read_timeout(20ms);
  EXPECT_FALSE(pool.lender.acquire(ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  pool.lender.messages().stream().set_read_timeout({});
  pool.lender.messages().stream().set_nonblocking(true);
  EXPECT_FALSE(pool.lender.acquire(ec));
  EXPECT_CODE(ec, std::errc::operation_would_block);
  pool.lender.messages().stream().set_nonblocking(false);
  auto acquiring = run_async([&] { return pool.lender.acquire(20s); });
  acquiring.wait_until_blocked(Moment::late);
  pool.receive();
  EXPECT_EQ(acquiring.result().bytes()[0], std::byte{0}) << "the first one is back";
}

TEST_F(LentBuffers, AreNotWaitedForAfterACancelAStopOrAClose) {
  Pool pool;
  for (int i = 0; i < 3; ++i) pool.send(i);
  stop_source stop;
  const auto acquire = [&] {
    std::error_code ec;
    EXPECT_FALSE(pool.lender.acquire({20s, stop.get_token()}, ec));
    return ec;
  };
  const auto ended_by = [&](auto end) {
    auto acquiring = run_async(acquire);
    acquiring.wait_until_blocked(Moment::late);
    end();
    EXPECT_TRUE(acquiring.finished_within(soon()));
    return acquiring.result();
  };
  EXPECT_CODE(ended_by([&] { pool.lender.messages().cancel(); }), std::errc::operation_canceled);
  EXPECT_CODE(ended_by([&] { stop.request_stop(); }), std::errc::operation_canceled);
  EXPECT_EQ(pool.lender.free_buffers(), 0U);
  stop = stop_source();
  EXPECT_CODE(ended_by([&] { pool.lender.messages().close(); }), Errc::closed);
  EXPECT_EQ(pool.lender.free_buffers(), 3U);
}

TEST_F(LentBuffers, ThatAreFreeAreNotGivenAfterAStopOrAClose) {
  Pool pool;
  stop_source stop;
  stop.request_stop();
  EXPECT_THROWS_CODE(pool.lender.acquire(stop.get_token()), std::errc::operation_canceled);
  EXPECT_TRUE(pool.lender.acquire(0s));
  pool.lender.messages().close();
  EXPECT_THROWS_CODE(pool.lender.acquire(), Errc::closed);
}

TEST_F(LentBuffers, ThatAreAcquiredAndNotLentAreNotWaitedFor) {
  Pool pool;
  std::array<LentBuffer, 3> all{pool.lender.acquire(), pool.lender.acquire(), pool.lender.acquire()};
  EXPECT_THROWS_CODE(pool.lender.acquire(), std::errc::operation_would_block);
  auto dropping = run_async([&] { all[1] = LentBuffer(); });
  dropping.result();
  EXPECT_EQ(pool.lender.free_buffers(), 1U);
  EXPECT_TRUE(pool.lender.acquire());
}

TEST_F(LentBuffers, AreSentByTheirOwnLenderAlone) {
  Pool pool;
  Pool other;
  LentBuffer buffer = pool.lender.acquire();
  EXPECT_THROWS_CODE(other.lender.send(std::move(buffer), 1), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(pool.lender.send(std::move(buffer), size + 1), std::errc::invalid_argument);
  EXPECT_THROWS_CODE(pool.lender.send(LentBuffer(), 0), std::errc::invalid_argument);
  EXPECT_TRUE(buffer) << "it is still the caller's";
  pool.lender.send(std::move(buffer), size);
  pool.receive();
}

TEST_F(LentBuffers, StayWithTheCallerWhenNothingWasSent) {
  Pool pool;
  LentBuffer buffer = pool.lender.acquire();
  stop_source stop;
  stop.request_stop();
  std::error_code ec;
  EXPECT_FALSE(pool.lender.send(std::move(buffer), 1, stop.get_token(), ec));
  EXPECT_CODE(ec, std::errc::operation_canceled);
  EXPECT_TRUE(buffer);
  EXPECT_TRUE(pool.lender.send(std::move(buffer), 1, ec));
}

TEST_F(LentBuffers, AreGivenBackInAnyOrderAndOnce) {
  Pool pool;
  for (int i = 0; i < 3; ++i) pool.send(i);
  BorrowedBuffer first = pool.receive();
  BorrowedBuffer second = pool.receive();
  second.give_back();
  EXPECT_TRUE(second.bytes().empty());
  second.give_back();
  pool.lender.take_returns();
  EXPECT_EQ(pool.lender.free_buffers(), 1U);
  pool.send(7);
  EXPECT_EQ(first_of(pool.receive()), 2);
  EXPECT_EQ(first_of(pool.receive()), 7);
  EXPECT_EQ(first_of(first), 0);
  first = BorrowedBuffer();
  pool.lender.take_returns();
  EXPECT_EQ(pool.lender.free_buffers(), 3U);
}

TEST_F(LentBuffers, AreGivenBackByAnyThread) {
  Pool pool({.buffer_size = 8, .buffers = 64});
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 64; ++i) pool.send(i, 8);
    std::vector<BorrowedBuffer> all;
    for (int i = 0; i < 64; ++i) all.push_back(pool.receive());
    std::vector<Async<void>> threads;
    for (std::size_t first = 0; first < 4; ++first) {
      threads.push_back(run_async([&all, first] {
        for (std::size_t i = first; i < all.size(); i += 4) all[i].give_back();
      }));
    }
    for (Async<void>& thread : threads) thread.result();
    pool.lender.take_returns();
    EXPECT_EQ(pool.lender.free_buffers(), 64U);
  }
}

TEST_F(LentBuffers, WakeALenderThatWaitsFromAnotherThread) {
  Pool pool({.buffer_size = 8, .buffers = 1});
  auto borrowing = run_async([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(first_of(pool.receive()), i % 256);
  });
  for (int i = 0; i < 1000; ++i) pool.send(i % 256, 8);
  borrowing.result();
}

// Whoever ends first.

TEST_F(LentBuffers, OutliveTheirBorrower) {
  Pool pool;
  pool.send(5);
  BorrowedBuffer buffer = pool.receive();
  pool.borrower = BufferBorrower();
  EXPECT_EQ(first_of(buffer), 5);
  EXPECT_THROWS_CODE(buffer.give_back(), Errc::closed);
  std::error_code ec;
  pool.lender.take_returns(ec);
  EXPECT_CODE(ec, std::errc::broken_pipe);
  EXPECT_EQ(pool.lender.free_buffers(), 3U);
}

TEST_F(LentBuffers, OutliveTheirLender) {
  Pool pool;
  pool.send(6);
  LentBuffer unsent = pool.lender.acquire();
  pool.lender = BufferLender();
  unsent.bytes()[0] = std::byte{1};
  BorrowedBuffer buffer = pool.receive();
  EXPECT_EQ(first_of(buffer), 6) << "it was sent before";
  EXPECT_FALSE(pool.borrower.receive(10s)) << "the end";
  EXPECT_FALSE(pool.borrower.receive(10s));
  EXPECT_EQ(first_of(buffer), 6);
}

TEST_F(LentBuffers, ComeBackFromAPeerThatIsGone) {
  Pool pool;
  for (int i = 0; i < 2; ++i) pool.send(i);
  LentBuffer acquired = pool.lender.acquire();
  pool.borrower = BufferBorrower();
  std::error_code ec;
  EXPECT_FALSE(pool.lender.acquire(10s, ec));
  EXPECT_CODE(ec, std::errc::broken_pipe);
  EXPECT_EQ(pool.lender.free_buffers(), 2U);
  EXPECT_THROWS_CODE(pool.lender.send(std::move(acquired), 1), std::errc::broken_pipe);
  EXPECT_THROWS_CODE(pool.lender.acquire(10s), std::errc::broken_pipe);
  acquired = LentBuffer();
  EXPECT_EQ(pool.lender.free_buffers(), 3U);
}

TEST_F(LentBuffers, ComeBackWhenTheSendFindsThePeerGone) {
  Pool pool;
  pool.send(1);
  LentBuffer buffer = pool.lender.acquire();
  pool.borrower = BufferBorrower();
  EXPECT_THROWS_CODE(pool.lender.send(std::move(buffer), 1), std::errc::broken_pipe);
  EXPECT_EQ(pool.lender.free_buffers(), 2U);
}

TEST_F(LentBuffers, LeaveNothingOpen) {
  { Pool first; }
  const std::size_t before = open_handles();
  for (int i = 0; i < 20; ++i) {
    Pool pool;
    pool.send(i);
    BorrowedBuffer kept = pool.receive();
    pool = Pool();
    EXPECT_EQ(first_of(kept), i);
  }
  EXPECT_LE(open_handles(), before);
}

CHILD_PROCESS(borrow_buffers) {
  BufferBorrower borrower(MessageStream(LocalStream::connect(args[0], 10s), with_handles));
  std::uint64_t sum = 0;
  while (auto buffer = borrower.receive(20s)) {
    for (const std::byte byte : buffer->bytes()) sum += std::to_integer<unsigned>(byte);
    report(std::to_string(sum));
  }
  return 0;
}

class LentToAProcess : public LentBuffers {
 protected:
  void start(const char* name) {
    LocalListener listener = listening();
    child.emplace(spawn(name, {listener.local_address().text()}));
    lender = BufferLender::create(MessageStream(listener.accept(20s), with_handles), three, 20s);
  }
  void send(int byte) {
    LentBuffer buffer = lender.acquire(20s);
    fill(buffer, byte);
    lender.send(std::move(buffer), size, 20s);
  }

  BufferLender lender;
  std::optional<ChildProcess> child;
};

TEST_F(LentToAProcess, ArriveThere) {
  start("borrow_buffers");
  std::uint64_t sum = 0;
  for (int i = 0; i < 10; ++i) {
    send(i);
    sum += static_cast<unsigned>(i) * size;
    EXPECT_EQ(child->read_line(), std::to_string(sum));
  }
  lender = BufferLender();
  EXPECT_EQ(child->wait(), 0);
}

CHILD_PROCESS(keep_buffers) {
  BufferBorrower borrower(MessageStream(LocalStream::connect(args[0], 10s), with_handles));
  std::vector<BorrowedBuffer> kept;
  while (auto buffer = borrower.receive(20s)) {
    kept.push_back(std::move(*buffer));
    report("kept");
  }
  return 0;
}

TEST_F(LentToAProcess, ComeBackWhenItDies) {
  start("keep_buffers");
  for (int i = 0; i < 3; ++i) {
    send(i);
    EXPECT_EQ(child->read_line(), "kept");
  }
  auto acquiring = run_async([&] {
    std::error_code ec;
    EXPECT_FALSE(lender.acquire(20s, ec));
    return ec;
  });
  acquiring.wait_until_blocked(Moment::late);
  child->kill();
  EXPECT_TRUE(acquiring.finished_within(soon()));
  EXPECT_CODE(acquiring.result(), std::errc::broken_pipe);
  EXPECT_EQ(lender.free_buffers(), 3U);
}

}  // namespace
}  // namespace localsocket::test
