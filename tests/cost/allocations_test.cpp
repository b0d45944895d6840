// What calls and connections take of the heap.
#include "allocations.hpp"

#include <gtest/gtest.h>

#include <localsocket/localsocket.hpp>

#include <array>
#include <thread>
#include <vector>

#include "support/differences.hpp"

namespace localsocket::test {
namespace {

using namespace std::chrono_literals;

template <class Body>
std::size_t allocations_of(Body body) {
  const std::size_t before = allocations().count;
  body();
  return allocations().count - before;
}

class Cost : public ::testing::Test {
 protected:
  Cost() {
    // What is made once: a thread's waker, and the time-outs of the system.
    std::error_code ec;
    server.read_some(buffer, 30ms, ec);
    client.read_some(buffer, 30ms, ec);
  }

  LocalListener listener = LocalListener::bind(LocalAddress::unique());
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  std::array<std::byte, 64> buffer{};
};

TEST_F(Cost, TheCounterCounts) {
  EXPECT_EQ(allocations_of([] { std::vector<int> one(100); }), 1U);
}

TEST_F(Cost, ReadingAndWritingAllocateNothing) {
  const std::span<const std::byte> parts[] = {buffer, buffer};
  const stop_source stop;
  const auto pass = [&](const Wait& wait, auto&... ec) {
    client.write_some(buffer, wait, ec...);
    server.read_some(buffer, wait, ec...);
    client.write_all(parts, wait, ec...);
    server.read_exact(buffer, wait, ec...);
    server.read_exact(buffer, wait, ec...);
  };
  std::error_code ec;
  EXPECT_EQ(allocations_of([&] { pass({}); }), 0U);
  EXPECT_EQ(allocations_of([&] { pass({}, ec); }), 0U);
  client.set_write_timeout(1h);
  server.set_read_deadline(Wait::Clock::now() + 1h);
  EXPECT_EQ(allocations_of([&] { pass({1h, stop.get_token()}, ec); }), 0U);
}

TEST_F(Cost, WaitingAllocatesNothing) {
  const stop_source stop;
  std::error_code ec;
  EXPECT_EQ(allocations_of([&] { server.read_some(buffer, {30ms, stop.get_token()}, ec); }), 0U);
  EXPECT_EQ(ec, std::errc::timed_out);
}

TEST_F(Cost, AMessageAllocatesNothingOnceThereIsABuffer) {
  MessageStream sender(std::move(client));
  MessageStream receiver(std::move(server));
  MessageBatch batch(sender);
  const auto pass = [&] {
    sender.send(buffer);
    for (int i = 0; i < 10; ++i) batch.add(buffer);
    batch.flush();
    for (int i = 0; i < 11; ++i) EXPECT_EQ(receiver.receive().value().size(), buffer.size());
  };
  pass();
  EXPECT_EQ(allocations_of(pass), 0U);
}

TEST_F(Cost, AMessageBetweenEndsWithHandlesAllocatesNothingEither) {
  MessageStream sender(std::move(client), {.handles = true});
  MessageStream receiver(std::move(server), {.handles = true});
  const auto pass = [&] {
    for (int i = 0; i < 10; ++i) sender.send(buffer);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(receiver.receive().value().size(), buffer.size());
  };
  pass();
  EXPECT_EQ(allocations_of(pass), 0U);
}

TEST_F(Cost, ALentBufferAllocatesNothing) {
  if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
  BufferBorrower borrower(MessageStream(std::move(server), {.handles = true}));
  BufferLender lender =
      BufferLender::create(MessageStream(std::move(client), {.handles = true}), {.buffer_size = 100'000, .buffers = 2});
  const auto pass = [&] {
    for (int i = 0; i < 10; ++i) {
      lender.send(lender.acquire(), 100'000);
      EXPECT_EQ(borrower.receive().value().bytes().size(), 100'000U);
    }
  };
  pass();
  EXPECT_EQ(allocations_of(pass), 0U);
}

TEST_F(Cost, AnIdleConnectionTakes512BytesAtMost) {
  constexpr std::size_t connections = 10;
  std::vector<LocalStream> clients;
  std::vector<LocalStream> servers;
  clients.reserve(connections);
  servers.reserve(connections);
  const auto add = [&](std::vector<LocalStream>& streams, auto make) {
    const std::size_t before = allocations().bytes;
    streams.push_back(make());
    return allocations().bytes - before;
  };
  for (std::size_t i = 0; i < connections; ++i) {
    EXPECT_LE(add(clients, [&] { return LocalStream::connect(listener.local_address()); }), 512U);
    EXPECT_LE(add(servers, [&] { return listener.accept(); }), 512U);
  }
}

TEST_F(Cost, WaitingForManyAllocatesNothing) {
  WaitSet set;
  Event event;
  MessageStream messages(std::move(client));
  set.add(1, listener);
  set.add(2, server);
  set.add(3, messages);
  set.add(4, event);
  std::array<WaitSet::Report, 8> reports;
  std::array<std::byte, 128> sent;
  const stop_source stop;
  const auto pass = [&] {
    messages.send(buffer);
    event.set();
    EXPECT_GE(set.wait(reports, {1h, stop.get_token()}), 1U);
    server.write_all("\4text");
    EXPECT_GE(set.wait(reports, 1h), 1U);
    server.read_some(sent);
    messages.receive();
    event.reset();
    EXPECT_EQ(set.wait(reports, {30ms, stop.get_token()}), 0U);
  };
  pass();
  EXPECT_EQ(allocations_of(pass), 0U);
}

// A member is added for each connection that is accepted; what grows by steps is counted by its share.
TEST_F(Cost, AnIdleConnectionInASetTakesFewBytes) {
  constexpr std::size_t connections = 200;
  std::vector<LocalStream> clients;
  std::vector<LocalStream> servers;
  clients.reserve(connections);
  servers.reserve(connections);
  WaitSet set;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    clients.push_back(LocalStream::connect(listener.local_address()));
    const std::size_t before = allocations().bytes;
    servers.push_back(listener.accept());
    set.add(i, servers.back());
    taken += allocations().bytes - before;
  }
  EXPECT_LE(taken / connections, test::platform.most_bytes_of_a_member);
}

TEST_F(Cost, AddingAndRemovingTakesNoMoreMemoryInTheEnd) {
  WaitSet set;
  const auto pass = [&](WaitSet::Key count) {
    for (WaitSet::Key key = 0; key < count; ++key) {
      set.add(key, server);
      set.remove(key);
    }
    return allocations().bytes;
  };
  const std::size_t after_few = pass(100);
  EXPECT_EQ(pass(20'000), after_few);
}

}  // namespace
}  // namespace localsocket::test
