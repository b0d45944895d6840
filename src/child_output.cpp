#include <localsocket/child_output.hpp>

#include "backend.hpp"
#include "connection/connect_retry.hpp"

#include <utility>

namespace localsocket {

ChildOutput::ChildOutput(ChildOutput&& other) noexcept : handle_(other.release()) {}

ChildOutput& ChildOutput::operator=(ChildOutput&& other) noexcept {
  if (this != &other) {
    close();
    handle_ = other.release();
  }
  return *this;
}

ChildOutput ChildOutput::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options,
                                 std::error_code& ec) {
  ConnectOptions writing = options;
  writing.direction = Direction::client_to_server;
  ChildOutput output;
  detail::ConnectRetry retry(address, wait, writing);
  LocalAddress met = address;
  while (retry.goes_on(ec)) output.handle_ = detail::NativeStream::connect_for_child(met, writing, ec);
  return output;
}

ChildOutput ChildOutput::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options) {
  return detail::or_raise("connect to", address,
                          [&](std::error_code& ec) { return connect(address, wait, options, ec); });
}

std::size_t ChildOutput::write_all(std::span<const std::byte> bytes, const Wait& wait, std::error_code& ec) {
  if (!is_open()) {
    ec = detail::error(detail::Operation::write, Errc::closed);
    return 0;
  }
  detail::Gate gate;
  detail::Call call(gate, wait);
  std::size_t written = 0;
  ec = detail::error(detail::Operation::write, call.begin());
  while (written < bytes.size() && !ec) {
    written += detail::NativeStream::write_for_child(handle_, bytes.subspan(written), call, ec);
    if (!ec && written < bytes.size()) ec = detail::error(detail::Operation::write, call.ended());
  }
  return written;
}

std::size_t ChildOutput::write_all(std::span<const std::byte> bytes, const Wait& wait) {
  return detail::or_raise("write to", LocalAddress(), [&](std::error_code& ec) { return write_all(bytes, wait, ec); });
}

std::size_t ChildOutput::write_all(std::string_view text, const Wait& wait) {
  return write_all(std::as_bytes(std::span(text)), wait);
}

NativeHandle ChildOutput::release() noexcept { return std::exchange(handle_, invalid_handle); }

void ChildOutput::close() noexcept {
  if (is_open()) detail::close_handle(release());
}

}  // namespace localsocket
