#!/usr/bin/env python3
"""Measures the contenders side by side: python3 benchmarks/driver --programs BUILD/benchmarks --output DIRECTORY.

Prints a table per workload and pinning; leaves results.json, results.md, ratios.svg, many.svg and frames.svg in the
output directory. Exits with 1 if a contender that is there failed.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import resource
import shutil
import sys

import counting
import frames
import many
import plot
import report
import tables
import timing
from processes import Runner


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="where the contenders were built")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="where the results go")
    parser.add_argument("--page", type=pathlib.Path, help="a page to put the tables into, such as docs/benchmarks.md")
    parser.add_argument("--rounds", type=int, help="9 unless quick, then 3")
    parser.add_argument("--quick", action="store_true", help="a tenth of the operations")
    parser.add_argument("--windows", action="store_true", help="Windows programs, run by Wine")
    parser.add_argument("--only", action="append", metavar="WORKLOAD", help="the key of a timed one, many, frames, frames-received, frames-touched, frames-streamed or counts")
    parser.add_argument("--seed", type=int, default=1, help="of the order in each round")
    return parser.parse_args()


def chosen(options, workloads):
    keys = options.only or (tables.WINDOWS_WORKLOADS if options.windows else None)
    workloads = [workload for workload in workloads if keys is None or {workload.key, workload.name} & set(keys)]
    if options.quick or options.windows:
        workloads = [dataclasses.replace(workload, count=workload.count // 10) for workload in workloads]
    return workloads


def main():
    options = arguments()
    rounds = options.rounds or (3 if options.quick else 9)
    contenders = tables.WINDOWS if options.windows else tables.UNIX
    options.output.mkdir(parents=True, exist_ok=True)
    # A thousand connections are more than the usual limit allows.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    results = {
        "machine": {"system": platform.platform(), "processor": platform.processor(), "cpus": os.cpu_count()},
        "rounds": rounds,
        "contenders": [contender.name for contender in contenders],
        "timed": [],
        "many": [],
        "frames": [],
    }
    runner = Runner(options.programs, options.windows)
    try:
        for pinning, cpus in timing.pinnings().items():
            for workload in chosen(options, tables.WORKLOADS):
                section = timing.measure(workload, pinning, cpus, contenders, runner, rounds, options.seed)
                results["timed"].append(section)
                report.print_section(section)
        for workload in chosen(options, tables.MANY):
            section = many.measure(workload, runner, rounds * tables.TURNS, options.seed)
            results["many"].append(section)
            many.print_section(section)
        if results["many"]:
            many.count(results, runner)
        for workload in chosen(options, tables.FRAMES):
            section = frames.measure(workload, runner, rounds, options.seed)
            results["frames"].append(section)
            report.print_section(section)
        if not options.windows and (not options.only or "counts" in options.only):
            results["system_calls"] = counting.system_calls(tables.ROUND_TRIP, contenders, runner)
            results["instructions"] = counting.instructions(contenders, runner)
            results["idle"] = counting.idle(contenders, runner)
            report.print_counts(results)
    finally:
        runner.close()

    (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    texts = {"": report.markdown(results), many.MARK: many.markdown(results), frames.MARK: frames.markdown(results)}
    (options.output / "results.md").write_text("\n".join(filter(None, texts.values())), encoding="utf-8")
    pictures = {"ratios": plot.write, "many": plot.write_many, "frames": plot.write_frames}
    drawn = [name for name, write in pictures.items() if write(results, options.output / f"{name}.svg")]
    if options.page:
        report.update_page(texts, options.page)
        for name in {"many", "frames"} & set(drawn):
            shutil.copy(options.output / f"{name}.svg", options.page.parent / f"benchmarks-{name}.svg")
    print(f"\nresults: {options.output}/results.json, results.md" + (" and pictures" if drawn else ""))
    return 1 if report.failures(results) else 0


if __name__ == "__main__":
    sys.exit(main())
