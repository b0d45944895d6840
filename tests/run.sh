#!/bin/sh
# Builds and runs the tests natively and, as Windows programs, under Wine; installs what that needs.
#
#   sh tests/run.sh [native | windows] [meson option...]
#
# Environment: BUILD_DIR (build), JOBS (the number of processors), TIMEOUT_MULTIPLIER (1).
# The last line counts the tests of all platforms: N passed, M failed, K skipped.

set -u
cd "$(dirname "$0")/.." || exit 1
. build-aux/common.sh

platforms='native windows'
case ${1-} in
  native | windows)
    platforms=$1
    shift
    ;;
esac

for platform in $platforms; do
  "need_$platform"
done
[ "$platforms" = windows ] || need_models
[ "$platforms" = windows ] || want_partners

# run PLATFORM TIMEOUT_MULTIPLIER [meson option...]
run() {
  platform=$1
  multiplier=$2
  shift 2
  say "$platform: building in $BUILD_DIR/$platform"
  build "$platform" -Dtests=enabled -Dexamples=enabled "$@" || return
  say "$platform: testing"
  $at_fixed_addresses meson test -C "$BUILD_DIR/$platform" --no-rebuild --num-processes "$JOBS" --print-errorlogs \
    --timeout-multiplier "$((multiplier * ${TIMEOUT_MULTIPLIER:-1}))" </dev/null
}

status=0
logs=
for platform in $platforms; do
  log=$BUILD_DIR/$platform/meson-logs/testlog.json
  logs="$logs $log"
  # A build that fails must not be counted by the log of an older one.
  rm -f "$log"
  case $platform in
    native) run native 1 "$@" || status=1 ;;
    windows)
      start_wine
      run windows 5 "$@" || status=1
      ;;
  esac
done

# shellcheck disable=SC2086  # a list of words
python3 build-aux/count-tests.py $logs || status=1
exit $status
