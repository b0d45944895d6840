// The sending half of a MessageStream.
//
// One queue holds what is to be written before anything else: messages that were queued, and the rest of one whose
// writing was interrupted. Each message has a place in the stream's order from its first byte on, so the rest always
// goes first.
#pragma once

#include <localsocket/stream.hpp>

#include "byte_queue.hpp"
#include "frame.hpp"
#include "turn.hpp"

#include <atomic>
#include <cstddef>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::detail {

class MessageWriter {
 public:
  using Bytes = std::span<const std::byte>;

  MessageWriter(std::size_t max_size, std::size_t batch_size, Bytes unsent);

  // These do what MessageStream says. False: not a byte of the message was taken.
  bool send(LocalStream& stream, std::span<const Bytes> payload, const Wait& wait, std::error_code& ec);
  bool queue(LocalStream& stream, std::span<const Bytes> payload, const Wait& wait, std::error_code& ec);
  void flush(LocalStream& stream, const Wait& wait, std::error_code& ec);

  void cancel() noexcept { turn_.cancel(); }
  /// From any thread.
  std::size_t unsent_size() const noexcept { return unsent_size_.load(std::memory_order_relaxed); }
  /// No call may be running.
  Bytes unsent() const noexcept { return queue_.bytes(); }

 private:
  struct Message;

  bool check(const Message& message, std::error_code& ec) const noexcept;
  bool write(LocalStream& stream, const Message& message, const Wait& wait, std::error_code& ec);
  bool write_small(LocalStream& stream, const Message& message, const Wait& wait, std::error_code& ec);
  void write_queue(LocalStream& stream, const Wait& wait, std::error_code& ec);
  bool keep_rest(LocalStream& stream, const Message& message, std::size_t written);
  void append(const Message& message, std::size_t skip);
  void give_back_memory() noexcept;
  void publish() noexcept { unsent_size_.store(queue_.size(), std::memory_order_relaxed); }

  std::size_t max_size_;
  std::size_t batch_size_;
  Turn turn_;
  ByteQueue queue_;
  std::vector<Bytes> parts_;  // of one write; kept for its memory
  std::atomic<std::size_t> unsent_size_{0};
};

}  // namespace localsocket::detail
