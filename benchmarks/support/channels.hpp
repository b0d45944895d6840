// Messages over a byte stream as one writes them by hand: a byte with the length, then the message.
#pragma once

#include "transport.hpp"

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace bench {

/// Through a buffer of 64 KiB in each direction: the least work that a byte stream allows.
template <ByteStream Stream>
class BufferedChannel {
 public:
  explicit BufferedChannel(Stream stream) : stream_(std::move(stream)) {}

  void send(std::span<const std::byte> message) {
    if (message.size() >= output_.size() - used_) flush();
    output_[used_] = static_cast<std::byte>(message.size());
    std::memcpy(&output_[used_ + 1], message.data(), message.size());
    used_ += 1 + message.size();
  }

  void flush() {
    stream_.send_all(std::span(output_).first(used_));
    used_ = 0;
  }

  std::span<const std::byte> receive() {
    if (begin_ == end_) fill(1);
    const auto size = std::to_integer<std::size_t>(input_[begin_]);
    if (end_ - begin_ < 1 + size) fill(1 + size);
    const auto message = std::span<const std::byte>(input_).subspan(begin_ + 1, size);
    begin_ += 1 + size;
    return message;
  }

 private:
  static constexpr std::size_t capacity = 64 * 1024;

  void fill(std::size_t wanted) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    while (end_ < wanted) {
      const std::size_t n = stream_.recv_some(std::span(input_).subspan(end_));
      expect(n > 0, "the stream ended inside the messages");
      end_ += n;
    }
  }

  Stream stream_;
  std::vector<std::byte> output_ = std::vector<std::byte>(capacity);
  std::size_t used_ = 0;
  std::vector<std::byte> input_ = std::vector<std::byte>(capacity);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// Two system calls a message, on both sides.
template <ByteStream Stream>
class UnbufferedChannel {
 public:
  explicit UnbufferedChannel(Stream stream) : stream_(std::move(stream)) {}

  void send(std::span<const std::byte> message) {
    const auto header = static_cast<std::byte>(message.size());
    stream_.send_all({&header, 1});
    stream_.send_all(message);
  }

  void flush() {}

  std::span<const std::byte> receive() {
    std::byte header;
    expect(stream_.recv_exact({&header, 1}), "the stream ended before a message");
    message_.resize(std::to_integer<std::size_t>(header));
    expect(stream_.recv_exact(message_), "the stream ended inside a message");
    return message_;
  }

 private:
  Stream stream_;
  std::vector<std::byte> message_;
};

}  // namespace bench
