#include <localsocket/child_output.hpp>

#include "backend.hpp"
#include "connecting.hpp"

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
  detail::connect_within(wait, address, writing, ec,
                         [&] { output.handle_ = detail::NativeStream::connect_for_child(address, writing, ec); });
  return output;
}

ChildOutput ChildOutput::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options) {
  return detail::or_raise("connect to", address,
                          [&](std::error_code& ec) { return connect(address, wait, options, ec); });
}

NativeHandle ChildOutput::release() noexcept { return std::exchange(handle_, invalid_handle); }

void ChildOutput::close() noexcept {
  if (is_open()) detail::close_handle(release());
}

}  // namespace localsocket
