#!/bin/sh
# Kills servers (SIGKILL) while four others race for their address, again and again, and counts: none may leave two
# owners, a live server's address taken away, or an address that nobody can have.
#
#   sh tests/race/killed_servers.sh [ROUNDS [TEST_PROGRAM]]
#
# The last line is the figure. ROUNDS (2000) is rounded up to what one run of the test does.

set -u
rounds=${1:-2000}
program=${2:-${BUILD_DIR:-build}/native/tests/localsocket-tests}

done_rounds=0
while [ "$done_rounds" -lt "$rounds" ]; do
  output=$("$program" --gtest_filter='KilledServers.*' --gtest_brief=1 2>&1 </dev/null)
  killed=$(printf '%s\n' "$output" | sed -n 's/^killed servers: //p')
  if [ -z "$killed" ]; then
    printf '%s\n' "$output" >&2
    printf '%s\n' "FAILED after $done_rounds rounds"
    exit 1
  fi
  done_rounds=$((done_rounds + killed))
done
printf '%s\n' "$done_rounds rounds: no two owners, no live name stolen, no address that nobody can take"
