#!/bin/sh
# Whether a project can use the library in each way that README.md names; .ci/consumer is that project.
#
#   sh packaging/check.sh MESON_BUILD MESON_PREFIX
#
# MESON_BUILD is set up with -Ddefault_library=both and installed in MESON_PREFIX. CMake compiles the library twice here,
# without optimisation and each time as one file. Work goes to $BUILD_DIR/packaging.
set -eu
cd "$(dirname "$0")/.."
. build-aux/common.sh

need 'cmake: command -v cmake' 'ninja-build: command -v ninja' 'pkg-config: command -v pkg-config'
meson_build=$1
meson_prefix=$2
work=$BUILD_DIR/packaging
cmake_prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work/fetch/.cmake/api/v1/query"
touch "$work/fetch/.cmake/api/v1/query/codemodel-v2"

# consume NAME [CMake option...]: from the sources by FetchContent or add_subdirectory, or as installed.
consume() {
  say "CMake, $*"
  name=$1
  shift
  cmake -S .ci/consumer -B "$work/$name" -G Ninja "$@" >"$work/$name.log" || die "$(cat "$work/$name.log")"
  cmake --build "$work/$name" -j "$JOBS"
  ctest --test-dir "$work/$name" --output-on-failure
}
consume fetch -DFROM=fetch -DLOCALSOCKET="$PWD" -DLOCALSOCKET_INSTALL=ON
cmake --install "$work/fetch" --prefix "$cmake_prefix" >"$work/install.log"
consume directory -DFROM=directory -DLOCALSOCKET="$PWD" -DBUILD_SHARED_LIBS=ON
consume found-cmake -DFROM=package -DCMAKE_PREFIX_PATH="$cmake_prefix"
consume found-meson -DFROM=package -DCMAKE_PREFIX_PATH="$meson_prefix"

say 'both builds are of the same'
python3 build-aux/same-builds.py "$meson_build" "$meson_prefix" "$work/fetch" "$cmake_prefix" ||
  die 'Meson and CMake do not build the same'

say 'one version everywhere, and a wrap of a release'
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
grep -q "\"version\": \"$version\"" packaging/vcpkg/localsocket/vcpkg.json || die "the port is not of $version"
grep -q "^## $version" CHANGELOG.md || die "the changelog does not know $version"
archive=$work/localsocket-$version.tar.gz
git archive --prefix="localsocket-$version/" -o "$archive" HEAD
mkdir -p "$work/wrap/subprojects"
cp .ci/consumer/consumer.cpp .ci/consumer/meson.build "$work/wrap"
sh packaging/wrapdb.sh "$archive" "file://$(realpath "$archive")" >"$work/wrap/subprojects/localsocket.wrap"
# Compiled it is as any subproject.
meson setup "$work/wrap/build" "$work/wrap" --force-fallback-for=localsocket >"$work/wrap.log" || die "$(cat "$work/wrap.log")"

say 'pkg-config, shared and static'
export PKG_CONFIG_PATH="$meson_prefix/lib/pkgconfig"
[ -z "$(pkg-config --print-requires --print-requires-private localsocket)" ] || die 'a user needs other packages'
# shellcheck disable=SC2046  # lists of words
c++ -std=c++20 .ci/consumer/consumer.cpp -o "$work/shared" $(pkg-config --cflags --libs localsocket) \
  "-Wl,-rpath,$meson_prefix/lib"
"$work/shared"
# The system's own libraries stay shared: its users and groups are looked up by plug-ins.
# shellcheck disable=SC2046
c++ -std=c++20 .ci/consumer/consumer.cpp -o "$work/static" $(pkg-config --static --cflags --libs localsocket |
  sed 's/-llocalsocket/-Wl,-Bstatic & -Wl,-Bdynamic/')
"$work/static"
! ldd "$work/static" | grep localsocket || die 'the static program is not'
