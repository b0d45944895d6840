// What is around a message, byte by byte: no connection, the library's own functions.
#include "messages/frame.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string_view>
#include <vector>

#include "support/framings.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

std::vector<std::byte> encoded(std::uint64_t value) {
  Header header;
  const std::size_t size = encode_length(value, header);
  return {header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size)};
}

/// Another way to write the same: shifts a bit at a time.
std::vector<std::byte> written_independently(std::uint64_t value) {
  std::vector<std::byte> result;
  do {
    unsigned byte = 0;
    for (unsigned bit = 0; bit < 7; ++bit, value /= 2) byte += static_cast<unsigned>(value % 2) << bit;
    result.push_back(static_cast<std::byte>(value == 0 ? byte : byte + 128));
  } while (value != 0);
  return result;
}

struct Golden {
  std::uint64_t value;
  std::vector<std::byte> bytes;
};

// 1, 150 and 2^64-1 (as -1) are the examples of https://protobuf.dev/programming-guides/encoding/
const std::vector<Golden> golden{
    {0, bytes({0x00})},
    {1, bytes({0x01})},
    {127, bytes({0x7f})},
    {128, bytes({0x80, 0x01})},
    {150, bytes({0x96, 0x01})},
    {300, bytes({0xac, 0x02})},
    {16383, bytes({0xff, 0x7f})},
    {16384, bytes({0x80, 0x80, 0x01})},
    {1048576, bytes({0x80, 0x80, 0x40})},
    {4294967295, bytes({0xff, 0xff, 0xff, 0xff, 0x0f})},
    {9223372036854775807, bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})},
    {18446744073709551615U, bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})},
};

TEST(FrameTest, WritesTheGoldenBytes) {
  for (const auto& [value, expected] : golden) EXPECT_EQ(encoded(value), expected) << value;
}

TEST(FrameTest, ReadsTheGoldenBytes) {
  for (const auto& [value, header] : golden) {
    const Length length = decode_length(header);
    EXPECT_EQ(length.state, Length::State::complete) << value;
    EXPECT_EQ(length.header_size, header.size()) << value;
    EXPECT_EQ(length.value, value);
  }
}

TEST(FrameTest, EveryPrefixIsIncomplete) {
  for (const auto& [value, header] : golden) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      EXPECT_EQ(decode_length(std::span(header).first(size)).state, Length::State::incomplete) << value << ", " << size;
    }
  }
}

TEST(FrameTest, LooksAtNothingBehindTheLength) {
  const auto header = bytes({0x96, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  const Length length = decode_length(header);
  EXPECT_EQ(length.header_size, 2U);
  EXPECT_EQ(length.value, 150U);
}

TEST(FrameTest, TakesLongerFormsThanTheShortest) {
  const Length two_bytes = decode_length(bytes({0x81, 0x00}));
  EXPECT_EQ(two_bytes.state, Length::State::complete);
  EXPECT_EQ(two_bytes.header_size, 2U);
  EXPECT_EQ(two_bytes.value, 1U);
  const Length ten_bytes = decode_length(bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}));
  EXPECT_EQ(ten_bytes.state, Length::State::complete);
  EXPECT_EQ(ten_bytes.header_size, 10U);
  EXPECT_EQ(ten_bytes.value, 0U);
}

TEST(FrameTest, RefusesMoreThanTenBytesOr64Bits) {
  for (const int tenth : {0x02, 0x7f, 0x80, 0x81, 0xff}) {
    const auto header = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, tenth});
    EXPECT_EQ(decode_length(header).state, Length::State::malformed) << tenth;
  }
  const std::vector<std::byte> endless(100, std::byte{0x80});
  EXPECT_EQ(decode_length(endless).state, Length::State::malformed);
}

TEST(FrameTest, AgreesWithAnIndependentWriter) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);
    ASSERT_EQ(encoded(value), written_independently(value)) << value;
    ASSERT_EQ(decode_length(encoded(value)).value, value);
  }
}

// Decoders of all framings.

class DecoderTest : public ::testing::TestWithParam<Framing> {};

INSTANTIATE_FOR_EACH_FRAMING(DecoderTest);

TEST_P(DecoderTest, FindsAMessageAsItGrowsAndNotBefore) {
  const Framing framing = GetParam();
  for (const std::size_t size : {0, 1, 127, 128, 300, 70000}) {
    const std::vector<std::byte> payload(size, std::byte{'x'});
    const auto written = test::framed(framing, payload);
    const std::size_t header_size = test::header_by_hand(framing, size).size();
    const std::size_t enough = is_delimited(framing) ? written.size() : header_size;
    std::size_t scanned = 0;
    for (std::size_t count = 0; count <= written.size(); ++count) {
      const Frame frame = decode(framing, std::span(written).first(count), size, scanned);
      ASSERT_EQ(frame.state, count < enough ? Frame::State::incomplete : Frame::State::found) << size << ", " << count;
      if (count < enough) continue;
      ASSERT_EQ(frame.header_size, header_size);
      ASSERT_EQ(frame.size, size);
      ASSERT_EQ(frame.total(), written.size());
    }
  }
}

// So that a message which arrives byte by byte is not read anew with each of them. (The others look at ten at most.)
TEST(DecoderScanTest, LooksAtNoByteTwice) {
  for (const Framing framing : {Framing::lines, Framing::nul, Framing::content_length}) {
    std::vector<std::byte> bytes(1000, std::byte{'x'});
    std::size_t scanned = 0;
    EXPECT_EQ(decode(framing, bytes, 2000, scanned).state, Frame::State::incomplete);
    bytes.assign(1000, framing == Framing::nul ? std::byte{'\0'} : std::byte{'\n'});
    EXPECT_EQ(decode(framing, bytes, 2000, scanned).state, Frame::State::incomplete);
    scanned = 0;
    EXPECT_NE(decode(framing, bytes, 2000, scanned).state, Frame::State::incomplete);
  }
}

}  // namespace
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
