// std::iostream over a stream, std::istream and std::ostream over its halves: getline, << and >> over a connection.
#pragma once

#include <localsocket/halves.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>

#include <chrono>
#include <cstddef>
#include <ios>
#include <istream>
#include <memory>
#include <ostream>
#include <streambuf>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// Buffers both directions of a LocalStream, or the one of a half. Move-only; the destructor is close().
///
/// One thread at a time. (For two, split the stream: one has a LocalIstream and the other a LocalOstream.) The
/// connection is written to when the buffer is full, by pubsync() (std::flush), and before a read that has to ask the
/// connection: so a request is never still here while its answer is awaited.
///
/// How long a call may wait is for the stream to say: `stream().set_read_timeout(5s)`. A read that fails throws
/// std::system_error, which the operators of std::istream turn into badbit; a write that fails returns what
/// std::ostream turns into badbit. error() tells why. The end of the stream is no error: eofbit. After a time-out,
/// clear() and go on: no byte is lost, those that were not written are still in the buffer.
class LOCALSOCKET_EXPORT LocalStreambuf : public std::streambuf {
 public:
  static constexpr std::size_t default_buffer_size = 16 * 1024;
  /// How long the destructor may wait for the connection to take what is still in the buffer.
  static constexpr std::chrono::milliseconds close_timeout{1000};

  LocalStreambuf();
  /// `buffer_size`: bytes for each direction, allocated when the first is used; at least one.
  explicit LocalStreambuf(LocalStream stream, std::size_t buffer_size = default_buffer_size);
  /// Of a half: the other direction gives Errc::closed.
  explicit LocalStreambuf(LocalReader reader, std::size_t buffer_size = default_buffer_size);
  explicit LocalStreambuf(LocalWriter writer, std::size_t buffer_size = default_buffer_size);
  LocalStreambuf(LocalStreambuf&& other) noexcept;
  LocalStreambuf& operator=(LocalStreambuf&& other) noexcept;
  ~LocalStreambuf() override;

  /// Why the last read or write of the connection failed; clear if it did not.
  const std::error_code& error() const noexcept { return error_; }

  /// For time-outs, deadlines, cancel(). Reading or writing through it passes the buffers by.
  LocalStream& stream() noexcept { return stream_; }
  const LocalStream& stream() const noexcept { return stream_; }
  LocalReader& reader() noexcept { return reader_; }
  LocalWriter& writer() noexcept { return writer_; }

  /// Writes what is buffered, for close_timeout at most, and closes the stream. Returns whether all was written.
  bool close() noexcept;

 protected:
  int_type underflow() override;
  int_type overflow(int_type character) override;
  int sync() override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  std::streamsize showmanyc() override;

 private:
  bool write_out(const Wait& wait, const char* more = nullptr, std::size_t more_size = 0,
                 std::size_t* more_written = nullptr);
  void take(LocalStreambuf& other) noexcept;
  void set_put_area(std::size_t used) noexcept;

  // A stream, or one of its halves; the others are closed.
  LocalStream stream_;
  LocalReader reader_;
  LocalWriter writer_;
  bool is_half_ = false;
  std::size_t size_ = default_buffer_size;
  std::unique_ptr<char[]> in_;
  std::unique_ptr<char[]> out_;
  std::error_code error_;
};

namespace detail {

/// A standard stream with a LocalStreambuf of its own.
template <class Base>
class BufferedStream : public Base {
 public:
  /// LocalStreambuf::error().
  const std::error_code& error() const noexcept { return buffer_.error(); }

  LocalStreambuf* rdbuf() const noexcept { return const_cast<LocalStreambuf*>(&buffer_); }  // as std::fstream does

  /// LocalStreambuf::close(); sets failbit if not all was written.
  void close() {
    if (!buffer_.close()) this->setstate(std::ios_base::failbit);
  }

 protected:
  // The base gets its buffer when there is one.
  explicit BufferedStream(LocalStreambuf buffer) : Base(nullptr), buffer_(std::move(buffer)) { this->init(&buffer_); }
  BufferedStream(BufferedStream&& other) noexcept : Base(std::move(other)), buffer_(std::move(other.buffer_)) {
    this->set_rdbuf(&buffer_);
  }
  BufferedStream& operator=(BufferedStream&& other) noexcept {
    if (this != &other) {
      Base::operator=(std::move(other));
      buffer_ = std::move(other.buffer_);
    }
    return *this;
  }

  LocalStreambuf buffer_;
};

}  // namespace detail

/// A std::iostream that owns its connection. Move-only; see LocalStreambuf.
///
///     LocalIostream connection(LocalStream::connect("echo.example"));
///     connection << "hello\n";                      // sent before the answer is read
///     for (std::string line; std::getline(connection, line);) …
///     if (connection.error() == std::errc::timed_out) …
class LocalIostream : public detail::BufferedStream<std::iostream> {
 public:
  LocalIostream() : BufferedStream(LocalStreambuf()) {}
  explicit LocalIostream(LocalStream stream, std::size_t buffer_size = LocalStreambuf::default_buffer_size)
      : BufferedStream(LocalStreambuf(std::move(stream), buffer_size)) {}
  LocalIostream(LocalIostream&& other) noexcept : BufferedStream(std::move(other)) {}
  LocalIostream& operator=(LocalIostream&& other) noexcept {
    BufferedStream::operator=(std::move(other));
    return *this;
  }

  LocalStream& stream() noexcept { return buffer_.stream(); }
  const LocalStream& stream() const noexcept { return std::as_const(buffer_).stream(); }
};

/// A std::istream that owns the half of a connection that reads, while another thread writes. Move-only.
///
///     auto [reader, writer] = std::move(stream).split();
///     LocalIstream input(std::move(reader));
///     for (std::string line; std::getline(input, line);) …
class LocalIstream : public detail::BufferedStream<std::istream> {
 public:
  LocalIstream() : BufferedStream(LocalStreambuf()) {}
  explicit LocalIstream(LocalReader reader, std::size_t buffer_size = LocalStreambuf::default_buffer_size)
      : BufferedStream(LocalStreambuf(std::move(reader), buffer_size)) {}
  LocalIstream(LocalIstream&& other) noexcept : BufferedStream(std::move(other)) {}
  LocalIstream& operator=(LocalIstream&& other) noexcept {
    BufferedStream::operator=(std::move(other));
    return *this;
  }

  /// For time-outs, deadlines, cancel(). Reading through it passes the buffer by.
  LocalReader& reader() noexcept { return buffer_.reader(); }
};

/// A std::ostream that owns the half of a connection that writes. Move-only; close(), or the destructor, writes what is
/// buffered and then ends the direction.
class LocalOstream : public detail::BufferedStream<std::ostream> {
 public:
  LocalOstream() : BufferedStream(LocalStreambuf()) {}
  explicit LocalOstream(LocalWriter writer, std::size_t buffer_size = LocalStreambuf::default_buffer_size)
      : BufferedStream(LocalStreambuf(std::move(writer), buffer_size)) {}
  LocalOstream(LocalOstream&& other) noexcept : BufferedStream(std::move(other)) {}
  LocalOstream& operator=(LocalOstream&& other) noexcept {
    BufferedStream::operator=(std::move(other));
    return *this;
  }

  /// For time-outs, deadlines, cancel(). Writing through it passes the buffer by.
  LocalWriter& writer() noexcept { return buffer_.writer(); }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
