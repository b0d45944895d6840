// Streams that are closed, moved or given away, and handles that become streams.
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

// ---- Streams without a connection

/// One way to have no connection.
struct Gone {
  const char* name;
  LocalStream (*make)();
};

const Gone ways_to_be_gone[] = {
    {"DefaultConstructed", [] { return LocalStream(); }},
    {"Closed",
     [] {
       auto ends = connected_ends();
       ends.client.close();
       return std::move(ends.client);
     }},
    {"ClosedTwice",
     [] {
       auto ends = connected_ends();
       ends.client.close();
       ends.client.close();
       return std::move(ends.client);
     }},
    {"Released",
     [] {
       auto ends = connected_ends();
       close_handle(ends.client.release());
       return std::move(ends.client);
     }},
};

/// A call in the form that reports and in the form that throws.
struct EachForm {
  const char* name;
  void (*report)(LocalStream&, std::error_code&);
  void (*raise)(LocalStream&);
};

std::array<std::byte, 8> buffer;
const std::array<std::span<std::byte>, 1> buffers{buffer};
const std::array<std::span<const std::byte>, 1> const_buffers{buffer};

const EachForm calls[] = {
    {"read_some", [](LocalStream& s, std::error_code& ec) { s.read_some(buffer, ec); },
     [](LocalStream& s) { s.read_some(buffer); }},
    {"read_some with a wait", [](LocalStream& s, std::error_code& ec) { s.read_some(buffer, 1s, ec); },
     [](LocalStream& s) { s.read_some(buffer, 1s); }},
    {"read_some of a list", [](LocalStream& s, std::error_code& ec) { s.read_some(buffers, ec); },
     [](LocalStream& s) { s.read_some(buffers); }},
    {"read_exact", [](LocalStream& s, std::error_code& ec) { s.read_exact(buffer, ec); },
     [](LocalStream& s) { s.read_exact(buffer); }},
    {"write_some", [](LocalStream& s, std::error_code& ec) { s.write_some(buffer, ec); },
     [](LocalStream& s) { s.write_some(buffer); }},
    {"write_some of a list", [](LocalStream& s, std::error_code& ec) { s.write_some(const_buffers, ec); },
     [](LocalStream& s) { s.write_some(const_buffers); }},
    {"write_all", [](LocalStream& s, std::error_code& ec) { s.write_all(buffer, ec); },
     [](LocalStream& s) { s.write_all(buffer); }},
    {"write_all of a list", [](LocalStream& s, std::error_code& ec) { s.write_all(const_buffers, ec); },
     [](LocalStream& s) { s.write_all(const_buffers); }},
    {"write_all of a text", [](LocalStream& s, std::error_code& ec) { s.write_all("hello", ec); },
     [](LocalStream& s) { s.write_all("hello"); }},
    {"shutdown", [](LocalStream& s, std::error_code& ec) { s.shutdown(Shutdown::both, ec); },
     [](LocalStream& s) { s.shutdown(Shutdown::both); }},
};

