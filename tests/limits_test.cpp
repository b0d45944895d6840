// max_connections, backlog and buffer_size.
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// A listener that has as many connections as it may have, and one client more.
class MaxConnections : public ::testing::Test {
 protected:
  LocalListener listener = listening({.max_connections = 1});
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  LocalStream further = LocalStream::connect(listener.local_address());
  Bytes buffer = Bytes(1);

  void expect_full() {
    const Arrival arrival = accept(listener, 0s);
    EXPECT_CODE(arrival.ec, std::errc::timed_out);
    EXPECT_FALSE(arrival.stream.is_open());
  }

  /// That the client which waited gets in now.
  void expect_room() {
    Arrival arrival = accept(listener, soon());
    ASSERT_CODE(arrival.ec, success);
    expect_connected(further, arrival.stream);
  }
};

TEST_F(MaxConnections, AFurtherClientWaitsUntilOneLeaves) {
  expect_full();
  server.close();
  expect_room();
}

TEST_F(MaxConnections, WhatAFurtherClientWroteIsKeptForIt) {
  further.write_all("early");
  further.close();
  expect_full();
  server.close();
  LocalStream next = listener.accept(soon());
  EXPECT_EQ(text_until_end(next), "early");
}

TEST_F(MaxConnections, AnAcceptThatWaitsGoesOnWhenAStreamIsClosed) {
  auto accepting = run_async([&] { return listener.accept(); });
  accepting.wait_until_blocked(Moment::late);
  EXPECT_FALSE(accepting.finished());
  server.close();
  ASSERT_TRUE(accepting.finished_within(soon()));
  LocalStream next = accepting.result();
  expect_connected(further, next);
}

TEST_F(MaxConnections, AClientThatLeavesMakesNoRoomUntilItsStreamIsClosed) {
  client.close();
  EXPECT_EQ(text_until_end(server), "");
  expect_full();
  server.close();
  expect_room();
}

TEST_F(MaxConnections, AClosedStreamThatIsStillReadCounts) {
  auto reading = run_async([&] { return read_some(server, buffer).ec; });
  reading.wait_until_blocked(Moment::late);
  reading.hold();
  server.close();
  expect_full();
  reading.let_go();
  EXPECT_CODE(reading.result(), Errc::closed);
  expect_room();
}

TEST_F(MaxConnections, ReleaseGivesBack) {
  LocalStream mine = LocalStream::adopt(server.release());
  expect_room();
  expect_connected(client, mine);
}

TEST_F(MaxConnections, DestructionGivesBack) {
  { const LocalStream gone = std::move(server); }
  expect_room();
}

TEST_F(MaxConnections, AssignmentGivesBack) {
  server = LocalStream();
  expect_room();
}

TEST_F(MaxConnections, BothHalvesAreOneStream) {
  auto [reader, writer] = std::move(server).split();
  reader.close();
  expect_full();
  writer.close();
  expect_room();
}

TEST_F(MaxConnections, ClosingTwiceGivesBackOnce) {
  server.close();
  server.close();
  LocalStream next = listener.accept(soon());
  const LocalStream third = LocalStream::connect(listener.local_address());
  expect_full();
  server = LocalStream();
  expect_full();
}

TEST_F(MaxConnections, ACopyKeepsTheConnectionOpen) {
  LocalStream copy = server.duplicate();
  server.close();
  expect_full();
  copy.close();
  expect_room();
}

TEST_F(MaxConnections, AnAcceptThatWaitsForRoomKeepsItsTime) {
  Arrival arrival;
  const auto time = time_of([&] { arrival = accept(listener, 50ms); });
  EXPECT_CODE(arrival.ec, std::errc::timed_out);
  EXPECT_GE(time, 50ms);
  EXPECT_LT(time, soon());
}

TEST_F(MaxConnections, AnAcceptThatWaitsForRoomIsStopped) {
  stop_source source;
  auto accepting = run_async([&] { return accept(listener, source.get_token()).ec; });
  accepting.wait_until_blocked(Moment::late);
  source.request_stop();
  EXPECT_TRUE(accepting.finished_within(soon()));
  EXPECT_CODE(accepting.result(), std::errc::operation_canceled);
}

TEST_F(MaxConnections, AnAcceptThatWaitsForRoomEndsWithTheListener) {
  std::vector<Async<std::error_code>> accepting;
  for (int i = 0; i < 3; ++i) accepting.push_back(run_async([&] { return accept(listener).ec; }));
  for (auto& call : accepting) call.wait_until_blocked();
  listener.close();
  for (auto& call : accepting) EXPECT_CODE(call.result(), Errc::closed);
}

TEST_F(MaxConnections, AStreamOutlivesItsListener) {
  listener = LocalListener();
  expect_connected(client, server);
  server.close();
}

TEST_F(MaxConnections, AnAcceptThatEndsWithoutAClientTakesNothing) {
  server.close();
  LocalStream next = listener.accept(soon());
  next.close();
  for (int i = 0; i < 5; ++i) EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  expect_serving(listener);
}

