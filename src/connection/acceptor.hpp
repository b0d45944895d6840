// What is behind a LocalListener: the platform's listener, and the limit of its streams with the gate of its accepts.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/wait.hpp>

#include "backend.hpp"
#include "connection.hpp"
#include "connection_limit.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class Acceptor {
 public:
  /// Without a handle yet: nothing allocates memory once clients can connect.
  Acceptor(const LocalAddress& address, const ListenOptions& options)
      : address_(address),
        direction_(options.direction),
        limit_(std::make_shared<ConnectionLimit>(options.max_connections)) {}
  ~Acceptor() { close(); }

  /// Before any call: what it listens with, and where.
  void open(NativeListener&& native, const LocalAddress& address) noexcept {
    native_ = std::move(native);
    address_ = address;
  }

  std::shared_ptr<Connection> accept(const Wait& wait, std::error_code& ec);
  /// The same, but too_many_files_open is not the end: it tries again until the call ends.
  std::shared_ptr<Connection> accept_once_there_are_handles(const Wait& wait, std::error_code& ec);

  bool owns_address(std::error_code& ec);

  void close() noexcept;
  bool is_open() const noexcept { return !limit_->accepting().is_closed(); }
  NativeHandle handle() const noexcept { return native_.handle(); }
  NativeHandle release() noexcept;

  /// Whether there is a permit for one more connection.
  bool has_permit() const noexcept { return limit_->has_permit(); }
  /// Whether the last accept had no descriptor or handle for its client. The gate's observers are told.
  bool lacks_handles() const noexcept { return lacks_handles_.load(); }
  /// For a wait set that observes accepting(): open until those observers have been told that it is closed.
  NativeListener& native() noexcept { return native_; }

  Gate& accepting() noexcept { return limit_->accepting(); }
  const LocalAddress& address() const noexcept { return address_; }

 private:
  std::shared_ptr<Connection> accept_one(Call& call, std::error_code& ec);
  void close_if_idle() noexcept;
  void note_lack_of_handles(const std::error_code& ec) noexcept;
  void mark_closed() noexcept;

  NativeListener native_;
  LocalAddress address_;
  Direction direction_;
  std::shared_ptr<ConnectionLimit> limit_;
  std::atomic<bool> lacks_handles_{false};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
