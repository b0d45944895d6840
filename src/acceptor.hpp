// What is behind a LocalListener: the platform's listener, and the lane of its accepts.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/wait.hpp>

#include "backend.hpp"
#include "connection.hpp"

#include <memory>
#include <system_error>

namespace localsocket::detail {

class Acceptor {
 public:
  Acceptor(NativeListener native, LocalAddress address) noexcept
      : native_(std::move(native)), address_(std::move(address)) {}
  ~Acceptor() { close(); }

  std::shared_ptr<Connection> accept(const Wait& wait, std::error_code& ec);

  void close() noexcept;
  bool is_open() const noexcept { return !accepting_.is_closed(); }
  NativeHandle handle() const noexcept { return native_.handle(); }
  NativeHandle release() noexcept;

  Lane& accepting() noexcept { return accepting_; }
  const LocalAddress& address() const noexcept { return address_; }

 private:
  void close_if_idle() noexcept;

  NativeListener native_;
  LocalAddress address_;
  Lane accepting_;
};

}  // namespace localsocket::detail
