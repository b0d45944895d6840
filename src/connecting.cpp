#include "connecting.hpp"

#include "backend.hpp"

#include <algorithm>

namespace localsocket::detail {
namespace {

using std::chrono::milliseconds;

std::error_code check(const LocalAddress& address, const ConnectOptions& options) noexcept {
  if (address.is_unnamed()) return error(Operation::connect, Errc::invalid_address);
  if (options.poll_interval <= milliseconds::zero()) return error(Operation::connect, std::errc::invalid_argument);
  return {};
}

}  // namespace

void connect_within(const Wait& wait, const LocalAddress& address, const ConnectOptions& options, std::error_code& ec,
                    const std::function<void()>& attempt) {
  ec = check(address, options);
  if (ec) return;
  Lane lane;  // nobody else knows it: a connect is ended by its Wait alone
  Call call(lane, wait);
  if (const Interruption why = call.begin(); why != Interruption::none) {
    ec = error(Operation::connect, why);
    return;
  }
  // A server that is just starting is met after a millisecond or two, one that takes longer is not asked all the time.
  milliseconds interval = std::min(milliseconds(1), options.poll_interval);
  for (;;) {
    ec.clear();
    attempt();
    const bool is_busy = ec == std::errc::timed_out;
    if (!is_busy && ec != std::errc::connection_refused) return;

    const Interruption why = call.refused();
    if (why == Interruption::timed_out) return;  // ec says which: nobody listens, or no room
    if (why != Interruption::none) {
      ec = error(Operation::connect, why);
      return;
    }
    if (is_busy) {
      NativeStream::await_room(address, call, options.poll_interval);
    } else {
      pause(call, interval);
      interval = std::min(interval * 2, options.poll_interval);
    }
  }
}

}  // namespace localsocket::detail
