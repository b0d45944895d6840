#include <localsocket/message_stream.hpp>

#include <array>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/listening.hpp"
#include "support/rendezvous.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// Bytes by their values.
Bytes wire(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// An independent writer: the length as protobuf's documentation describes it, then the payload.
Bytes framed(std::span<const std::byte> payload) {
  Bytes bytes;
  std::size_t rest = payload.size();
  while (rest > 127) {
    bytes.push_back(static_cast<std::byte>(rest % 128 + 128));
    rest /= 128;
  }
  bytes.push_back(static_cast<std::byte>(rest));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

/// An independent reader, of bytes that are well formed.
std::vector<Bytes> unframed(std::span<const std::byte> bytes) {
  std::vector<Bytes> messages;
  while (!bytes.empty()) {
    std::size_t size = 0;
    std::size_t factor = 1;
    std::size_t used = 0;
    for (bool more = true; more; ++used, factor *= 128) {
      if (used == bytes.size()) throw std::out_of_range("it ends inside a length");
      const auto byte = std::to_integer<std::size_t>(bytes[used]);
      size += (byte % 128) * factor;
      more = byte >= 128;
    }
    if (size > bytes.size() - used) throw std::out_of_range("it ends inside a message");
    messages.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(used),
                          bytes.begin() + static_cast<std::ptrdiff_t>(used + size));
    bytes = bytes.subspan(used + size);
  }
  return messages;
}

Bytes joined(const std::vector<Bytes>& messages) {
  Bytes all;
  for (const Bytes& message : messages) {
    const Bytes bytes = framed(message);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

std::optional<Bytes> owned(std::optional<std::span<const std::byte>> view) {
  return view ? std::optional<Bytes>(Bytes(view->begin(), view->end())) : std::nullopt;
}

/// The three ways to receive, in one form.
struct Way {
  const char* name;
  std::optional<Bytes> (*receive)(MessageStream& messages, const Wait& wait, std::error_code& ec);
};

const std::array<Way, 4> ways{{
    {"View",
     [](MessageStream& messages, const Wait& wait, std::error_code& ec) { return owned(messages.receive(wait, ec)); }},
    {"Vector",
     [](MessageStream& messages, const Wait& wait, std::error_code& ec) {
       Bytes message(3);
       const bool received = messages.receive(message, wait, ec);
       EXPECT_TRUE(received || message.empty());
       return received ? std::optional(message) : std::nullopt;
     }},
    {"String",
     [](MessageStream& messages, const Wait& wait, std::error_code& ec) {
       std::string message;
       if (!messages.receive(message, wait, ec)) return std::optional<Bytes>();
       const auto bytes = bytes_of(message);
       return std::optional<Bytes>(Bytes(bytes.begin(), bytes.end()));
     }},
    {"Fixed",
     [](MessageStream& messages, const Wait& wait, std::error_code& ec) {
       static thread_local Bytes buffer(1_MiB);  // to fill it anew took the thread sanitizer 20 ms a message
       const auto size = messages.receive(std::span(buffer), wait, ec);
       return size ? std::optional(first_of(buffer, *size)) : std::nullopt;
     }},
}};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

/// Messages of all kinds of sizes; the last do not fit into what is read ahead.
std::vector<Bytes> messages_of_all_sizes() {
  std::vector<Bytes> messages;
  for (const std::size_t size :
       {0, 1, 2, 127, 128, 129, 511, 512, 4096, 16383, 16384, 65525, 65533, 65536, 65537, 200000, 0, 300000, 5}) {
    messages.push_back(some_bytes(size, size + 1));
  }
  return messages;
}

class MessageStreamTest : public ::testing::Test {
 protected:
  Ends ends = connected_ends();
  LocalStream& raw = ends.client;
  MessageStream messages{std::move(ends.server)};

  void write(const Bytes& bytes) { raw.write_all(bytes); }
};

class MessageWayTest : public MessageStreamTest, public ::testing::WithParamInterface<Way> {
 protected:
  std::optional<Bytes> receive(MessageStream& from, const Wait& wait, std::error_code& ec) {
    return GetParam().receive(from, wait, ec);
  }
  std::optional<Bytes> receive(const Wait& wait, std::error_code& ec) { return receive(messages, wait, ec); }

  /// The next message, which must be there.
  Bytes next() {
    std::error_code ec;
    const auto message = receive(soon(), ec);
    EXPECT_CODE(ec, success);
    EXPECT_TRUE(message.has_value());
    return message.value_or(Bytes());
  }

  std::error_code receive_error(const Wait& wait = {}) {
    std::error_code ec;
    EXPECT_FALSE(receive(wait, ec).has_value());
    return ec;
  }
};

INSTANTIATE_TEST_SUITE_P(By, MessageWayTest, ::testing::ValuesIn(ways), ::testing::PrintToStringParamName());

// What the bytes are.

TEST_F(MessageStreamTest, SendsTheGoldenBytes) {
  messages.send("");
  messages.send("abc");
  const Bytes payload = some_bytes(150);
  messages.send(payload);
  Bytes expected = wire({0x00, 0x03, 'a', 'b', 'c', 0x96, 0x01});
  expected.insert(expected.end(), payload.begin(), payload.end());
  Bytes received(expected.size());
  raw.read_exact(received);
  EXPECT_EQ(received, expected);
}

TEST_P(MessageWayTest, ReceivesTheGoldenBytes) {
  write(wire({0x00, 0x03, 'a', 'b', 'c', 0x81, 0x00, 'd'}));
  EXPECT_EQ(next(), Bytes());
  EXPECT_EQ(text_of(next()), "abc");
  EXPECT_EQ(text_of(next()), "d");
}

TEST_F(MessageStreamTest, AnIndependentReaderReadsWhatIsSent) {
  const auto sent = messages_of_all_sizes();
  auto reading = run_async([&] { return unframed(read_to_end(raw)); });
  for (const Bytes& message : sent) messages.send(message);
  messages.close();
  EXPECT_EQ(reading.result(), sent);
}

TEST_P(MessageWayTest, ReceivesWhatAnIndependentWriterWrites) {
  const auto sent = messages_of_all_sizes();
  auto writing = run_async([&] {
    raw.write_all(joined(sent));
    raw.close();
    return true;
  });
  for (const Bytes& message : sent) EXPECT_EQ(next(), message);
  EXPECT_CODE(receive_error(), success);
  EXPECT_CODE(receive_error(), success);  // and so it stays
  EXPECT_TRUE(writing.result());
}

TEST_F(MessageStreamTest, SendsPartsAsOneMessage) {
  const Bytes a = some_bytes(10, 1);
  const Bytes b = some_bytes(3000, 2);
  const std::array<std::span<const std::byte>, 4> parts{a, std::span<const std::byte>(), b, a};
  messages.send(parts);
  messages.send(std::span(parts).first(1));
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), a.begin(), a.end());
  MessageStream other(std::move(raw));
  EXPECT_EQ(owned(other.receive()), all);
  EXPECT_EQ(owned(other.receive()), a);
}

TEST_F(MessageStreamTest, FormsThatThrow) {
  MessageStream other(std::move(raw));
  messages.send("one");
  messages.send(bytes_of("two"));
  std::string text;
  EXPECT_TRUE(other.receive(text));
  EXPECT_EQ(text, "one");
  EXPECT_EQ(other.next_size(), 3U);
  Bytes bytes;
  EXPECT_TRUE(other.receive(bytes));
  EXPECT_EQ(text_of(bytes), "two");
  EXPECT_THROWS_CODE(other.receive(0s), std::errc::timed_out);
  EXPECT_THROWS_CODE(other.receive(text, 0s), std::errc::timed_out);
  EXPECT_THROWS_CODE(other.receive(std::span(bytes), 0s), std::errc::timed_out);
  EXPECT_THROWS_CODE(other.next_size(0s), std::errc::timed_out);
  messages.close();
  EXPECT_FALSE(other.receive());
  EXPECT_THROWS_CODE(other.send("three"), std::errc::broken_pipe);
  EXPECT_THROWS_CODE(messages.receive(), Errc::closed);
}

TEST(MessageStreamStateTest, NotConnected) {
  MessageStream messages;
  std::error_code ec;
  EXPECT_FALSE(messages.send("x", ec));
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_FALSE(messages.receive(ec));
  EXPECT_CODE(ec, Errc::closed);
  messages.flush(ec);
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_FALSE(messages.has_message());
  EXPECT_FALSE(messages.has_unsent());
  EXPECT_FALSE(messages.stream().is_open());
  messages.cancel();
  messages.close();
  EXPECT_FALSE(messages.release().stream.is_open());
  MessageBatch batch(messages);
  EXPECT_FALSE(batch.add("x", ec));
  EXPECT_CODE(ec, Errc::closed);
}

TEST_F(MessageStreamTest, MovesWithWhatItHasRead) {
  write(wire({1, 'a', 1, 'b', 1, 'c'}));
  EXPECT_EQ(text_of(*messages.receive()), "a");
  MessageStream moved(std::move(messages));
  EXPECT_THROWS_CODE(messages.receive(), Errc::closed);  // that is the point
  EXPECT_EQ(text_of(*moved.receive(0s)), "b");
  MessageStream assigned;
  assigned = std::move(moved);
  auto& same = assigned;
  assigned = std::move(same);
  EXPECT_EQ(text_of(*assigned.receive(0s)), "c");
  EXPECT_THROWS_CODE(moved.receive(), Errc::closed);
}

// A view, and a fixed buffer.

TEST_F(MessageStreamTest, AViewLastsUntilTheNextReceive) {
  write(joined({some_bytes(1000, 1), some_bytes(2000, 2)}));
  const auto view = *messages.receive();
  messages.send("meanwhile");
  EXPECT_TRUE(messages.has_message());
  EXPECT_EQ(owned(view), some_bytes(1000, 1));
  EXPECT_EQ(owned(messages.receive()), some_bytes(2000, 2));
  EXPECT_FALSE(messages.has_message());
}

TEST_F(MessageStreamTest, AMessageThatDoesNotFitStays) {
  write(joined({some_bytes(100), some_bytes(1)}));
  std::array<std::byte, 99> small;
  std::array<std::byte, 100> large;
  std::error_code ec;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(messages.receive(std::span<std::byte>(small), ec));
    EXPECT_CODE(ec, Errc::message_too_large);
  }
  EXPECT_EQ(messages.next_size(), 100U);
  EXPECT_EQ(messages.receive(std::span<std::byte>(large)), 100U);
  EXPECT_EQ(Bytes(large.begin(), large.end()), some_bytes(100));
  EXPECT_EQ(messages.receive(std::span<std::byte>(small)), 1U);
}

