#!/usr/bin/env python3
"""Adds up the tests in Meson's logs: count-tests.py BUILD/meson-logs/testlog.json...

A GoogleTest program counts as its test cases, any other test as one. Names each test that failed or was skipped, with
the reason, and ends with the line "N passed, M failed, K skipped". A log that is not there is a build that failed.
Exits with 1 if anything failed or nothing passed.
"""

import collections
import json
import os
import pathlib
import re
import sys

# "[       OK ] Suite.Name (0 ms)"; other output may stand before it on the same line.
EVENT = re.compile(r"\[ *(RUN|OK|FAILED|SKIPPED) *\] ([\w/]+\.[\w/]+)")


def cases(output):
    """Yields (name, event, reason) for each test case that GoogleTest reports in the output."""
    running, said = None, []
    for line in output.splitlines():
        found = EVENT.search(line)
        if found is None:
            if running:
                said.append(line.strip())
        elif found[1] == "RUN":
            running, said = found[2], []
        elif found[2] == running:
            # Before the reason GoogleTest writes where in the source the test was skipped.
            reason = [text for text in said if text and not text.endswith(": Skipped")]
            yield running, found[1], " ".join(reason) or "no reason given"
            running = None
    if running:
        yield running, "FAILED", "it crashed or hung"


def main(logs):
    count = collections.Counter()

    def add(outcome, name, reason=""):
        count[outcome] += 1
        if outcome != "passed":
            print(f"{outcome.upper()}: {name}{': ' + reason if reason else ''}")

    logs = [pathlib.Path(log).absolute() for log in logs]
    root = os.path.commonpath([log.parents[2] for log in logs])
    for log in logs:
        platform = log.parents[1].relative_to(root)
        if not log.exists():
            add("failed", str(platform), "it was not built")
            continue
        for entry in map(json.loads, log.read_text(encoding="utf-8", errors="replace").splitlines()):
            result = entry["result"]
            inside = list(cases(entry.get("stdout", "")))
            for name, event, reason in inside:
                if event == "OK":
                    add("passed", f"{platform} {name}")
                elif event == "SKIPPED":
                    add("skipped", f"{platform} {name}", reason)
                else:
                    crashed = "it crashed or hung" in reason
                    add("failed", f"{platform} {name}", f"{reason} ({result})" if crashed else "")
            name = f"{platform} {entry['name'].split(' / ')[-1]}"
            if result in ("OK", "EXPECTEDFAIL"):
                if not inside:
                    add("passed", name)
            elif result == "SKIP":
                add("skipped", name, entry.get("stdout", "").strip() or "no reason given")
            elif not any(event == "FAILED" for _, event, _ in inside):
                # Every case passed, and yet the program failed: a sanitizer's report, or a crash at exit.
                said = (entry.get("stdout", "") + entry.get("stderr", "")).split("\n")
                words = " ".join(said[-5:]).strip() or "none"
                add("failed", name, f"{result} ({entry.get('returncode')}), its last words: {words}")

    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main(sys.argv[1:]))
