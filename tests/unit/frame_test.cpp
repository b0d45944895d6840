// The length's encoding, byte by byte: no connection, the library's own header.
#include "messages/frame.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

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

}  // namespace
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
