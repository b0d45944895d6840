#!/bin/sh
# Kills a peer (SIGKILL, TerminateProcess) at a random moment while handles and memory are passed, again and again: the
# other side must end within a second, with nothing left open or mapped.
#
#   sh tests/race/killed_peers.sh [ROUNDS [TEST_PROGRAM...]]
#
# The last line is the figure. 2000 rounds unless given; "wine …/localsocket-tests.exe" is a program, too. RACE_SEED, as
# a failure tells it, kills at the same moments again.

set -u
RACE_ROUNDS=${1:-2000}
export RACE_ROUNDS
if [ $# -gt 1 ]; then shift; else set -- "${BUILD_DIR:-build}/native/tests/localsocket-tests"; fi

output=$("$@" --gtest_filter='KilledPeers.*' --gtest_brief=1 2>&1 </dev/null)
figure=$(printf '%s\n' "$output" | tr -d '\r' | grep '^killed peers: ')
if [ -z "$figure" ]; then
  printf '%s\n' "$output" >&2
  printf 'FAILED\n'
  exit 1
fi
printf '%s\n' "$figure"
