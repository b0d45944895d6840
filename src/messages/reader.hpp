// The receiving half of a MessageStream.
//
// Bytes are read ahead into one queue and stay in it until a whole message has been handed out. So an interruption at
// any byte loses nothing: there is nothing to restore, the next call decodes the same header again. A message that is
// too large for the queue is read where the caller wants it, and only if that is interrupted put (back) into the queue,
// which grows then. Where only its end tells how large it is, the queue grows until that is in it.
#pragma once

#include <localsocket/owned_handle.hpp>
#include <localsocket/stream.hpp>

#include "core/errors.hpp"

#include "byte_queue.hpp"
#include "frame.hpp"
#include "writer_mutex.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class Reading;
class KeptHandles;

/// The handles of messages, of the framing that has them. They arrive with bytes that are read ahead, and must match
/// the frames: whatever has come with bytes in which no frame with so many begins is a mistake.
struct IncomingHandles {
  explicit IncomingHandles(KeptHandles& sent) noexcept : kept(sent) {}

  /// For good: nothing is kept of what has come.
  template <class Condition>
  void fail(Condition why) noexcept {
    failure = error(Operation::read, why);
    newest.clear();
    waiting.clear();
    next.clear();
  }

  KeptHandles& kept;        // which the peer acknowledges
  WriterMutex mutex;        // senders read, too: for the peer's greeting and acknowledgements
  std::error_code failure;  // for good
  bool are_over = false;    // no message may have any
  std::atomic<bool> is_greeted{false};
  std::size_t greeted = 0;  // bytes of it that have come and are right
  // What a sender has read of the next frame, while the queue was empty.
  std::array<std::byte, size_of_handles_header> begun{};
  std::size_t begun_size = 0;
  std::uint64_t arrived = 0;        // bytes in all
  std::vector<OwnedHandle> newest;  // of one read; kept for its memory
  std::vector<ArrivedHandles> waiting;
  std::uint64_t claimed_at = UINT64_MAX;  // where the message begins that `next` belongs to
  std::uint64_t message_end = 0;          // and where it ends
  std::vector<OwnedHandle> next;
  std::error_code next_error;
  std::vector<OwnedHandle> received;  // of the message that was received last
  std::error_code received_error;
  std::atomic<std::size_t> unacknowledged{0};
};

class MessageReader {
 public:
  MessageReader(const Format& format, std::size_t max_size, std::span<const std::byte> unread);

  /// What is read ahead, for a message that can be taken from it at once.
  ByteWindow& read_ahead() noexcept { return queue_.window(); }

  // These do what MessageStream::receive says. False or nothing: the end of the stream, or an error.
  std::optional<std::span<const std::byte>> receive(LocalStream& stream, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> receive(LocalStream& stream, const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  bool receive(LocalStream& stream, std::vector<std::byte>& message, const Wait& wait, std::error_code& ec);
  bool receive(LocalStream& stream, std::string& message, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> next_size(LocalStream& stream, const Wait& wait, std::error_code& ec);

  bool has_message() noexcept;

  // Of the framing with handles.
  void carry(std::unique_ptr<IncomingHandles> handles) noexcept { handles_ = std::move(handles); }
  IncomingHandles& handles() noexcept { return *handles_; }
  void expect_no_handles() noexcept {
    handles_->are_over = true;
    if (!handles_->waiting.empty()) handles_->fail(Errc::malformed_message);
  }
  // A sender calls these before it writes. They read from the stream, as a receive at the same time may.
  void await_greeting(LocalStream& stream, const Wait& wait, std::error_code& ec);
  /// Until at most so many handles are kept. operation_would_block: a message that has to be received is in front.
  void await_acknowledgement(LocalStream& stream, std::size_t most_kept, const Wait& wait, std::error_code& ec);

  // What ReadAhead says of them.
  bool can_receive() noexcept;
  std::span<std::byte> space();
  void commit(std::size_t count) noexcept { queue_.commit(count); }

  std::vector<std::byte> unread() const;

 private:
  Frame decode() noexcept { return detail::decode(format_.framing, queue_.bytes(), max_size_, scanned_); }
  std::optional<Frame> next(Reading& reading, std::error_code& ec);
  template <class IsMet>
  void await(LocalStream& stream, const Wait& wait, std::error_code& ec, IsMet is_met);
  std::optional<Frame> next_with_handles(Reading& reading, std::error_code& ec);
  bool read_greeting(Reading& reading, std::error_code& ec);
  bool read_acknowledgement(Reading& reading, std::error_code& ec);
  bool take_acknowledgement(const Frame& frame) noexcept;
  bool claim(Reading& reading, const Frame& frame, std::error_code& ec);
  bool claim_arrived(const Frame& frame, std::uint64_t at);
  std::optional<Frame> next_packet(Reading& reading, std::error_code& ec);
  void make_space();
  bool read_ahead(Reading& reading, std::error_code& ec);
  bool complete(Reading& reading, const Frame& frame, std::error_code& ec);
  bool is_direct(const Frame& frame) const noexcept;
  Bytes take(const Frame& frame) noexcept {
    const auto payload = queue_.bytes().subspan(frame.header_size, frame.size);
    queue_.consume(frame.total());
    scanned_ = 0;
    packet_size_.reset();
    return payload;
  }
  template <class Container>
  bool receive_growing(LocalStream& stream, Container& message, const Wait& wait, std::error_code& ec);
  template <class Grow>
  bool receive_directly(Reading& reading, const Frame& frame, Grow grow, std::error_code& ec);

  bool has_packet() const noexcept { return packet_size_ && queue_.size() == *packet_size_; }

  Format format_;
  std::size_t max_size_;
  std::size_t scanned_ = 0;  // of the next message, without finding its end
  ByteQueue queue_;
  // Of packets: the size of the message that has begun. What of it has been taken off the connection is in the queue.
  std::optional<std::size_t> packet_size_;
  std::unique_ptr<IncomingHandles> handles_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
