// Messages over a stream: each arrives whole, or not at all.
#pragma once

#include <localsocket/buffers.hpp>
#include <localsocket/byte_window.hpp>
#include <localsocket/owned_handle.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

class MessageStream;

namespace detail {
class MessageChannel;
class ReadAhead;
void expect_no_handles(MessageStream& stream) noexcept;
}  // namespace detail

/// How the bytes of a stream are cut into messages.
enum class Framing {
  /// The length as an unsigned LEB128 number, in the shortest form, and that many bytes: protobuf's delimited format,
  /// LUCI's recordio. Received lengths may have a longer form, of ten bytes at most.
  varint,
  /// The length in four bytes, the lowest first, and that many bytes: native messaging of browsers.
  u32_le,
  /// The length in four bytes, the highest first, and that many bytes: ssh-agent.
  u32_be,
  /// `\n` ends a message, and one `\r` before it is taken off: QMP, mpv, JSON lines. A message with a `\n` in it, or a
  /// `\r` at its end, cannot be sent.
  lines,
  /// A NUL ends a message: what `find -print0` and varlink write. A message with a NUL in it cannot be sent.
  nul,
  /// A header of lines that end with `\r\n`, at most 8 KiB with the empty line that ends it, and as many bytes as its
  /// field `Content-Length` says: the Language Server Protocol, the Debug Adapter Protocol. Names of fields have no
  /// case, other fields are passed over, and there is exactly one length, in decimal digits.
  content_length,
};

struct MessageOptions {
  /// The largest message to send or receive, in bytes of payload.
  std::size_t max_size = 16 * 1024 * 1024;
  /// Unset: Framing::varint.
  std::optional<Framing> framing = {};
  /// Messages may carry handles. At both ends alike, and only between these: it is a format of our own, so a framing
  /// that is asked for as well makes each call give invalid_argument.
  bool handles = false;
};

/// A connection that carries messages. Move-only; the destructor closes the stream.
///
///     MessageStream messages(LocalStream::connect("echo.example"));
///     messages.send("ping");
///     while (auto message = messages.receive()) …          // until the peer closes
///
/// **Format.** Each message is its length as an unsigned LEB128 number, in the shortest form, and that many bytes; it
/// may be empty. These are the bytes of protobuf's delimited format and of LUCI's recordio. MessageOptions::framing
/// chooses another format.
///
/// **Packets.** Over a stream of Type::packets a message is what the system keeps whole, without a framing; one that is
/// asked for as well makes each call give invalid_argument. One send is one write, and is never begun and not ended:
/// there is nothing to flush, and a MessageBatch sends each message at once. 64 KiB pass everywhere; of more what the
/// system takes, which is nothing or all (Linux: the socket's send buffer less 32 bytes, of which buffer_size sets the
/// listener's; pipes: 2^30 bytes). A send of more than the pipe's buffer that is interrupted closes the stream, because
/// the peer may have had a part. A message of any size is read when there is memory for it, up to max_size; the peer's
/// end is told after all that it sent.
///
/// **Handles.** With MessageOptions::handles at both ends up to most_handles descriptors or HANDLEs of any kind travel
/// with a message: send(message, handles) there, receive() and take_handles() here. The sender keeps its own, and may
/// close them at once. Each end tells the other that it can, when it is constructed; the first send with handles waits
/// for the peer to have done so, and gives operation_not_supported, with nothing sent, when it is none of these. So
/// does every call on packets or a connection of one direction, and a MessageBatch. Nobody but a peer that the
/// connection's own user runs can send handles (Windows), and what it sends is not checked: it may be a handle of
/// anything. What is not a whole message with as many handles as it says is malformed_message, and all of them are
/// closed. A wait set reports such a stream as readable for a part of a message, too.
///
/// Windows: the receiver takes them out of the sender's process, and the system must let it: for another user, a higher
/// integrity level or another session it does not, and take_handles() gives permission_denied. Until the receiver has
/// taken them the sender's MessageStream must stay open. The receiver tells so in its next receive(); while
/// most_handles are under way send() waits for that, and gives operation_would_block when a message of the peer is in
/// front of it, which has to be received first.
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
/// more than twice what is there and 64 KiB, nor than max_size and 64 KiB. No allocation for each message,
/// but for those with handles.
class LOCALSOCKET_EXPORT MessageStream {
 public:
  /// What a MessageStream is made of.
  struct Parts {
    LocalStream stream;
    std::vector<std::byte> unread;  ///< received, but not yet as a message: these come before what the stream gives;
                                    ///< of a packet, after its size as a varint
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
  /// their bytes. It returns whether the message was taken. False: not a byte of it was, and it may be sent again.
  /// True with an error: the call ended inside the message; its rest is kept and goes first with the next send or
  /// flush. Never send it again. Errors: Errc::message_too_large (also what the framing's length cannot say), and
  /// invalid_argument for what the framing's end of a message would cut (nothing was written with both); broken_pipe,
  /// and those of the class.
  bool send(const WriteBuffers& message, const Wait& wait, std::error_code& ec);
  bool send(const WriteBuffers& message, std::error_code& ec) { return send(message, Wait(), ec); }

