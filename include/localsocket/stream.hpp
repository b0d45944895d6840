// One connection: a blocking, ordered stream of bytes in both directions.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/buffers.hpp>
#include <localsocket/error.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {
class BufferPool;
class Connection;
class StreamCall;
}  // namespace detail

class LocalReader;
class LocalWriter;
class MessageStream;

/// One end of a connection. Move-only; the destructor closes it.
///
/// **Threads.** One reader and one writer may run at once, and a blocked read never holds up a write. Settings,
/// cancel(), shutdown() and close() may be called from any thread while calls run. More readers or writers at once are
/// safe, but which one gets which bytes is not defined. Moving, assigning, release() and the destructor need the stream
/// alone.
///
/// **Errors.** Each call has a form that takes a `std::error_code&` last, sets or clears it, and throws nothing but
/// std::bad_alloc, and, unless exceptions are off, a form without it that throws std::system_error. A stream that is
/// closed or was moved from gives Errc::closed; settings do nothing to it.
///
/// **fork.** A child's stream is a copy, which the child may use; what it closes or destroys ends the copy alone, also
/// a half, whose direction goes on in the parent. The bytes that one of the two reads the other does not get.
/// shutdown() is meant for the connection, whoever calls it. To make a copy the child's own:
/// `LocalStream::adopt(stream.release())`. Windows has no fork.
///
/// **When a call ends.** At the earliest of its Wait, the stream's time-out and the stream's deadline, with
/// errc::timed_out; on a stop request or cancel(), with errc::operation_canceled; on close(), with Errc::closed; in
/// nonblocking mode instead of waiting, with errc::operation_would_block. Time-outs, deadlines, the mode, cancel and
/// close all reach calls that are already waiting, within 20 ms. What was moved by then is returned, and the stream
/// stays usable and in order. shutdown(), available(), peer() and duplicate() do not wait: no limit concerns them.
///
/// **Packets.** A connection of Type::packets is for a MessageStream. Its own reads and writes, shutdown(), drain() and
/// available(), and those of its halves, give errc::operation_not_supported.
class LOCALSOCKET_EXPORT LocalStream {
 public:
  using Duration = Wait::Clock::duration;
  using TimePoint = Wait::Clock::time_point;

  /// A stream that is not connected: every call gives Errc::closed.
  LocalStream() noexcept;
  LocalStream(LocalStream&& other) noexcept;
  LocalStream& operator=(LocalStream&& other) noexcept;
  ~LocalStream();

