// How a thread waits in a gate, and how others end its call: Gate, Call and Waiter.
//
// Two threads make calls, one after the other, each waiting for something of its own. At the same time two others may
// each do one thing: let that come, cancel, request a stop, or close. A call that nobody ends waits for ever, rightly.
// A change of a deadline, a time-out or the mode is made and looked at like cancel, so it needs no step of its own.
// The model knows no time. One step is one access to what threads share, or what a mutex makes one.
//
// promises: no lost wake-up
// planted LOOK_BEFORE_REGISTER: a thread looks at the gate, registers, and sleeps without another look
// planted WAKE_BEFORE_STORE: cancel wakes the waiting calls and then counts itself
// planted COUNT_BEFORE_STORE: close looks whether calls run before it marks the gate, as with a store that lingers
// planted DRAIN_BEFORE_SLEEP: a thread forgets the wakes so far just before it sleeps, not after

#define CALLERS 2
#define CALLS 2

// The gate.
bool closed;            // state_
byte running;           // running_
byte cancels;           // cancels_
bool locked;            // mutex_
bool waiting[CALLERS];  // waiters_: which thread is registered

// The stop token that every call is given, and which threads have a callback there.
bool stop_requested;
bool has_callback[CALLERS];

// Each thread's waker: an eventfd, or an event that resets itself. A wake sticks until the thread has slept.
bool woken[CALLERS];

// Whether what a thread waits for has come. On Unix poll sees it beside the waker. On Windows the waker's event is the
// operation's as well: completing sets it, and nothing else ends the sleep.
bool ready[CALLERS];
bool windows;

#define is_ended (closed || cancels != seen || stop_requested)

#define wake_all(who) \
  do \
  :: atomic { other < CALLERS -> woken[other] = woken[other] || who[other]; other++ } \
  :: else -> break \
  od

proctype Caller(byte me) {
  byte calls;
  byte seen;
  do
  :: calls == CALLS -> break
  :: else ->
    atomic { calls++; seen = cancels }  // Call::Call
    running++;
    if  // Call::begin
    :: is_ended -> goto leave
    :: else
    fi;
  attempt:  // the system call: EAGAIN or ERROR_IO_PENDING means to wait
    if
    :: atomic { ready[me] -> ready[me] = false } goto leave
    :: else
    fi;
    atomic { !locked -> waiting[me] = true };  // Waiter::Waiter: all that is done with the mutex held
    if  // the constructor of std::stop_callback: it is registered, or called at once
    :: atomic { !stop_requested -> has_callback[me] = true }
    :: atomic { stop_requested -> woken[me] = true }
    fi;
#ifdef LOOK_BEFORE_REGISTER
    goto sleep;
#endif
  again:  // wait_until_ready on Unix, finish on Windows
    if
    :: is_ended || (windows && ready[me]) -> goto unregister
    :: else
    fi;
  sleep:
#ifdef DRAIN_BEFORE_SLEEP
    woken[me] = false;
#endif
    if
    :: atomic { woken[me] -> woken[me] = false } goto again
    :: !windows && ready[me]
    // Nothing else in the world can go on: this thread sleeps for good.
    :: timeout -> assert(!is_ended && !ready[me])
    fi;
  unregister:
    atomic { !locked -> has_callback[me] = false; waiting[me] = false };  // Waiter::~Waiter
    if
    :: ready[me] -> goto attempt
    :: else
    fi;
  leave:
    running--  // Call::~Call
  od
}

inline cancel() {  // Gate::cancel
  atomic { !locked -> locked = true };
#ifdef WAKE_BEFORE_STORE
  wake_all(waiting);
  cancels++;
#else
  cancels++;
  wake_all(waiting);
#endif
  locked = false
}

inline close() {  // Gate::close
#ifdef COUNT_BEFORE_STORE
  idle = running == 0;
  closed = true;
#else
  closed = true;
  idle = running == 0;
#endif
  if
  :: idle
  :: else ->
    atomic { !locked -> locked = true };
    wake_all(waiting);
    locked = false
  fi
}

inline stop() {  // std::stop_source::request_stop: it calls the callbacks that are registered by then
  stop_requested = true;
  wake_all(has_callback)
}

inline send(to) {
  atomic { ready[to] = true; woken[to] = woken[to] || windows }
}

proctype Other() {
  byte other;
  bool idle;
  if
  :: cancel()
  :: close()
  :: stop()
  :: send(0)
  :: send(1)
  :: skip
  fi
}

init {
  atomic {
    if
    :: windows = true
    :: windows = false
    fi;
    run Caller(0);
    run Caller(1);
    run Other();
    run Other()
  }
}
