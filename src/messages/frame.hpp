// The length in front of each message: an unsigned LEB128 number. Pure functions, no I/O.
//
// Seven bits a byte, the lowest first; the top bit says that another byte follows. The encoding is what protobuf calls
// a varint (https://protobuf.dev/programming-guides/encoding/#varints), what Go's encoding/binary calls a uvarint, and
// so what LUCI's recordio has.
#pragma once

#include <localsocket/platform.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// The most bytes that 64 bits take.
inline constexpr std::size_t longest_header = 10;

using Header = std::array<std::byte, longest_header>;

/// Puts the shortest form of `length` into `header`; returns how many bytes that is.
inline std::size_t encode_length(std::uint64_t length, Header& header) noexcept {
  std::size_t size = 0;
  while (length >= 0x80) {
    header[size++] = static_cast<std::byte>(length | 0x80);
    length >>= 7;
  }
  header[size++] = static_cast<std::byte>(length);
  return size;
}

struct Length {
  enum class State : unsigned char {
    complete,
    incomplete,  // so far so good; more bytes are needed
    malformed,   // more than ten bytes, or more than 64 bits
  };
  State state;
  std::size_t header_size = 0;  // if complete: bytes it takes
  std::uint64_t value = 0;      // if complete
};

/// Reads the length at the beginning of `bytes`. Longer forms than the shortest are taken, as protobuf and Go take
/// them, up to ten bytes.
inline Length decode_length(std::span<const std::byte> bytes) noexcept {
  const std::size_t available = bytes.size() < longest_header ? bytes.size() : longest_header;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < available; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    // Nine bytes hold 63 bits: of the tenth only the lowest is left.
    if (i == longest_header - 1 && byte > 1) return {Length::State::malformed};
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return {Length::State::complete, i + 1, value};
  }
  return {Length::State::incomplete};
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