  /// Connects to a listener; at least one attempt. Until the Wait ends it tries again while nobody listens, and while
  /// the listener has no room for one more client. Errors: connection_refused (nobody was listening at the end),
  /// timed_out (a listener, but no room), permission_denied (also: the listener is somebody's whom
  /// ConnectOptions::trust leaves out, or the runtime directory is not ours), operation_canceled, too_many_files_open,
  /// invalid_argument (options), wrong_protocol_type (the listener is of another Type), and the error of a malformed
  /// address.
  static LocalStream connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options,
                             std::error_code& ec);
  static LocalStream connect(const LocalAddress& address, const Wait& wait, std::error_code& ec) {
    return connect(address, wait, ConnectOptions(), ec);
  }
  static LocalStream connect(const LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
    return connect(address, default_connect_timeout, options, ec);
  }
  static LocalStream connect(const LocalAddress& address, std::error_code& ec) {
    return connect(address, default_connect_timeout, ConnectOptions(), ec);
  }

  /// Two streams connected to each other, without an address.
  static std::pair<LocalStream, LocalStream> pair(Type type, std::error_code& ec);
  static std::pair<LocalStream, LocalStream> pair(std::error_code& ec) { return pair(Type::stream, ec); }

  // Reading and writing: each in three forms.

  /// Reads what is there, at most the buffers' size in bytes, and waits only while nothing is; returns the number of
  /// bytes. 0 is the end of the stream: the peer closed or shut down, and every byte it sent was delivered before.
  /// Empty buffers give 0 at once. Of several buffers the first is filled first: by one system call on Unix; Windows
  /// fills the first that is not empty.
  ///
  ///     std::span<std::byte> parts[] = {header, body};
  ///     stream.read_some(parts);
  std::size_t read_some(const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  std::size_t read_some(const ReadBuffers& to, std::error_code& ec) { return read_some(to, Wait(), ec); }

  /// Fills the buffers; the Wait is for all of it. When it ends early, it returns how many bytes were read, and they
  /// are in the buffers. Errors: Errc::end_of_stream, and those of the class.
  std::size_t read_exact(const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  std::size_t read_exact(const ReadBuffers& to, std::error_code& ec) { return read_exact(to, Wait(), ec); }

  /// Writes some of the bytes, at least one unless there are none; returns how many the system took. Of several buffers
  /// the first goes first: one system call (Windows: one write, of at most 64 KiB gathered in a buffer on the stack).
  /// Errors: broken_pipe (the peer is gone; there is never a signal), and those of the class.
  ///
  ///     std::span<const std::byte> parts[] = {header, body};
  ///     stream.write_some(parts);
  std::size_t write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  std::size_t write_some(const WriteBuffers& from, std::error_code& ec) { return write_some(from, Wait(), ec); }

  /// Writes all of the bytes; the Wait is for all of it. When it ends early, it returns exactly how many bytes were
  /// written (Windows: at least that many, when a foreign server made the pipe without a buffer).
  std::size_t write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  std::size_t write_all(const WriteBuffers& from, std::error_code& ec) { return write_all(from, Wait(), ec); }

  /// Reads until the end of the stream; the Wait is for all of it. What has been read is returned also when the call
  /// ends early. Errors: Errc::message_too_large (there are more than `limit` bytes, of which the first are returned),
  /// and those of the class.
  std::vector<std::byte> read_to_end(std::size_t limit, const Wait& wait, std::error_code& ec);
  std::vector<std::byte> read_to_end(std::size_t limit, std::error_code& ec) { return read_to_end(limit, Wait(), ec); }

  /// How long each read or write may take from its start, unless its Wait is shorter; nothing is no limit, zero or less
  /// tries once. Also for calls already waiting, from any thread.
  void set_read_timeout(std::optional<Duration> timeout);
  void set_write_timeout(std::optional<Duration> timeout);
  std::optional<Duration> read_timeout() const noexcept;
  std::optional<Duration> write_timeout() const noexcept;

  /// The moment after which every read or write fails with timed_out, even if it could go on; nothing is no limit.
  /// Also for calls already waiting, from any thread.
  void set_read_deadline(std::optional<TimePoint> deadline);
  void set_write_deadline(std::optional<TimePoint> deadline);

  /// In nonblocking mode a call that would wait gives operation_would_block. Also for calls already waiting.
  void set_nonblocking(bool nonblocking);

  /// Ends the calls that are running now, with operation_canceled; later ones are not touched. From any thread.
  void cancel() noexcept;

  /// Ends a direction: after `write` the peer reads the end of the stream; after `read` our reads do.
  /// Errors: operation_not_supported (a byte-type pipe cannot; see WindowsListenOptions), Errc::closed.
  ///
  /// On a pipe the end is an empty message, and a peer that is no localsocket and reads in PIPE_READMODE_BYTE misses it
  /// if it comes together with data: to such a peer drain() before shutdown(Shutdown::write).
  ///
  ///     stream.write_all(request);
  ///     stream.shutdown(Shutdown::write);  // the peer reads the request and the end; then it answers
  void shutdown(Shutdown how, std::error_code& ec);

  /// Closes this end without waiting; calls that are running end with Errc::closed. Nothing that was written is lost:
  /// the peer still reads it, then the end. Once closed it stays closed. From any thread.
  void close() noexcept;

  bool is_open() const noexcept;

  /// Waits until the peer has read all that was written; false if the Wait ends before. A peer that left without
  /// reading it is broken_pipe on Linux; a pipe does not tell that from reading. Errors: operation_not_supported (macOS
  /// and the BSDs cannot tell), and those of the class but timed_out.
  ///
  ///     if (!stream.drain(5s)) std::cerr << "not all of it was read\n";
  bool drain(const Wait& wait, std::error_code& ec);
  bool drain(std::error_code& ec) { return drain(Wait(), ec); }

  /// How many bytes can be read at once. (At the end of the stream 0, like before the first byte.)
  ///
  ///     std::vector<std::byte> bytes(stream.available());
  std::size_t available(std::error_code& ec) const;

  /// A second stream on the same connection, with no settings. The connection ends when both are closed. Both read from
  /// the same bytes and write into the same order.
  ///
  ///     std::jthread sender([copy = stream.duplicate()]() mutable { copy.write_all("hello"); });
  LocalStream duplicate(std::error_code& ec) const;

  /// The two directions, to be owned by two threads. This stream is closed to its owner then.
  ///
  ///     auto [reader, writer] = std::move(stream).split();
  std::pair<LocalReader, LocalWriter> split() &&;

  /// One stream from its two halves. Of halves of two streams: std::errc::invalid_argument, and both stay with the
  /// caller.
  ///
  ///     stream = LocalStream::reunite(std::move(reader), std::move(writer));
  static LocalStream reunite(LocalReader&& reader, LocalWriter&& writer, std::error_code& ec);

  /// Whether the peer is gone, rather than that it has only ended its writing: nobody will read what is written from
  /// now on. Once both directions have been ended by shutdown() it is true as well. What the peer sent before may still
  /// be there to read; on Windows its end shows only when that has been read. Takes one system call, and no byte.
  bool is_peer_gone(std::error_code& ec) const;

  /// Who is at the other end. Errors: permission_denied (Windows: another user's process), Errc::closed.
  PeerIdentity peer(std::error_code& ec) const;

  /// The process at the other end. Errors: operation_not_supported (the system does not say, or Exactness::required and
  /// it does not say exactly), permission_denied (Windows: another user's process), Errc::closed. One that has exited
  /// is no error: it is not alive.
  PeerProcess peer_process(Exactness exactness, std::error_code& ec) const;
  PeerProcess peer_process(std::error_code& ec) const { return peer_process(Exactness::best_effort, ec); }

  /// What it carries. Of an adopted socket that is the socket's own type; an adopted pipe is taken for a stream.
  Type type() const noexcept;

  /// Of an accepted stream the listener's address; else unnamed.
  const LocalAddress& local_address() const noexcept;

  /// Of a connected stream the address it was connected to; else unnamed.
  const LocalAddress& peer_address() const noexcept;

  /// The descriptor, in blocking mode and without time-outs, or handle; still owned by the stream. invalid_handle when
  /// there is none. From the first call on the stream waits without setting time-outs, a little slower, for the
  /// descriptor is shared with the caller now. That first call takes some milliseconds if others are running.
  NativeHandle native_handle() const noexcept;

  /// Gives the descriptor or handle away, as the system made it (no time-outs on it) or as it was adopted; the stream
  /// is closed then. No call may be running. invalid_handle when there is none. In a forked child it keeps what the
  /// parent has set on it.
  NativeHandle release() noexcept;

  /// Takes over a connected stream socket of the Unix family, or a pipe opened for overlapped I/O. Others may have it
  /// as well: it is left as it was found. On error the caller keeps it, unchanged. Errors: operation_not_supported
  /// (another kind of handle), Errc::closed (no handle at all).
  ///
  ///     auto same = LocalStream::adopt(stream.release());
  static LocalStream adopt(NativeHandle handle, std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  static LocalStream connect(const LocalAddress& address, const Wait& wait = default_connect_timeout,
                             const ConnectOptions& options = {});
  static LocalStream connect(const LocalAddress& address, const ConnectOptions& options) {
    return connect(address, default_connect_timeout, options);
  }
  static std::pair<LocalStream, LocalStream> pair(Type type = Type::stream);
  std::size_t read_some(const ReadBuffers& to, const Wait& wait = {});
  std::size_t read_exact(const ReadBuffers& to, const Wait& wait = {});
  std::size_t write_some(const WriteBuffers& from, const Wait& wait = {});
  std::size_t write_all(const WriteBuffers& from, const Wait& wait = {});
  std::vector<std::byte> read_to_end(std::size_t limit, const Wait& wait = {});
  void shutdown(Shutdown how);
  bool drain(const Wait& wait = {});
  std::size_t available() const;
  LocalStream duplicate() const;
  static LocalStream reunite(LocalReader&& reader, LocalWriter&& writer);
  bool is_peer_gone() const;
  PeerIdentity peer() const;
  PeerProcess peer_process(Exactness exactness = Exactness::best_effort) const;
  static LocalStream adopt(NativeHandle handle);
#endif

 private:
  friend class LocalListener;
  friend class LocalReader;
  friend class LocalWriter;
  friend class MessageStream;
  friend class WaitSet;
  friend class detail::BufferPool;
  friend class detail::StreamCall;
  explicit LocalStream(std::shared_ptr<detail::Connection> connection) noexcept;
  const LocalAddress& name() const noexcept;  // whichever end has one, for messages
  template <class Function>
  auto or_raise(std::string_view action, Function&& function) const;

  std::shared_ptr<detail::Connection> connection_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
