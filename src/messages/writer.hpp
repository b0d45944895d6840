// The sending half of a MessageStream.
//
// It keeps the rest of a message whose writing was interrupted. A message has its place in the stream from its first
// byte on, so that rest goes before anything else.
#pragma once

#include <localsocket/owned_handle.hpp>
#include <localsocket/stream.hpp>

#include "byte_queue.hpp"
#include "frame.hpp"
#include "writer_mutex.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// A payload in parts, and what it gets around it.
struct Message {
  Message(Framing of_stream, const WriteBuffers& buffers) noexcept
      : payload(buffers),
        framing(of_stream),
        size(buffers.total_size()),
        header_size(encode_header(framing, size, header)),
        total_size(header_size + size + (is_delimited(framing) ? 1 : 0)) {}

  Bytes trailer() const noexcept { return trailer_of(framing); }

  void copy_to(std::byte* to) const noexcept {
    to = std::copy_n(header.data(), header_size, to);
    payload.for_each([&](Bytes part) {
      to = std::copy_n(part.data(), part.size(), to);
      return true;
    });
    if (is_delimited(framing)) *to = trailer().front();
  }

  const WriteBuffers& payload;
  Framing framing;
  Header header;
  std::size_t size;
  std::size_t header_size;
  std::size_t total_size;
};

class WriterCall;

/// The handles that have been sent and have not been acknowledged, the oldest first; or nothing, where the system keeps
/// them. From any thread.
class KeptHandles {
 public:
  std::size_t size() const noexcept { return size_.load(); }
  /// Copies of the handles, which it keeps and puts in their place; none in case of an error.
  void keep(std::vector<NativeHandle>& handles, std::error_code& ec);
  /// Of those that were kept last, and were not sent.
  void drop_last(std::size_t count) noexcept;
  /// False: there are not so many.
  bool acknowledge(std::size_t count) noexcept;

 private:
  std::mutex mutex_;
  std::vector<OwnedHandle> handles_;
  std::atomic<std::size_t> size_{0};
};

class MessageWriter {
 public:
  MessageWriter(const Format& format, std::size_t max_size, Bytes unsent);

  std::size_t max_size() const noexcept { return max_size_; }

  /// Whether it may be sent at all; if not, why.
  bool accepts(const Message& message, std::error_code& ec) const noexcept {
    if (message.size <= max_size_ && !is_delimited(format_.framing)) [[likely]] {
      return true;
    }
    return accepts_bytes(message, ec);
  }

  // What MessageStream says of them. False: not a byte of the message was written.
  bool send(LocalStream& stream, const WriteBuffers& payload, const Wait& wait, std::error_code& ec);
  /// The same with handles, of which the sender keeps those in `kept` until they are acknowledged.
  bool send(LocalStream& stream, const WriteBuffers& payload, std::span<const NativeHandle> handles, KeptHandles& kept,
            const Wait& wait, std::error_code& ec);
  void flush(LocalStream& stream, const Wait& wait, std::error_code& ec);

  // Of the framing with handles.
  /// Says that this end can, once; after that it waits for nobody.
  void greet(LocalStream& stream, const Wait& wait, std::error_code& ec);
  /// Tells that so many handles have come, as far as the call can; takes those off that it has told.
  void acknowledge(LocalStream& stream, std::atomic<std::size_t>& count, const Wait& wait, std::error_code& ec);

  /// Writes messages that are framed already; returns the size of those that have been begun or written, from the first
  /// on.
  std::size_t send_framed(LocalStream& stream, Bytes messages, const Wait& wait, std::error_code& ec);

  bool has_unsent() const noexcept { return has_rest_.load(std::memory_order_relaxed); }  // from any thread
  Bytes unsent() const noexcept { return rest_.bytes(); }                                 // no call may be running

 private:
  bool write_handles(WriterCall& writing, const Message& message, std::span<const NativeHandle> handles,
                     std::error_code& ec);
  bool accepts_bytes(const Message& message, std::error_code& ec) const noexcept;
  bool send_packet(LocalStream& stream, const WriteBuffers& payload, const Wait& wait, std::error_code& ec);
  std::size_t write_small(WriterCall& writing, const Message& message, std::error_code& ec);
  std::size_t write(WriterCall& writing, const WriteBuffers& parts, std::error_code& ec);
  void keep_rest(WriterCall& writing, WriteBuffers message, std::size_t written);

  std::size_t end_of_message(Bytes messages, std::size_t written) const noexcept;

  Format format_;
  std::size_t max_size_;
  WriterMutex mutex_;
  ByteQueue rest_;            // of packets: one whose parts have been put together, while it is sent
  std::vector<Bytes> parts_;  // of one write, the rest first; kept for its memory
  std::atomic<bool> has_rest_{false};
  std::atomic<bool> has_greeted_{false};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
