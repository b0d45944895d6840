// Messages that go out together.
#pragma once

#include <localsocket/message_stream.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

/// Messages that go out together, many small ones by one system call. Move-only; the destructor does not flush().
///
///     MessageBatch batch(messages);
///     for (const auto& event : events) batch.add(event);   // writes whenever 64 KiB have come together
///     batch.flush();
///
/// It is for one thread, and adding takes no lock; any number of threads may each have one on the same MessageStream,
/// which must stay where it is as long as they are used. Its memory is allocated by the first add().
class LOCALSOCKET_EXPORT MessageBatch {
 public:
  static constexpr std::size_t default_size = 64 * 1024;

  /// `size`: how many bytes it collects, with what the framing puts around the messages.
  explicit MessageBatch(MessageStream& messages, std::size_t size = default_size) noexcept;
  MessageBatch(MessageBatch&& other) noexcept;
  MessageBatch& operator=(MessageBatch&& other) noexcept;
  ~MessageBatch();

  /// Adds a copy of the message. When it has no space for it, it flushes first, and that alone can wait; a message
  /// larger than the whole batch is then sent. It returns whether the message was taken, as send() does. False: it may
  /// be added again; those added before are kept, or sent. Errors: those of MessageStream::send.
  bool add(const WriteBuffers& message, const Wait& wait, std::error_code& ec) {
    ec.clear();
    return add_small(message) || add_any(message, wait, ec);
  }
  bool add(const WriteBuffers& message, std::error_code& ec) { return add(message, Wait(), ec); }

  /// Writes all that was added, and before it the rest of an interrupted message. When it ends early, what was not
  /// begun stays in the batch, and the rest of a message that was begun in the stream: flush again.
  void flush(const Wait& wait, std::error_code& ec);
  void flush(std::error_code& ec) { flush(Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  void add(const WriteBuffers& message, const Wait& wait = {}) {
    if (!add_small(message)) add_any(message, wait);
  }
  void flush(const Wait& wait = {});
#endif

  /// How many bytes wait for a flush, with what the framing puts around the messages.
  std::size_t size() const noexcept { return used_; }
  bool empty() const noexcept { return used_ == 0; }

  /// Drops what was added since the last flush.
  void clear() noexcept { used_ = 0; }

 private:
  // Inline, because with small messages a call would cost as much as the copy. One byte holds a varint below 128.
  bool add_small(const WriteBuffers& buffers) noexcept {
    const std::span<const std::byte> message = buffers.front();
    if (!buffers.is_single() || message.size() >= small_sizes_ || message.size() >= capacity_ - used_) return false;
    std::byte* const to = memory_.get() + used_;
    *to = static_cast<std::byte>(message.size());
    if (!message.empty()) std::memcpy(to + 1, message.data(), message.size());
    used_ += 1 + message.size();
    return true;
  }
  void add_any(const WriteBuffers& message, const Wait& wait);
  bool add_any(const WriteBuffers& message, const Wait& wait, std::error_code& ec);

  MessageStream* messages_;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;  // 0, and then size_
  std::size_t used_ = 0;
  std::size_t size_;
  std::size_t small_sizes_;  // below it one byte is the whole header; 0 with other framings
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
