"""Large messages: in memory that both sides have, and copied by a socket."""

import statistics

import report
import timing
from tables import FRAME_CONTENDERS

MARK = "frames: "  # of the place in docs/benchmarks.md


def measure(workload, runner, rounds, seed):
    pinning, cpus = next(iter(timing.pinnings().items()))  # where both sides share a processor
    return timing.measure(workload, pinning, cpus, FRAME_CONTENDERS, runner, rounds, seed)


def markdown(results):
    """Lines are sizes; a column for each contender: the median time, and in brackets what it is to raw's."""
    if not results["frames"]:
        return ""
    names = [contender.name for contender in FRAME_CONTENDERS]
    lines = [["a frame of", *names, "socket to localsocket"], ["---"] * (2 + len(names))]
    for section in results["frames"]:
        rows = report.summary(section)
        of_socket = [report.cost(one["socket"]) / report.cost(one["localsocket"])
                     for one in section["rounds"] if {"socket", "localsocket"} <= one.keys()]
        lines.append([report.BY_KEY[section["workload"]].title,
                      *(f"{rows[name]['median'] / 1000:,.1f} µs ({rows[name]['ratio']:.2f})" if name in rows else "–"
                        for name in names),
                      f"{statistics.median(of_socket):.1f}" if of_socket else "–"])
    return report.table(lines)
