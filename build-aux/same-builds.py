#!/usr/bin/env python3
"""Whether Meson and CMake build and install the same.

    same-builds.py MESON_BUILD MESON_PREFIX CMAKE_BUILD CMAKE_PREFIX

Compares the sources of the library, and byte by byte the installed headers, among them config.hpp, and the version that
CMake finds. CMake tells its sources if CMAKE_BUILD/.cmake/api/v1/query/codemodel-v2 was there when it configured.
"""

import json
import pathlib
import sys


def of_meson(build):
    targets = json.loads((build / "meson-info/intro-targets.json").read_text())
    library = next(target for target in targets if target["name"] == "localsocket")
    return {pathlib.Path(source) for group in library["target_sources"] for source in group["sources"]}


def of_cmake(build):
    reply = build / ".cmake/api/v1/reply"
    library = json.loads(next(reply.glob("target-localsocket-*.json")).read_text())
    model = json.loads(next(reply.glob("codemodel-v2-*.json")).read_text())
    top = pathlib.Path(model["paths"]["source"])
    sources = {(top / source["path"]).resolve() for source in library["sources"]}
    return {source for source in sources if build.resolve() not in source.parents and source.suffix == ".cpp"}


def installed(prefix):
    """What is compared, by its name without the directories that each build chooses."""
    files = {str(path.relative_to(prefix)): path.read_bytes() for path in (prefix / "include").rglob("*.hpp")}
    version = next(prefix.rglob("localsocketConfigVersion.cmake"))
    return {**files, version.name: version.read_bytes()}


def differences(what, meson, cmake):
    for name in sorted(meson.keys() | cmake.keys()):
        if name not in cmake:
            yield f"only Meson {what} {name}"
        elif name not in meson:
            yield f"only CMake {what} {name}"
        elif meson[name] != cmake[name]:
            yield f"Meson and CMake do not {what[:-1]} the same {name}"


def main(meson_build, meson_prefix, cmake_build, cmake_prefix):
    sources = [dict.fromkeys(map(str, files)) for files in (of_meson(meson_build), of_cmake(cmake_build))]
    files = [installed(prefix) for prefix in (meson_prefix, cmake_prefix)]
    found = [*differences("compiles", *sources), *differences("installs", *files)]
    for difference in found:
        print(difference)
    print(f"{len(sources[0])} sources and {len(files[0])} installed files, {len(found)} differences")
    return 1 if found or not sources[0] or not files[0] else 0


sys.exit(main(*map(pathlib.Path, sys.argv[1:])))
