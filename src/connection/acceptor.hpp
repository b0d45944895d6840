// What is behind a LocalListener: the platform's listener, and the limit of its streams with the gate of its accepts.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/wait.hpp>

#include "backend.hpp"
#include "connection.hpp"
#include "connection_limit.hpp"

#include <memory>
#include <system_error>

namespace localsocket::detail {

class Acceptor {
 public:
  Acceptor(NativeListener native, LocalAddress address, const ListenOptions& options)
      : native_(std::move(native)),
        address_(std::move(address)),
        direction_(options.direction),
        limit_(std::make_shared<ConnectionLimit>(options.max_connections)) {}
  ~Acceptor() { close(); }

  std::shared_ptr<Connection> accept(const Wait& wait, std::error_code& ec);

  void close() noexcept;
  bool is_open() const noexcept { return !limit_->accepting().is_closed(); }
  NativeHandle handle() const noexcept { return native_.handle(); }
  NativeHandle release() noexcept;

  Gate& accepting() noexcept { return limit_->accepting(); }
  const LocalAddress& address() const noexcept { return address_; }

 private:
  NativeStream accept_within(const Wait& wait, std::error_code& ec);
  void close_if_idle() noexcept;

  NativeListener native_;
  LocalAddress address_;
  Direction direction_;
  std::shared_ptr<ConnectionLimit> limit_;
};

}  // namespace localsocket::detail
