// Each framing of messages (docs/design.md 11): its bytes, wherever they are cut, what it refuses, and what it costs.
#include <localsocket/message_batch.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/framings.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using Messages = std::vector<Bytes>;

Bytes bytes_from(std::string_view text) {
  const auto bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

/// The next message by one of the four ways to receive.
std::optional<Bytes> receive_by(std::size_t way, MessageStream& from, const Wait& wait, std::error_code& ec) {
  Bytes bytes;
  std::string text;
  switch (way % 4) {
    case 0:
      if (const auto view = from.receive(wait, ec)) return Bytes(view->begin(), view->end());
      return std::nullopt;
    case 1:
      return from.receive(bytes, wait, ec) ? std::optional(bytes) : std::nullopt;
    case 2:
      return from.receive(text, wait, ec) ? std::optional(bytes_from(text)) : std::nullopt;
    default:
      bytes.resize(2_MiB);
      const auto size = from.receive(std::span(bytes), wait, ec);
      return size ? std::optional(first_of(bytes, *size)) : std::nullopt;
  }
}

class FramingTest : public ::testing::TestWithParam<Framing> {
 protected:
  const Framing framing = GetParam();

  /// A connection with bytes at one end and messages at the other.
  struct Pair {
    LocalStream raw;
    MessageStream messages;
  };
  Pair pair(MessageOptions options = {}) const {
    options.framing = framing;
    auto [raw, other] = LocalStream::pair();
    return {std::move(raw), MessageStream(std::move(other), options)};
  }

  Bytes message(std::size_t size, std::uint64_t seed = 1) const { return fit_for(framing, some_bytes(size, seed)); }
  Messages messages_of(std::initializer_list<std::size_t> sizes) const {
    Messages messages;
    for (const std::size_t size : sizes) messages.push_back(message(size, size + 1));
    return messages;
  }
  Bytes wire(const Messages& messages) const { return framed(framing, messages); }
  bool is_delimited() const { return framing == Framing::lines || framing == Framing::nul; }

  void expect_error_again_and_again(MessageStream& from, Errc condition) const {
    for (std::size_t way = 0; way < 4; ++way) {
      std::error_code ec;
      EXPECT_FALSE(receive_by(way, from, soon(), ec));
      EXPECT_CODE(ec, condition);
    }
  }
};

INSTANTIATE_FOR_EACH_FRAMING(FramingTest);

// What the bytes are.

TEST(FramingBytesTest, Golden) {
  using namespace std::string_literals;
  const std::array<std::string, 6> golden{"\x00\x02hi"s,
                                          "\x00\x00\x00\x00\x02\x00\x00\x00hi"s,
                                          "\x00\x00\x00\x00\x00\x00\x00\x02hi"s,
                                          "\nhi\n"s,
                                          "\0hi\0"s,
                                          "Content-Length: 0\r\n\r\nContent-Length: 2\r\n\r\nhi"s};
  for (const Framing framing : all_framings) {
    const std::string& expected = golden.at(static_cast<std::size_t>(framing));
    auto [raw, other] = LocalStream::pair();
    MessageStream messages(std::move(other), {.framing = framing});
    messages.send("");
    messages.send("hi");
    messages.close();
    EXPECT_EQ(text_of(read_to_end(raw)), expected) << ::testing::PrintToString(framing);
  }
}

TEST_P(FramingTest, SendsTheBytesOfTheFormat) {
  const Messages sent = messages_of({0, 1, 127, 128, 300, 511, 512, 513, 65535, 65536, 70000, 200000, 0, 3});
  auto [raw, messages] = pair();
  auto reading = run_async([&raw = raw] { return read_to_end(raw); });
  for (const Bytes& one : sent) messages.send(one);
  const std::array<std::span<const std::byte>, 4> parts{sent[3], std::span<const std::byte>(), sent[1], sent[4]};
  messages.send(parts);
  messages.close();
  Messages expected = sent;
  expected.push_back(sent[3]);
  expected.back().insert(expected.back().end(), sent[1].begin(), sent[1].end());
  expected.back().insert(expected.back().end(), sent[4].begin(), sent[4].end());
  EXPECT_TRUE(reading.result() == wire(expected));
}

TEST_P(FramingTest, ABatchWritesTheSameAtEverySize) {
  const Messages sent = messages_of({0, 1, 127, 128, 300, 0, 5000, 2, 70000, 0});
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{129}, std::size_t{340}, 64_KiB}) {
    auto [raw, messages] = pair();
    auto reading = run_async([&raw = raw] { return read_to_end(raw); });
    MessageBatch batch(messages, size);
    for (const Bytes& one : sent) batch.add(one);
    batch.flush();
    messages.close();
    EXPECT_TRUE(reading.result() == wire(sent)) << size;
  }
}

