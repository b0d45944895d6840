// Messages over a stream: each arrives whole, or not at all.
#pragma once

#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace localsocket {

namespace detail {

class MessageChannel;

/// The bytes of a queue, from the next one on.
struct ByteWindow {
  std::byte* begin = nullptr;
  std::byte* end = nullptr;
  std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
};

}  // namespace detail

struct MessageOptions {
  /// The largest message to send or receive, in bytes of payload.
  std::size_t max_size = 16 * 1024 * 1024;
};

/// A connection that carries messages. Move-only; the destructor closes the stream.
///
///     MessageStream messages(LocalStream::connect("echo.example"));
///     messages.send("ping");
///     while (auto message = messages.receive()) …          // until the peer closes
///
/// **Format.** Each message is its length as an unsigned LEB128 number, in the shortest form, and that many bytes; it
/// may be empty. These are the bytes of protobuf's delimited format and of LUCI's recordio. Received lengths may have a
/// longer form, of ten bytes at most.
///
/// **Threads.** Any number of threads may send and flush while one receives. The messages of several senders
/// never interleave; while one writes the others wait, as long as their Wait and the stream's write time-out let them.
/// Moving, assigning, release() and the destructor need the object alone.
///
/// **Errors.** As in LocalStream, each call throws std::system_error or takes a `std::error_code&` last, and has the
/// errors of that class: timed_out, operation_canceled, operation_would_block, Errc::closed. std::bad_alloc loses
/// nothing or, where bytes had nowhere to stay, closes the stream.
///
/// **Interruptions.** A time-out, a stop request, cancel() or nonblocking mode may end a call at any byte of a message.
/// Nothing is lost and nothing repeated: the next receive, or the next send or flush, goes on from there.
///
/// **Memory.** 64 KiB for reading ahead, from the first receive on. A large message takes memory as it arrives, never
/// more than twice what is there and 64 KiB. No allocation for each message.
class LOCALSOCKET_EXPORT MessageStream {
 public:
  /// What a MessageStream is made of.
  struct Parts {
    LocalStream stream;
    std::vector<std::byte> unread;  ///< received, but not yet as a message: these come before what the stream gives
    std::vector<std::byte> unsent;  ///< the rest of a message: these go before anything else is written
  };

  /// Not connected: every call gives Errc::closed.
  MessageStream() noexcept;
  explicit MessageStream(LocalStream stream, const MessageOptions& options = {});
  /// Goes on where release() left off, perhaps with other options.
  explicit MessageStream(Parts parts, const MessageOptions& options = {});
  MessageStream(MessageStream&& other) noexcept;
  MessageStream& operator=(MessageStream&& other) noexcept;
  ~MessageStream();

  /// Sends one message, by one system call if the connection takes it at once. A list of spans is one message of all
  /// their bytes.
  ///
  /// The error_code form returns whether the message was taken. False: not a byte of it was, and it may be sent again.
  /// True with an error: the call ended inside the message; its rest is kept and goes first with the next send or
  /// flush. Never send it again. Errors: Errc::message_too_large (nothing was written), broken_pipe, and those of the
  /// class.
  void send(std::span<const std::byte> message, const Wait& wait = {});
  bool send(std::span<const std::byte> message, const Wait& wait, std::error_code& ec);
  bool send(std::span<const std::byte> message, std::error_code& ec);
  void send(std::span<const std::span<const std::byte>> parts, const Wait& wait = {});
  bool send(std::span<const std::span<const std::byte>> parts, const Wait& wait, std::error_code& ec);
  bool send(std::span<const std::span<const std::byte>> parts, std::error_code& ec);
  void send(std::string_view message, const Wait& wait = {});
  bool send(std::string_view message, const Wait& wait, std::error_code& ec);
  bool send(std::string_view message, std::error_code& ec);

  /// Writes the rest of an interrupted message, if there is one.
  void flush(const Wait& wait = {});
  void flush(const Wait& wait, std::error_code& ec);
  void flush(std::error_code& ec);