class GoneStream : public ::testing::TestWithParam<Gone> {
 protected:
  LocalStream stream = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(Is, GoneStream, ::testing::ValuesIn(ways_to_be_gone),
                         [](const auto& info) { return info.param.name; });

TEST_P(GoneStream, SaysThatItIsClosedInEveryCall) {
  for (const auto& call : calls) {
    SCOPED_TRACE(call.name);
    std::error_code ec;
    call.report(stream, ec);
    EXPECT_CODE(ec, Errc::closed);
    EXPECT_THROWS_CODE(call.raise(stream), Errc::closed);
  }
}

TEST_P(GoneStream, IsNotOpenAndHasNoHandle) {
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(stream.native_handle(), invalid_handle);
  EXPECT_EQ(stream.release(), invalid_handle);
}

TEST_P(GoneStream, TakesSettingsWithoutHarm) {
  stream.set_read_timeout(1s);
  stream.set_write_timeout(1s);
  stream.set_read_deadline(Clock::now());
  stream.set_write_deadline(Clock::now());
  stream.set_nonblocking(true);
  stream.cancel();
  stream.close();

  std::error_code ec;
  stream.read_some(buffer, ec);
  EXPECT_CODE(ec, Errc::closed);
}

TEST_P(GoneStream, CanBecomeAnotherOne) {
  auto ends = connected_ends();

  stream = std::move(ends.client);
  stream.write_all("hello");

  EXPECT_EQ(ends.server.read_some(buffer), 5u);
}

// ---- Moving

class Moving : public ConnectedTest {};

TEST_F(Moving, LeavesAStreamWithoutAConnection) {
  const LocalStream target = std::move(client);

  EXPECT_FALSE(client.is_open());  // what it promises
  EXPECT_TRUE(client.local_address().is_unnamed());
  EXPECT_TRUE(client.peer_address().is_unnamed());
  EXPECT_EQ(client.read_timeout(), std::nullopt);
  for (const auto& call : calls) {
    SCOPED_TRACE(call.name);
    std::error_code ec;
    call.report(client, ec);
    EXPECT_CODE(ec, Errc::closed);
    EXPECT_THROWS_CODE(call.raise(client), Errc::closed);
  }
}

TEST_F(Moving, TakesTheConnectionItsSettingsAndItsAddressesAlong) {
  const auto handle = client.native_handle();
  const auto address = client.peer_address();
  client.set_read_timeout(1ms);

  LocalStream target = std::move(client);

  EXPECT_EQ(target.native_handle(), handle);
  EXPECT_EQ(target.peer_address(), address);
  EXPECT_EQ(target.read_timeout(), 1ms);
  EXPECT_OUTCOME(read_some(target, buffer), 0u, std::errc::timed_out);
}

TEST_F(Moving, ToItselfChangesNothing) {
  auto& same = client;

  client = std::move(same);

  client.write_all("hello");
  EXPECT_EQ(server.read_some(buffer), 5u);
}

TEST_F(Moving, OntoAConnectionClosesThat) {
  auto other = connected_ends();

  client = std::move(other.client);

  EXPECT_OUTCOME(read_some(server, buffer), 0u, success);
  client.write_all("hello");
  EXPECT_EQ(other.server.read_some(buffer), 5u);
}

TEST_F(Moving, CanSwap) {
  using std::swap;
  swap(client, server);

  client.write_all("hello");
  EXPECT_EQ(server.read_some(buffer), 5u);
}

// ---- Limits

TEST_F(ConnectedTest, WhatDoesNotWaitKnowsNoLimits) {
  server.write_all("hello");
  client.set_read_deadline(Clock::now() - 1s);
  client.set_write_deadline(Clock::now() - 1s);
  client.set_read_timeout(0s);
  client.set_write_timeout(0s);
  client.set_nonblocking(true);

  EXPECT_EQ(client.available(), 5u);
  EXPECT_EQ(client.duplicate().available(), 5u);
  EXPECT_TRUE(client.peer().is_current_user());
  std::error_code ec;
  client.shutdown(Shutdown::both, ec);
  EXPECT_CODE(ec, platform.can_half_close ? success : make_error_condition(std::errc::operation_not_supported));
}

// ---- Addresses

TEST_F(ConnectedTest, AddressesAreTheListenersOnTheEndThatKnowsIt) {
  EXPECT_FALSE(client.peer_address().is_unnamed());
  EXPECT_EQ(client.peer_address(), server.local_address());
  EXPECT_TRUE(client.local_address().is_unnamed());
  EXPECT_TRUE(server.peer_address().is_unnamed());
}

TEST(Pair, IsOpenAndUnnamed) {
  std::error_code ec = make_error_code(std::errc::io_error);

  const auto [one, other] = LocalStream::pair(ec);

  EXPECT_CODE(ec, success);
  for (const auto* end : {&one, &other}) {
    EXPECT_TRUE(end->is_open());
    EXPECT_NE(end->native_handle(), invalid_handle);
    EXPECT_TRUE(end->local_address().is_unnamed());
    EXPECT_TRUE(end->peer_address().is_unnamed());
  }
}

// ---- Giving a handle away and taking one over

class Adopting : public EachOriginTest {};

INSTANTIATE_FOR_EACH_ORIGIN(Adopting);

TEST_P(Adopting, WhatWasReleasedGoesOnWhereItWas) {
  server.write_all("before ");
  client.set_read_timeout(0ms);
  const auto handle = client.release();
  ASSERT_NE(handle, invalid_handle);
  EXPECT_FALSE(client.is_open());

  auto adopted = LocalStream::adopt(handle);
  server.write_all("after");

  EXPECT_EQ(adopted.native_handle(), handle);
  EXPECT_EQ(adopted.read_timeout(), std::nullopt);
  Bytes bytes(12);
  EXPECT_OUTCOME(read_exact(adopted, bytes), 12u, success);
  EXPECT_EQ(text_of(bytes), "before after");
  adopted.write_all("answer");
  EXPECT_EQ(server.read_some(buffer), 6u);
  adopted.close();
  EXPECT_OUTCOME(read_some(server, buffer), 0u, success);
}

TEST_P(Adopting, GivesAStreamThatCanBeInterrupted) {
  auto adopted = LocalStream::adopt(client.release());
  auto reading = run_async([&] { return read_some(adopted, buffer); });
  reading.wait_until_blocked(Moment::late);

  adopted.close();

  EXPECT_OUTCOME(reading.result(), 0u, Errc::closed);
}

TEST_P(Adopting, DoesNotCloseWhatWasReleased) {
  const auto handle = client.release();
  client = LocalStream();

  EXPECT_TRUE(is_open_handle(handle));
  EXPECT_OUTCOME(read_some(server, buffer, 0s), 0u, std::errc::timed_out);

  close_handle(handle);
  EXPECT_OUTCOME(read_some(server, buffer), 0u, success);
}

TEST(AdoptingAStream, RefusesEveryOtherKindOfHandleAndLeavesItToTheCaller) {
  for (const auto& foreign : handles_that_are_no_stream()) {
    SCOPED_TRACE(foreign.name());
    std::error_code ec;

    const auto stream = LocalStream::adopt(foreign.get(), ec);

    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_FALSE(stream.is_open());
    EXPECT_THROWS_CODE(LocalStream::adopt(foreign.get()), std::errc::operation_not_supported);
    EXPECT_TRUE(is_open_handle(foreign.get()));
  }
}

TEST(AdoptingAStream, RefusesAHandleThatIsNone) {
  std::error_code ec;

  EXPECT_FALSE(LocalStream::adopt(invalid_handle, ec).is_open());

  EXPECT_CODE(ec, Errc::closed);
  EXPECT_THROWS_CODE(LocalStream::adopt(invalid_handle), Errc::closed);
}

TEST(AdoptingAListener, RefusesEveryOtherKindOfHandleAndLeavesItToTheCaller) {
  for (const auto& foreign : handles_that_are_no_listener()) {
    SCOPED_TRACE(foreign.name());
    std::error_code ec;

    const auto listener = LocalListener::adopt(foreign.get(), LocalAddress::unique(), ec);

    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_FALSE(listener.is_open());
    EXPECT_THROWS_CODE(LocalListener::adopt(foreign.get(), LocalAddress::unique()), std::errc::operation_not_supported);
    EXPECT_TRUE(is_open_handle(foreign.get()));
  }
}

TEST(AdoptingAListener, RefusesAHandleThatIsNone) {
  EXPECT_THROWS_CODE(LocalListener::adopt(invalid_handle, LocalAddress::unique()), Errc::closed);
}

}  // namespace
}  // namespace localsocket::test
