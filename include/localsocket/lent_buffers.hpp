// Buffers in shared memory that are lent to a peer and come back: a message of any size for the price of a small one.
#pragma once

#include <localsocket/message_stream.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {
class Lending;
class Borrowing;
}  // namespace detail

struct LenderOptions {
  std::size_t buffer_size = 0;  ///< of each, in bytes
  std::size_t buffers = 3;      ///< 1 to BufferLender::most_buffers
};

/// A buffer of a BufferLender, to be filled and sent. Move-only; it is free again when it is destroyed unsent, which
/// may be on any thread. It may outlive its lender, and is of no use to anybody then.
class LOCALSOCKET_EXPORT LentBuffer {
 public:
  /// None: it has no bytes.
  LentBuffer() noexcept = default;
  LentBuffer(LentBuffer&& other) noexcept
      : lending_(std::move(other.lending_)), index_(other.index_), bytes_(std::exchange(other.bytes_, {})) {}
  LentBuffer& operator=(LentBuffer other) noexcept {
    std::swap(lending_, other.lending_);
    std::swap(index_, other.index_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~LentBuffer() {
    if (lending_) drop();
  }

  /// All of the buffer, LenderOptions::buffer_size bytes. It begins at a multiple of 4096 bytes, and has what was
  /// written there last.
  std::span<std::byte> bytes() const noexcept { return bytes_; }

  explicit operator bool() const noexcept { return lending_ != nullptr; }

 private:
  friend class BufferLender;
  LentBuffer(std::shared_ptr<detail::Lending> lending, std::size_t index) noexcept;
  void drop() noexcept;

  std::shared_ptr<detail::Lending> lending_;
  std::size_t index_ = 0;
  std::span<std::byte> bytes_;
};

/// Lends buffers to the peer of a connection, which has a BufferBorrower: it sends frames, tables, whatever is large,
/// and no byte of them is copied. Move-only; the destructor closes the connection. Linux and Windows; elsewhere
/// operation_not_supported.
///
///     MessageStream messages(LocalStream::connect("frames.example"), {.handles = true});
///     BufferLender lender = BufferLender::create(std::move(messages), {.buffer_size = 1920 * 1080 * 4});
///     for (;;) {
///       LentBuffer frame = lender.acquire();     // waits while the peer has all of them
///       render(frame.bytes());
///       lender.send(std::move(frame), size);
///     }
///
/// Who has what: create() makes SharedMemory for all of the buffers, which this process alone can write. A buffer is
/// free; or acquired, from acquire() until it is sent or destroyed; or lent, from send() until the peer has given it
/// back. While it is lent nobody should write it, and the lender has no span of it any more. The first free one is
/// taken first, so that what is in the processor's cache is used again. When the peer is gone, or has broken the rules,
/// all that were lent are free; the lender's calls give that error from then on, and the connection is closed.
///
/// What a hostile peer can do: read all of the buffers at any time, lent or not, and keep the memory mapped for as long
/// as it lives; never give a buffer back, so that acquire() waits as long as it may; give one back and still read it.
/// It cannot write them. All that the lender heeds comes by messages, which are copied before they are checked: giving
/// back what is not lent, and anything else that is none of the protocol, is Errc::malformed_message. There are no
/// control words in the shared memory.
///
/// **Costs.** To lend a buffer is one small message, whatever its size, and to give it back another. Neither
/// allocates. Returns are read only when no buffer is free, many by one system call.
///
/// **Threads.** One at a time uses it; messages() is for any thread as far as a MessageStream is.
///
/// **Errors.** As in MessageStream, also of the throwing forms. **fork.** It stays with the process that made it: in a
/// child each call gives Errc::closed, and destroying it there ends the copy alone.
class LOCALSOCKET_EXPORT BufferLender {
 public:
  static constexpr std::size_t most_buffers = 64;

  /// None: every call gives Errc::closed.
  BufferLender() noexcept = default;

  BufferLender(BufferLender&& other) noexcept = default;
  BufferLender& operator=(BufferLender other) noexcept {
    std::swap(lending_, other.lending_);
    return *this;
  }
  ~BufferLender() {
    if (lending_) messages().close();
  }

  /// Makes the buffers, all zero, and sends the peer what it needs to read them. `messages` has
  /// MessageOptions::handles, and from then on carries nothing else; it is left as it was in case of an error.
  ///
  /// Errors: operation_not_supported (the system has no such memory, or the peer or `messages` no handles),
  /// invalid_argument (options), not_enough_memory, and those of MessageStream::send.
  static BufferLender create(MessageStream&& messages, const LenderOptions& options, const Wait& wait,
                             std::error_code& ec);
  static BufferLender create(MessageStream&& messages, const LenderOptions& options, std::error_code& ec) {
    return create(std::move(messages), options, Wait(), ec);
  }

  /// A free buffer. If there is none it waits for the peer to give one back, within the stream's read time-out, too.
  /// Errors: broken_pipe (the peer is gone), Errc::malformed_message, operation_would_block (also: none is free, and
  /// none is lent that could come back), and those of MessageStream::receive. None in case of an error.
  LentBuffer acquire(const Wait& wait, std::error_code& ec);
  LentBuffer acquire(std::error_code& ec) { return acquire(Wait(), ec); }

  /// Lends the first `size` bytes of a buffer of this lender; the peer can read the others, too. It returns whether the
  /// buffer was taken. False: it is still the caller's, and may be sent again. True with an error: the call ended
  /// inside its message, whose rest goes first with the next acquire or send. Errors: invalid_argument (a buffer of
  /// another lender, or none, or it has fewer bytes), broken_pipe, and those of MessageStream::send.
  bool send(LentBuffer&& buffer, std::size_t size, const Wait& wait, std::error_code& ec);
  bool send(LentBuffer&& buffer, std::size_t size, std::error_code& ec) {
    return send(std::move(buffer), size, Wait(), ec);
  }

  /// Takes what the peer has given back by now, without waiting: for who looks at free_buffers(), and for a WaitSet
  /// that says that messages() is readable. Errors: as acquire(), but for timed_out.
  void take_returns(std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  static BufferLender create(MessageStream&& messages, const LenderOptions& options, const Wait& wait = {});
  LentBuffer acquire(const Wait& wait = {});
  void send(LentBuffer&& buffer, std::size_t size, const Wait& wait = {});
  void take_returns();
#endif

  /// How many are free, of what has been read.
  std::size_t free_buffers() const noexcept;

  /// For time-outs, the mode, a WaitSet, cancel() and close(). Sending or receiving through it breaks the protocol.
  /// Not of none.
  MessageStream& messages() noexcept;

  /// Whether it was made by create().
  explicit operator bool() const noexcept { return lending_ != nullptr; }

 private:
  std::shared_ptr<detail::Lending> lending_;
};

/// What a peer has lent, to read. Move-only; it is given back when it is destroyed, in the process that received it.
/// Any thread may give it back, and it may outlive its BufferBorrower.
class LOCALSOCKET_EXPORT BorrowedBuffer {
 public:
  /// None: it has no bytes.
  BorrowedBuffer() noexcept = default;
  BorrowedBuffer(BorrowedBuffer&& other) noexcept
      : borrowing_(std::move(other.borrowing_)), index_(other.index_), bytes_(std::exchange(other.bytes_, {})) {}
  BorrowedBuffer& operator=(BorrowedBuffer other) noexcept {
    std::swap(borrowing_, other.borrowing_);
    std::swap(index_, other.index_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BorrowedBuffer() {
    if (borrowing_) drop();
  }

  /// As many as were sent. They may change while they are read (see BufferBorrower); reading them is never a crash.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// The lender may use it again; bytes() are none. It never waits, and once is enough: a second time does nothing. An
  /// error says that the lender was not told: it is gone (broken_pipe), the connection is closed (Errc::closed), or
  /// does not take the message now, which then goes with the next one or the next receive.
  void give_back(std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
  void give_back();
#endif

  explicit operator bool() const noexcept { return borrowing_ != nullptr; }

 private:
  friend class BufferBorrower;
  BorrowedBuffer(std::shared_ptr<detail::Borrowing> borrowing, std::size_t index,
                 std::span<const std::byte> bytes) noexcept
      : borrowing_(std::move(borrowing)), index_(index), bytes_(bytes) {}
  void drop() noexcept;

  std::shared_ptr<detail::Borrowing> borrowing_;
  std::size_t index_ = 0;
  std::span<const std::byte> bytes_;
};

/// Receives what a BufferLender at the other end sends. Move-only; the destructor closes the connection.
///
///     BufferBorrower borrower(MessageStream(listener.accept(), {.handles = true}));
///     while (auto frame = borrower.receive()) show(frame->bytes());   // each is given back when the next has come
///
/// Who has what: the memory is the lender's, mapped here for reading only as long as the borrower or one of its buffers
/// lives. Buffers are here until each is given back, in any order and by any thread; who keeps all of them keeps the
/// lender waiting. The end of the connection takes none away.
///
/// What a hostile peer can do: change the bytes while they are read, at any time, also after they were given back; lend
/// what it has not written. Copy what is to be checked, check the copy, and use no other: no system can spare that. It
/// cannot make reading within bytes() a crash, whatever it does: what it says of the memory is compared with what the
/// system says, and all else comes by messages, which are copied before they are checked. What is none of the protocol,
/// a buffer that is lent twice, out of range or larger than all of it, or memory that could still shrink, is
/// Errc::malformed_message, now and again, and the connection is closed.
///
/// **Threads.** One at a time receives, and any may give back what it received.
///
/// **Errors**, **fork.** As in BufferLender.
class LOCALSOCKET_EXPORT BufferBorrower {
 public:
  /// None: every call gives Errc::closed.
  BufferBorrower() noexcept = default;
  /// `messages` has MessageOptions::handles, and from now on carries nothing else.
  explicit BufferBorrower(MessageStream messages);
  BufferBorrower(BufferBorrower&& other) noexcept = default;
  BufferBorrower& operator=(BufferBorrower other) noexcept {
    std::swap(borrowing_, other.borrowing_);
    return *this;
  }
  ~BufferBorrower() {
    if (borrowing_) messages().close();
  }

  /// The next buffer. Nothing, without an error: the lender ended the connection. Errors: Errc::malformed_message, and
  /// those of MessageStream::receive; permission_denied (Windows: the system does not let this process have the memory,
  /// see MessageStream).
  std::optional<BorrowedBuffer> receive(const Wait& wait, std::error_code& ec);
  std::optional<BorrowedBuffer> receive(std::error_code& ec) { return receive(Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  std::optional<BorrowedBuffer> receive(const Wait& wait = {});
#endif

  /// For time-outs, the mode, a WaitSet, cancel() and close(). Sending or receiving through it breaks the protocol.
  /// Not of none.
  MessageStream& messages() noexcept;

  /// Whether it was made of a MessageStream.
  explicit operator bool() const noexcept { return borrowing_ != nullptr; }

 private:
  std::shared_ptr<detail::Borrowing> borrowing_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