TEST_F(MessageStreamTest, NextSizeNeedsTheLengthAlone) {
  write(wire({0x96}));
  std::error_code ec;
  EXPECT_FALSE(messages.next_size(0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  write(wire({0x01}));
  EXPECT_EQ(messages.next_size(), 150U);
  EXPECT_FALSE(messages.has_message());
}

// Batches.

TEST_F(MessageStreamTest, ABatchIsWrittenWhenItIsFlushed) {
  MessageBatch batch(messages);
  batch.add("one");
  batch.add("");
  batch.add(some_bytes(200));
  EXPECT_EQ(batch.size(), 4U + 1U + 202U);
  std::array<std::byte, 1> byte;
  EXPECT_OUTCOME(read_some(raw, byte, 0s), 0, std::errc::timed_out);
  batch.flush();
  EXPECT_TRUE(batch.empty());
  MessageStream other(std::move(raw));
  EXPECT_EQ(text_of(*other.receive()), "one");
  EXPECT_TRUE(other.has_message());
  EXPECT_EQ(text_of(*other.receive()), "");
  EXPECT_EQ(owned(other.receive()), some_bytes(200));
}

TEST_F(MessageStreamTest, ABatchKeepsTheOrderAtEverySize) {
  const auto sent = messages_of_all_sizes();
  auto reading = run_async([&] { return unframed(read_to_end(raw)); });
  std::vector<Bytes> expected;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{129}, std::size_t{130}, 64_KiB}) {
    MessageBatch batch(messages, size);
    for (const Bytes& message : sent) batch.add(message);
    batch.flush();
    expected.insert(expected.end(), sent.begin(), sent.end());
  }
  messages.close();
  EXPECT_EQ(reading.result(), expected);
}

