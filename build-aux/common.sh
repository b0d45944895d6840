# Sourced by tests/run.sh, examples/demo.sh, benchmarks/run.sh and .ci/run, from the root of the project: what these
# need of the machine.
# shellcheck shell=sh

BUILD_DIR=${BUILD_DIR:-build}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

say() { printf '%s\n' "== $*"; }
die() {
  printf '%s\n' "$0: $*" >&2
  exit 1
}

# need 'package: command that succeeds when it is there'... installs what is missing, together.
need() {
  missing=$(absent "$@")
  # shellcheck disable=SC2086  # a list of words
  [ -z "$missing" ] || apt_install $missing || die "please install (by the names of Debian's packages): $missing"
}

# want, as need, but what cannot be installed is gone without.
want() {
  missing=$(absent "$@")
  # shellcheck disable=SC2086  # a list of words
  [ -z "$missing" ] || apt_install $missing || for package in $missing; do
    apt_install "$package" || say "going on without $package"
  done
}

# The packages whose command fails.
absent() {
  for pair in "$@"; do
    sh -c "${pair#*: }" >/dev/null 2>&1 || printf '%s ' "${pair%%: *}"
  done
}

# apt_install PACKAGE...: as root or through sudo.
apt_install() {
  command -v apt-get >/dev/null || return
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || return
    sudo=sudo
  fi
  say "installing with apt-get: $*"
  $sudo apt-get update -q </dev/null
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null
}

# The library and the examples.
need_examples() {
  need 'meson: command -v meson' \
    'ninja-build: command -v ninja' \
    'g++: command -v c++' \
    'pkg-config: command -v pkg-config' \
    'libfmt-dev: pkg-config --exists fmt' \
    'libasio-dev: test -e /usr/include/asio.hpp' \
    'libxxhash-dev: pkg-config --exists libxxhash' \
    'nlohmann-json3-dev: pkg-config --exists nlohmann_json' \
    'libstb-dev: pkg-config --exists stb'
}

need_native() {
  need_examples
  need 'libgtest-dev: pkg-config --exists gtest' \
    'libgmock-dev: pkg-config --exists gmock' \
    'libcli11-dev: pkg-config --exists CLI11'
}

# Programs that the tests talk with; without one its tests are skipped, by name.
want_partners() {
  want 'openssh-client: command -v ssh-agent' \
    'qemu-system-common: command -v qemu-storage-daemon' \
    'nodejs: command -v node'
}

# The model checker.
need_models() {
  need 'spin: command -v spin' \
    'gcc: command -v gcc'
}

# What the benchmarks compare with and count by.
want_peers() {
  want 'strace: command -v strace' \
    'valgrind: command -v valgrind' \
    'libuv1-dev: pkg-config --exists libuv' \
    'golang-go: command -v go' \
    'rustc: command -v rustc' \
    'nodejs: command -v node' \
    'qt6-base-dev: test -d /usr/include/*/qt6/QtNetwork' \
    'libnng-dev: test -e /usr/include/nng/nng.h' \
    'iceoryx: command -v iox-roudi' \
    'libiceoryx-posh-dev: test -d /usr/include/iceoryx' \
    'cmake: command -v cmake' \
    'libzmq3-dev: test -e /usr/include/zmq.h'
}

need_windows() {
  need 'meson: command -v meson' \
    'ninja-build: command -v ninja' \
    'g++-mingw-w64-x86-64-posix: command -v x86_64-w64-mingw32-g++-posix' \
    'wine: command -v wine' \
    'wine64: command -v wine' \
    'libfmt-dev: test -e /usr/include/fmt/format.h' \
    'libasio-dev: test -e /usr/include/asio.hpp' \
    'libcli11-dev: test -e /usr/include/CLI/CLI.hpp' \
    'libxxhash-dev: test -e /usr/include/xxhash.h' \
    'nlohmann-json3-dev: test -e /usr/include/nlohmann/json.hpp' \
    'libstb-dev: test -e /usr/include/stb/stb_image_write.h' \
    'googletest: test -e /usr/src/googletest/googlemock/src/gmock-all.cc'
  stage_wraps
}