TEST(MaxConnectionsOption, IsHowManyThereAreAtOnce) {
  constexpr unsigned most = 3;
  LocalListener listener = listening({.max_connections = most});
  std::vector<LocalStream> clients;
  std::vector<LocalStream> servers;
  for (unsigned i = 0; i < 2 * most; ++i) clients.push_back(LocalStream::connect(listener.local_address()));
  for (unsigned i = 0; i < most; ++i) servers.push_back(listener.accept(soon()));
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  // Each that leaves lets one in.
  for (unsigned i = 0; i < most; ++i) {
    servers[i].close();
    servers[i] = listener.accept(soon());
    EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  }
  for (unsigned i = 0; i < most; ++i) expect_connected(clients[most + i], servers[i]);
}

TEST(MaxConnectionsOption, ManyClientsPassThroughOneAtATimeWithAcceptsInSeveralThreads) {
  constexpr int clients = 60;
  LocalListener listener = listening({.max_connections = 1});
  std::atomic<int> open{0};
  std::atomic<int> most{0};
  std::vector<Async<int>> serving;
  for (int i = 0; i < 3; ++i) {
    serving.push_back(run_async([&] {
      int served = 0;
      for (LocalStream stream : listener.incoming()) {
        const int now = ++open;
        if (now > most) most = now;
        stream.write_all(read_text(stream, 1));
        --open;
        ++served;
      }
      return served;
    }));
  }
  for (int i = 0; i < clients; ++i) {
    LocalStream client = LocalStream::connect(listener.local_address(), 5s);
    client.write_all("x");
    EXPECT_EQ(text_until_end(client), "x");
  }
  listener.close();
  int served = 0;
  for (auto& thread : serving) served += thread.result();
  EXPECT_EQ(served, clients);
  EXPECT_EQ(most, 1);
}

CHILD_PROCESS(client_that_hangs) {
  LocalStream stream = LocalStream::connect(args[0], 10s);
  report("connected");
  Event().wait();
  return 1;
}

TEST(MaxConnectionsOption, SurvivesClientsThatAreKilled) {
  LocalListener listener = listening({.max_connections = 1});
  for (int i = 0; i < 3; ++i) {
    ChildProcess child = spawn("client_that_hangs", {listener.local_address().text()});
    LocalStream server = listener.accept(10s);
    ASSERT_EQ(child.read_line(), "connected");
    child.kill();
    EXPECT_EQ(text_until_end(server), "");
  }
  expect_serving(listener);
}

TEST(MaxConnectionsOption, ZeroIsInvalid) {
  const LocalAddress address = LocalAddress::unique();
  EXPECT_CODE(bind_outcome(address, {.max_connections = 0}), std::errc::invalid_argument);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

TEST(Backlog, ClientsBeyondItWaitInConnectAndGetIn) {
  LocalListener listener = listening({.backlog = 1});
  const auto waiting = fill_backlog(listener);
  ASSERT_LE(waiting.size(), 3U);
  auto connecting = run_async([&] { return LocalStream::connect(listener.local_address(), 10s); });
  connecting.wait_until_blocked();
  std::vector<LocalStream> servers;
  for (std::size_t i = 0; i < waiting.size() + 1; ++i) servers.push_back(listener.accept(10s));
  LocalStream last = connecting.result();
  expect_connected(last, servers.back());
}

/// How much one end takes while nobody reads.
std::size_t room_of(const ListenOptions& options) {
  Ends ends = connected_ends(options);
  return fill(ends.server);
}

TEST(BufferSize, LimitsWhatIsWrittenAhead) {
  const std::size_t small = room_of({.buffer_size = 8 * 1024});
  const std::size_t large = room_of({.buffer_size = 128 * 1024});
  EXPECT_GE(small, 1U);
  EXPECT_GE(large, 4 * small);
  if (platform.exact_room != 0) {
    EXPECT_EQ(small, 8U * 1024);
    EXPECT_EQ(large, 128U * 1024);
  }
}

TEST(BufferSize, OfOneByteStillCarriesAll) {
  Ends ends = connected_ends({.buffer_size = 1});
  const Bytes sent = some_bytes(2'000);
  auto writing = run_async([&] { return write_all(ends.server, sent); });
  Bytes received(sent.size());
  EXPECT_OUTCOME(read_exact(ends.client, received), sent.size(), success);
  EXPECT_OUTCOME(writing.result(), sent.size(), success);
  EXPECT_TRUE(received == sent);
}

TEST(BufferSize, OutOfRangeIsInvalid) {
  for (const std::size_t size : {std::size_t{0}, (std::size_t{1} << 30) + 1}) {
    EXPECT_CODE(bind_outcome(LocalAddress::unique(), {.buffer_size = size}), std::errc::invalid_argument);
  }
}

}  // namespace
}  // namespace localsocket::test
