// The mutex of those who write messages, whose waiting may be ended: WriterMutex.
//
// It is U. Drepper's "mutex 2" ("Futexes Are Tricky") with a mutex and a condition variable for the futex. Three
// threads take it again and again, and another may cancel all that wait. One waits for a limited time, and whoever has
// it may keep it for good, as in a write that blocks. That a thread that gives up notifies another is not needed for
// what is promised here, and so not in the model: who was notified has looked again before it gives up.
//
// promises: one owner at a time, no lost wake-up
// planted TAKE_IN_TWO_STEPS: a thread sees that it is free, and then takes it
// planted HELD_NOT_AWAITED: who takes it after waiting forgets that others may still wait
// planted NOTIFY_WITHOUT_MUTEX: who unlocks notifies at once, while a waiter is between its look and its sleep
// planted CANCEL_ONE: cancel notifies one thread only

#define THREADS 3
#define ROUNDS 2

mtype = { free, held, awaited };

mtype state = free;     // state_
bool locked;            // mutex_
bool canceled;          // whether cancels_ has been counted up
bool waiting[THREADS];  // the threads that changed_ can notify
byte owners;

// std::condition_variable's notify_one: any one of those that wait, or nobody.
inline notify_one() {
  if
  :: atomic { waiting[0] -> waiting[0] = false }
  :: atomic { waiting[1] -> waiting[1] = false }
  :: atomic { waiting[2] -> waiting[2] = false }
  :: !waiting[0] && !waiting[1] && !waiting[2]
  fi
}

inline notify_all() {
  d_step { waiting[0] = false; waiting[1] = false; waiting[2] = false }
}

// With the mutex held: another cancel, or state_.exchange(awaited) == free.
inline look() {
  atomic {
    if
    :: canceled != seen -> gives_up = true
    :: canceled == seen && state != free -> state = awaited
    :: canceled == seen && state == free -> has = true;
#ifdef HELD_NOT_AWAITED
      state = held
#else
      state = awaited
#endif
    fi
  }
}

inline lock_within() {
  atomic { !locked -> locked = true; seen = canceled };
  do
  :: look();
    if
    :: has || gives_up -> break
    :: else
    fi;
    atomic { waiting[me] = true; locked = false };  // changed_.wait
    if
    :: !waiting[me]
    :: me == 2 -> atomic { waiting[me] = false; gives_up = true }  // its time is over
    // Nothing else in the world can go on: this thread sleeps for good.
    :: timeout -> assert(state != free && canceled == seen); goto end
    fi;
    atomic { !locked -> locked = true }
  od;
  locked = false
}

inline unlock() {
  atomic { owners--; was_awaited = state == awaited; state = free };
  if
  :: !was_awaited
  :: else ->
#ifndef NOTIFY_WITHOUT_MUTEX
    !locked;  // locks and unlocks
#endif
    notify_one()
  fi
}

proctype Canceler() {
  atomic { !locked -> canceled = true };
#ifdef CANCEL_ONE
  notify_one()
#else
  notify_all()
#endif
}

proctype Thread(byte me) {
  byte rounds;
  bool seen;
  bool has;
  bool gives_up;
  bool was_awaited;
  do
  :: rounds == ROUNDS -> break
  :: atomic { rounds < ROUNDS -> rounds++; has = false; gives_up = false }
    if
#ifdef TAKE_IN_TWO_STEPS
    :: state == free -> atomic { state = held; has = true }
#else
    :: atomic { state == free -> state = held; has = true }
#endif
    :: state != free -> lock_within()
    fi;
    if
    :: !has
    :: has ->
      atomic { owners++; assert(owners == 1) };
      unlock()
    :: has -> break  // keeps it
    fi
  od;
end:
  skip
}

init {
  atomic {
    run Thread(0);
    run Thread(1);
    run Thread(2);
    if
    :: run Canceler()
    :: skip
    fi
  }
}
