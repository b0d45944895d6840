// The sending half of a MessageStream.
//
// It keeps the rest of a message whose writing was interrupted. A message has its place in the stream from its first
// byte on, so that rest goes before anything else.
#pragma once

#include <localsocket/stream.hpp>

#include "byte_queue.hpp"
#include "frame.hpp"
#include "writer_mutex.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using Bytes = std::span<const std::byte>;

/// A payload in parts, and the header it gets.
struct Message {
  explicit Message(const WriteBuffers& buffers) noexcept
      : payload(buffers), size(buffers.total_size()), header_size(encode_length(size, header)) {}

  std::size_t total() const noexcept { return header_size + size; }

  void copy_to(std::byte* to) const noexcept {
    to = std::copy_n(header.data(), header_size, to);
    payload.for_each([&](Bytes part) {
      to = std::copy_n(part.data(), part.size(), to);
      return true;
    });
  }

  const WriteBuffers& payload;
  Header header;
  std::size_t size;
  std::size_t header_size;
};

class WriterCall;

class MessageWriter {
 public:
  MessageWriter(std::size_t max_size, Bytes unsent);

  std::size_t max_size() const noexcept { return max_size_; }

  // What MessageStream says of them. False: not a byte of the message was written.
  bool send(LocalStream& stream, const WriteBuffers& payload, const Wait& wait, std::error_code& ec);
  void flush(LocalStream& stream, const Wait& wait, std::error_code& ec);

  /// Writes messages with their headers; returns the size of those that have been begun or written, from the first on.
  std::size_t send_framed(LocalStream& stream, Bytes messages, const Wait& wait, std::error_code& ec);

  bool has_unsent() const noexcept { return has_rest_.load(std::memory_order_relaxed); }  // from any thread
  Bytes unsent() const noexcept { return rest_.bytes(); }                                 // no call may be running

 private:
  std::size_t write_small(WriterCall& writing, const Message& message, std::error_code& ec);
  std::size_t write(WriterCall& writing, const WriteBuffers& parts, std::error_code& ec);
  void keep_rest(WriterCall& writing, WriteBuffers message, std::size_t written);

  std::size_t max_size_;
  WriterMutex mutex_;
  ByteQueue rest_;
  std::vector<Bytes> parts_;  // of one write, the rest first; kept for its memory
  std::atomic<bool> has_rest_{false};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
