// A MessageStream whose stream is interrupted at every byte offset, one after the other: nothing is lost or repeated,
// whatever the framing.
#include <localsocket/message_batch.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "scripted_stream.hpp"
#include "support/framings.hpp"

namespace localsocket {
namespace {

using Bytes = std::vector<std::byte>;
using detail::Connection;
using detail::scripted_stream;

const std::array interruptions{std::errc::timed_out, std::errc::operation_canceled, std::errc::operation_would_block};

Bytes payload(std::size_t size, unsigned seed) {
  Bytes bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>((i * 31 + seed) % 251));
  return bytes;
}

/// A vector compares a std::byte at a time, which is most of these tests under a sanitizer.
bool same(const Bytes& one, const Bytes& other) {
  return one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}
bool same(const std::vector<Bytes>& some, const std::vector<Bytes>& others) {
  return std::ranges::equal(some, others, [](const Bytes& one, const Bytes& other) { return same(one, other); });
}

/// Each offset of a few small messages; of a large one those where something changes, and some between.
std::vector<std::size_t> offsets(std::size_t size) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < size; i += size < 2000 || i < 200 || i + 200 > size || i % 65536 < 12 ? 1 : 4999) {
    result.push_back(i);
  }
  return result;
}

struct Script {
  explicit Script(Framing framing) : messages(scripted_stream(connection), {.framing = framing}) {}

  std::shared_ptr<Connection> connection = std::make_shared<Connection>();
  MessageStream messages;

  void interrupt(std::size_t offset, std::size_t kind) {
    connection->until_interruption = offset;
    connection->ec = std::make_error_code(interruptions[kind % interruptions.size()]);
  }
};

using Receive = std::optional<Bytes> (*)(MessageStream&, std::error_code&);

class MessageInterruptionTest : public ::testing::TestWithParam<Framing> {
 protected:
  const Framing framing = GetParam();
  // Small, and with one that does not fit into what is read ahead or copied.
  const std::vector<Bytes> small = fitting({150, 0, 3, 127, 128});
  const std::vector<Bytes> large = fitting({5, 200000, 0, 70000, 600});
  const std::vector<std::vector<Bytes>> series{small, large};

  std::vector<Bytes> fitting(std::initializer_list<std::size_t> sizes) const {
    std::vector<Bytes> messages;
    for (const std::size_t size : sizes) messages.push_back(test::fit_for(framing, payload(size, seed_of(size))));
    return messages;
  }
  static unsigned seed_of(std::size_t size) { return static_cast<unsigned>(size % 7); }

  Bytes framed(const std::vector<Bytes>& messages) const { return test::framed(framing, messages); }
  void receive_with_interruption(const std::vector<Bytes>& sent, const Bytes& input, Receive receive,
                                 std::size_t offset, std::size_t step);
};

INSTANTIATE_FOR_EACH_FRAMING(MessageInterruptionTest);

// Receiving.

const std::array<Receive, 3> receives{
    [](MessageStream& messages, std::error_code& ec) {
      const auto view = messages.receive(ec);
      return view ? std::optional(Bytes(view->begin(), view->end())) : std::nullopt;
    },
    [](MessageStream& messages, std::error_code& ec) {
      Bytes message;
      return messages.receive(message, ec) ? std::optional(message) : std::nullopt;
    },
    [](MessageStream& messages, std::error_code& ec) {
      static Bytes buffer(300000);
      const auto size = messages.receive(std::span(buffer), ec);
      return size ? std::optional(Bytes(buffer.data(), buffer.data() + *size)) : std::nullopt;
    },
};

void MessageInterruptionTest::receive_with_interruption(const std::vector<Bytes>& sent, const Bytes& input,
                                                        Receive receive, std::size_t offset, std::size_t step) {
  Script script(framing);
  script.connection->input = input;
  script.connection->largest_step = step;
  script.interrupt(offset, offset);
  std::vector<Bytes> received;
  int interrupted = 0;
  std::error_code ec;
  for (;;) {
    if (auto message = receive(script.messages, ec)) {
      received.push_back(std::move(*message));
    } else if (ec) {
      ASSERT_TRUE(ec == interruptions[offset % interruptions.size()]) << ec.message();
      ++interrupted;
    } else {
      break;
    }
  }
  ASSERT_EQ(interrupted, 1);
  ASSERT_TRUE(same(received, sent)) << "at " << offset << " in steps of " << step;
}

