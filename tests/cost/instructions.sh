#!/bin/sh
# Counts the instructions of a write and a read that need not wait, and fails if there are more than that:
#
#   sh tests/cost/instructions.sh PROGRAM MOST
#
# The difference of two runs leaves out what a process does once. 77, where there is no valgrind, is "skipped" to Meson.

set -eu
program=$1
most=$2
command -v valgrind >/dev/null || {
  echo 'skipped: valgrind is not installed'
  exit 77
}

instructions_of() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" 2>&1 | sed -n 's/.*Collected : *//p'
}
few=$(instructions_of 1000)
many=$(instructions_of 3000)
each=$(((many - few) / 2000))
echo "$each instructions for a write and its read; at most $most"
[ "$each" -gt 0 ] && [ "$each" -le "$most" ]
