#!/bin/sh
# Compilers beside the machine's own: builds the library, the examples and the tests with each, and runs the tests, under
# qemu where the processor is another.
#
#   sh build-aux/compilers.sh [NAME...]
#
# Without names all of: gcc-11 gcc-newest gcc-23 gcc-lto clang-newest x86-32 arm64 s390x. Environment:
# BUILD_DIR (build), JOBS.

set -u
cd "$(dirname "$0")/.." || exit 1
. build-aux/common.sh

# newest g++: the package of that compiler with the highest number.
newest() { apt-cache pkgnames "$1-" | grep -x "$1-[0-9]*" | sort -V | tail -n 1; }

# What depends on the byte order or the size of words. Others measure time, count threads and start children, which qemu
# bends.
portable='*Framing*:*Message*:Packets*:Buffers*:*Address*:Halves*-*MemoryFollowsTheBytes*'

# C++23: Meson 1.0 does not know its name. Of two -std the later counts.
cxx23=-Dcpp_args=-std=c++2b

# with NAME PACKAGE COMPILER [meson option...]
with() {
  variant=$1 package=$2 compiler=$3
  shift 3
  need "$package: command -v $compiler"
  CXX=$compiler check "$variant" "$@"
}

# cross NAME CPU FAMILY ENDIANNESS QEMU: Debian's compiler of that processor. Its programs are static, so that qemu has to look
# nothing up.
cross() {
  need "g++-$2-linux-gnu: command -v $2-linux-gnu-g++" "qemu-user: command -v $5"
  mkdir -p "$BUILD_DIR"
  cat >"$BUILD_DIR/$1.ini" <<-END
	[binaries]
	c = '$2-linux-gnu-gcc'
	cpp = '$2-linux-gnu-g++'
	ar = '$2-linux-gnu-ar'
	strip = '$2-linux-gnu-strip'
	exe_wrapper = '$5'
	[built-in options]
	cpp_link_args = ['-static']
	[host_machine]
	system = 'linux'
	cpu_family = '$3'
	cpu = '$2'
	endian = '$4'
	END
  GTEST_FILTER=$portable check "$1" --cross-file "$BUILD_DIR/$1.ini" --force-fallback-for=fmt,gtest,gmock
}

# check NAME [meson option...]
check() {
  variant=compilers-$1
  say "$1"
  shift
  TARGETS='localsocket localsocket-tests' build "$variant" -Dwerror=true -Dunity=on -Doptimization=0 \
    -Dtests=enabled -Dexamples=disabled -Dtool=disabled "$@" || die "$variant: it does not compile"
  meson test -C "$BUILD_DIR/$variant" --no-rebuild --print-errorlogs --suite behaviour || die "$variant: a test fails"
}

run() {
  case $1 in
    gcc-11) with gcc-11 g++-11 g++-11 ;;
    gcc-newest) with gcc-newest "$(newest g++)" "$(newest g++)" ;;
    gcc-23) with gcc-23 g++ g++ "$cxx23" ;;
    gcc-lto) with gcc-lto g++ g++ -Db_lto=true -Dbuildtype=release ;;
    clang-newest) with clang-newest "$(newest clang)" "clang++-$(newest clang | tr -dc 0-9)" "$cxx23" ;;
    x86-32) cross x86-32 i686 x86 little qemu-i386 ;;
    arm64) cross arm64 aarch64 aarch64 little qemu-aarch64 ;;
    s390x) cross s390x s390x s390x big qemu-s390x ;;
    *) die "no such compiler: $1" ;;
  esac
}

need_native
need 'googletest: test -e /usr/src/googletest/googlemock/src/gmock-all.cc'
stage_wraps
[ $# -gt 0 ] || set -- gcc-11 gcc-newest gcc-23 gcc-lto clang-newest x86-32 arm64 s390x
for one in "$@"; do
  run "$one"
done