TEST_F(MessageStreamTest, AClearedOrMovedBatchSendsNothing) {
  MessageBatch batch(messages);
  batch.add("dropped");
  batch.clear();
  batch.add("moved");
  MessageBatch other(std::move(batch));
  batch.flush();
  other.flush();
  messages.close();
  EXPECT_EQ(unframed(read_to_end(raw)).size(), 1U);
}

TEST_F(MessageStreamTest, SmallMessagesTakeNoAllocation) {
  MessageStream other(std::move(raw));
  MessageBatch batch(messages, 1024);
  const Bytes payload = some_bytes(64);
  const Bytes large = some_bytes(5000);
  Bytes received;
  const auto exchange = [&] {
    messages.send(payload);
    batch.add(payload);
    batch.flush();
    messages.send(large);
    other.receive();
    other.receive(received);
    other.receive(received);
  };
  exchange();
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 100; ++i) exchange();
            }).count,
            0U);
}

// Limits.

TEST_F(MessageStreamTest, TheLimitIsForBothDirections) {
  MessageStream limited(std::move(raw), {.max_size = 1000});
  MessageBatch batch(limited);
  std::error_code ec;
  EXPECT_FALSE(limited.send(some_bytes(1001), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_FALSE(batch.add(some_bytes(1001), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_TRUE(limited.send(some_bytes(1000), ec));
  EXPECT_EQ(messages.receive()->size(), 1000U);
  messages.send(some_bytes(1000));
  messages.send(some_bytes(1001));
  EXPECT_EQ(limited.receive()->size(), 1000U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(limited.receive(ec));
    EXPECT_CODE(ec, Errc::message_too_large);
  }
}

TEST_F(MessageStreamTest, ALimitBelowASmallMessageHoldsToo) {
  MessageStream limited(std::move(raw), {.max_size = 10});
  MessageBatch batch(limited);
  std::error_code ec;
  EXPECT_TRUE(batch.add("1234567890", ec));
  EXPECT_FALSE(batch.add("12345678901", ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  MessageBatch unlimited(messages);  // so that both are read ahead
  for (const char* message : {"1234567890", "12345678901"}) unlimited.add(message);
  unlimited.flush();
  EXPECT_EQ(limited.receive()->size(), 10U);
  EXPECT_FALSE(limited.receive(ec));
  EXPECT_CODE(ec, Errc::message_too_large);
}

struct Hostile {
  const char* name;
  Bytes bytes;
  Errc error;
};

TEST_P(MessageWayTest, HostileLengthsAllocateNothing) {
  const std::vector<Hostile> hostile{
      {"2^64-1", wire({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), Errc::message_too_large},
      {"2^64", wire({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}), Errc::malformed_message},
      {"eleven bytes", wire({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}),
       Errc::malformed_message},
      {"never ending", Bytes(1000, std::byte{0xff}), Errc::malformed_message},
      {"the limit and one", framed(some_bytes(16_MiB + 1)), Errc::message_too_large},
  };
  for (const auto& [name, bytes, error] : hostile) {
    SCOPED_TRACE(name);
    auto [sender, receiver] = ends_from(Origin::pair);
    sender.write_all(std::span(bytes).first(std::min<std::size_t>(bytes.size(), 1000)));
    MessageStream from(std::move(receiver));
    std::error_code ec;
    std::optional<std::span<const std::byte>> message;
    const auto allocated = allocations_of([&] { message = from.receive(soon(), ec); });
    EXPECT_FALSE(message);
    EXPECT_CODE(ec, error);
    EXPECT_LE(allocated.largest, 64_KiB);
    EXPECT_FALSE(receive(from, soon(), ec));
    EXPECT_CODE(ec, error);
  }
}

TEST_F(MessageStreamTest, MemoryFollowsTheBytesNotTheLength) {
  // 16 MiB are promised, 100 KiB come.
  Bytes bytes = framed(some_bytes(16_MiB));
  bytes.resize(100_KiB);
  auto writing = run_async([&] { return write_all(raw, bytes).count; });
  std::error_code ec;
  Bytes message;
  message.reserve(1);
  const auto view = allocations_of([&] {
    messages.receive(50ms, ec);
    EXPECT_CODE(ec, std::errc::timed_out);
  });
  EXPECT_LE(view.largest, 2 * 100_KiB + 64_KiB);
  const auto vector = allocations_of([&] { messages.receive(message, 0s, ec); });
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_LE(vector.largest, 2 * 100_KiB + 64_KiB);
  EXPECT_EQ(writing.result(), bytes.size());
}

TEST_P(MessageWayTest, TheEndInsideAMessageIsAnError) {
  const Bytes bytes = framed(some_bytes(300));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    auto [sender, receiver] = ends_from(Origin::pair);
    sender.write_all(wire({1, 'a'}));
    sender.write_all(std::span(bytes).first(size));
    sender.close();
    MessageStream from(std::move(receiver));
    std::error_code ec;
    EXPECT_TRUE(receive(from, {}, ec));
    for (int i = 0; i < 2; ++i) {
      EXPECT_FALSE(receive(from, {}, ec));
      ASSERT_CODE(ec, Errc::malformed_message) << size;
    }
  }
}

TEST_P(MessageWayTest, TheEndInsideALargeMessageIsAnError) {
  const Bytes bytes = framed(some_bytes(200000));
  auto writing = run_async([&] {
    raw.write_all(std::span(bytes).first(bytes.size() - 1));
    raw.close();
    return true;
  });
  EXPECT_CODE(receive_error(), Errc::malformed_message);
  EXPECT_CODE(receive_error(), Errc::malformed_message);
  EXPECT_TRUE(writing.result());
}

// Interruptions, at every byte.

struct Interruption {
  const char* name;
  std::error_condition condition;
  std::function<void(MessageStream&)> before;
  std::function<Wait()> wait;
  std::function<void(MessageStream&)> after;
};

std::vector<Interruption> interruptions() {
  const auto nothing = [](MessageStream&) {};
  const auto mode = [](bool on) { return [on](MessageStream& messages) { messages.stream().set_nonblocking(on); }; };
  const auto timeout = [](std::optional<LocalStream::Duration> time) {
    return [time](MessageStream& messages) {
      messages.stream().set_read_timeout(time);
      messages.stream().set_write_timeout(time);
    };
  };
  const auto requested = [] {
    stop_source source;
    source.request_stop();
    return Wait(source.get_token());
  };
  return {
      {"a time-out", std::errc::timed_out, nothing, [] { return Wait(0s); }, nothing},
      {"the stream's time-out", std::errc::timed_out, timeout(0s), [] { return Wait(); }, timeout(std::nullopt)},
      {"nonblocking", std::errc::operation_would_block, mode(true), [] { return Wait(); }, mode(false)},
      {"a stop request", std::errc::operation_canceled, nothing, requested, nothing},
  };
}

TEST_P(MessageWayTest, AReceiveInterruptedAtEveryByteLosesNothing) {
  const std::vector<Bytes> sent{some_bytes(150, 1), some_bytes(0), some_bytes(3, 2)};
  const Bytes bytes = joined(sent);
  const auto kinds = interruptions();
  std::vector<Bytes> received;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const Interruption& kind = kinds[i % kinds.size()];
    std::error_code ec;
    kind.before(messages);
    EXPECT_FALSE(receive(kind.wait(), ec)) << kind.name << " before byte " << i;
    ASSERT_CODE(ec, kind.condition) << kind.name << " before byte " << i;
    kind.after(messages);
    write({bytes[i]});
    // A message of no bytes is there with its length; whatever has just been completed is taken, once.
    while (auto message = receive(0s, ec)) received.push_back(*message);
    EXPECT_CODE(ec, std::errc::timed_out);
  }
  EXPECT_EQ(received, sent);
}

TEST_P(MessageWayTest, ALargeMessageInterruptedAgainAndAgainIsWhole) {
  const std::vector<Bytes> sent{some_bytes(200000, 1), some_bytes(5, 2), some_bytes(100000, 3)};
  const Bytes bytes = joined(sent);
  std::vector<Bytes> received;
  std::size_t written = 0;
  RandomSizes sizes(9000, 5);
  std::error_code ec;
  while (written < bytes.size()) {
    const std::size_t size = std::min(sizes.next(), bytes.size() - written);
    raw.write_all(std::span(bytes).subspan(written, size), soon());
    written += size;
    while (auto message = receive(0s, ec)) received.push_back(*message);
    ASSERT_CODE(ec, std::errc::timed_out);
  }
  EXPECT_EQ(received, sent);
}

// Interruptions, though the message has been read ahead.

/// Messages that are here, some so small that they are taken without a call.
class ReadAheadTest : public MessageWayTest {
 protected:
  std::vector<Bytes> sent;

  ReadAheadTest() {
    for (std::size_t i = 0; i < 100; ++i) sent.push_back(some_bytes(i % 2 == 0 ? 10 : 300, i));
    write(joined(sent));
    EXPECT_EQ(messages.next_size(), sent[0].size());
    EXPECT_TRUE(messages.has_message());
  }

  void expect_all() {
    for (const Bytes& message : sent) EXPECT_EQ(next(), message);
  }
};

INSTANTIATE_TEST_SUITE_P(By, ReadAheadTest, ::testing::ValuesIn(ways), ::testing::PrintToStringParamName());

TEST_P(ReadAheadTest, AStopRequestComesFirst) {
  stop_source source;
  source.request_stop();
  EXPECT_CODE(receive_error(source.get_token()), std::errc::operation_canceled);
  EXPECT_CODE(receive_error({Clock::now() + soon(), source.get_token()}), std::errc::operation_canceled);
  std::error_code ec;
  EXPECT_FALSE(messages.next_size(source.get_token(), ec));
  EXPECT_CODE(ec, std::errc::operation_canceled);
  expect_all();
}

TEST_P(ReadAheadTest, ADeadlineThatHasPassedComesFirst) {
  messages.stream().set_read_deadline(Clock::now());
  EXPECT_CODE(receive_error(), std::errc::timed_out);
  messages.stream().set_read_deadline(std::nullopt);
  expect_all();
}

TEST_P(ReadAheadTest, CloseComesFirst) {
  messages.close();
  EXPECT_CODE(receive_error(), Errc::closed);
  EXPECT_CODE(receive_error(0s), Errc::closed);
  EXPECT_EQ(messages.release().unread, joined(sent));
}

TEST_P(ReadAheadTest, SoDoesTakingTheStreamAway) {
  const LocalStream taken = std::move(messages.stream());
  EXPECT_CODE(receive_error(), Errc::closed);
}

// A time that is over means to take what is here.
TEST_P(ReadAheadTest, ATimeThatIsOverTakesWhatIsHere) {
  std::error_code ec;
  EXPECT_EQ(receive(0s, ec), sent[0]);
  EXPECT_EQ(receive(Clock::now() - 1s, ec), sent[1]);
  messages.stream().set_read_timeout(0s);
  messages.stream().set_nonblocking(true);
  EXPECT_EQ(receive({}, ec), sent[2]);
}

TEST_P(MessageWayTest, CancelEndsAReceiveThatWaitsInsideAMessage) {
  const Bytes bytes = framed(some_bytes(150000));
  const std::size_t half = 60000;
  write(first_of(bytes, half));
  auto receiving = run_async([&] { return receive_error(); });
  receiving.wait_until_blocked();
  messages.cancel();
  EXPECT_CODE(receiving.result(), std::errc::operation_canceled);
  auto writing = run_async([&] { return write_all(raw, std::span(bytes).subspan(half)).count; });
  EXPECT_EQ(next(), some_bytes(150000));
  EXPECT_EQ(writing.result(), bytes.size() - half);
}

class SendInterruptionTest : public MessageStreamTest {
 protected:
  void expect_a_batch_interrupted_again_and_again_to_be_sent_once(std::size_t batch_size);
};

// A message that is larger than any connection takes, ended wherever the connection is full. (At every byte: see
// unit/message_interruption_test.cpp. How many bytes a socket takes is not defined.)
TEST_F(SendInterruptionTest, ALargeMessageInterruptedAgainAndAgainIsSentOnce) {
  const std::vector<Bytes> sent{some_bytes(3_MiB, 1), some_bytes(100, 2)};
  const auto kinds = interruptions();
  Bytes received;
  Bytes buffer(50000);
  std::error_code ec;
  EXPECT_TRUE(messages.send(sent[0], 0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  for (std::size_t i = 0; messages.has_unsent(); ++i) {
    const Interruption& kind = kinds[i % kinds.size()];
    kind.before(messages);
    messages.flush(kind.wait(), ec);
    kind.after(messages);
    if (ec) {
      EXPECT_CODE(ec, kind.condition);
    }
    const std::size_t count = raw.read_some(buffer, soon());
    received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
  auto reading = run_async([&] { return read_to_end(raw); });
  messages.send(sent[1]);
  messages.close();
  const Bytes rest = reading.result();
  received.insert(received.end(), rest.begin(), rest.end());
  EXPECT_EQ(unframed(received), sent);
}

TEST_F(SendInterruptionTest, AMessageOfWhichNothingWasWrittenIsNotTaken) {
  fill(messages.stream());
  std::error_code ec;
  EXPECT_FALSE(messages.send("x", 0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_FALSE(messages.has_unsent());
}

TEST_F(SendInterruptionTest, ARestGoesBeforeTheNextMessageWhoeverSendsIt) {
  std::error_code ec;
  EXPECT_TRUE(messages.send(some_bytes(3_MiB, 1), 0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_FALSE(messages.send("too early", 0s, ec));  // the rest alone is more than there is room for
  EXPECT_CODE(ec, std::errc::timed_out);
  auto reading = run_async([&] { return unframed(read_to_end(raw)); });
  MessageBatch batch(messages);
  batch.add("next");
  batch.flush();
  messages.close();
  const auto received = reading.result();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0], some_bytes(3_MiB, 1));
  EXPECT_EQ(text_of(received[1]), "next");
}

void SendInterruptionTest::expect_a_batch_interrupted_again_and_again_to_be_sent_once(std::size_t batch_size) {
  std::vector<Bytes> sent;
  RandomSizes sizes(3000, 6);
  for (int i = 0; i < 2000; ++i) sent.push_back(some_bytes(sizes.next(), static_cast<std::uint64_t>(i)));
  MessageBatch batch(messages, batch_size);
  Bytes received;
  Bytes buffer(7001);
  std::error_code ec;
  const auto read = [&] {
    const std::size_t count = raw.read_some(buffer, 0s, ec);
    received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  };
  for (const Bytes& message : sent) {
    while (!batch.add(message, 0s, ec)) {
      ASSERT_CODE(ec, std::errc::timed_out);
      read();
    }
  }
  do {
    batch.flush(0s, ec);
    read();
  } while (!batch.empty() || messages.has_unsent());
  messages.close();
  const Bytes rest = read_to_end(raw);
  received.insert(received.end(), rest.begin(), rest.end());
  EXPECT_EQ(unframed(received), sent);
}

TEST_F(SendInterruptionTest, ABatchInterruptedAgainAndAgainIsSentOnce) {
  expect_a_batch_interrupted_again_and_again_to_be_sent_once(20000);
}

// A socket takes a small batch as a whole or not at all; of this one it takes a part, which ends inside a message.
TEST_F(SendInterruptionTest, ABatchThatIsTakenInPartsIsSentOnce) {
  expect_a_batch_interrupted_again_and_again_to_be_sent_once(300'000);
}

// Several at once.

TEST_F(MessageStreamTest, SeveralSendersNeverInterleave) {
  constexpr int senders = 4;
  constexpr std::uint64_t count = 300;
  auto receiving = run_async([other = std::make_shared<MessageStream>(std::move(raw))] {
    // The first byte is the sender, the second and third say which message: each sender's in order, each whole.
    std::array<std::uint64_t, senders> next{};
    std::uint64_t wrong = 0;
    while (const auto message = other->receive()) {
      const auto sender = std::to_integer<std::size_t>((*message)[0]);
      const std::uint64_t number = next.at(sender)++;
      const auto payload = message->subspan(1);
      ByteSequence sequence(sender * 1000 + number);
      if (payload.size() != number * 37 || !sequence.continues_with(payload)) ++wrong;
    }
    return std::pair(next, wrong);
  });
  {
    Rendezvous start(senders);
    std::list<Async<bool>> threads;
    for (int sender = 0; sender < senders; ++sender) {
      threads.emplace_back([&, sender] {
        MessageBatch batch(messages, 30000);
        start.arrive_and_wait();
        for (std::uint64_t number = 0; number < count; ++number) {
          const std::array head{static_cast<std::byte>(sender)};
          const Bytes body = some_bytes(number * 37, static_cast<std::uint64_t>(sender) * 1000 + number);
          const std::array<std::span<const std::byte>, 2> parts{head, body};
          if (sender % 2 == 0) {
            messages.send(parts);
          } else {
            batch.add(parts);
          }
        }
        batch.flush();
        return true;
      });
    }
    for (auto& thread : threads) EXPECT_TRUE(thread.result());
  }
  messages.close();
  const auto [received, wrong] = receiving.result();
  for (const auto number : received) EXPECT_EQ(number, count);
  EXPECT_EQ(wrong, 0U);
}

class SenderWaitsTest : public MessageStreamTest {
 protected:
  // One sender writes, and cannot go on.
  const Bytes message = some_bytes(3_MiB);
  Async<std::error_code> blocked = run_async([this] {
    std::error_code ec;
    messages.send(message, Wait(), ec);
    return ec;
  });

  SenderWaitsTest() { blocked.wait_until_blocked(); }
  ~SenderWaitsTest() override { messages.close(); }

  std::error_code send(const Wait& wait) {
    std::error_code ec;
    EXPECT_FALSE(messages.send("mine", wait, ec));
    return ec;
  }
};

TEST_F(SenderWaitsTest, ForTheOtherNoLongerThanItsWait) {
  EXPECT_CODE(send(0s), std::errc::timed_out);
  EXPECT_CODE(send(20ms), std::errc::timed_out);
  EXPECT_CODE(send(Clock::now() + 20ms), std::errc::timed_out);
}

TEST_F(SenderWaitsTest, ForTheOtherNoLongerThanTheWriteTimeout) {
  messages.stream().set_write_timeout(50ms);
  auto waiting = run_async([this] { return send({}); });
  EXPECT_CODE(waiting.result(), std::errc::timed_out);
}

TEST_F(SenderWaitsTest, ForTheOtherUntilAStopRequest) {
  stop_source source;
  auto waiting = run_async([&] { return send(source.get_token()); });
  waiting.wait_until_blocked();
  source.request_stop();
  EXPECT_TRUE(waiting.finished_within(soon()));
  EXPECT_CODE(waiting.result(), std::errc::operation_canceled);
}

TEST_F(SenderWaitsTest, ForTheOtherUntilCancel) {
  auto waiting = run_async([&] { return send({}); });
  waiting.wait_until_blocked();
  messages.cancel();
  EXPECT_CODE(waiting.result(), std::errc::operation_canceled);
  EXPECT_CODE(blocked.result(), std::errc::operation_canceled);
}

TEST_F(SenderWaitsTest, ForTheOtherUntilClose) {
  auto waiting = run_async([&] { return send({}); });
  waiting.wait_until_blocked();
  messages.close();
  EXPECT_CODE(waiting.result(), Errc::closed);
}

TEST_F(SenderWaitsTest, ForTheOtherUntilTheStreamsDeadline) {
  auto waiting = run_async([&] { return send({}); });
  waiting.wait_until_blocked();
  messages.stream().set_write_deadline(Clock::now());
  EXPECT_CODE(waiting.result(), std::errc::timed_out);
}

TEST_F(SenderWaitsTest, ForTheOtherUntilTheModeIsNonblocking) {
  auto waiting = run_async([&] { return send({}); });
  waiting.wait_until_blocked();
  messages.stream().set_nonblocking(true);
  EXPECT_CODE(waiting.result(), std::errc::operation_would_block);
  EXPECT_CODE(send({}), std::errc::operation_would_block);
}

TEST_F(SenderWaitsTest, ForTheOtherAndThenSends) {
  auto waiting = run_async([&] {
    messages.send("mine");
    messages.close();
    return true;
  });
  waiting.wait_until_blocked();
  const auto received = unframed(read_to_end(raw));
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(text_of(received[1]), "mine");
  EXPECT_TRUE(waiting.result());
}

TEST_F(MessageStreamTest, SendsWhileItReceives) {
  MessageStream other(std::move(raw));
  auto receiving = run_async([&] { return owned(messages.receive()); });
  receiving.wait_until_blocked();
  messages.send("there");
  EXPECT_EQ(text_of(*other.receive()), "there");
  other.send("and back");
  EXPECT_EQ(text_of(*receiving.result()), "and back");
}

// Taking it apart.

TEST_F(MessageStreamTest, ReleaseHandsOverWhatWasReadAhead) {
  write(wire({1, 'a', 5, 'h', 'e'}));
  EXPECT_EQ(text_of(*messages.receive()), "a");
  auto parts = messages.release();
  EXPECT_EQ(parts.unread, wire({5, 'h', 'e'}));
  EXPECT_TRUE(parts.unsent.empty());
  EXPECT_THROWS_CODE(messages.receive(), Errc::closed);
  MessageStream again(std::move(parts));
  write(wire({'l', 'l', 'o'}));
  EXPECT_EQ(text_of(*again.receive()), "hello");
}

TEST_F(MessageStreamTest, ReleaseHandsOverWhatWasNotSent) {
  std::error_code ec;
  EXPECT_TRUE(messages.send(some_bytes(3_MiB), 0s, ec));
  auto parts = messages.release();
  EXPECT_FALSE(parts.unsent.empty());
  MessageStream again(std::move(parts));
  EXPECT_TRUE(again.has_unsent());
  auto reading = run_async([&] { return unframed(read_to_end(raw)); });
  again.flush();
  again.close();
  EXPECT_EQ(reading.result(), std::vector<Bytes>(1, some_bytes(3_MiB)));
}

}  // namespace
}  // namespace localsocket::test
