#include "frame.hpp"

#include "core/little_endian.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

constexpr Frame incomplete{Frame::State::incomplete};
constexpr Frame malformed{Frame::State::malformed};
constexpr Frame too_large{Frame::State::too_large};

constexpr std::size_t none = std::string_view::npos;

std::string_view text_of(Bytes bytes) noexcept { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Four bytes.

constexpr std::size_t u32_size = 4;

/// By how much the byte at `index` is shifted.
unsigned shift_of(std::size_t index, bool lowest_first) noexcept {
  return static_cast<unsigned>(8 * (lowest_first ? index : u32_size - 1 - index));
}

Frame decode_u32(Bytes bytes, bool lowest_first, std::size_t max_size) noexcept {
  if (bytes.size() < u32_size) return incomplete;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < u32_size; ++i) {
    size |= std::to_integer<std::uint32_t>(bytes[i]) << shift_of(i, lowest_first);
  }
  return frame_of(u32_size, size, max_size);
}

std::size_t encode_u32(std::size_t size, bool lowest_first, Header& header) noexcept {
  for (std::size_t i = 0; i < u32_size; ++i) header[i] = static_cast<std::byte>(size >> shift_of(i, lowest_first));
  return u32_size;
}

// Messages that may carry handles.

Frame decode_with_handles(Bytes bytes, std::size_t max_size) noexcept {
  if (bytes.size() < size_of_handles_header) return incomplete;
  const auto kind = static_cast<FrameKind>(bytes[0]);
  const auto count = std::to_integer<unsigned char>(bytes[1]);
  Frame frame = decode_u32(bytes.subspan(2), true, kind == FrameKind::message ? max_size : 0);
  if (kind > FrameKind::acknowledgement || count > most_handles) return malformed;
  if (frame.state != Frame::State::found) return kind == FrameKind::message ? frame : malformed;
  frame.kind = kind;
  frame.handles = count;
  frame.header_size = size_of_handles_header + (kind == FrameKind::message ? count * size_of_handle() : 0);
  return frame.header_size <= bytes.size() ? frame : incomplete;
}

std::size_t encode_before_handles(std::size_t size, FrameKind kind, std::size_t handles, std::byte* to) noexcept {
  Header sizes;
  encode_u32(size, true, sizes);
  to[0] = static_cast<std::byte>(kind);
  to[1] = static_cast<std::byte>(handles);
  std::copy_n(sizes.begin(), u32_size, to + 2);
  return size_of_handles_header;
}

// Messages that end with a byte.

Frame decode_delimited(std::string_view text, char delimiter, std::size_t max_size, std::size_t& scanned) noexcept {
  const std::size_t end = text.find(delimiter, scanned);
  scanned = std::min(end, text.size());
  // Without its end, a \r that is the last may yet be before it.
  const bool has_return = delimiter == '\n' && scanned != 0 && text[scanned - 1] == '\r';
  const std::size_t size = scanned - (has_return ? 1 : 0);
  if (size > max_size) return too_large;
  if (end == none) return incomplete;
  return {Frame::State::found, static_cast<unsigned char>(has_return ? 2 : 1), 0, size};
}

// A header of fields.

constexpr std::string_view length_field = "Content-Length";