  /// Whether the rest of an interrupted message waits for a send or flush. From any thread.
  bool has_unsent() const noexcept;

  /// Receives the next message without a copy: a view that is valid until the next call of receive or next_size, or
  /// until the object is moved, released or destroyed. Nothing, without an error: the peer ended the stream after a
  /// whole message. Errors: Errc::malformed_message (the length has more than ten bytes or 64 bits, or the stream ended
  /// inside a message), Errc::message_too_large (its length is above max_size; nothing was allocated), and those of the
  /// class. After the first two every receive fails alike: where the next message begins is unknown, or behind too many
  /// bytes.
  std::optional<std::span<const std::byte>> receive(const Wait& wait = {}) {
    if (std::span<const std::byte> message; take_small(message, wait)) return message;
    return receive_any(wait);
  }
  std::optional<std::span<const std::byte>> receive(const Wait& wait, std::error_code& ec) {
    if (std::span<const std::byte> message; take_small(message, wait)) {
      ec.clear();
      return message;
    }
    return receive_any(wait, ec);
  }
  std::optional<std::span<const std::byte>> receive(std::error_code& ec) { return receive(Wait(), ec); }

  /// The same into a buffer that takes the message's size, its memory used again. False: the end, or an error; the
  /// buffer is empty then.
  bool receive(std::vector<std::byte>& message, const Wait& wait = {});
  bool receive(std::vector<std::byte>& message, const Wait& wait, std::error_code& ec);
  bool receive(std::vector<std::byte>& message, std::error_code& ec);
  bool receive(std::string& message, const Wait& wait = {});
  bool receive(std::string& message, const Wait& wait, std::error_code& ec);
  bool receive(std::string& message, std::error_code& ec);