TEST_P(FramingTest, ABatchCountsWhatIsAroundTheMessages) {
  auto [raw, messages] = pair();
  MessageBatch batch(messages);
  batch.add("");
  batch.add("hi");
  EXPECT_EQ(batch.size(), wire({Bytes(), bytes_from("hi")}).size());
}

// Wherever they are cut.

TEST_P(FramingTest, OneCutAtEveryByte) {
  const Messages sent = messages_of({5, 0, 12, 1});
  const Bytes bytes = wire(sent);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    auto [raw, messages] = pair();
    Messages received;
    std::error_code ec;
    const auto receive_all = [&, &from = messages] {
      while (auto one = receive_by(cut, from, 0s, ec)) received.push_back(*one);
    };
    raw.write_all(std::span(bytes).first(cut));
    receive_all();
    ASSERT_CODE(ec, std::errc::timed_out) << cut;
    raw.write_all(std::span(bytes).subspan(cut));
    raw.close();
    receive_all();
    ASSERT_CODE(ec, success) << cut;
    ASSERT_EQ(received, sent) << cut;
  }
}

TEST_P(FramingTest, RandomCuts) {
  const Messages sent = messages_of({3, 70000, 0, 40000, 300, 100000, 1});
  const Bytes bytes = wire(sent);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    RandomSizes sizes(seed % 2 == 0 ? 30000 : 3000, seed);
    auto [raw, messages] = pair();
    Messages received;
    std::error_code ec;
    for (std::size_t written = 0; written < bytes.size();) {
      const std::size_t size = std::min(sizes.next(), bytes.size() - written);
      raw.write_all(std::span(bytes).subspan(written, size), soon());
      written += size;
      while (auto one = receive_by(seed, messages, 0s, ec)) received.push_back(*one);
      ASSERT_CODE(ec, std::errc::timed_out);
    }
    ASSERT_TRUE(received == sent) << seed;
  }
}

TEST_P(FramingTest, LargeMessagesByEachWay) {
  const Messages sent = messages_of({1'500'000, 2, 200000, 2_MiB, 0});
  for (std::size_t way = 0; way < 4; ++way) {
    auto [raw, messages] = pair();
    auto writing = run_async([this, &sent, &raw = raw] {
      raw.write_all(wire(sent));
      raw.close();
      return true;
    });
    std::error_code ec;
    for (const Bytes& one : sent) EXPECT_TRUE(receive_by(way, messages, soon(), ec) == one) << ec.message();
    for (int i = 0; i < 2; ++i) {
      EXPECT_FALSE(receive_by(way, messages, soon(), ec));
      EXPECT_CODE(ec, success);
    }
    EXPECT_TRUE(writing.result());
  }
}

// What is known of the next message.

TEST_P(FramingTest, NextSizeAndHasMessage) {
  const Bytes bytes = wire({message(300), message(2)});
  auto [raw, messages] = pair();
  std::error_code ec;
  const std::size_t header = header_by_hand(framing, 300).size();
  const std::size_t enough = is_delimited() ? 301 : header;
  raw.write_all(std::span(bytes).first(enough - 1));
  EXPECT_FALSE(messages.next_size(0s, ec));
  EXPECT_CODE(ec, std::errc::timed_out);
  raw.write_all(std::span(bytes).subspan(enough - 1, 1));
  EXPECT_EQ(messages.next_size(soon()), 300U);
  EXPECT_EQ(messages.has_message(), is_delimited());
  raw.write_all(std::span(bytes).subspan(enough));
  EXPECT_EQ(messages.receive(soon())->size(), 300U);
  EXPECT_EQ(messages.next_size(soon()), 2U);
  EXPECT_TRUE(messages.has_message());
  EXPECT_EQ(messages.receive(soon())->size(), 2U);
  EXPECT_FALSE(messages.has_message());
}

