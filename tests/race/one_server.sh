#!/bin/sh
# Has many processes race for one address, again and again: exactly one may listen, all others must be its clients, and
# when it is killed (SIGKILL) the next one that comes must get the address. Then as many clients race for one server,
# which one of them starts.
#
#   sh tests/race/one_server.sh [PROCESSES [ROUNDS [TEST_PROGRAM...]]]
#
# The last line is the figure. 200 processes and 20 rounds unless given; "wine …/localsocket-tests.exe" is a program, too.

set -u
RACE_PROCESSES=${1:-200}
RACE_ROUNDS=${2:-20}
export RACE_PROCESSES RACE_ROUNDS
if [ $# -gt 2 ]; then shift 2; else set -- "${BUILD_DIR:-build}/native/tests/localsocket-tests"; fi

output=$("$@" --gtest_filter='*.OfManyProcesses*' --gtest_brief=1 2>&1 </dev/null)
code=$?
figure=$(printf '%s\n' "$output" | tr -d '\r' | sed -n 's/^bind_or_connect: //p')
if [ "$code" -ne 0 ] || [ -z "$figure" ]; then
  printf '%s\n' "$output" >&2
  printf 'FAILED\n'
  exit 1
fi
printf '%s; one start for %s clients\n' "$figure" "$RACE_PROCESSES"