bool is_length_field(std::string_view name) noexcept {
  // No locale: the names of fields are ASCII.
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(name.begin(), name.end(), length_field.begin(), length_field.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::optional<std::uint64_t> decimal_of(std::string_view value) noexcept {
  constexpr std::string_view white_space = " \t";
  const std::size_t begin = value.find_first_not_of(white_space);
  if (begin == none) return std::nullopt;
  value = value.substr(begin, value.find_last_not_of(white_space) + 1 - begin);
  std::uint64_t number = 0;
  // Without a base's prefix or a sign; more than 64 bits are an error.
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return number;
}

/// What the only length in a whole header says; nothing, if it is not a header with exactly one.
std::optional<std::uint64_t> length_in(std::string_view header) noexcept {
  std::optional<std::uint64_t> length;
  for (;;) {
    const std::size_t end = header.find('\r');
    if (header[end + 1] != '\n') return std::nullopt;
    if (end == 0) return length;
    const std::string_view line = header.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == none || colon == 0) return std::nullopt;
    if (is_length_field(line.substr(0, colon))) {
      if (length) return std::nullopt;
      length = decimal_of(line.substr(colon + 1));
      if (!length) return std::nullopt;
    }
    header.remove_prefix(end + 2);
  }
}

Frame decode_fields(std::string_view text, std::size_t max_size, std::size_t& scanned) noexcept {
  text = text.substr(0, longest_fields);
  for (;;) {
    const std::size_t end = text.find('\n', scanned);
    if (end == none) break;
    scanned = end;  // an error stays one
    if (end == 0 || text[end - 1] != '\r') return malformed;
    if (end == 1 || text[end - 2] == '\n') {
      const auto length = length_in(text.substr(0, end + 1));
      return length ? frame_of(end + 1, *length, max_size) : malformed;
    }
    ++scanned;
  }
  scanned = text.size();
  return text.size() < longest_fields ? incomplete : malformed;
}

std::size_t encode_fields(std::size_t size, Header& header) noexcept {
  constexpr std::string_view before = "Content-Length: ";
  constexpr std::string_view after = "\r\n\r\n";
  char* const begin = reinterpret_cast<char*>(header.data());
  char* end = std::copy(before.begin(), before.end(), begin);
  end = std::to_chars(end, begin + header.size(), size).ptr;
  end = std::copy(after.begin(), after.end(), end);
  return static_cast<std::size_t>(end - begin);
}

}  // namespace

// A varint would have ten bytes at most, and not such a tenth.
Bytes greeting() noexcept {
  static constexpr std::byte f{0xff};
  static constexpr std::array<std::byte, greeting_size> bytes{f,           f, f, f, f, f, f, f, f, f, std::byte{'h'},
                                                              std::byte{1}};
  return bytes;
}

std::vector<std::uint64_t> numbers_in(Bytes frame, std::size_t count) {
  std::vector<std::uint64_t> numbers(count);
  Bytes from = frame.subspan(size_of_handles_header);
  for (std::uint64_t& number : numbers) {
    number = number_at(from.data());
    from = from.subspan(size_of_number);
  }
  return numbers;
}

std::vector<std::byte> header_with_handles(std::size_t size, std::span<const NativeHandle> handles) {
  std::vector<std::byte> header(size_of_handles_header + handles.size() * size_of_handle());
  std::byte* to = header.data();
  to += encode_before_handles(size, FrameKind::message, handles.size(), to);
  if (!handles_are_numbers()) return header;
  for (const NativeHandle handle : handles) to = put_number(number_of(handle), to);
  return header;
}

std::array<std::byte, size_of_handles_header> acknowledgement_of(std::size_t count) noexcept {
  std::array<std::byte, size_of_handles_header> bytes{};
  encode_before_handles(0, FrameKind::acknowledgement, count, bytes.data());
  return bytes;
}

Frame decode_other(Framing framing, Bytes bytes, std::size_t max_size, std::size_t& scanned) noexcept {
  if (framing == with_handles) return decode_with_handles(bytes, max_size);
  switch (framing) {
    case Framing::u32_le:
    case Framing::u32_be:
      return decode_u32(bytes, framing == Framing::u32_le, max_size);
    case Framing::lines:
      return decode_delimited(text_of(bytes), '\n', max_size, scanned);
    case Framing::nul:
      return decode_delimited(text_of(bytes), '\0', max_size, scanned);
    case Framing::content_length:
      return decode_fields(text_of(bytes), max_size, scanned);
    case Framing::varint:
      break;
  }
  return malformed;  // not a framing
}

std::size_t encode_other_header(Framing framing, std::size_t size, Header& header) noexcept {
  if (framing == with_handles) return encode_before_handles(size, FrameKind::message, 0, header.data());
  switch (framing) {
    case Framing::u32_le:
    case Framing::u32_be:
      return encode_u32(size, framing == Framing::u32_le, header);
    case Framing::content_length:
      return encode_fields(size, header);
    case Framing::varint:
    case Framing::lines:
    case Framing::nul:
      break;
  }
  return 0;
}

bool is_kept_whole(Framing framing, const WriteBuffers& payload) noexcept {
  const char delimiter = framing == Framing::lines ? '\n' : '\0';
  bool is_whole = true;
  bool ends_with_return = false;
  payload.for_each([&](Bytes part) {
    const std::string_view text = text_of(part);
    is_whole = text.find(delimiter) == none;
    if (!text.empty()) ends_with_return = text.back() == '\r';
    return is_whole;
  });
  return is_whole && !(framing == Framing::lines && ends_with_return);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