  /// The same into a buffer of fixed size; returns the message's size. One that does not fit gives
  /// Errc::message_too_large and stays: next_size() tells its size, and any receive with room takes it. After nothing
  /// or an error what is in the buffer means nothing.
  std::optional<std::size_t> receive(std::span<std::byte> buffer, const Wait& wait = {});
  std::optional<std::size_t> receive(std::span<std::byte> buffer, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> receive(std::span<std::byte> buffer, std::error_code& ec);

  /// The size in bytes of the message that the next receive gives; waits for its length alone. Ends and fails as
  /// receive.
  std::optional<std::size_t> next_size(const Wait& wait = {});
  std::optional<std::size_t> next_size(const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> next_size(std::error_code& ec);

  /// Whether a whole message has been read ahead, so that the next receive makes no system call. A server flushes its
  /// replies when there is none. For the thread that receives.
  bool has_message() const noexcept;

  /// Ends the calls that are running now, those that wait for another sender too. From any thread.
  void cancel() noexcept;

  /// Closes the stream; see LocalStream::close(). What was not flushed is not sent. From any thread.
  void close() noexcept;

  /// For time-outs, deadlines, the mode, addresses and shutdown. Reading or writing through it breaks the order of
  /// messages.
  LocalStream& stream() noexcept;
  const LocalStream& stream() const noexcept;

  /// Takes it apart, with every byte that is under way in either direction. No call may be running; after it every call
  /// gives Errc::closed.
  Parts release();

 private:
  friend class MessageBatch;

  // Inline, because with small messages a call would cost as much as reading them. One byte holds a length below 128.
  // (Not an optional: copying one, flag and all, takes longer than the rest.)
  bool take_small(std::span<const std::byte>& message, const Wait& wait) noexcept {
    if (read_ahead_ == nullptr || read_ahead_->size() == 0) return false;
    if (stream_.connection_.get() != refusing_ || *may_refuse_ || wait.stop_token().stop_requested()) return false;
    const auto size = std::to_integer<std::size_t>(*read_ahead_->begin);
    if (size > largest_small_ || size >= read_ahead_->size()) return false;
    message = {read_ahead_->begin + 1, size};
    read_ahead_->begin += 1 + size;
    return true;
  }
  std::optional<std::span<const std::byte>> receive_any(const Wait& wait);
  std::optional<std::span<const std::byte>> receive_any(const Wait& wait, std::error_code& ec);

  LocalStream stream_;
  std::unique_ptr<detail::MessageChannel> channel_;  // the buffers and the senders' lock
  detail::ByteWindow* read_ahead_ = nullptr;         // in the channel
  // Whether a receive may have to end though its message is here. It belongs to the connection, which the owner can
  // take out of stream().
  const std::atomic<bool>* may_refuse_ = nullptr;
  const detail::Connection* refusing_ = nullptr;
  std::size_t largest_small_ = 0;
};

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

  /// `size`: how many bytes, lengths included, it collects.
  explicit MessageBatch(MessageStream& messages, std::size_t size = default_size) noexcept;
  MessageBatch(MessageBatch&& other) noexcept;
  MessageBatch& operator=(MessageBatch&& other) noexcept;
  ~MessageBatch();

  /// Adds a copy of the message. When it has no room for it, it flushes first, and that alone can wait; a message
  /// larger than the whole batch is then sent. The error_code form returns whether the message was taken, as send()
  /// does. False: it may be added again; those added before are kept, or sent. Errors: those of MessageStream::send.
  void add(std::span<const std::byte> message, const Wait& wait = {}) {
    if (!add_small(message)) add_any({&message, 1}, wait);
  }
  bool add(std::span<const std::byte> message, const Wait& wait, std::error_code& ec) {
    ec.clear();
    return add_small(message) || add_any({&message, 1}, wait, ec);
  }
  bool add(std::span<const std::byte> message, std::error_code& ec) { return add(message, {}, ec); }
  void add(std::span<const std::span<const std::byte>> parts, const Wait& wait = {}) { add_any(parts, wait); }
  bool add(std::span<const std::span<const std::byte>> parts, const Wait& wait, std::error_code& ec) {
    return add_any(parts, wait, ec);
  }
  bool add(std::span<const std::span<const std::byte>> parts, std::error_code& ec) { return add_any(parts, {}, ec); }
  void add(std::string_view message, const Wait& wait = {}) { add(std::as_bytes(std::span(message)), wait); }
  bool add(std::string_view message, const Wait& wait, std::error_code& ec) {
    return add(std::as_bytes(std::span(message)), wait, ec);
  }
  bool add(std::string_view message, std::error_code& ec) { return add(std::as_bytes(std::span(message)), {}, ec); }

  /// Writes all that was added, and before it the rest of an interrupted message. When it ends early, what was not
  /// begun stays in the batch, and the rest of a message that was begun in the stream: flush again.
  void flush(const Wait& wait = {});
  void flush(const Wait& wait, std::error_code& ec);
  void flush(std::error_code& ec);

  /// How many bytes, lengths included, wait for a flush.
  std::size_t size() const noexcept { return used_; }
  bool empty() const noexcept { return used_ == 0; }

  /// Drops what was added since the last flush.
  void clear() noexcept { used_ = 0; }

 private:
  // Inline, because with small messages a call would cost as much as the copy. One byte holds a length below 128.
  bool add_small(std::span<const std::byte> message) noexcept {
    if (message.size() > largest_small_ || message.size() >= capacity_ - used_) return false;
    std::byte* const to = memory_.get() + used_;
    *to = static_cast<std::byte>(message.size());
    if (!message.empty()) std::memcpy(to + 1, message.data(), message.size());
    used_ += 1 + message.size();
    return true;
  }
  void add_any(std::span<const std::span<const std::byte>> parts, const Wait& wait);
  bool add_any(std::span<const std::span<const std::byte>> parts, const Wait& wait, std::error_code& ec);

  MessageStream* messages_;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;  // 0, and then size_
  std::size_t used_ = 0;
  std::size_t size_;
  std::size_t largest_small_;
};

}  // namespace localsocket
