#!/bin/sh
# Prints WrapDB's entry for a release: the wrap, as subprojects/localsocket.wrap has it too.
#
#   sh packaging/wrapdb.sh ARCHIVE URL
#
# ARCHIVE is what URL leads to: git archive --prefix=localsocket-VERSION/ -o localsocket-VERSION.tar.gz vVERSION
set -eu
name=$(basename "$1" .tar.gz)
cat <<END
[wrap-file]
directory = $name
source_url = $2
source_filename = $name.tar.gz
source_hash = $(sha256sum "$1" | cut -d ' ' -f 1)

[provide]
dependency_names = localsocket
END
