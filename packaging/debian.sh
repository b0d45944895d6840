#!/bin/sh
# Makes Debian packages of the library, what is needed to build with it, and the program: $BUILD_DIR/debian/*.deb
set -eu
cd "$(dirname "$0")/.."
. build-aux/common.sh

need 'dpkg-dev: command -v dpkg-buildpackage' 'debhelper: command -v dh' 'g++: command -v c++' \
  'meson: command -v meson' 'libfmt-dev: test -e /usr/include/fmt/format.h' \
  'libcli11-dev: test -e /usr/include/CLI/CLI.hpp' 'help2man: command -v help2man' 'pkg-config: command -v pkg-config'

version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
soversion=${version%.*}
tree=$BUILD_DIR/debian/localsocket-$version
rm -rf "$BUILD_DIR/debian"
mkdir -p "$tree"
cp -r CMakeLists.txt LICENSE cmake docs include meson.build meson_options.txt src tool "$tree"
cp -r packaging/debian "$tree/debian"
cd "$tree/debian"
sed -i "s/@SOVERSION@/$soversion/" control
sed 's/^$/./; s/^/ /' ../LICENSE | sed -e '/@LICENSE@/{r /dev/stdin' -e 'd}' -i copyright
mv liblocalsocket.install "liblocalsocket$soversion.install"
cat >changelog <<END
localsocket ($version) unstable; urgency=medium

  * See CHANGELOG.md.

 -- localsocket contributors <localsocket@localhost>  $(date -R)
END
cd ..
dpkg-buildpackage --no-sign --build=binary
for package in ../*.deb; do say "made $package"; done