TEST_P(FramingTest, AMessageThatDoesNotFitStays) {
  auto [raw, messages] = pair();
  raw.write_all(wire({message(100), message(1)}));
  Bytes small(99);
  Bytes large(100);
  std::error_code ec;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(messages.receive(std::span(small), ec));
    EXPECT_CODE(ec, Errc::message_too_large);
  }
  EXPECT_EQ(messages.next_size(), 100U);
  EXPECT_EQ(messages.receive(std::span(large)), 100U);
  EXPECT_EQ(large, message(100));
  EXPECT_EQ(messages.receive(std::span(small)), 1U);
}

TEST_P(FramingTest, ReleaseHandsOverWhateverIsThere) {
  const Messages sent = messages_of({4, 12});
  const Bytes bytes = wire(sent);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    auto [raw, messages] = pair();
    raw.write_all(std::span(bytes).first(cut));
    Messages received;
    std::error_code ec;
    while (auto one = receive_by(0, messages, 0s, ec)) received.push_back(*one);
    MessageStream again(messages.release(), {.framing = framing});
    raw.write_all(std::span(bytes).subspan(cut));
    raw.close();
    while (auto one = receive_by(cut, again, soon(), ec)) received.push_back(*one);
    ASSERT_EQ(received, sent) << cut;
  }
}

// What is refused.

struct Bad {
  Framing framing;
  const char* name;
  std::string bytes;
  Errc error;
};

const std::size_t bad_limit = 1000;

