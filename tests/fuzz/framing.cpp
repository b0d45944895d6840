// The decoder of a framing (FRAMING is its name): it agrees with a plain one, wherever its input is cut; an error stays
// one; and what it finds is written and found again. The first byte of the input says where it is cut, and the limit.

#include "messages/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace {

using localsocket::Framing;
using localsocket::detail::Bytes;
using localsocket::detail::decode;
using localsocket::detail::Frame;
using State = Frame::State;

constexpr Framing framing = Framing::FRAMING;

void require(bool holds) {
  if (!holds) std::abort();
}

int at(Bytes bytes, std::size_t index) { return std::to_integer<int>(bytes[index]); }

/// A frame with a length in front of it; `size` is nothing when it is more than 64 bits.
Frame counted(std::size_t header_size, std::optional<std::uint64_t> size, std::size_t max_size) {
  if (!size) return {State::malformed};
  if (*size > max_size) return {State::too_large};
  return {State::found, 0, header_size, static_cast<std::size_t>(*size)};
}

/// `number * base + digit`, if that has no more than 64 bits.
std::optional<std::uint64_t> appended(std::uint64_t number, unsigned base, unsigned digit) {
  if (number > (UINT64_MAX - digit) / base) return std::nullopt;
  return number * base + digit;
}

Frame plain_varint(Bytes bytes, std::size_t max_size) {
  std::size_t size = 0;
  while (size < bytes.size() && size < 10 && at(bytes, size) >= 128) ++size;
  if (size == 10) return {State::malformed};
  if (size == bytes.size()) return {State::incomplete};
  std::optional<std::uint64_t> number = 0;
  for (std::size_t i = size + 1; number && i-- > 0;) number = appended(*number, 128, at(bytes, i) % 128);
  return counted(size + 1, number, max_size);
}

Frame plain_u32(Bytes bytes, std::size_t max_size) {
  if (bytes.size() < 4) return {State::incomplete};
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number * 256 + at(bytes, framing == Framing::u32_be ? i : 3 - i);
  return counted(4, number, max_size);
}

Frame plain_delimited(Bytes bytes, std::size_t max_size) {
  const int delimiter = framing == Framing::lines ? '\n' : 0;
  std::size_t end = 0;
  while (end < bytes.size() && at(bytes, end) != delimiter) ++end;
  const bool is_short = framing == Framing::lines && end > 0 && at(bytes, end - 1) == '\r';
  const std::size_t size = is_short ? end - 1 : end;
  if (size > max_size) return {State::too_large};
  if (end == bytes.size()) return {State::incomplete};
  return {State::found, static_cast<unsigned char>(is_short ? 2 : 1), 0, size};
}

/// The length that a line of a header has, if it has one; false: it is malformed.
bool plain_field(std::string line, std::optional<std::uint64_t>& length) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || colon == 0 || line.find('\r') != std::string::npos) return false;
  std::string name = line.substr(0, colon);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (name != "content-length") return true;
  line.erase(0, colon + 1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.erase(0, 1);
  if (length || line.empty()) return false;
  length = 0;
  for (const char c : line) {
    if (c < '0' || c > '9') return false;
    length = appended(*length, 10, static_cast<unsigned>(c - '0'));
    if (!length) return false;
  }
  return true;
}

Frame plain_fields(Bytes bytes, std::size_t max_size) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  for (bool ended = false; !ended; ++used) {
    if (used == 8192) return {State::malformed};
    if (used == bytes.size()) return {State::incomplete};
    const char c = static_cast<char>(at(bytes, used));
    if (c != '\n') {
      lines.back() += c;
      continue;
    }
    if (lines.back().empty() || lines.back().back() != '\r') return {State::malformed};
    lines.back().pop_back();
    ended = lines.back().empty();
    if (!ended) lines.emplace_back();
  }
  lines.pop_back();
  std::optional<std::uint64_t> length;
  for (const std::string& line : lines) {
    if (!plain_field(line, length)) return {State::malformed};
  }
  return counted(used, length, max_size);
}

Frame plain(Bytes bytes, std::size_t max_size) {
  switch (framing) {
    case Framing::varint:
      return plain_varint(bytes, max_size);
    case Framing::u32_le:
    case Framing::u32_be:
      return plain_u32(bytes, max_size);
    case Framing::lines:
    case Framing::nul:
      return plain_delimited(bytes, max_size);
    case Framing::content_length:
      break;
  }
  return plain_fields(bytes, max_size);
}

bool equal(const Frame& a, const Frame& b) {
  if (a.state != b.state) return false;
  return a.state != State::found ||
         (a.header_size == b.header_size && a.size == b.size && a.trailer_size == b.trailer_size);
}

/// What is written around a payload is found again.
void write_and_find(Bytes payload) {
  localsocket::detail::Header header;
  const std::size_t size = localsocket::detail::encode_header(framing, payload.size(), header);
  std::vector<std::byte> bytes(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  const Bytes trailer = localsocket::detail::trailer_of(framing);
  bytes.insert(bytes.end(), trailer.begin(), trailer.end());
  std::size_t scanned = 0;
  const Frame again = decode(framing, bytes, payload.size(), scanned);
  const Frame expected{State::found, static_cast<unsigned char>(trailer.size()), size, payload.size()};
  const bool is_whole =
      !localsocket::detail::is_delimited(framing) || localsocket::detail::is_kept_whole(framing, payload);
  require(equal(again, expected) == is_whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 16;
  const std::size_t max_size = std::size_t{1} << (data[0] / 16);
  Bytes bytes = std::as_bytes(std::span(data, size)).subspan(1);
  // Message after message, as a receiver goes.
  for (std::size_t count = 0, scanned = 0;;) {
    const Bytes here = bytes.first(count);
    const Frame frame = decode(framing, here, max_size, scanned);
    require(equal(frame, plain(here, max_size)) && scanned <= count);
    require(equal(frame, decode(framing, here, max_size, scanned)));
    if (frame.state == State::found && frame.total() <= count) {
      write_and_find(here.subspan(frame.header_size, frame.size));
      bytes = bytes.subspan(frame.total());
      count -= frame.total();
      scanned = 0;
      continue;
    }
    if (frame.state == State::malformed || frame.state == State::too_large || count == bytes.size()) return 0;
    count = std::min(bytes.size(), count + std::max(step, count / 8));  // a long one is not compared at every byte
  }
}
