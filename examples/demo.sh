#!/bin/sh
# Builds, then sends a file from one process to another and shows that what arrived is what was sent.
#
#   sh examples/demo.sh [windows] [meson option...]
#
# With "windows" both are Windows programs, run by Wine. Environment: BUILD_DIR (build), JOBS.

set -eu
cd "$(dirname "$0")/.."
. build-aux/common.sh

platform=demo
wine=
exe=
if [ "${1-}" = windows ]; then
  shift
  platform=windows-demo
  wine=wine
  exe=.exe
fi

if [ -n "$wine" ]; then need_windows; else need_examples; fi
# What it shows, and nothing else, and compiled fast: not optimised, and the library as one file.
TARGETS='file_receiver file_sender'
build "$platform" -Dexamples=enabled -Dtests=disabled -Dtool=disabled -Dunity=on -Dunity_size=1000 \
  -Dbuildtype=plain "$@"
if [ -n "$wine" ]; then start_wine; fi

programs=$BUILD_DIR/$platform/examples
work=$BUILD_DIR/$platform-work
address=localsocket-demo-$$
mebibytes=48

rm -rf "$work"
mkdir -p "$work"
say "making a file of $mebibytes MiB of random bytes"
head -c "$((mebibytes * 1024 * 1024))" /dev/urandom >"$work/sent.bin"

say "sending it to \"$address\""
# run NAME ARGUMENT...: its output goes to a file, as what Wine is given for it should not be a Unix pipe. A minute is
# plenty.
run() {
  name=$1
  shift
  # shellcheck disable=SC2086  # a list of words
  timeout 60 $at_fixed_addresses $wine "$programs/file_$name$exe" "$@" >"$work/$name.log" 2>&1 </dev/null
}
run receiver "$address" "$work/received.bin" &
receiver=$!
sent=0
run sender "$address" "$work/sent.bin" || sent=$?
received=0
wait "$receiver" || received=$?

sed 's/^/  receiver: /' "$work/receiver.log"
sed 's/^/  sender:   /' "$work/sender.log"
[ "$received" -eq 0 ] || die "the receiver failed with status $received"
[ "$sent" -eq 0 ] || die "the sender failed with status $sent"

# The programs' own words, then the files themselves.
checksum() { sed -n 's/.*checksum[^0-9A-Za-z]*\([0-9A-Fa-f]*\).*/\1/p' "$1" | tail -n 1; }
[ -n "$(checksum "$work/sender.log")" ] || die 'the sender printed no checksum'
[ "$(checksum "$work/sender.log")" = "$(checksum "$work/receiver.log")" ] || die 'the checksums differ'
cmp "$work/sent.bin" "$work/received.bin" || die 'the files differ'
say "the checksums match, and so do the files: $(checksum "$work/sender.log")"
rm -f "$work/sent.bin" "$work/received.bin"
