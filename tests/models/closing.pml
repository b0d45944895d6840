// Who closes the handle: whoever is last, close() or a call. Connection::run, close_half, close and close_if_idle.
//
// One thread reads and one writes, each in its gate, while two threads close the stream, or each its half of it. What
// the connection has of max_connections goes back after the handle. A listener closes in the same way, with one gate.
//
// promises: no use after close, closed exactly once, never left open, the permit after the handle
// planted LOOK_BEFORE_COUNT: a call looks whether its gate is closed before it counts itself
// planted CLOSE_AT_ONCE: close() does not ask whether calls run
// planted LEAVE_ONLY: a call that ends does not ask whether it was the last
// planted CLOSE_WITHOUT_EXCHANGE: the handle is read, closed and then forgotten
// planted PERMIT_AT_CLOSE: close() gives the permit back while a call still has the handle
// planted PERMIT_FROM_ANYONE: who finds the handle taken gives the permit back, while it still is being closed

#define CALLS 2
#define reading 0
#define writing 1

bool handle = true;   // NativeStream's
bool is_open = true;  // what the system knows of it
byte closes;
byte permits;         // how often it was given back
bool closed[2];       // Gate::state_
byte running[2];      // Gate::running_

inline give_back_permit() {
  atomic {
    assert(!is_open);
    if
    :: permits == 0 -> permits++
    :: else
    fi
  }
}

inline close_handle() {  // NativeStream::close
#ifdef CLOSE_WITHOUT_EXCHANGE
  taken = handle;
#else
  atomic { taken = handle; handle = false };
#endif
  if
  :: taken ->
    atomic { is_open = false; closes++ };
#ifdef CLOSE_WITHOUT_EXCHANGE
    handle = false;
#endif
#ifndef PERMIT_AT_CLOSE
    give_back_permit()
#endif
  :: else ->
#ifdef PERMIT_FROM_ANYONE
    give_back_permit()
#endif
  fi
}

inline close_if_idle() {
  if
  :: !closed[reading] || !closed[writing]
  :: else ->
    if
    :: running[reading] != 0
    :: else ->
      if
      :: running[writing] != 0
      :: else -> close_handle()
      fi
    fi
  fi
}

// A system call: the handle has to be open at its beginning and at its end.
inline use() {
  assert(handle && is_open);
  assert(handle && is_open)
}

proctype Caller(bit gate) {
  byte calls;
  bool refused;
  bool taken;
  do
  :: calls == CALLS -> break
  :: else ->
    calls++;
#ifdef LOOK_BEFORE_COUNT
    refused = closed[gate];
    running[gate]++;
#else
    running[gate]++;
    refused = closed[gate];
#endif
    if
    :: refused
    :: else -> use()
    fi;
    running[gate]--;
#ifndef LEAVE_ONLY
    if
    :: closed[gate] -> close_if_idle()
    :: else
    fi
#endif
  od
}

inline close() {
  closed[reading] = true;
  closed[writing] = true;
#ifdef CLOSE_AT_ONCE
  close_handle();
#else
  close_if_idle();
#endif
#ifdef PERMIT_AT_CLOSE
  give_back_permit()
#endif
}

proctype Closer() {
  bool taken;
  close()
}

proctype HalfCloser(bit gate) {
  bool taken;
  running[gate]++;  // which keeps the handle for the shutdown
  closed[gate] = true;
  if
  :: closed[1 - gate]
  :: else -> use()
  fi;
  running[gate]--;
  if
  :: closed[1 - gate] -> close()
  :: else
  fi
}

init {
  atomic {
    run Caller(reading);
    run Caller(writing);
    if
    :: run Closer(); run Closer()
    :: run HalfCloser(reading); run HalfCloser(writing)
    fi
  }
  _nr_pr == 1;  // all others have ended
  assert(!is_open && closes == 1 && permits == 1)
}
