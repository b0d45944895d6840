#!/bin/sh
# Has spin, a model checker, look at every order of steps in the models of what is subtle in the library:
#
#   gate.pml              how a thread waits, and how others end its call
#   connection_limit.pml  how accept waits for one of max_connections
#   closing.pml           who closes the handle
#   writer_mutex.pml      the mutex of those who write messages
#   socket_file.pml       how a socket file is made, taken over from the dead and removed
#
#   sh tests/models/run.sh [MODEL...]
#
# Each model says in its head what it promises. It must hold in every state that can be reached, and every line of the
# model must be reached. Each also has planted bugs (spin -DNAME), which must be found: a model that finds nothing
# proves nothing. A change to one of these protocols begins in its model. Without spin the status is 77: skipped.

set -u
cd "$(dirname "$0")" || exit 1
models=$PWD
[ $# -gt 0 ] || set -- gate connection_limit closing writer_mutex socket_file

for tool in spin gcc; do
  if ! command -v $tool >/dev/null; then
    echo "$tool is not installed"
    exit 77
  fi
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

# search MODEL [-DBUG]: writes what is found to the file report. Compiling for speed takes longer than it saves.
search() {
  model=$1
  shift
  rm -f pan pan.* ./*.trail
  { spin -a "$@" "$models/$model.pml" && gcc -w -DSAFETY -o pan pan.c && ./pan -m100000 -w22; } >report 2>&1
}

# Whether the whole of the model was searched and nothing found.
is_proven() {
  grep -q 'errors: 0$' report && ! grep -qE 'not completed|too small|reached -DMEMLIM' report && ! unreached | grep -q .
}

# The lines that no run comes to; a process may go on for ever.
unreached() { grep -E '\.pml:[0-9]+, state' report | grep -v '"-end-"'; }

# Whether an assertion failed, or a thread waits for what nobody will do.
is_refuted() { grep -qE '^pan:[0-9]+: (assertion violated|invalid end state)' report; }

# note KEY MODEL: the lines of this kind in its head.
note() { sed -n "s,^// $1 ,,p" "$models/$2.pml"; }

complain() {
  status=1
  echo "FAILED: $*"
  cat report
}

check() {
  if search "$1" && is_proven; then
    echo "ok: $1: $(note promises: "$1"), $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' report) states"
  else
    complain "$1: $(note promises: "$1")"
    # The steps that lead there.
    [ ! -e "$1.pml.trail" ] || spin -k "$1.pml.trail" -p -g "$models/$1.pml"
  fi
  note planted "$1" >bugs
  [ -s bugs ] || complain "$1: no bug is planted"
  while IFS=: read -r bug text <&3; do
    if search "$1" "-D$bug"; is_refuted; then
      echo "found the planted bug: $1 $bug:$text"
    else
      complain "$1 $bug: the planted bug was not found"
    fi
  done 3<bugs
}

status=0
for name in "$@"; do
  check "$name"
done
exit $status