TEST_P(MessageInterruptionTest, AReceiveAtEveryByte) {
  const Bytes input = framed(small);
  for (const Receive receive : receives) {
    for (const std::size_t offset : offsets(input.size())) {
      for (const std::size_t step : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
        receive_with_interruption(small, input, receive, offset, step);
      }
    }
  }
}

TEST_P(MessageInterruptionTest, AReceiveOfLargeMessages) {
  const Bytes input = framed(large);
  for (const Receive receive : receives) {
    for (const std::size_t offset : offsets(input.size())) {
      receive_with_interruption(large, input, receive, offset, 65536);
    }
  }
}

// Sending.

TEST_P(MessageInterruptionTest, ASendAtEveryByte) {
  for (const auto& sent : series) {
    const Bytes expected = framed(sent);
    for (const std::size_t offset : offsets(expected.size())) {
      Script script(framing);
      script.interrupt(offset, offset);
      int interrupted = 0;
      std::error_code ec;
      for (const Bytes& message : sent) {
        const std::size_t before = script.connection->output.size();
        while (!script.messages.send(message, ec)) {
          ASSERT_TRUE(ec);
          ASSERT_EQ(script.connection->output.size(), before) << "something of a message that was not taken";
          ++interrupted;
        }
        if (ec) ++interrupted;
        ASSERT_EQ(static_cast<bool>(ec), script.messages.has_unsent());
      }
      script.messages.flush();
      ASSERT_FALSE(script.messages.has_unsent());
      ASSERT_EQ(interrupted, 1);
      ASSERT_TRUE(same(script.connection->output, expected)) << "at " << offset;
    }
  }
}

TEST_P(MessageInterruptionTest, AFlushOfTheRestAtEveryByte) {
  const std::vector<Bytes> sent = fitting({300, 20});
  const Bytes expected = framed(sent);
  const std::size_t size = framed({sent[0]}).size();
  for (std::size_t first = 1; first < size; ++first) {
    for (std::size_t second = 0; second < size - first; second += 5) {
      Script script(framing);
      std::error_code ec;
      script.interrupt(first, 0);
      ASSERT_TRUE(script.messages.send(sent[0], ec));
      script.interrupt(second, 1);
      if (second % 2 == 0) {
        script.messages.flush(ec);
      } else {
        ASSERT_FALSE(script.messages.send(sent[1], ec));  // the rest is not through yet
      }
      ASSERT_TRUE(ec == std::errc::operation_canceled);
      script.messages.send(sent[1]);
      ASSERT_TRUE(same(script.connection->output, expected)) << first << ", " << second;
    }
  }
}

TEST_P(MessageInterruptionTest, ABatchAtEveryByte) {
  for (const auto& sent : series) {
    const Bytes expected = framed(sent);
    for (const std::size_t offset : offsets(expected.size())) {
      Script script(framing);
      MessageBatch batch(script.messages, 300);
      script.interrupt(offset, offset);
      std::error_code ec;
      for (const Bytes& message : sent) {
        while (!batch.add(message, ec)) ASSERT_TRUE(ec);
      }
      batch.flush(ec);
      if (ec) batch.flush();
      script.messages.flush();
      ASSERT_TRUE(batch.empty());
      ASSERT_TRUE(same(script.connection->output, expected)) << "at " << offset;
    }
  }
}

TEST_P(MessageInterruptionTest, ReleaseAtEveryByteHandsEverythingOver) {
  const Bytes expected = framed(small);
  for (std::size_t offset = 0; offset < expected.size(); ++offset) {
    Script script(framing);
    script.connection->input = expected;
    script.interrupt(offset, 0);
    std::vector<Bytes> received;
    std::error_code ec;
    while (auto message = receives[0](script.messages, ec)) received.push_back(*message);
    ASSERT_TRUE(ec);
    MessageStream again(script.messages.release(), {.framing = framing});
    while (auto message = receives[1](again, ec)) received.push_back(*message);
    ASSERT_FALSE(ec);
    ASSERT_TRUE(received == small) << "at " << offset;
  }
}

}  // namespace
}  // namespace localsocket
