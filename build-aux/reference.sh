#!/bin/sh
# Makes the reference, of the public headers and the pages: $BUILD_DIR/reference/html/index.html. A warning is an error.
set -eu
cd "$(dirname "$0")/.."
. build-aux/common.sh

need 'doxygen: command -v doxygen'
mkdir -p "$BUILD_DIR/reference"
export BUILD_DIR
doxygen docs/Doxyfile
say "made $BUILD_DIR/reference/html/index.html"
