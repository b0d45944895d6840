#include <localsocket/halves.hpp>

#include "connection/connection.hpp"

namespace localsocket::inline LOCALSOCKET_ABI {

std::pair<LocalReader, LocalWriter> LocalStream::split() && {
  LocalStream other(connection_);
  return {LocalReader(std::move(*this)), LocalWriter(std::move(other))};
}

LocalStream LocalStream::reunite(LocalReader&& reader, LocalWriter&& writer, std::error_code& ec) {
  const auto& connection = reader.stream_.connection_;
  const bool fit = connection && connection == writer.stream_.connection_;
  ec = fit ? std::error_code() : detail::error(detail::Operation::other, std::errc::invalid_argument);
  if (!fit) return {};
  writer.stream_ = LocalStream();
  return std::move(reader.stream_);
}

LocalStream LocalStream::reunite(LocalReader&& reader, LocalWriter&& writer) {
  return detail::or_raise("reunite", reader.stream_.name(),
                          [&](std::error_code& ec) { return reunite(std::move(reader), std::move(writer), ec); });
}

LocalReader& LocalReader::operator=(LocalReader&& other) noexcept {
  if (this != &other) {
    close();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

bool LocalReader::is_open() const noexcept {
  return stream_.connection_ && !stream_.connection_->reading().is_closed();
}

void LocalReader::set_nonblocking(bool nonblocking) {
  if (stream_.connection_) stream_.connection_->reading().set_nonblocking(nonblocking);
}

void LocalReader::cancel() noexcept {
  if (stream_.connection_) stream_.connection_->reading().cancel();
}

void LocalReader::close() noexcept {
  if (stream_.connection_) stream_.connection_->close_half(true);
}

LocalWriter& LocalWriter::operator=(LocalWriter&& other) noexcept {
  if (this != &other) {
    close();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

bool LocalWriter::is_open() const noexcept {
  return stream_.connection_ && !stream_.connection_->writing().is_closed();
}

void LocalWriter::set_nonblocking(bool nonblocking) {
  if (stream_.connection_) stream_.connection_->writing().set_nonblocking(nonblocking);
}

void LocalWriter::cancel() noexcept {
  if (stream_.connection_) stream_.connection_->writing().cancel();
}

void LocalWriter::close() noexcept {
  if (stream_.connection_) stream_.connection_->close_half(false);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
