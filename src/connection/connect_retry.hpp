// The wait for a listener, the same for every kind of connection.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/wait.hpp>

#include "core/gate.hpp"

#include <chrono>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// The attempts of one connect: at least one, until one succeeds or fails for good or the Wait ends.
///
///     ConnectRetry retry(address, wait, options);
///     while (retry.goes_on(ec)) stream = NativeStream::connect(address, options, ec);
class ConnectRetry {
 public:
  ConnectRetry(const LocalAddress& address, const Wait& wait, const ConnectOptions& options) noexcept
      : address_(address), options_(options), call_(gate_, wait) {}

  /// Whether to make an attempt now, after the wait for it. `ec` is how the last one ended, and clear if there is a
  /// next one.
  bool goes_on(std::error_code& ec) {
    if (!has_begun_) return begins(ec);
    return ec && waits(ec);
  }

 private:
  bool begins(std::error_code& ec) noexcept;
  bool waits(std::error_code& ec);

  const LocalAddress& address_;
  const ConnectOptions& options_;
  Gate gate_;  // nobody else knows it: a connect is ended by its Wait alone
  Call call_;
  bool has_begun_ = false;
  // A server that is just starting is met after a millisecond or two, one that takes longer is not asked all the time.
  std::chrono::milliseconds interval_{1};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
