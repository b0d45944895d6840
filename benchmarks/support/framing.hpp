// Messages in a stream of bytes as one writes them by hand: a byte with the length, then the message. Buffers only; the
// contenders move the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace bench {

inline constexpr std::size_t buffer_size = 64 * 1024;

/// The one buffer of a server of the workload "many". On a page of its own: how long the kernel copies a request
/// depends on where that begins.
struct alignas(4096) PageBuffer {
  std::array<std::byte, buffer_size> bytes;
};

/// Collects messages to be written together.
class Packer {
 public:
  /// False: no room; write what is pending first.
  bool add(std::span<const std::byte> message) {
    if (message.size() >= bytes_.size() - used_) return false;
    bytes_[used_] = static_cast<std::byte>(message.size());
    std::memcpy(&bytes_[used_ + 1], message.data(), message.size());
    used_ += 1 + message.size();
    return true;
  }

  std::span<const std::byte> pending() const { return std::span(bytes_).first(used_); }
  void clear() { used_ = 0; }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(buffer_size);
  std::size_t used_ = 0;
};

/// Takes apart what is read.
class Unpacker {
 public:
  /// The next whole message, valid until room() is called.
  std::optional<std::span<const std::byte>> next() {
    if (begin_ == end_) return std::nullopt;
    const auto size = std::to_integer<std::size_t>(bytes_[begin_]);
    if (end_ - begin_ < 1 + size) return std::nullopt;
    const auto message = std::span<const std::byte>(bytes_).subspan(begin_ + 1, size);
    begin_ += 1 + size;
    return message;
  }

  /// Where to read to, and afterwards how much was read.
  std::span<std::byte> room() {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return std::span(bytes_).subspan(end_);
  }
  void filled(std::size_t n) { end_ += n; }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(buffer_size);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace bench
