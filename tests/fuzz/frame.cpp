// The decoder of lengths: it agrees with a plain one, at every point where the bytes may end, and what it reads is
// written and read again.

#include "messages/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

namespace {

using localsocket::detail::decode_length;
using localsocket::detail::encode_length;
using localsocket::detail::Header;
using localsocket::detail::Length;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The length at the beginning of `bytes`, if it is complete and fits.
std::optional<std::uint64_t> decode_plainly(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::uint64_t factor = 1;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    const std::uint64_t digit = byte % 128;
    if (i == 9 && digit > 1) return std::nullopt;
    value += digit * factor;
    if (byte < 128) return value;
    factor *= 128;
  }
  return std::nullopt;
}

void check(std::span<const std::byte> bytes) {
  const Length length = decode_length(bytes);
  const auto expected = decode_plainly(bytes);
  require(expected.has_value() == (length.state == Length::State::complete));
  require(length.state != Length::State::incomplete || bytes.size() < localsocket::detail::longest_header);
  if (!expected) return;
  require(length.value == *expected && length.header_size <= bytes.size());
  for (std::size_t size = 0; size < length.header_size; ++size) {
    require(decode_length(bytes.first(size)).state == Length::State::incomplete);
  }
  Header header;
  const std::size_t size = encode_length(length.value, header);
  require(size <= length.header_size);
  const Length again = decode_length(std::span(header).first(size));
  require(again.state == Length::State::complete && again.value == length.value && again.header_size == size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  // Message after message, as a receiver goes.
  for (;;) {
    check(bytes);
    const Length length = decode_length(bytes);
    if (length.state != Length::State::complete || length.value > bytes.size() - length.header_size) return 0;
    bytes = bytes.subspan(length.header_size + static_cast<std::size_t>(length.value));
  }
}
