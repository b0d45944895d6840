"""The timed workloads: all contenders in each round, in an order of its own, so that drift cancels."""

import os
import random
import sys

from processes import Failure
from tables import DRIVERS


def progress(what=""):
    """One line that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r{what:78}\r", end="", file=sys.stderr, flush=True)


def pinnings():
    """Where server and client run, by name."""
    if not hasattr(os, "sched_getaffinity"):
        return {"any CPU": (None, None)}
    cpus = sorted(os.sched_getaffinity(0))
    result = {"one CPU": (cpus[0], cpus[0])}
    if len(cpus) > 1:
        result["two CPUs"] = (cpus[0], cpus[-1])
    return result


def sections(workload, contenders, runner):
    """Who takes part: (those that run, name -> why another cannot)."""
    able, missing = [], {}
    for contender in contenders:
        if not contender.takes(workload):
            continue
        reason = contender.cannot.get(workload.name) or runner.missing(contender)
        if reason:
            missing[contender.name] = reason
        else:
            able.append(contender)
    return able, missing


def measure(workload, pinning, cpus, contenders, runner, rounds, seed):
    able, missing = sections(workload, contenders, runner)
    failed, results = {}, []
    order = random.Random(seed)
    for number in range(rounds):
        progress(f"{workload.title}, {pinning}: round {number + 1} of {rounds}")
        one = {}
        for contender in order.sample(able, len(able)):
            try:
                one[contender.name] = runner.run(contender, workload, cpus, DRIVERS.get(workload.name))
            except (Failure, ValueError) as failure:
                failed[contender.name] = str(failure)
        able = [contender for contender in able if contender.name not in failed]
        results.append(one)
    progress()
    return {"workload": workload.key, "pinning": pinning, "rounds": results, "failed": failed, "missing": missing}
