// Connections of the system's own messages (docs/design.md, 11).
#include <array>
#include <atomic>
#include <cstring>
#include <localsocket/iostream.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "support/watchdog.hpp"

namespace localsocket::test {
namespace {

struct PacketEnds {
  MessageStream client;
  MessageStream server;
};

PacketEnds packets_from(Origin origin, const ListenOptions& options = {}, const MessageOptions& messages = {}) {
  if (origin == Origin::pair) {
    auto [client, server] = LocalStream::pair(Type::packets);
    return {MessageStream(std::move(client), messages), MessageStream(std::move(server), messages)};
  }
  ListenOptions listen = options;
  listen.type = Type::packets;
  LocalListener listener = listening(listen);
  LocalStream client =
      LocalStream::connect(listener.local_address(), {.direction = options.direction, .type = Type::packets});
  return {MessageStream(std::move(client), messages), MessageStream(listener.accept(), messages)};
}

/// What the next receive gives: a message, the end ("(end)") or an error ("(error)", with the error in `ec`).
std::string next_of(MessageStream& messages, std::error_code& ec) {
  const auto message = messages.receive(soon(), ec);
  if (ec) return "(error)";
  return message ? text_of(*message) : "(end)";
}

std::string next_of(MessageStream& messages) {
  std::error_code ec;
  const std::string text = next_of(messages, ec);
  EXPECT_CODE(ec, success);
  return text;
}

class PacketsTest : public ::testing::TestWithParam<Origin> {
 protected:
  PacketEnds ends = packets_from(GetParam());
  MessageStream& client = ends.client;
  MessageStream& server = ends.server;
};
INSTANTIATE_FOR_EACH_ORIGIN(PacketsTest);

TEST_P(PacketsTest, ArriveAsTheyWereSent) {
  EXPECT_EQ(client.stream().type(), Type::packets);
  EXPECT_EQ(server.stream().type(), Type::packets);
  client.send("one");
  client.send("two, longer");
  EXPECT_EQ(next_of(server), "one");
  EXPECT_EQ(next_of(server), "two, longer");
  server.send("back");
  EXPECT_EQ(next_of(client), "back");
}

TEST_P(PacketsTest, OfSixtyFourKiBPassBothWays) {
  const Bytes message = some_bytes(64_KiB);
  auto sending = run_async([&] {
    client.send(message);
    server.send(message);
    return 0;
  });
  EXPECT_EQ(next_of(server), text_of(message));
  EXPECT_EQ(next_of(client), text_of(message));
  sending.result();
}

TEST_P(PacketsTest, ThatAreEmptyAreMessagesAndNotTheEnd) {
  for (int i = 0; i < 3; ++i) client.send("");
  client.close();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next_of(server), "");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(next_of(server), "(end)");
}

TEST_P(PacketsTest, InPartsAreOneMessage) {
  const std::string text(100, 'x');
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t i = 0; i < text.size(); ++i) parts.push_back(bytes_of(std::string_view(text).substr(i, 1)));
  client.send(parts);
  client.send("after");
  EXPECT_EQ(next_of(server), text);
  EXPECT_EQ(next_of(server), "after");
}

TEST_P(PacketsTest, ThatDoNotFitTellTheirSizeAndAreTakenWhole) {
  const Bytes message = some_bytes(1000);
  client.send(message);
  client.send("next");
  std::error_code ec;
  Bytes small(999);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(server.receive(std::span(small), soon(), ec), std::nullopt);
    EXPECT_CODE(ec, Errc::message_too_large);
    EXPECT_EQ(server.next_size(), 1000U);
  }
  Bytes large(1000);
  EXPECT_EQ(server.receive(std::span(large)), 1000U);
  EXPECT_EQ(large, message);
  EXPECT_EQ(next_of(server), "next");
}

TEST_P(PacketsTest, AreTakenByEachFormOfReceive) {
  const Bytes message = some_bytes(300);
  for (int i = 0; i < 3; ++i) client.send(message);
  Bytes bytes;
  EXPECT_TRUE(server.receive(bytes));
  EXPECT_EQ(bytes, message);
  std::string text;
  EXPECT_TRUE(server.receive(text));
  EXPECT_EQ(text, text_of(message));
  Bytes first(100);
  Bytes second(400);
  const std::array<std::span<std::byte>, 2> parts{first, second};
  EXPECT_EQ(server.receive(parts), 300U);
  first.insert(first.end(), second.begin(), second.begin() + 200);
  EXPECT_EQ(first, message);
}