std::vector<Bad> bad_inputs() {
  using enum Framing;
  constexpr Errc malformed = Errc::malformed_message;
  constexpr Errc too_large = Errc::message_too_large;
  const std::string line(bad_limit, 'a');
  const std::string length = "Content-Length: ";
  const std::string end = "\r\n\r\n";
  const std::string fields = "X: " + std::string(8 * 1024, 'x');
  return {
      {varint, "2^64-1", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", too_large},
      {varint, "2^64", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", malformed},
      {varint, "eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", malformed},
      {u32_le, "the limit and one", {"\xe9\x03\x00\x00", 4}, too_large},
      {u32_be, "the limit and one", {"\x00\x00\x03\xe9", 4}, too_large},
      {u32_le, "2^32-1", "\xff\xff\xff\xff", too_large},
      {u32_be, "2^32-1", "\xff\xff\xff\xff", too_large},
      {lines, "a line of the limit and one", line + "a\n", too_large},
      {lines, "with a carriage return", line + "a\r\n", too_large},
      {lines, "that does not end", line + "aa", too_large},
      {lines, "that ends with a carriage return", line + "a\r", too_large},
      {lines, "two carriage returns", line + "\r\r\n", too_large},
      {nul, "the limit and one", line + "a" + '\0', too_large},
      {nul, "that does not end", line + "a", too_large},
      {content_length, "the limit and one", length + "1001" + end, too_large},
      {content_length, "2^64-1", length + "18446744073709551615" + end, too_large},
      {content_length, "2^64", length + "18446744073709551616" + end, malformed},
      {content_length, "many digits", length + std::string(100, '9') + end, malformed},
      {content_length, "no length", "Content-Type: text" + end, malformed},
      {content_length, "no field", "\r\n", malformed},
      {content_length, "negative", length + "-1" + end, malformed},
      {content_length, "a sign", length + "+1" + end, malformed},
      {content_length, "no number", length + end, malformed},
      {content_length, "white space for a number", length + " \t" + end, malformed},
      {content_length, "letters", length + "1a" + end, malformed},
      {content_length, "hexadecimal", length + "0x1" + end, malformed},
      {content_length, "two numbers", length + "1 1" + end, malformed},
      {content_length, "a list", length + "1, 1" + end, malformed},
      {content_length, "two lengths", length + "1\r\n" + length + "1" + end, malformed},
      {content_length, "two, in other letters", length + "1\r\ncontent-length: 1" + end, malformed},
      {content_length, "a space before the colon", "Content-Length : 1" + end, malformed},
      {content_length, "no colon", length + "1\r\nX" + end, malformed},
      {content_length, "no name", length + "1\r\n: X" + end, malformed},
      {content_length, "a bare newline", length + "1\n", malformed},
      {content_length, "a bare newline at once", "\n", malformed},
      {content_length, "a bare carriage return", length + "1\r \r\n\r\n", malformed},
      {content_length, "JSON without a header", "{\"id\": 1}\n", malformed},
      {content_length, "more than 8 KiB", fields + "\r\n" + length + "1" + end, malformed},
      {content_length, "8 KiB without an end", fields, malformed},
  };
}

TEST_P(FramingTest, BadInputIsAnErrorAndStaysOne) {
  for (const auto& [bad_framing, name, bytes, condition] : bad_inputs()) {
    if (bad_framing != framing) continue;
    SCOPED_TRACE(name);
    // The peer does not close, and sends more.
    auto [raw, messages] = pair({.max_size = bad_limit});
    raw.write_all(wire({message(3)}));
    raw.write_all(bytes);
    std::error_code ec;
    EXPECT_EQ(receive_by(0, messages, soon(), ec), message(3));
    expect_error_again_and_again(messages, condition);
    EXPECT_FALSE(messages.has_message());
    raw.write_all(wire({message(3)}));
    expect_error_again_and_again(messages, condition);
    EXPECT_FALSE(messages.next_size(soon(), ec));
    EXPECT_CODE(ec, condition);
  }
}

TEST_P(FramingTest, TheEndInsideAMessageIsAnErrorAndStaysOne) {
  const Bytes bytes = wire({message(20)});
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    auto [raw, messages] = pair();
    raw.write_all(wire({message(3)}));
    raw.write_all(std::span(bytes).first(size));
    raw.close();
    std::error_code ec;
    EXPECT_EQ(receive_by(size, messages, soon(), ec), message(3));
    expect_error_again_and_again(messages, Errc::malformed_message);
  }
}

TEST_P(FramingTest, TheLimitIsForBothDirections) {
  auto [raw, limited] = pair({.max_size = 1000});
  MessageBatch batch(limited);
  std::error_code ec;
  EXPECT_FALSE(limited.send(message(1001), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_FALSE(batch.add(message(1001), ec));
  EXPECT_CODE(ec, Errc::message_too_large);
  EXPECT_TRUE(limited.send(message(1000), ec));
  Bytes received(wire({message(1000)}).size());
  raw.read_exact(received);
  EXPECT_EQ(received, wire({message(1000)}));
  raw.write_all(wire({message(1000), message(1001)}));
  EXPECT_EQ(receive_by(0, limited, soon(), ec), message(1000));
  expect_error_again_and_again(limited, Errc::message_too_large);
}

TEST_P(FramingTest, WhatEndsAMessageCannotBeInOne) {
  using namespace std::string_literals;
  const std::vector<std::string> ends{"\n"s, "a\nb"s, "a\n"s, "a\r"s, "\r"s, "\0"s, "a\0b"s, "a\r\0"s, "\ra"s};
  auto [raw, messages] = pair();
  MessageBatch batch(messages);
  Messages expected;
  std::error_code ec;
  for (const std::string& text : ends) {
    const bool is_line = text.find('\n') == std::string::npos && text.back() != '\r';
    const bool is_sent =
        !((framing == Framing::lines && !is_line) || (framing == Framing::nul && text.find('\0') != std::string::npos));
    // Whole, its last byte apart, and followed by nothing.
    const auto bytes = bytes_of(text);
    const std::array<std::span<const std::byte>, 3> parts{bytes.first(bytes.size() - 1), bytes.last(1), {}};
    EXPECT_EQ(messages.send(text, ec), is_sent);
    EXPECT_EQ(ec == std::errc::invalid_argument, !is_sent);
    EXPECT_EQ(messages.send(parts, ec), is_sent);
    EXPECT_EQ(ec == std::errc::invalid_argument, !is_sent);
    EXPECT_EQ(batch.add(parts, ec), is_sent);
    EXPECT_EQ(ec == std::errc::invalid_argument, !is_sent);
    batch.flush();
    if (is_sent) expected.insert(expected.end(), 3, bytes_from(text));
  }
  EXPECT_EQ(expected.size() == ends.size() * 3, !is_delimited());
  messages.close();
  EXPECT_EQ(read_to_end(raw), wire(expected));
}

TEST(FramingLimitTest, FourBytesHoldNoMore) {
  if constexpr (sizeof(std::size_t) > 4) {
    const Bytes part(1_MiB);
    const std::vector<std::span<const std::byte>> parts(4096, part);  // 2^32 bytes
    for (const Framing framing : {Framing::u32_le, Framing::u32_be}) {
      auto [raw, other] = LocalStream::pair();
      MessageStream messages(std::move(other), {.max_size = SIZE_MAX, .framing = framing});
      MessageBatch batch(messages);
      std::error_code ec;
      EXPECT_FALSE(messages.send(parts, ec));
      EXPECT_CODE(ec, Errc::message_too_large);
      EXPECT_FALSE(batch.add(parts, ec));
      EXPECT_CODE(ec, Errc::message_too_large);
      messages.close();
      EXPECT_EQ(read_to_end(raw), Bytes());
    }
  }
}

// How it is read: more than is written.

TEST(FramingFormsTest, LinesWithAndWithoutACarriageReturn) {
  auto [raw, other] = LocalStream::pair();
  MessageStream messages(std::move(other), {.max_size = 3, .framing = Framing::lines});
  raw.write_all("a\r\n\r\n\nb\r\r\nc\rd\nabc\r\n");
  for (const char* const expected : {"a", "", "", "b\r", "c\rd", "abc"}) {
    EXPECT_EQ(text_of(*messages.receive(soon())), expected);
  }
}

TEST(FramingFormsTest, HeadersOfManyForms) {
  const std::string padding(8 * 1024 - std::string_view("X:\r\nContent-Length:1\r\n\r\n").size(), 'x');
  const std::vector<std::string> headers{
      "Content-Length: 1\r\n\r\n",
      "content-LENGTH:1\r\n\r\n",
      "Content-Length:\t 0001 \t\r\n\r\n",
      "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 1\r\n\r\n",
      "Content-Length: 1\r\nContent-Type: x: y\r\nContent-Length-Too: 9\r\nX:\r\n\r\n",
      "X:" + padding + "\r\nContent-Length:1\r\n\r\n",  // 8 KiB
  };
  auto [raw, other] = LocalStream::pair();
  MessageStream messages(std::move(other), {.max_size = 1, .framing = Framing::content_length});
  for (const std::string& header : headers) {
    raw.write_all(header + "a");
    EXPECT_EQ(text_of(*messages.receive(soon())), "a") << header;
  }
}

// What it costs.

TEST_P(FramingTest, AMessageTakesNoAllocation) {
  auto [raw, messages] = pair();
  MessageStream other(std::move(raw), {.framing = framing});
  MessageBatch batch(messages, 1024);
  const Bytes small = message(64);
  const Bytes large = message(5000);
  Bytes received;
  const auto exchange = [&, &from = messages] {
    from.send(small);
    batch.add(small);
    batch.flush();
    from.send(large);
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

TEST_P(FramingTest, MemoryFollowsTheBytes) {
  // 16 MiB are promised, or no end; 100 KiB come.
  Bytes bytes = wire({message(16_MiB)});
  bytes.resize(100_KiB);
  auto [raw, messages] = pair();
  auto writing = run_async([&, &to = raw] { return write_all(to, bytes).count; });
  std::error_code ec;
  const auto allocated = allocations_of([&, &from = messages] { from.receive(50ms, ec); });
  EXPECT_CODE(ec, std::errc::timed_out);
  EXPECT_LE(allocated.largest, 2 * 100_KiB + 64_KiB);
  EXPECT_EQ(writing.result(), bytes.size());
}

TEST_P(FramingTest, NoMoreMemoryThanTheLimitAnd64KiB) {
  for (const std::size_t limit : {100_KiB, 300_KiB, 1_MiB + 1}) {
    const Bytes bytes = wire({message(limit), message(limit + 1)});
    auto [raw, messages] = pair({.max_size = limit});
    auto writing = run_async([&, &to = raw] { return write_all(to, bytes, 10 * soon()).count; });
    std::error_code ec;
    bool is_whole = false;
    const auto allocated = allocations_of([&, &from = messages] {
      const auto view = from.receive(soon(), ec);
      is_whole = view && view->size() == limit;
      from.receive(soon(), ec);
    });
    EXPECT_TRUE(is_whole);
    EXPECT_CODE(ec, Errc::message_too_large);
    messages.close();
    writing.result();
    EXPECT_LE(allocated.largest, limit + 64_KiB);
  }
}

}  // namespace
}  // namespace localsocket::test
