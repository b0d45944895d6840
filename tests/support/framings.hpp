// The formats of messages, written by hand: what a test compares the library's own with.
#pragma once

#include <localsocket/message_stream.hpp>

#include <array>
#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace localsocket {

// Found by GoogleTest, as the name of a test's parameter too.
inline void PrintTo(Framing framing, std::ostream* out) {
  const char* const names[] = {"varint", "u32_le", "u32_be", "lines", "nul", "content_length"};
  *out << names[static_cast<std::size_t>(framing)];
}

namespace test {

inline constexpr std::array all_framings{Framing::varint, Framing::u32_le, Framing::u32_be,
                                         Framing::lines,  Framing::nul,    Framing::content_length};

#define INSTANTIATE_FOR_EACH_FRAMING(fixture)                                                   \
  INSTANTIATE_TEST_SUITE_P(In, fixture, ::testing::ValuesIn(::localsocket::test::all_framings), \
                           ::testing::PrintToStringParamName())

inline std::string header_by_hand(Framing framing, std::size_t size) {
  std::string header;
  switch (framing) {
    case Framing::varint:
      for (; size > 127; size /= 128) header += static_cast<char>(size % 128 + 128);
      return header + static_cast<char>(size);
    case Framing::u32_le:
    case Framing::u32_be:
      for (int i = 0; i < 4; ++i, size /= 256) {
        const char byte = static_cast<char>(size % 256);
        header = framing == Framing::u32_le ? header + byte : byte + header;
      }
      return header;
    case Framing::content_length:
      return "Content-Length: " + std::to_string(size) + "\r\n\r\n";
    case Framing::lines:
    case Framing::nul:
      break;
  }
  return header;
}

/// A message as it is written.
inline std::vector<std::byte> framed(Framing framing, std::span<const std::byte> payload) {
  const std::string header = header_by_hand(framing, payload.size());
  const auto head = std::as_bytes(std::span(header));
  std::vector<std::byte> bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  if (framing == Framing::lines) bytes.push_back(std::byte{'\n'});
  if (framing == Framing::nul) bytes.push_back(std::byte{'\0'});
  return bytes;
}

inline std::vector<std::byte> framed(Framing framing, const std::vector<std::vector<std::byte>>& messages) {
  std::vector<std::byte> bytes;
  for (const auto& message : messages) {
    const auto one = framed(framing, message);
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  return bytes;
}

/// The payload as it can be sent: without what ends a message.
inline std::vector<std::byte> fit_for(Framing framing, std::vector<std::byte> payload) {
  for (std::byte& byte : payload) {
    if (framing == Framing::lines && (byte == std::byte{'\n'} || byte == std::byte{'\r'})) byte = std::byte{'r'};
    if (framing == Framing::nul && byte == std::byte{'\0'}) byte = std::byte{'0'};
  }
  return payload;
}

}  // namespace test
}  // namespace localsocket
