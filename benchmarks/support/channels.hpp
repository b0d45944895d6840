// Messages over a stream whose calls block.
#pragma once

#include "framing.hpp"
#include "transport.hpp"

#include <cstddef>
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
    while (!output_.add(message)) flush();
  }

  void flush() {
    stream_.send_all(output_.pending());
    output_.clear();
  }

  std::span<const std::byte> receive() {
    for (;;) {
      if (const auto message = input_.next()) return *message;
      const std::size_t n = stream_.recv_some(input_.room());
      expect(n > 0, "the stream ended inside the messages");
      input_.filled(n);
    }
  }

 private:
  Stream stream_;
  Packer output_;
  Unpacker input_;
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