# Fills the directories that the wraps name from Debian's packages, so that a cross build downloads nothing. A
# directory that Meson has downloaded itself stays as it is.
stage_wraps() {
  stage_wrap asio /usr include:asio
  stage_wrap cli11 /usr include:CLI
  stage_wrap fmt /usr include:fmt
  stage_wrap gtest /usr/src/googletest googletest googlemock
  stage_wrap xxhash /usr/include xxhash.h
  stage_wrap stb /usr/include/stb stb_image_write.h
  stage_wrap nlohmann_json /usr include:nlohmann
}

# stage_wrap WRAP FROM SUBDIRECTORY...
stage_wrap() {
  overlay=subprojects/packagefiles/$1
  to=subprojects/$(sed -n 's/^directory = //p' "subprojects/$1.wrap")
  from=$2
  shift 2
  # With nothing but .git in it, it is what a download has left that failed.
  [ ! -d "$to" ] || [ -z "$(ls "$to")" ] || [ -e "$to/.from-packages" ] || return 0
  rm -rf "$to"
  mkdir -p "$to"
  touch "$to/.from-packages"
  cp "$overlay/meson.build" "$to"
  for sub in "$@"; do
    case $sub in
      # Never the whole of /usr/include: its C headers are another system's.
      include:*) mkdir "$to/include" && ln -s "$from/include/${sub#*:}" "$to/include/${sub#*:}" ;;
      *) ln -s "$from/$sub" "$to/$sub" ;;
    esac
  done
}

# build NAME [meson option...]: sets $BUILD_DIR/NAME up with these options, or again, and compiles it, or of it $TARGETS;
# for Windows if the name begins with that.
build() {
  name=$1
  dir=$BUILD_DIR/$name
  shift
  if [ -e "$dir/build.ninja" ]; then
    meson setup --reconfigure "$dir" "$@"
  else
    case $name in
      windows*) meson setup "$dir" --cross-file tests/windows-cross.ini "$@" ;;
      *) meson setup "$dir" "$@" ;;
    esac
  fi || return
  # shellcheck disable=SC2086  # a list of words
  meson compile -C "$dir" -j "$JOBS" ${TARGETS-}
}

# Goes before every command that runs Wine; start_wine sets it. The loader that Debian has for 64 bits gets its heap at
# a random address in the gigabyte after 0x7d000000. If that is 0x7ffe0000, where Windows has its shared data, Wine exits
# with 1 and without a message: once in some thousand starts. Without randomness (personality(2); children inherit it, a
# container may refuse it) the heap is right after the loader.
at_fixed_addresses=

# Wine with a world of its own in the build directory, its server kept running: a program then starts ten times
# faster. The server is stopped, and with it whatever still runs, when the script ends.
start_wine() {
  if setarch -R true 2>/dev/null; then at_fixed_addresses='setarch -R'; fi
  mkdir -p "$BUILD_DIR/wine"
  WINEPREFIX=$(cd "$BUILD_DIR/wine" && pwd)
  WINEDEBUG=-all
  # No offers to download .NET and a browser, no desktop menus.
  WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
  export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
  trap stop_wine EXIT
  trap 'exit 1' HUP INT TERM
  if [ ! -e "$WINEPREFIX/booted" ]; then
    say "setting up Wine in $WINEPREFIX"
    if ! boot_wine >"$WINEPREFIX/boot.log" 2>&1 </dev/null; then
      die "Wine did not start, see $WINEPREFIX/boot.log"
    fi
    touch "$WINEPREFIX/booted"
  fi
  wineserver -p
  # The first program starts Wine's services, which keep its output open: not to be a test's, whose end is awaited.
  $at_fixed_addresses wine cmd /c exit >"$WINEPREFIX/start.log" 2>&1 </dev/null
}

boot_wine() {
  # A crashed program ends at once, rather than in a debugger.
  $at_fixed_addresses wineboot --init &&
    $at_fixed_addresses wine reg add 'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug' /v Auto /d 0 /f &&
    wineserver -w
}

stop_wine() {
  wineserver -k || true
}
