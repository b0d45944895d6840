// The interruptible wait of this backend, and the one loop around a system call that may have to wait.
#pragma once

#include "core/gate.hpp"
#include "system.hpp"

#include <chrono>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// How long a thread may block in recv, send, accept or connect, where nothing can wake it. A blocked receiver is woken
/// sooner than one that polls, so a short wait there first makes a round trip faster by half; only a longer wait, which
/// has time, goes to poll with a waker. Two bounded blocks (a send may need that many) fit the 20 ms within which an
/// interruption acts.
///
/// It is one tick of the kernel's clock at most, 1 to 10 ms: Linux then keeps the tick of a processor that falls idle
/// rather than programming its timer twice (tick_nohz_next_event() in kernel/time/tick-sched.c), which in a virtual
/// machine takes longer than the rest of a round trip between two processors.
inline constexpr std::chrono::milliseconds bounded_block{1};

/// For poll(2): rounded up, so that nothing ends early; -1 for `max()`.
int to_milliseconds(Clock::duration time) noexcept;

/// Polls `descriptor` (-1: none) and the waker for at most `time`; true when the descriptor has any of the events or
/// failed. Where the system does not poll, because there is no memory or RLIMIT_NOFILE is below the two descriptors
/// (poll(2)), it sleeps for a bounded block at most and gives true, for the next attempt to find out.
bool poll_with_waker(int descriptor, short events, Waker& waker, Clock::duration time) noexcept;

/// Until the descriptor has the event (true), or the call ends (false, and why in `ec`). Looks at least once.
bool wait_until_ready(int descriptor, short event, Operation operation, Call& call, std::error_code& ec) noexcept;

/// How a system call is attempted.
enum class Attempt : unsigned char {
  blocking,     ///< it comes back after a bounded block
  nonblocking,  ///< it must not wait
  ready,        ///< poll has said that it need not wait
};

/// What a transfer waits for.
struct Traffic {
  Operation operation;
  short event;
};

enum class Next : unsigned char { end, again, wait };

/// After an attempt that failed with `cause`: what to do; at the end `ec` says why.
Next next_after(int cause, Operation operation, Call& call, std::error_code& ec) noexcept;

/// Calls `transfer(Attempt)`, which reports as a system call does, until it succeeds (its result, 0 or more) or fails,
/// or the call ends (-1, and why in `ec`). It begins with `attempt`; when that was not blocking and the call has to
/// wait, `may_block()` is asked whether an attempt may block by now, which happens once; then it waits in poll.
template <class MayBlock, class Transfer>
ssize_t transfer_within(Call& call, int descriptor, const Traffic& traffic, Attempt attempt, std::error_code& ec,
                        MayBlock may_block, Transfer transfer) {
  bool has_blocked = false;
  for (;;) {
    const ssize_t result = transfer(attempt);
    if (result >= 0) [[likely]] {
      return result;
    }
    const Next next = next_after(errno, traffic.operation, call, ec);
    if (next == Next::end) return -1;
    const bool was_blocking = attempt == Attempt::blocking;
    const bool has_time = call.may_block_for(bounded_block);
    if (next == Next::again) {
      attempt = was_blocking && has_time ? Attempt::blocking : Attempt::nonblocking;
      continue;
    }
    has_blocked = has_blocked || was_blocking;
    if (!has_blocked && has_time && may_block()) {
      attempt = Attempt::blocking;
    } else if (wait_until_ready(descriptor, traffic.event, traffic.operation, call, ec)) {
      attempt = Attempt::ready;
    } else {
      return -1;
    }
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
