#!/usr/bin/env python3
"""Has the compiler of a build directory look at the files that it would compile, and make nothing of them.

    syntax-only.py BUILD_DIRECTORY DIRECTORY...    sees all warnings at a third of the cost

The directory is set up with -Db_pch=false, so that each file shows that it includes what it needs.
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def look_at(entry):
    arguments = iter(shlex.split(entry["command"]))
    kept = []
    for argument in arguments:
        if argument in ("-o", "-MF", "-MQ"):
            next(arguments)
        elif argument not in ("-c", "-MD"):
            kept.append(argument)
    return subprocess.run([*kept, "-fsyntax-only"], cwd=entry["directory"], capture_output=True, text=True)


def main():
    root, *directories = sys.argv[1:]
    entries = json.loads((pathlib.Path(root) / "compile_commands.json").read_text())
    entries = [
        entry
        for entry in entries
        if any(pathlib.Path(entry["output"]).is_relative_to(directory) for directory in directories)
    ]
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        results = list(pool.map(look_at, entries))
    for result in results:
        sys.stderr.write(result.stderr)
    print(f"looked at {len(results)} files")
    return any(result.returncode != 0 for result in results)


if __name__ == "__main__":
    sys.exit(main())
