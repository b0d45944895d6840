#include <localsocket/iostream.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

/// Characters before the buffered ones that unget() can go back to, as std::filebuf keeps some.
constexpr std::size_t putback_size = 8;

std::span<const std::byte> bytes_of(const char* text, std::size_t size) noexcept {
  return std::as_bytes(std::span(text, size));
}

}  // namespace

LocalStreambuf::LocalStreambuf() = default;

LocalStreambuf::LocalStreambuf(LocalStream stream, std::size_t buffer_size)
    : stream_(std::move(stream)), size_(std::max<std::size_t>(buffer_size, 1)) {}

LocalStreambuf::LocalStreambuf(LocalReader reader, std::size_t buffer_size)
    : reader_(std::move(reader)), is_half_(true), size_(std::max<std::size_t>(buffer_size, 1)) {}

LocalStreambuf::LocalStreambuf(LocalWriter writer, std::size_t buffer_size)
    : writer_(std::move(writer)), is_half_(true), size_(std::max<std::size_t>(buffer_size, 1)) {}

// The base's copy has the pointers into the buffers; the buffers stay where they are when their owner moves.
LocalStreambuf::LocalStreambuf(LocalStreambuf&& other) noexcept : std::streambuf(other) { take(other); }

LocalStreambuf& LocalStreambuf::operator=(LocalStreambuf&& other) noexcept {
  if (this != &other) {
    close();
    std::streambuf::operator=(other);
    take(other);
  }
  return *this;
}

LocalStreambuf::~LocalStreambuf() { close(); }

void LocalStreambuf::take(LocalStreambuf& other) noexcept {
  stream_ = std::move(other.stream_);
  reader_ = std::move(other.reader_);
  writer_ = std::move(other.writer_);
  is_half_ = other.is_half_;
  size_ = other.size_;
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
  error_ = std::exchange(other.error_, {});
  other.setg(nullptr, nullptr, nullptr);
  other.setp(nullptr, nullptr);
}

bool LocalStreambuf::close() noexcept {
  const bool all_written = write_out(close_timeout);
  stream_.close();
  reader_.close();
  writer_.close();
  return all_written;
}

void LocalStreambuf::set_put_area(std::size_t used) noexcept {
  setp(out_.get(), out_.get() + size_);
  pbump(static_cast<int>(used));
}

// Writes what is buffered and then `more`, together. What could not be written of the buffer stays in it.
bool LocalStreambuf::write_out(const Wait& wait, const char* more, std::size_t more_size, std::size_t* more_written) {
  const auto buffered = static_cast<std::size_t>(pptr() - pbase());
  error_.clear();
  if (buffered + more_size == 0) return true;
  const std::array parts{bytes_of(pbase(), buffered), bytes_of(more, more_size)};
  const std::size_t written =
      is_half_ ? writer_.write_all(parts, wait, error_) : stream_.write_all(parts, wait, error_);
  const std::size_t of_buffer = std::min(written, buffered);
  if (of_buffer != 0) {
    std::memmove(pbase(), pbase() + of_buffer, buffered - of_buffer);
    set_put_area(buffered - of_buffer);
  }
  if (more_written != nullptr) *more_written = written - of_buffer;
  return !error_;
}

LocalStreambuf::int_type LocalStreambuf::underflow() {
  if (gptr() != egptr()) return traits_type::to_int_type(*gptr());
  // A peer that has gone may have left an answer. What it did not take stays in the buffer, for a flush to report.
  if (!write_out({}) && error_ != std::errc::broken_pipe) throw std::system_error(error_, "write before a read");
  if (!in_) in_.reset(new char[putback_size + size_]);
  const std::size_t kept = std::min(static_cast<std::size_t>(gptr() - eback()), putback_size);
  char* const begin = in_.get() + putback_size;
  if (kept != 0) std::memmove(begin - kept, gptr() - kept, kept);
  setg(begin - kept, begin, begin);
  const ReadBuffers to(begin, size_);
  const std::size_t count = is_half_ ? reader_.read_some(to, error_) : stream_.read_some(to, error_);
  if (error_) throw std::system_error(error_, "read");
  if (count == 0) return traits_type::eof();
  setg(begin - kept, begin, begin + count);
  return traits_type::to_int_type(*gptr());
}

LocalStreambuf::int_type LocalStreambuf::overflow(int_type character) {
  if (!out_) {
    out_.reset(new char[size_]);
    set_put_area(0);
  } else if (pptr() == epptr()) {
    write_out({});
    if (pptr() == epptr()) return traits_type::eof();
  }
  if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
  *pptr() = traits_type::to_char_type(character);
  pbump(1);
  return character;
}

int LocalStreambuf::sync() { return write_out({}) ? 0 : -1; }

std::streamsize LocalStreambuf::xsputn(const char* text, std::streamsize size) {
  // What does not fit goes past the buffer, with what is in it: one system call, and no copy.
  if (size < epptr() - pptr() || static_cast<std::size_t>(size) < size_) return std::streambuf::xsputn(text, size);
  std::size_t written = 0;
  write_out({}, text, static_cast<std::size_t>(size), &written);
  return static_cast<std::streamsize>(written);
}

// Asked when nothing is buffered: what could be read without waiting is not known.
std::streamsize LocalStreambuf::showmanyc() { return stream_.is_open() || reader_.is_open() ? 0 : -1; }

}  // namespace localsocket::inline LOCALSOCKET_ABI