TEST_P(PacketsTest, AboveTheLimitAreNeitherSentNorTaken) {
  MessageStream limited(client.release(), {.max_size = 10});
  std::error_code ec;
  EXPECT_FALSE(limited.send("eleven byte", ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  limited.send("ten bytes!");
  EXPECT_EQ(next_of(server), "ten bytes!");

  server.send("eleven byte");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(limited.receive(soon(), ec), std::nullopt);
    EXPECT_CODE(ec, Errc::message_too_large);
  }
  MessageStream raised(limited.release(), {.max_size = 11});
  EXPECT_EQ(next_of(raised), "eleven byte");
}

TEST_P(PacketsTest, ThatHaveBeenLookedAtGoAlongWhenItIsTakenApart) {
  for (const std::string_view text : {"", "looked at"}) {
    client.send(text);
    client.send("next");
    EXPECT_EQ(server.next_size(), text.size());
    EXPECT_TRUE(server.has_message());
    server = MessageStream(server.release());
    EXPECT_TRUE(server.has_message());
    EXPECT_EQ(next_of(server), text);
    EXPECT_FALSE(server.has_message());
    EXPECT_EQ(next_of(server), "next");
  }
}

TEST_P(PacketsTest, ThatWereQueuedAreNotLostWithAPeerThatLeftSomeUnread) {
  client.send("never read");
  server.send("queued");
  server.send("");
  server.close();
  EXPECT_EQ(next_of(client), "queued");
  EXPECT_EQ(next_of(client), "");
  EXPECT_EQ(next_of(client), "(end)");
  std::error_code ec;
  EXPECT_FALSE(client.send("x", ec));
  EXPECT_CODE(ec, std::errc::broken_pipe);
}

TEST_P(PacketsTest, AreWaitedForAndInterrupted) {
  std::error_code ec;
  EXPECT_EQ(server.receive(0ms, ec), std::nullopt);
  EXPECT_CODE(ec, std::errc::timed_out);
  for (const Moment moment : {Moment::early, Moment::late}) {
    auto receiving = run_async([&] {
      std::error_code why;
      server.receive(why);
      return why;
    });
    receiving.wait_until_blocked(moment);
    server.cancel();
    EXPECT_CODE(receiving.result(), std::errc::operation_canceled);
  }
  auto receiving = run_async([&] { return next_of(server); });
  receiving.wait_until_blocked();
  client.send("late");
  EXPECT_EQ(receiving.result(), "late");
  server.stream().set_nonblocking(true);
  EXPECT_EQ(server.receive(ec), std::nullopt);
  EXPECT_CODE(ec, std::errc::operation_would_block);
  auto closed = run_async([&] {
    std::error_code why;
    client.receive(why);
    return why;
  });
  closed.wait_until_blocked();
  client.close();
  EXPECT_CODE(closed.result(), Errc::closed);
}

TEST_P(PacketsTest, AreSentInFullOrNotAtAllWhenNobodyReads) {
  const Bytes message = some_bytes(1000);
  client.stream().set_nonblocking(true);
  std::size_t sent = 0;
  std::error_code ec;
  while (client.send(message, ec)) ++sent;
  EXPECT_CODE(ec, std::errc::operation_would_block);
  EXPECT_FALSE(client.has_unsent());
  client.close();
  for (std::size_t i = 0; i < sent; ++i) ASSERT_EQ(next_of(server), text_of(message));
  EXPECT_EQ(next_of(server), "(end)");
}

TEST_P(PacketsTest, AreNotForTheCallsOfAStream) {
  LocalStream& stream = client.stream();
  const auto unsupported = std::errc::operation_not_supported;
  Bytes bytes(4);
  EXPECT_OUTCOME(read_some(stream, bytes), 0, unsupported);
  EXPECT_OUTCOME(read_exact(stream, bytes), 0, unsupported);
  EXPECT_OUTCOME(write_some(stream, bytes), 0, unsupported);
  EXPECT_OUTCOME(write_all(stream, bytes), 0, unsupported);
  EXPECT_THROWS_CODE(stream.read_to_end(10), unsupported);
  EXPECT_THROWS_CODE(stream.drain(), unsupported);
  EXPECT_THROWS_CODE(stream.available(), unsupported);
  for (const Shutdown how : {Shutdown::read, Shutdown::write, Shutdown::both}) {
    EXPECT_THROWS_CODE(stream.shutdown(how), unsupported);
  }
  // None of these has done anything.
  client.send("still here");
  EXPECT_EQ(next_of(server), "still here");

  std::pair<LocalReader, LocalWriter> halves = std::move(client).release().stream.split();
  EXPECT_THROWS_CODE(halves.first.read_some(bytes), unsupported);
  EXPECT_THROWS_CODE(halves.second.write_all("x"), unsupported);
  halves.second.close();
  std::error_code ec;
  EXPECT_EQ(server.receive(20ms, ec), std::nullopt);
  EXPECT_CODE(ec, std::errc::timed_out);  // half of them is no end
  halves.first.close();
  EXPECT_EQ(next_of(server), "(end)");
}

TEST_P(PacketsTest, HaveNoFraming) {
  MessageStream framed(client.release().stream, {.framing = Framing::varint});
  std::error_code ec;
  EXPECT_FALSE(framed.send("x", ec));
  EXPECT_CODE(ec, std::errc::invalid_argument);
  EXPECT_EQ(framed.receive(ec), std::nullopt);
  EXPECT_CODE(ec, std::errc::invalid_argument);
}

TEST_P(PacketsTest, GoOneByOneThroughABatch) {
  MessageBatch batch(client);
  batch.add("one");
  batch.add("");
  batch.add("two");
  batch.flush();
  EXPECT_EQ(batch.size(), 0U);
  EXPECT_EQ(next_of(server), "one");
  EXPECT_EQ(next_of(server), "");
  EXPECT_EQ(next_of(server), "two");
}

TEST_P(PacketsTest, OfACopyGoOverTheSameConnection) {
  MessageStream copy(client.stream().duplicate());
  copy.send("from the copy");
  EXPECT_EQ(next_of(server), "from the copy");
}

std::size_t reports_of(WaitSet& waiting, const Wait& wait) {
  std::array<WaitSet::Report, 4> reports{};
  const std::size_t count = waiting.wait(reports, wait);
  for (const auto& report : std::span(reports).first(count)) EXPECT_EQ(report.what, WaitSet::Ready::readable);
  return count;
}

TEST_P(PacketsTest, AreReportedByAWaitSetUntilTheyAreTaken) {
  WaitSet waiting;
  waiting.add(1, server);
  EXPECT_EQ(reports_of(waiting, 0s), 0U);
  client.send("");
  client.send("second");
  for (const std::string_view text : {"", "second"}) {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(reports_of(waiting, soon()), 1U);
    EXPECT_EQ(next_of(server), text);
  }
  EXPECT_EQ(reports_of(waiting, 0s), 0U);
  client.send("looked at");
  EXPECT_EQ(server.next_size(soon()), 9U);
  EXPECT_EQ(reports_of(waiting, soon()), 1U);
  EXPECT_EQ(next_of(server), "looked at");
  EXPECT_EQ(reports_of(waiting, 0s), 0U);
}

TEST_P(PacketsTest, ThatArriveWhileAWaitSetWaitsAreDeliveredOnce) {
  WaitSet waiting;
  waiting.add(1, server);
  for (const std::string_view text : {"", "1", "", "longer"}) {
    auto reports = run_async([&] { return reports_of(waiting, 10s); });
    reports.wait_until_blocked();
    client.send(text);
    EXPECT_EQ(reports.result(), 1U);
    EXPECT_EQ(next_of(server), text);
  }
  auto reports = run_async([&] { return reports_of(waiting, 10s); });
  reports.wait_until_blocked();
  client.close();
  EXPECT_EQ(reports.result(), 1U);
  EXPECT_EQ(next_of(server), "(end)");
}

TEST(Packets, OfOneDirectionGoThatWayAlone) {
  for (const Direction direction : {Direction::client_to_server, Direction::server_to_client}) {
    PacketEnds ends = packets_from(Origin::listener, {.direction = direction});
    const bool is_to_server = direction == Direction::client_to_server;
    MessageStream& sender = is_to_server ? ends.client : ends.server;
    MessageStream& receiver = is_to_server ? ends.server : ends.client;
    sender.send("this way");
    EXPECT_EQ(next_of(receiver), "this way");
    std::error_code ec;
    EXPECT_FALSE(receiver.send("not that", ec));
    EXPECT_CODE(ec, std::errc::operation_not_supported);
    EXPECT_EQ(sender.receive(ec), std::nullopt);
    EXPECT_CODE(ec, std::errc::operation_not_supported);
    sender.close();
    EXPECT_EQ(next_of(receiver), "(end)");
  }
}

TEST(Packets, OfAPartnerOfTheOtherTypeAreRefusedAtConnect) {
  for (const Type type : {Type::stream, Type::packets}) {
    LocalListener listener = listening({.type = type});
    const Type other = type == Type::stream ? Type::packets : Type::stream;
    const auto [stream, ec] = connect(listener.local_address(), soon(), {.type = other});
    EXPECT_CODE(ec, std::errc::wrong_protocol_type);
    EXPECT_FALSE(stream.is_open());
    LocalStream right = LocalStream::connect(listener.local_address(), {.type = type});
    EXPECT_EQ(right.type(), type);
  }
}

TEST(Packets, AreNoStreamThatCanBeHalfClosed) {
  EXPECT_CODE(bind_outcome(LocalAddress::unique(), {.type = Type::packets, .windows = {.half_close = true}}),
              std::errc::invalid_argument);
}

TEST(Packets, AreNoChildsOutput) {
  LocalListener listener = listening({.type = Type::packets});
  std::error_code ec;
  ChildOutput::connect(listener.local_address(), 0s, {.type = Type::packets}, ec);
  EXPECT_CODE(ec, std::errc::operation_not_supported);
}

TEST(Packets, OfAListenerThatIsProbedAndReplacedArePresent) {
  const LocalListener listener = listening({.type = Type::packets});
  EXPECT_EQ(probe(listener.local_address()), Presence::listening);
  EXPECT_CODE(bind_outcome(listener.local_address()), std::errc::address_in_use);
}

// Sends that are cancelled at any time: what was not sent is not seen, what was is seen whole and in order.
TEST(Packets, ThatAreCancelledAtRandomAreSeenWholeOrNotAtAll) {
  constexpr int sends = 1000;
  constexpr std::size_t largest = 200'000;  // above a pipe's buffer: then the stream is closed, and the next one opened
  std::mt19937_64 random(1);
  RandomSizes sizes(largest, 2);
  for (int done = 0; done < sends;) {
    PacketEnds ends = packets_from(Origin::listener);
    std::atomic<bool> is_over{false};
    auto cancelling = run_async([&, seed = random()] {
      std::mt19937_64 delays(seed);
      while (!is_over) {
        spin_for(std::chrono::nanoseconds(delays() % 200'000));
        ends.client.cancel();
      }
      return 0;
    });
    std::vector<std::size_t> taken;
    auto receiving = run_async([&] {
      std::error_code ec;
      std::vector<std::size_t> received;
      Bytes message;
      while (ends.server.receive(message, ec)) {
        EXPECT_EQ(message, some_bytes(message.size(), message.size()));
        received.push_back(message.size());
      }
      // Of the last one the reader may have had a part when its writer closed.
      EXPECT_TRUE(!ec || ec == Errc::malformed_message) << ec;
      return received;
    });
    for (std::error_code ec; done < sends && ends.client.stream().is_open(); ++done) {
      if (done % 500 == 0) restart_watchdog();
      const std::size_t size = sizes.next();
      if (ends.client.send(some_bytes(size, size), ec)) taken.push_back(size);
      EXPECT_TRUE(!ec || ec == std::errc::operation_canceled) << ec;
    }
    is_over = true;
    cancelling.result();
    ends.client.close();
    EXPECT_EQ(receiving.result(), taken);
  }
}

}  // namespace
}  // namespace localsocket::test
