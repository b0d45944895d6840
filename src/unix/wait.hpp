// The interruptible wait of this backend.
#pragma once

#include "core/gate.hpp"

#include <chrono>
#include <system_error>

namespace localsocket::detail::unix_backend {

/// How long a thread may block in recv, send, accept or connect, where nothing can wake it. A blocked receiver is woken
/// sooner than one that polls, so a short wait there first makes a round trip faster by half; only a longer wait, which
/// has time, goes to poll with a waker. Two bounded blocks (a send may need that many) fit the 20 ms within which an
/// interruption acts.
///
/// It is one tick of the kernel's clock at most, 1 to 10 ms: Linux then keeps the tick of a processor that falls idle
/// rather than programming its timer twice (tick_nohz_next_event() in kernel/time/tick-sched.c), which in a virtual
/// machine takes longer than the rest of a round trip between two processors.
inline constexpr std::chrono::milliseconds bounded_block{1};

/// Polls `descriptor` (-1: none) and the waker for at most `time`; true when the descriptor has any of the events or
/// failed.
bool poll_with_waker(int descriptor, short events, Waker& waker, Clock::duration time) noexcept;

/// Until the descriptor has the event (true), or the call ends (false, and why in `ec`). Looks at least once.
bool wait_until_ready(int descriptor, short event, Operation operation, Call& call, std::error_code& ec) noexcept;

}  // namespace localsocket::detail::unix_backend
