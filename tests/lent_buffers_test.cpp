// Buffers that are lent to a peer and come back (docs/design.md, 19).
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <optional>
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
  const auto [before, after] = counted_around(open_handles, [] {
    for (int i = 0; i < 20; ++i) {
      Pool pool;
      pool.send(i);
      BorrowedBuffer kept = pool.receive();
      pool = Pool();
      EXPECT_EQ(first_of(kept), i);
    }
  });
  EXPECT_LE(after, before);
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

// Peers that lie: each is a MessageStream that says whatever it likes.

enum Kind : unsigned char { set_up = 1, lend = 2, returned = 3 };

/// A message of the protocol: a kind, a number, and eight bytes with the lowest first.
std::string control(int kind, int number, std::uint64_t value) {
  std::string bytes{static_cast<char>(kind), static_cast<char>(number)};
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// Whether the peer has closed the connection.
bool is_closed(MessageStream& messages) {
  std::error_code ec;
  while (messages.receive(10s, ec)) {
  }
  return !ec || ec == std::errc::broken_pipe;
}

/// A borrower, and a lender that lies.
class LyingLender : public LentBuffers {
 protected:
  LyingLender() { connect(); }
  void connect() {
    Ends ends = connected_ends();
    borrower = BufferBorrower(MessageStream(std::move(ends.server), with_handles));
    peer = MessageStream(std::move(ends.client), with_handles);
  }
  void SetUp() override {
    LentBuffers::SetUp();
    if (IsSkipped()) return;
    memory = SharedMemory::create(3 * 4096);
    memory.read_only_for_peer();
    handle = memory.handle_for_peer();
  }
  void send(std::string_view message, const std::vector<NativeHandle>& handles = {}) {
    peer.send(message, handles, 10s);
  }
  /// Three buffers of 4000 bytes.
  void send_set_up() { send(control(set_up, 3, 4000), {handle}); }

  void expect_malformed(std::string_view what) {
    for (int i = 0; i < 2; ++i) {
      std::error_code ec;
      EXPECT_FALSE(borrower.receive(10s, ec)) << what;
      EXPECT_CODE(ec, Errc::malformed_message) << what;
    }
    EXPECT_TRUE(is_closed(peer)) << what;
  }
  void expect_set_up_refused(std::string_view message, const std::vector<NativeHandle>& handles) {
    connect();
    send(message, handles);
    expect_malformed(::testing::PrintToString(message));
  }

  BufferBorrower borrower;
  MessageStream peer;
  SharedMemory memory;
  NativeHandle handle = invalid_handle;
};

TEST_F(LyingLender, ThatTellsTheTruthIsUnderstood) {
  send_set_up();
  send(control(lend, 2, 4000));
  const BorrowedBuffer buffer = borrower.receive(10s).value();
  EXPECT_EQ(buffer.bytes().size(), 4000U);
  memory.data()[2 * 4096] = std::byte{9};
  EXPECT_EQ(first_of(buffer), 9);
}

TEST_F(LyingLender, SetsUpWhatCannotBe) {
  const std::uint64_t sizes[] = {0, 4097, 12'288, UINT64_MAX, UINT64_MAX / 3, UINT64_MAX / 2, UINT64_MAX - 4095};
  for (const std::uint64_t each : sizes) expect_set_up_refused(control(set_up, 3, each), {handle});
  // 2^52 of 4096 bytes are none in 64 bits, and so are 2^32 of 2^32.
  for (const int shift : {31, 32, 33, 52, 58, 62, 63}) {
    expect_set_up_refused(control(set_up, 64, std::uint64_t{1} << shift), {handle});
  }
  for (const int number : {0, 4, 65, 255}) expect_set_up_refused(control(set_up, number, 4096), {handle});
}

TEST_F(LyingLender, BeginsWithSomethingElse) {
  for (const int kind : {0, static_cast<int>(lend), static_cast<int>(returned), 4, 255}) {
    expect_set_up_refused(control(kind, 3, 4096), {handle});
  }
  const std::string good = control(set_up, 3, 4096);
  for (const std::string& message : {std::string(), good.substr(0, 9), good + '\0', std::string(1_MiB, '\1')}) {
    connect();
    auto sending = run_async([&] {
      std::error_code closed;
      peer.send(message, std::array{handle}, 10s, closed);
    });
    expect_malformed("of another size");
    sending.result();
  }
}

TEST_F(LyingLender, SendsMemoryThatIsNone) {
  expect_set_up_refused(control(set_up, 3, 4096), {});
  expect_set_up_refused(control(set_up, 3, 4096), {handle, handle});
  for (ForeignHandle& foreign : handles_that_are_no_stream()) {
    expect_set_up_refused(control(set_up, 3, 4096), {foreign.get()});
  }
  if (!platform.can_fork) return;  // a section has its size for good
  const SharedMemory unsealed = SharedMemory::create(3 * 4096);
  expect_set_up_refused(control(set_up, 3, 4096), {unsealed.native_handle()});
}

TEST_F(LyingLender, LendsWhatCannotBe) {
  const std::string lies[] = {
      control(lend, 3, 1),
      control(lend, 255, 1),
      control(lend, 0, 4001),
      control(lend, 2, UINT64_MAX),
      control(set_up, 1, 4000),
      control(returned, 1, 1),
      control(0, 1, 1),
      control(255, 1, 1),
      std::string(),
      control(lend, 1, 1).append(1, '\0'),
      std::string(9, '\2'),
  };
  for (const std::string& lie : lies) {
    connect();
    send_set_up();
    send(control(lend, 0, 10));
    send(lie);
    const BorrowedBuffer kept = borrower.receive(10s).value();
    expect_malformed(::testing::PrintToString(lie));
    EXPECT_EQ(first_of(kept), 0) << "what was borrowed before is still there";
  }
}

TEST_F(LyingLender, LendsABufferTwice) {
  send_set_up();
  send(control(lend, 1, 10));
  send(control(lend, 1, 10));
  const BorrowedBuffer kept = borrower.receive(10s).value();
  expect_malformed("twice");
}

TEST_F(LyingLender, SendsHandlesWithABuffer) {
  send_set_up();
  send(control(lend, 1, 10), {handle});
  expect_malformed("with a handle");
}

TEST_F(LyingLender, LeavesNothingOpenHere) {
  expect_set_up_refused(control(set_up, 3, 4097), {handle});
  const auto [before, after] = counted_around(open_handles, [&] {
    for (int i = 0; i < 20; ++i) {
      expect_set_up_refused(control(set_up, 3, 4097), {handle, handle});
      expect_set_up_refused(control(set_up, 3, 4097), {handle});
    }
  });
  EXPECT_LE(after, before);
}

TEST_F(LyingLender, CostsNoOtherConnection) {
  Pool pool;
  pool.send(1);
  expect_set_up_refused(control(set_up, 3, 4097), {handle});
  EXPECT_EQ(first_of(pool.receive()), 1);
}

/// Lends on without reading what comes back: it all stays in one set here, and is told when there is space.
TEST_F(LyingLender, ThatNeverReadsReturnsKeepsNobodyWaiting) {
  send_set_up();
  std::error_code ec;
  const auto lend_and_give_back = [&](int i) {
    send(control(lend, i % 3, 4000));
    borrower.receive(10s).value().give_back(ec);
  };
  for (int i = 0; i < 20'000 && !ec; ++i) lend_and_give_back(i);
  EXPECT_CODE(ec, std::errc::timed_out) << "no space";
  EXPECT_LT(time_of([&] {
              for (int i = 0; i < 100; ++i) lend_and_give_back(i);
            }),
            soon());
  // Once it reads, all are told of.
  while (peer.receive(0s, ec)) {
  }
  EXPECT_FALSE(borrower.receive(0s, ec));
  const auto message = peer.receive(10s);
  ASSERT_TRUE(message);
  EXPECT_EQ(text_of(*message)[0], static_cast<char>(returned));
}

/// The memory changes all the time, all of it, while buffers of it are read; and some messages are random.
TEST_F(LyingLender, RewritesTheMemoryInALoop) {
  std::atomic<bool> is_over{false};
  auto rewriting = run_async([&] {
    std::mt19937 random(19);
    while (!is_over) {
      for (std::byte& byte : memory.bytes()) byte = static_cast<std::byte>(random());
    }
  });
  std::mt19937 random(7);
  const auto any = [&random](std::initializer_list<std::uint64_t> values) {
    return values.begin()[random() % values.size()];
  };
  std::size_t received = 0;
  for (int round = 0; round < 100; ++round) {
    connect();
    send_set_up();
    std::vector<BorrowedBuffer> kept;
    std::error_code ec;
    for (int i = 0; i < 20 && !ec; ++i) {
      send(control(lend, static_cast<int>(any({0, 1, 2, random() % 4})), any({0, 1, 4000, 3999, random() % 4100})));
      auto buffer = borrower.receive(10s, ec);
      if (!buffer) continue;
      unsigned sum = 0;
      for (const std::byte byte : buffer->bytes()) sum += std::to_integer<unsigned>(byte);
      EXPECT_LE(sum, 255U * 4000U);
      ++received;
      if (random() % 4 == 0) kept.push_back(std::move(*buffer));
    }
    if (ec) {
      EXPECT_CODE(ec, Errc::malformed_message);
    }
  }
  is_over = true;
  rewriting.result();
  EXPECT_GT(received, 100U);
}

/// A lender, and a borrower that lies.
class LyingBorrower : public LentBuffers {
 protected:
  void connect() {
    Ends ends = connected_ends();
    peer = MessageStream(std::move(ends.server), with_handles);
    lender = BufferLender::create(MessageStream(std::move(ends.client), with_handles), three, 10s);
    lender.send(lender.acquire(), 1);
    lender.send(lender.acquire(), 1);
  }
  void expect_malformed(std::string_view what) {
    for (int i = 0; i < 2; ++i) {
      std::error_code ec;
      lender.take_returns(ec);
      EXPECT_CODE(ec, Errc::malformed_message) << what;
    }
    EXPECT_EQ(lender.free_buffers(), 3U) << what;
    EXPECT_THROWS_CODE(lender.acquire(), Errc::malformed_message) << what;
    EXPECT_TRUE(is_closed(peer)) << what;
  }

  MessageStream peer;
  BufferLender lender;
};

TEST_F(LyingBorrower, ThatTellsTheTruthIsUnderstood) {
  connect();
  peer.send(control(returned, 0, 3));
  lender.take_returns();
  EXPECT_EQ(lender.free_buffers(), 3U);
}

TEST_F(LyingBorrower, GivesBackWhatItHasNot) {
  const std::string lies[] = {
      control(returned, 0, 4), control(returned, 0, 0), control(returned, 0, 8), control(returned, 0, UINT64_MAX),
      control(returned, 0, 7), control(returned, 1, 1), control(lend, 0, 1),     control(set_up, 3, size),
      control(0, 0, 1),        control(255, 0, 1),      std::string(),           std::string(11, '\3'),
      std::string(9, '\3'),    std::string(1000, '\3'),
  };
  for (const std::string& lie : lies) {
    connect();
    peer.send(lie);
    expect_malformed(::testing::PrintToString(lie));
  }
}

TEST_F(LyingBorrower, GivesBackTwice) {
  connect();
  peer.send(control(returned, 0, 1));
  peer.send(control(returned, 0, 1));
  expect_malformed("twice");
}

TEST_F(LyingBorrower, GivesBackWhatIsAcquired) {
  connect();
  LentBuffer acquired = lender.acquire();
  peer.send(control(returned, 0, 4));
  std::error_code ec;
  lender.take_returns(ec);
  EXPECT_CODE(ec, Errc::malformed_message);
  EXPECT_EQ(lender.free_buffers(), 2U);
  EXPECT_EQ(acquired.bytes().size(), size);
}

TEST_F(LyingBorrower, SendsHandles) {
  connect();
  const std::array handles{peer.stream().native_handle()};
  peer.send(control(returned, 0, 1), handles, 10s);
  expect_malformed("with a handle");
}

// What a message costs.

TEST_F(LentBuffers, TakeTwoWritesAMessageAndFewReads) {
  Pool pool({.buffer_size = size, .buffers = 2});
  const auto pass = [&](int messages) {
    for (int i = 0; i < messages; ++i) {
      pool.lender.send(pool.lender.acquire(), size);
      pool.receive();
    }
  };
  pass(2);
  std::atomic<int> writes{0};
  std::atomic<int> reads{0};
  const bool is_built_in = set_trace_hook([&](const SystemCall& call) {
    writes += call.name == platform.write_call ? 1 : 0;
    reads += call.name == platform.read_call ? 1 : 0;
  });
  pass(10);
  set_trace_hook({});
  if (!is_built_in) GTEST_SKIP() << "built without tracing";
  EXPECT_EQ(writes, 20) << "each wakes one thread at most";
  EXPECT_EQ(reads, 15) << "the lender reads two returns at once";
}

}  // namespace
}  // namespace localsocket::test
