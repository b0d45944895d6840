// How accept waits for one of max_connections permits: ConnectionLimit::acquire and release.
//
// All permits are taken. Two threads accept, two others close connections, or cancel. A release wakes only if it made
// the first permit free, but then it wakes every thread that waits: who has registered by then is told, and who looks
// later finds the count.
//
// promises: no lost wake-up, never more connections than permits
// planted WAKE_ONE: the release that wakes, wakes one thread only
// planted TRY_BEFORE_REGISTER: a thread tries, registers, and sleeps without another try
// planted ADD_IN_TWO_STEPS: a release reads the count, and then writes one more

#define ACCEPTORS 2
#define ROUNDS 2

byte limit;
byte connections;
byte free;                // free_
bool canceled;            // stands for all else that ends a call
bool locked;              // Gate::mutex_
bool waiting[ACCEPTORS];  // Gate::waiters_
bool woken[ACCEPTORS];    // the threads' wakers

// A load, and a compare-exchange that fails when the count has changed meanwhile.
inline try_acquire() {
  count = free;
  do
  :: count == 0 -> break
  :: atomic { count != 0 && free == count -> free--; connections++; count = 0; has = true; break }
  :: atomic { count != 0 && free != count -> count = free }
  od
}

proctype Acceptor(byte me) {
  byte rounds;
  byte count;
  bool has;
  do
  :: rounds == ROUNDS -> break
  :: else ->
    rounds++;
    has = false;
    try_acquire();
    if
    :: has -> goto done
    :: else
    fi;
    atomic { !locked -> waiting[me] = true };  // Waiter::Waiter: all that is done with the mutex held
#ifdef TRY_BEFORE_REGISTER
    goto sleep;
#endif
  again:
    try_acquire();
    if
    :: has || canceled -> goto unregister  // Call::refused
    :: else
    fi;
  sleep:
    if
    :: atomic { woken[me] -> woken[me] = false } goto again
    // Nothing else in the world can go on: this thread sleeps for good.
    :: timeout -> assert(free == 0 && !canceled)
    fi;
  unregister:
    atomic { !locked -> waiting[me] = false };  // Waiter::~Waiter
  done:
    assert(connections <= limit)
  od
}

inline wake() {  // Gate::wake
  atomic { !locked -> locked = true };
  do
  :: other == ACCEPTORS -> break
#ifdef WAKE_ONE
  :: atomic { other < ACCEPTORS && waiting[other] -> woken[other] = true; break }
#else
  :: atomic { other < ACCEPTORS && waiting[other] -> woken[other] = true; other++ }
#endif
  :: atomic { other < ACCEPTORS && !waiting[other] -> other++ }
  od;
  atomic { locked = false; other = 0 }
}

inline release() {
#ifdef ADD_IN_TWO_STEPS
  count = free;
  atomic { free = count + 1; count++ };
#else
  atomic { free++; count = free };
#endif
  if
  :: count == 1 -> wake()
  :: else
  fi
}

proctype Other() {
  byte count;
  byte other;
  if
  :: atomic { connections > 0 -> connections-- }
    release()
  :: canceled = true; wake()  // Gate::cancel, close, ...
  :: skip
  fi
}

init {
  atomic {
    if
    :: limit = 1
    :: limit = 2
    fi;
    connections = limit;
    run Acceptor(0);
    run Acceptor(1);
    run Other();
    run Other()
  }
}
