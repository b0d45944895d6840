#include "wait.hpp"

#include <algorithm>
#include <climits>
#include <thread>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

int to_milliseconds(Clock::duration time) noexcept {
  if (time == Clock::duration::max()) return -1;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return static_cast<int>(std::min<decltype(whole)>(whole, INT_MAX));
}

bool poll_with_waker(int descriptor, short events, Waker& waker, Clock::duration time) noexcept {
  // No descriptor was left for a waker: look up now and then, so that interruptions act in time all the same.
  if (waker.descriptor() == -1) time = std::min<Clock::duration>(time, stop_poll_interval);
  pollfd polled[2] = {{descriptor, events, 0}, {waker.descriptor(), POLLIN, 0}};
  const int found = sys("poll", ::poll, static_cast<pollfd*>(polled), nfds_t{2}, to_milliseconds(time));
  if (found < 0 && errno != EINTR) {
    std::this_thread::sleep_for(std::min<Clock::duration>(time, bounded_block));
    return true;
  }
  if (found <= 0) return false;
  if (polled[1].revents != 0) waker.drain();
  return polled[0].revents != 0;
}

bool wait_until_ready(int descriptor, short event, Operation operation, Call& call, std::error_code& ec) noexcept {
  const Waiter waiter(call);
  for (;;) {
    // What is ready by now is taken even if the call must end now: data that comes with an interruption is not left
    // behind.
    const Interruption why = call.refused();
    const Clock::duration time = why == Interruption::none ? call.remaining() : Clock::duration::zero();
    if (why == Interruption::closed) {
      ec = error(operation, why);
      return false;
    }
    if (poll_with_waker(descriptor, event, waiter.waker(), time)) return true;
    if (why != Interruption::none) {
      ec = error(operation, why);
      return false;
    }
  }
}

Next next_after(int cause, Operation operation, Call& call, std::error_code& ec) noexcept {
  const bool was_interrupted = cause == EINTR;
  if (!was_interrupted && !would_block(cause)) {
    ec = native_error(operation, cause);
    return Next::end;
  }
  if (const Interruption why = was_interrupted ? call.ended() : call.refused(); why != Interruption::none) {
    ec = error(operation, why);
    return Next::end;
  }
  return was_interrupted ? Next::again : Next::wait;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
