// The receiving half of a MessageStream.
//
// Bytes are read ahead into one queue and stay in it until a whole message has been handed out. So an interruption at
// any byte loses nothing: there is nothing to restore, the next call decodes the same header again. A message that is
// too large for the queue is read where the caller wants it, and only if that is interrupted put (back) into the queue,
// which grows then.
#pragma once

#include <localsocket/stream.hpp>

#include "byte_queue.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class Reading;

class MessageReader {
 public:
  MessageReader(std::size_t max_size, std::span<const std::byte> unread);

  /// What is read ahead, for a message that can be taken from it at once.
  ByteWindow& read_ahead() noexcept { return queue_.window(); }

  // These do what MessageStream::receive says. False or nothing: the end of the stream, or an error.
  std::optional<std::span<const std::byte>> receive(LocalStream& stream, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> receive(LocalStream& stream, const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  bool receive(LocalStream& stream, std::vector<std::byte>& message, const Wait& wait, std::error_code& ec);
  bool receive(LocalStream& stream, std::string& message, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> next_size(LocalStream& stream, const Wait& wait, std::error_code& ec);

  bool has_message() const noexcept;
  std::span<const std::byte> unread() const noexcept { return queue_.bytes(); }

 private:
  /// Where the next message is in the queue.
  struct Frame {
    std::size_t header_size;
    std::size_t size;
    std::size_t total() const noexcept { return header_size + size; }
  };

  std::optional<Frame> next(Reading& reading, std::error_code& ec);
  bool read_ahead(Reading& reading, std::error_code& ec);
  bool complete(Reading& reading, const Frame& frame, std::error_code& ec);
  bool is_direct(const Frame& frame) const noexcept;
  std::span<const std::byte> take(const Frame& frame) noexcept;
  template <class Container>
  bool receive_growing(LocalStream& stream, Container& message, const Wait& wait, std::error_code& ec);
  template <class Grow>
  bool receive_directly(Reading& reading, const Frame& frame, Grow grow, std::error_code& ec);

  std::size_t max_size_;
  ByteQueue queue_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
