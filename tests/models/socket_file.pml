// How a socket file is made, taken over from the dead and removed: PathLock and SocketFile.
//
// Three processes bind one name, some of them to replace who has it, and close; each may fail and may be killed at any
// step. What a killed process had open vanishes with it, its files stay; there may be such files from the beginning.
// When all are gone, a fresh process binds. One step is one system call. A file is the number of its inode, 0 is none,
// and a number that is free is used again at once.
//
// promises: no two owners, no stolen name, a name that can be taken in the end
// planted NO_COMPARE: the file that was locked is not compared with the one that has the name
// planted CLOSE_BEFORE_UNLINK: the lock file is closed and then removed
// planted LOCK_BY_NAME: to have made the lock file is to have the lock (O_EXCL)
// planted UNLINK_UNASKED: close does not look whether the socket file still is its own
// planted REMOVE_UNLOCKED: close looks and removes without the lock
// planted CLOSE_BEFORE_REMOVE: close closes the socket first, and with it the number of its file is free
// planted KEEP_LEFTOVER: a temporary name that a killed process has left is not taken over

#define PROCESSES 3
#define FRESH PROCESSES  // the one that comes last
#define LOCK_FILES 4     // at most: one for each process, and one that has the name
#define SOCKET_FILES 5   // one for each process, and one for each name

// The directory.
byte lock_name;
byte live_name;
byte temporary_name;

bool locked[LOCK_FILES + 1];   // a lock file: by flock
bool alive[SOCKET_FILES + 1];  // a socket file: a process has a socket open that is bound to it

// What each process has open, and what it believes.
byte lock_file[PROCESSES + 1];
bool has_lock[PROCESSES + 1];
byte socket[PROCESSES + 1];
bool owns[PROCESSES + 1];  // from the end of bind to the beginning of close, or until another replaces it
byte ended;

#define are_two_owners (owns[0] + owns[1] + owns[2] + owns[3] > 1)
#define has_lost(p) (owns[p] && live_name != socket[p])

// What the system does in one step.

inline open_lock_file() {  // open with O_CREAT
  if
  :: lock_name != 0
  :: else ->
    lock_name = 1;
    do
    :: lock_file[0] == lock_name || lock_file[1] == lock_name || lock_file[2] == lock_name -> lock_name++
    :: else -> break
    od
  fi;
  lock_file[me] = lock_name
}

inline close_lock_file() {
  locked[lock_file[me]] = locked[lock_file[me]] && !has_lock[me];
  has_lock[me] = false;
  lock_file[me] = 0
}

inline bind_socket(name) {
  socket[me] = 1;
  do
  :: live_name == socket[me] || temporary_name == socket[me] || alive[socket[me]] -> socket[me]++
  :: else -> break
  od;
  name = socket[me];
  alive[name] = true
}

inline unlink_socket_file(name) {
  assert(!alive[name] || name == socket[me]);
  name = 0
}

inline rename_over() {
  owns[0] = owns[0] && socket[0] != live_name;
  owns[1] = owns[1] && socket[1] != live_name;
  owns[2] = owns[2] && socket[2] != live_name;
  live_name = temporary_name;
  temporary_name = 0
}

inline close_socket() {
  alive[socket[me]] = false;
  socket[me] = 0
}

// A process may be killed instead of taking a step.
#define may_be_killed me != FRESH -> goto killed
#define step(action) \
  if \
  :: atomic { action } \
  :: may_be_killed \
  fi

#ifdef KEEP_LEFTOVER
#define is_stale(name) (!alive[name] && name != temporary_name)
#else
#define is_stale(name) (!alive[name])
#endif

#ifdef NO_COMPARE
#define has_locked_the_name true
#else
#define has_locked_the_name (lock_file[me] == lock_name)
#endif

// PathLock::PathLock. A process that waits for flock gives up some time or other; one that does not wait, at once.
#ifdef LOCK_BY_NAME
#define lock(or_else) \
  if \
  :: atomic { lock_name == 0 -> open_lock_file(); has_lock[me] = true } \
  :: atomic { lock_name != 0 -> goto or_else } \
  :: may_be_killed \
  fi
