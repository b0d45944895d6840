// The mutex of those who write messages, whose waiting is part of a call: WriterMutex.
//
// It is U. Drepper's "mutex 2" ("Futexes Are Tricky") with a queue of wakers for the futex. Three threads take it again
// and again, and another may cancel the calls of all. One waits for a limited time, and whoever has it may keep it for
// good, as in a write that blocks. That a call which ends wakes its waiter is what gate.pml is about.
//
// promises: one owner at a time, no lost wake-up
// planted TAKE_IN_TWO_STEPS: a thread sees that it is free, and then takes it
// planted HELD_NOT_AWAITED: who takes it after waiting forgets that others may still wait
// planted MARK_BEFORE_QUEUE: a thread marks it as awaited before it is in the queue
// planted GIVE_UP_SILENTLY: who was woken and gives up wakes no other

#define THREADS 3
#define ROUNDS 2

mtype = { free, held, awaited };

mtype state = free;                // state_
chan queue = [THREADS] of { byte };  // first_ and what follows
bool canceled;
bool woken[THREADS];               // their wakers
byte owners;

inline wake_first() {
  atomic {
    if
    :: queue ? <first> -> woken[first] = true; first = 0
    :: empty(queue)
    fi
  }
}

// call.refused(), and then state_.exchange(awaited) == free.
inline look() {
  if
  :: canceled != seen || late -> gives_up = true
  :: else ->
    atomic {
      if
      :: state != free -> state = awaited
      :: state == free -> has = true;
#ifdef HELD_NOT_AWAITED
        state = held
#else
        state = awaited
#endif
      fi
    }
  fi
}

inline lock_within() {
#ifndef MARK_BEFORE_QUEUE
  queue ! me;
#endif
  do
  :: look();
#ifdef MARK_BEFORE_QUEUE
    if
    :: !(queue ?? [eval(me)]) -> queue ! me
    :: else
    fi;
#endif
    if
    :: has || gives_up -> break
    :: else
    fi;
    if
    :: atomic { woken[me] -> woken[me] = false }
    :: me == 2 -> late = true
    // Nothing else in the world can go on: this thread sleeps for good.
    :: timeout -> assert(state != free && canceled == seen); goto end
    fi
  od;
  queue ?? eval(me);
#ifndef GIVE_UP_SILENTLY
  if
  :: gives_up -> wake_first()
  :: else
  fi
#endif
}

inline unlock() {
  atomic { owners--; was_awaited = state == awaited; state = free };
  if
  :: !was_awaited
  :: was_awaited -> wake_first()
  fi
}

proctype Canceler() {
  canceled = true;
  atomic { woken[0] = true; woken[1] = true; woken[2] = true }
}

proctype Thread(byte me) {
  byte rounds;
  byte first;
  bool seen;
  bool late;
  bool has;
  bool gives_up;
  bool was_awaited;
  do
  :: rounds == ROUNDS -> break
  :: atomic { rounds < ROUNDS -> rounds++; seen = canceled }
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
    fi;
    atomic { late = false; has = false; gives_up = false; was_awaited = false; woken[me] = false }
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
