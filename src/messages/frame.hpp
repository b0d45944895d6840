// How messages lie in a stream of bytes: what is written around a payload, and where the next one is in what has been
// read. Pure functions, no I/O.
//
// docs/decisions/framings.md says where each format comes from, and how strictly it is read.
#pragma once

#include <localsocket/message_stream.hpp>
#include <localsocket/options.hpp>

#include "core/handle_passing.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using Bytes = std::span<const std::byte>;

/// The most bytes that a varint of 64 bits takes.
inline constexpr std::size_t longest_varint = 10;

/// The most that is written before a payload: a Content-Length of twenty digits and an empty line.
inline constexpr std::size_t longest_header = 40;

/// The most that is read of a header, its empty line included.
inline constexpr std::size_t longest_fields = 8 * 1024;

using Header = std::array<std::byte, longest_header>;

// Lengths as varints. Seven bits a byte, the lowest first; the top bit says that another byte follows. The encoding is
// what protobuf calls a varint (https://protobuf.dev/programming-guides/encoding/#varints), what Go's encoding/binary
// calls a uvarint, and so what LUCI's recordio has.

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
inline Length decode_length(Bytes bytes) noexcept {
  const std::size_t available = bytes.size() < longest_varint ? bytes.size() : longest_varint;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < available; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    // Nine bytes hold 63 bits: of the tenth only the lowest is left.
    if (i == longest_varint - 1 && byte > 1) return {Length::State::malformed};
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return {Length::State::complete, i + 1, value};
  }
  return {Length::State::incomplete};
}

/// Our own, of messages that may carry handles: a byte for the kind, one for the number of handles, the size in four
/// bytes, the lowest first; the handles, where they are numbers, in eight bytes each; and the payload.
inline constexpr Framing with_handles = static_cast<Framing>(64);

inline constexpr std::size_t most_handles = MessageStream::most_handles;

enum class FrameKind : unsigned char {
  message,
  acknowledgement,  // of that many handles, the oldest first; nothing else
};

/// What either end says before anything else in that framing. To any other framing it is a mistake, or more than fits.
inline constexpr std::size_t greeting_size = 12;
Bytes greeting() noexcept;

/// Bytes that a handle takes in a frame.
inline std::size_t size_of_handle() noexcept { return handles_are_numbers() ? 8 : 0; }
inline constexpr std::size_t size_of_handles_header = 6;

/// The numbers between the header of a frame and its payload.
std::vector<std::uint64_t> numbers_in(Bytes frame, std::size_t count);
/// What comes before a payload.
std::vector<std::byte> header_with_handles(std::size_t size, std::span<const NativeHandle> handles);
std::array<std::byte, size_of_handles_header> acknowledgement_of(std::size_t count) noexcept;

/// What a MessageStream carries its messages in: a framing if that is a stream of bytes.
struct Format {
  Type type;
  Framing framing;

  bool has_handles() const noexcept { return framing == with_handles; }

  /// Whether one byte before it is all that a small message has around it.
  bool has_small_headers() const noexcept { return type == Type::stream && framing == Framing::varint; }
};

// Messages of any framing.

/// Where the next message is.
struct Frame {
  enum class State : unsigned char {
    found,       // its sizes are known; its bytes need not be here yet
    incomplete,  // so far so good; more bytes are needed
    malformed,
    too_large,
  };
  State state;
  unsigned char trailer_size = 0;
  std::size_t header_size = 0;
  std::size_t size = 0;
  FrameKind kind = FrameKind::message;
  unsigned char handles = 0;

  std::size_t total() const noexcept { return header_size + size + trailer_size; }
};

/// The frame of a message whose length came before it.
inline Frame frame_of(std::size_t header_size, std::uint64_t size, std::size_t max_size) noexcept {
  if (size > max_size) return {Frame::State::too_large};
  return {Frame::State::found, 0, header_size, static_cast<std::size_t>(size)};
}

Frame decode_other(Framing framing, Bytes bytes, std::size_t max_size, std::size_t& scanned) noexcept;

/// Finds the first message in `bytes`, which may have `max_size` bytes of payload. `scanned` is 0 for a new message; it
/// is kept as long as bytes are added to the same one, so that none is looked at again.
inline Frame decode(Framing framing, Bytes bytes, std::size_t max_size, std::size_t& scanned) noexcept {
  if (framing != Framing::varint) return decode_other(framing, bytes, max_size, scanned);
  const Length length = decode_length(bytes);
  switch (length.state) {
    case Length::State::complete:
      return frame_of(length.header_size, length.value, max_size);
    case Length::State::incomplete:
      return {Frame::State::incomplete};
    case Length::State::malformed:
      break;
  }
  return {Frame::State::malformed};
}

std::size_t encode_other_header(Framing framing, std::size_t size, Header& header) noexcept;

/// Puts what comes before a payload of `size` bytes into `header`; returns how many bytes that is.
inline std::size_t encode_header(Framing framing, std::size_t size, Header& header) noexcept {
  return framing == Framing::varint ? encode_length(size, header) : encode_other_header(framing, size, header);
}

/// Whether a byte after each payload says where it ends, and no length before it.
constexpr bool is_delimited(Framing framing) noexcept { return framing == Framing::lines || framing == Framing::nul; }

/// What comes after a payload.
inline Bytes trailer_of(Framing framing) noexcept {
  static constexpr std::byte newline{'\n'};
  static constexpr std::byte nul{'\0'};
  if (!is_delimited(framing)) return {};
  return {framing == Framing::lines ? &newline : &nul, 1};
}

/// Whether a receiver finds the end of this payload where it is, if the framing is delimited.
bool is_kept_whole(Framing framing, const WriteBuffers& payload) noexcept;

/// The largest payload whose length can be written.
constexpr std::uint64_t largest_size(Framing framing) noexcept {
  const bool has_four_bytes = framing == Framing::u32_le || framing == Framing::u32_be || framing == with_handles;
  return has_four_bytes ? UINT32_MAX : UINT64_MAX;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