#else
#define lock(or_else) \
  do \
  :: atomic { lock_file[me] == 0 -> open_lock_file() } \
  :: atomic { lock_file[me] != 0 && !has_lock[me] && !locked[lock_file[me]] -> \
      locked[lock_file[me]] = true; has_lock[me] = true } \
  :: atomic { lock_file[me] != 0 && !has_lock[me] && locked[lock_file[me]] -> close_lock_file(); goto or_else } \
  :: atomic { has_lock[me] && has_locked_the_name -> break } \
  :: atomic { has_lock[me] && !has_locked_the_name -> close_lock_file() } \
  :: may_be_killed \
  od
#endif

// PathLock::~PathLock
inline unlock() {
#ifdef CLOSE_BEFORE_UNLINK
  step(close_lock_file());
  step(lock_name = 0)
#else
  step(lock_name = 0);
  step(close_lock_file())
#endif
}

// bind_unless_alive
#define bind_unless_alive(name) \
  do \
  :: atomic { name == 0 -> bind_socket(name); break } \
  :: atomic { name != 0 -> skip } /* EADDRINUSE */ \
    if \
    :: atomic { !is_stale(name) -> goto in_use } \
    :: atomic { is_stale(name) -> skip } \
    :: may_be_killed \
    fi; \
    step(unlink_socket_file(name)) \
  :: may_be_killed \
  od

proctype Process(byte me; bool replaces) {
  byte file;  // id_

  lock(give_up);  // SocketFile::bind
  if
  :: !replaces
  :: replaces -> step(replaces = live_name != 0)  // is_socket
  fi;
  if
  :: replaces ->
    bind_unless_alive(temporary_name);
    if  // chmod, listen and stat
    :: file = socket[me]
    :: me != FRESH -> step(unlink_socket_file(temporary_name)); goto unlock_and_leave
    fi;
    step(rename_over(); owns[me] = true)
  :: else ->
    bind_unless_alive(live_name);
    if
    :: atomic { file = socket[me]; owns[me] = true }
    :: me != FRESH -> step(unlink_socket_file(live_name)); goto unlock_and_leave
    fi
  fi;
  unlock();

  step(owns[me] = false);  // SocketFile::remove
#ifdef CLOSE_BEFORE_REMOVE
  step(close_socket());
#endif
#ifndef REMOVE_UNLOCKED
  lock(leave);
#endif
#ifndef UNLINK_UNASKED
  if
  :: atomic { live_name == file -> skip }
  :: atomic { live_name != file -> goto unlock_and_leave }
  :: may_be_killed
  fi;
#endif
  step(unlink_socket_file(live_name));
#ifdef REMOVE_UNLOCKED
  goto leave;
#endif

unlock_and_leave:
  unlock();
leave:
  atomic { close_socket(); goto done }

in_use:
  assert(me != FRESH);
  goto unlock_and_leave;

give_up:
  assert(me != FRESH);
  goto done;

killed:
  atomic { owns[me] = false; close_lock_file(); close_socket() };

done:
  atomic { file = 0; replaces = false; ended++ }
}

active proctype Watch() {
end:
  atomic { are_two_owners || has_lost(0) || has_lost(1) || has_lost(2) || has_lost(3) -> assert(false) }
}

init {
  byte replacers;
  atomic {
    if  // what killed processes have left
    :: lock_name = 1; live_name = 1; temporary_name = 2
    :: skip
    fi;
    select(replacers : 0 .. 2);
    run Process(0, replacers > 0);
    run Process(1, replacers > 1);
    run Process(2, false)
  }
  ended == PROCESSES;
  if
  :: run Process(FRESH, false)
  :: run Process(FRESH, true)
  fi;
  ended == PROCESSES + 1;
  assert(lock_name == 0 && live_name == 0)
}
