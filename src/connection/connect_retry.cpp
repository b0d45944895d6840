#include "connect_retry.hpp"

#include "backend.hpp"

#include <algorithm>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
bool ConnectRetry::begins(std::error_code& ec) noexcept {
  has_begun_ = true;
  if (const std::error_code malformed = address_.error()) {
    ec = malformed;
  } else if (options_.poll_interval <= std::chrono::milliseconds::zero()) {
    ec = error(Operation::connect, std::errc::invalid_argument);
  } else if (const Interruption why = call_.begin(); why != Interruption::none) {
    ec = error(Operation::connect, why);
  } else {
    ec.clear();
    return true;
  }
  return false;
}

bool ConnectRetry::waits(std::error_code& ec) {
  const bool is_busy = ec == std::errc::timed_out;
  if (!is_busy && ec != std::errc::connection_refused) return false;

  const Interruption why = call_.refused();
  if (why == Interruption::timed_out) return false;  // ec says which: nobody listens, or it has no capacity
  if (why != Interruption::none) {
    ec = error(Operation::connect, why);
    return false;
  }
  if (is_busy) {
    NativeStream::await_capacity(address_, call_, Wait::saturate(options_.poll_interval));
  } else {
    interval_ = std::min(interval_, options_.poll_interval);
    pause(call_, interval_);
    interval_ *= 2;
  }
  ec.clear();
  return true;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