  /// How many handles one message can carry.
  static constexpr std::size_t most_handles = 64;

  /// The same with handles, which stay the caller's and are not needed any more when it returns. Errors: as above, and
  /// operation_not_supported (not MessageOptions::handles, or not the peer's), invalid_argument (more than
  /// most_handles), Errc::closed (also: one of them is not open), too_many_files_open (Linux: also more under way than
  /// this user may have open); nothing was sent with these.
  bool send(const WriteBuffers& message, std::span<const NativeHandle> handles, const Wait& wait, std::error_code& ec);
  bool send(const WriteBuffers& message, std::span<const NativeHandle> handles, std::error_code& ec) {
    return send(message, handles, Wait(), ec);
  }

  /// Writes the rest of an interrupted message, if there is one.
  void flush(const Wait& wait, std::error_code& ec);
  void flush(std::error_code& ec) { flush(Wait(), ec); }

  /// Whether the rest of an interrupted message waits for a send or flush. From any thread.
  bool has_unsent() const noexcept;

  /// Receives the next message without a copy: a view that is valid until the next call of receive or next_size, or
  /// until the object is moved, released or destroyed. Nothing, without an error: the peer ended the stream after a
  /// whole message. Errors: Errc::malformed_message (not the framing's format, or the stream ended inside a message),
  /// Errc::message_too_large (it is larger than max_size; no memory was taken for it), and those of the class. After
  /// the first two every receive fails alike: where the next message begins is unknown, or behind too many bytes.
  std::optional<std::span<const std::byte>> receive(const Wait& wait, std::error_code& ec) {
    if (std::span<const std::byte> message; take_small(message, wait)) {
      ec.clear();
      return message;
    }
    return receive_any(wait, ec);
  }
  std::optional<std::span<const std::byte>> receive(std::error_code& ec) { return receive(Wait(), ec); }

  /// The same into a container that takes the message's size, its memory used again. False: the end, or an error; the
  /// container is empty then.
  bool receive(std::vector<std::byte>& message, const Wait& wait, std::error_code& ec);
  bool receive(std::vector<std::byte>& message, std::error_code& ec) { return receive(message, Wait(), ec); }
  bool receive(std::string& message, const Wait& wait, std::error_code& ec);
  bool receive(std::string& message, std::error_code& ec) { return receive(message, Wait(), ec); }

  /// The same into memory of fixed size; returns the message's size. One that does not fit gives
  /// Errc::message_too_large and stays: next_size() tells its size, and any receive with space for it takes it. After
  /// nothing or an error what is in the memory means nothing.
  std::optional<std::size_t> receive(const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> receive(const ReadBuffers& to, std::error_code& ec) { return receive(to, Wait(), ec); }

  /// The handles that came with the message that was received last, in their order; the caller's from then on. Those
  /// that are not taken before the next receive are closed. For the thread that receives. Errors: permission_denied
  /// (Windows: see the class; there is none), Errc::closed.
  std::vector<OwnedHandle> take_handles(std::error_code& ec);

  /// The size in bytes of the message that the next receive gives; waits for its length alone, or for its end where
  /// that tells the length. Ends and fails as receive.
  std::optional<std::size_t> next_size(const Wait& wait, std::error_code& ec);
  std::optional<std::size_t> next_size(std::error_code& ec) { return next_size(Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  void send(const WriteBuffers& message, const Wait& wait = {});
  void send(const WriteBuffers& message, std::span<const NativeHandle> handles, const Wait& wait = {});
  void flush(const Wait& wait = {});
  std::vector<OwnedHandle> take_handles();
  std::optional<std::span<const std::byte>> receive(const Wait& wait = {}) {
    if (std::span<const std::byte> message; take_small(message, wait)) return message;
    return receive_any(wait);
  }
  bool receive(std::vector<std::byte>& message, const Wait& wait = {});
  bool receive(std::string& message, const Wait& wait = {});
  std::optional<std::size_t> receive(const ReadBuffers& to, const Wait& wait = {});
  std::optional<std::size_t> next_size(const Wait& wait = {});
#endif

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
  /// gives Errc::closed. With MessageOptions::handles what is under way is lost, and all handles are closed.
  Parts release();

 private:
  friend class MessageBatch;
  friend class WaitSet;
  friend class detail::ReadAhead;
  friend void detail::expect_no_handles(MessageStream& stream) noexcept;

  // Inline, because with small messages a call would cost as much as reading them. One byte holds a varint below 128;
  // with other framings read_ahead_ is null. (Not an optional: copying one, flag and all, takes longer than the rest.)
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
  std::shared_ptr<detail::MessageChannel> channel_;  // the buffers and the senders' lock
  detail::ByteWindow* read_ahead_ = nullptr;         // in the channel
  // Whether a receive may have to end though its message is here. It belongs to the connection, which the owner can
  // take out of stream().
  const std::atomic<bool>* may_refuse_ = nullptr;
  const detail::Connection* refusing_ = nullptr;
  std::size_t largest_small_ = 0;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
