// std::iostream over a stream: getline, << and >> over a connection.
#pragma once

#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>

#include <chrono>
#include <cstddef>
#include <ios>
#include <istream>
#include <memory>
#include <streambuf>
#include <system_error>

namespace localsocket {

/// Buffers both directions of a LocalStream. Move-only; the destructor is close().
///
/// One thread at a time. The connection is written to when the buffer is full, by pubsync() (std::flush), and before a
/// read that has to ask the connection: so a request is never still here while its answer is awaited.
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
  LocalStreambuf(LocalStreambuf&& other) noexcept;
  LocalStreambuf& operator=(LocalStreambuf&& other) noexcept;
  ~LocalStreambuf() override;

  /// Why the last read or write of the connection failed; clear if it did not.
  const std::error_code& error() const noexcept { return error_; }

  /// For time-outs, deadlines, cancel(). Reading or writing through it passes the buffers by.
  LocalStream& stream() noexcept { return stream_; }
  const LocalStream& stream() const noexcept { return stream_; }

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

  LocalStream stream_;
  std::size_t size_ = default_buffer_size;
  std::unique_ptr<char[]> in_;
  std::unique_ptr<char[]> out_;
  std::error_code error_;
};

/// A std::iostream that owns its connection. Move-only; see LocalStreambuf.
///
///     LocalIostream connection(LocalStream::connect("echo.example"));
///     connection << "hello\n";                      // sent before the answer is read
///     for (std::string line; std::getline(connection, line);) …
///     if (connection.error() == std::errc::timed_out) …
class LOCALSOCKET_EXPORT LocalIostream : public std::iostream {
 public:
  LocalIostream();
  explicit LocalIostream(LocalStream stream, std::size_t buffer_size = LocalStreambuf::default_buffer_size);
  LocalIostream(LocalIostream&& other) noexcept;
  LocalIostream& operator=(LocalIostream&& other) noexcept;
  ~LocalIostream() override;

  const std::error_code& error() const noexcept { return buffer_.error(); }
  LocalStream& stream() noexcept { return buffer_.stream(); }
  const LocalStream& stream() const noexcept { return buffer_.stream(); }
  LocalStreambuf* rdbuf() const noexcept { return const_cast<LocalStreambuf*>(&buffer_); }  // as std::fstream does

  /// LocalStreambuf::close(); sets failbit if not all was written.
  void close();

 private:
  LocalStreambuf buffer_;
};

}  // namespace localsocket
