// The two directions of a stream, each owned by itself: for a thread that reads and one that writes.
#pragma once

#include <localsocket/stream.hpp>

#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

/// The half of a stream that reads, made by LocalStream::split(): what LocalStream says of reading holds here.
/// Move-only. Dropped alone, it ends its direction where the platform can (Unix: the peer's writes fail); the
/// connection ends with the second half.
class LocalReader {
 public:
  LocalReader() noexcept = default;
  LocalReader(LocalReader&&) noexcept = default;
  LOCALSOCKET_EXPORT LocalReader& operator=(LocalReader&& other) noexcept;
  ~LocalReader() { close(); }

  std::size_t read_some(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
    return stream_.read_some(to, wait, ec);
  }
  std::size_t read_some(const ReadBuffers& to, std::error_code& ec) { return stream_.read_some(to, ec); }
  std::size_t read_exact(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
    return stream_.read_exact(to, wait, ec);
  }
  std::size_t read_exact(const ReadBuffers& to, std::error_code& ec) { return stream_.read_exact(to, ec); }
  std::vector<std::byte> read_to_end(std::size_t limit, const Wait& wait, std::error_code& ec) {
    return stream_.read_to_end(limit, wait, ec);
  }
  std::vector<std::byte> read_to_end(std::size_t limit, std::error_code& ec) { return stream_.read_to_end(limit, ec); }
  std::size_t available(std::error_code& ec) const { return stream_.available(ec); }
  PeerIdentity peer(std::error_code& ec) const { return stream_.peer(ec); }
  PeerProcess peer_process(Exactness exactness, std::error_code& ec) const {
    return stream_.peer_process(exactness, ec);
  }
  PeerProcess peer_process(std::error_code& ec) const { return stream_.peer_process(ec); }
  bool is_peer_gone(std::error_code& ec) const { return stream_.is_peer_gone(ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  std::size_t read_some(const ReadBuffers& to, const Wait& wait = {}) { return stream_.read_some(to, wait); }
  std::size_t read_exact(const ReadBuffers& to, const Wait& wait = {}) { return stream_.read_exact(to, wait); }
  std::vector<std::byte> read_to_end(std::size_t limit, const Wait& wait = {}) {
    return stream_.read_to_end(limit, wait);
  }
  std::size_t available() const { return stream_.available(); }
  PeerIdentity peer() const { return stream_.peer(); }
  PeerProcess peer_process(Exactness exactness = Exactness::best_effort) const {
    return stream_.peer_process(exactness);
  }
  bool is_peer_gone() const { return stream_.is_peer_gone(); }
#endif

  void set_timeout(std::optional<LocalStream::Duration> timeout) { stream_.set_read_timeout(timeout); }
  std::optional<LocalStream::Duration> timeout() const noexcept { return stream_.read_timeout(); }
  void set_deadline(std::optional<LocalStream::TimePoint> deadline) { stream_.set_read_deadline(deadline); }
  LOCALSOCKET_EXPORT void set_nonblocking(bool nonblocking);  ///< of reads
  LOCALSOCKET_EXPORT void cancel() noexcept;                  ///< of reads
  LOCALSOCKET_EXPORT void close() noexcept;                   ///< this half
  LOCALSOCKET_EXPORT bool is_open() const noexcept;
  const LocalAddress& local_address() const noexcept { return stream_.local_address(); }
  const LocalAddress& peer_address() const noexcept { return stream_.peer_address(); }

 private:
  friend class LocalStream;
  explicit LocalReader(LocalStream stream) noexcept : stream_(std::move(stream)) {}

  LocalStream stream_;
};

/// The half of a stream that writes: what LocalStream says of writing holds here. Move-only. Dropped alone it ends its
/// direction where the platform can (Unix, and pipes with half-close: the peer reads the end of the stream); the
/// connection ends with the second half.
class LocalWriter {
 public:
  LocalWriter() noexcept = default;
  LocalWriter(LocalWriter&&) noexcept = default;
  LOCALSOCKET_EXPORT LocalWriter& operator=(LocalWriter&& other) noexcept;
  ~LocalWriter() { close(); }

  std::size_t write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
    return stream_.write_some(from, wait, ec);
  }
  std::size_t write_some(const WriteBuffers& from, std::error_code& ec) { return stream_.write_some(from, ec); }
  std::size_t write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
    return stream_.write_all(from, wait, ec);
  }
  std::size_t write_all(const WriteBuffers& from, std::error_code& ec) { return stream_.write_all(from, ec); }
  bool drain(const Wait& wait, std::error_code& ec) { return stream_.drain(wait, ec); }
  bool drain(std::error_code& ec) { return stream_.drain(ec); }
  PeerIdentity peer(std::error_code& ec) const { return stream_.peer(ec); }
  PeerProcess peer_process(Exactness exactness, std::error_code& ec) const {
    return stream_.peer_process(exactness, ec);
  }
  PeerProcess peer_process(std::error_code& ec) const { return stream_.peer_process(ec); }
  bool is_peer_gone(std::error_code& ec) const { return stream_.is_peer_gone(ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  std::size_t write_some(const WriteBuffers& from, const Wait& wait = {}) { return stream_.write_some(from, wait); }
  std::size_t write_all(const WriteBuffers& from, const Wait& wait = {}) { return stream_.write_all(from, wait); }
  bool drain(const Wait& wait = {}) { return stream_.drain(wait); }
  PeerIdentity peer() const { return stream_.peer(); }
  PeerProcess peer_process(Exactness exactness = Exactness::best_effort) const {
    return stream_.peer_process(exactness);
  }
  bool is_peer_gone() const { return stream_.is_peer_gone(); }
#endif

  void set_timeout(std::optional<LocalStream::Duration> timeout) { stream_.set_write_timeout(timeout); }
  std::optional<LocalStream::Duration> timeout() const noexcept { return stream_.write_timeout(); }
  void set_deadline(std::optional<LocalStream::TimePoint> deadline) { stream_.set_write_deadline(deadline); }
  LOCALSOCKET_EXPORT void set_nonblocking(bool nonblocking);  ///< of writes
  LOCALSOCKET_EXPORT void cancel() noexcept;                  ///< of writes
  LOCALSOCKET_EXPORT void close() noexcept;                   ///< this half
  LOCALSOCKET_EXPORT bool is_open() const noexcept;
  const LocalAddress& local_address() const noexcept { return stream_.local_address(); }
  const LocalAddress& peer_address() const noexcept { return stream_.peer_address(); }

 private:
  friend class LocalStream;
  explicit LocalWriter(LocalStream stream) noexcept : stream_(std::move(stream)) {}

  LocalStream stream_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
