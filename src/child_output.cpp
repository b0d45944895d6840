#include <localsocket/child_output.hpp>

#include "backend.hpp"
#include "connection/connect_retry.hpp"

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

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
  if (options.type != Type::stream) {  // a child writes bytes
    ec = detail::error(detail::Operation::connect, std::errc::operation_not_supported);
    return output;
  }
  detail::ConnectRetry retry(address, wait, writing);
  LocalAddress met = address;
  while (retry.goes_on(ec)) output.handle_ = detail::NativeStream::connect_for_child(met, writing, ec);
  return output;
}

ChildOutput ChildOutput::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options) {
  return detail::or_raise("connect to", address,
                          [&](std::error_code& ec) { return connect(address, wait, options, ec); });
}

// Writes once, or until all is written.
std::size_t ChildOutput::write(const WriteBuffers& from, bool all, const Wait& wait, std::error_code& ec) {
  if (!is_open()) {
    ec = detail::error(detail::Operation::write, Errc::closed);
    return 0;
  }
  detail::Gate gate;
  detail::Call call(gate, wait);
  ec = detail::error(detail::Operation::write, call.begin());
  std::size_t written = 0;
  for (WriteBuffers rest = from; !rest.empty() && !ec && (all || written == 0);) {
    const std::size_t count = detail::NativeStream::write_for_child(handle_, rest, call, ec);
    written += count;
    rest.advance(count);
    if (!ec && all && !rest.empty()) ec = detail::error(detail::Operation::write, call.ended());
  }
  return written;
}

std::size_t ChildOutput::write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return write(from, false, wait, ec);
}

std::size_t ChildOutput::write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return write(from, true, wait, ec);
}

std::size_t ChildOutput::write_some(const WriteBuffers& from, const Wait& wait) {
  return detail::or_raise("write to", LocalAddress(), [&](std::error_code& ec) { return write_some(from, wait, ec); });
}

std::size_t ChildOutput::write_all(const WriteBuffers& from, const Wait& wait) {
  return detail::or_raise("write to", LocalAddress(), [&](std::error_code& ec) { return write_all(from, wait, ec); });
}

NativeHandle ChildOutput::release() noexcept { return std::exchange(handle_, invalid_handle); }

void ChildOutput::close() noexcept {
  if (is_open()) detail::close_handle(release());
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
