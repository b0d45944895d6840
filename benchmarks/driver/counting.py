"""Counts that a busy machine does not change: system calls, instructions, memory and descriptors."""

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import struct
import tempfile
import time

from processes import Failure
from tables import COUNTED, DRIVERS, IDLE, READY
from timing import pinnings, progress, sections


def each(title, workload, contenders, runner, count):
    """Applies `count` to every contender that can do the workload."""
    able, missing = sections(workload, contenders, runner)
    counts, failed = {}, {}
    for contender in able:
        progress(f"{title}: {contender.name}")
        try:
            counts[contender.name] = count(contender)
        except (Failure, OSError, ValueError) as failure:
            failed[contender.name] = str(failure)
    progress()
    return {"counts": counts, "failed": failed, "missing": missing}


def system_calls(workload, contenders, runner, operations=2_000):
    """Of one operation on either side: two runs, one twice as long, so that starting and stopping cancel.

    On one CPU: how often a loop looks in vain depends on who else runs, and there it depends the least.
    """
    if shutil.which("strace") is None:
        return None

    cpus = next(iter(pinnings().values()))

    def count(contender):
        runs = [dataclasses.replace(workload, count=times * operations) for times in (1, 2)]
        totals = [traced(run, contender, runner, cpus) for run in runs]
        server, client = ((two - one) / (operations // contender.fewer) for one, two in zip(*totals))
        return {"server": server, "client": client}

    return each("system calls", workload, contenders, runner, count)


def traced(workload, contender, runner, cpus):
    with tempfile.NamedTemporaryFile() as server, tempfile.NamedTemporaryFile() as client:
        wrappers = [("strace", "-f", "-c", "-U", "calls,name", "-o", log.name) for log in (server, client)]
        runner.run(contender, workload, cpus, DRIVERS.get(workload.name), wrappers)
        return [int(re.search(r"(\d+) +total", log.read().decode())[1]) for log in (server, client)]


def instructions(contenders, runner):
    """Of a write and a read that need not wait, outside the kernel."""
    if shutil.which("valgrind") is None:
        return None

    def total(contender, times):
        workload = dataclasses.replace(READY, count=times * READY.count)
        said = runner.run_alone(contender, workload, ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"))
        return int(re.search(r"Collected : (\d+)", said)[1])

    def count(contender):
        return (total(contender, 2) - total(contender, 1)) / READY.count

    counted = [contender for contender in contenders if contender.name in COUNTED]
    return each("instructions", READY, counted, runner, count)


def idle(contenders, runner):
    """What the server holds for each connection that does nothing; the clients are plain sockets of ours."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return None

    def count(contender):
        address = runner.address()
        with runner.start(contender, "serve", IDLE, address) as server, contextlib.ExitStack() as clients:
            server.await_ready(seconds=20)
            # One connection first: what the server sets up only once does not count.
            clients.enter_context(connected(address))
            time.sleep(0.2)
            before = held(server.pid)
            for _ in range(IDLE.count):
                clients.enter_context(connected(address))
            after = settled(server.pid, before["descriptors"] + IDLE.count)
        return {what: (after[what] - before[what]) / IDLE.count for what in before}

    return each("idle connections", IDLE, contenders, runner, count)


def connected(address):
    client = socket.socket(socket.AF_UNIX)
    # Not settimeout(), which makes connect fail at once while the listener has no room.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
    client.connect(address)
    return client


def held(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        kib = int(re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE)[1])
    return {"bytes": kib * 1024, "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def settled(pid, descriptors):
    """What the server holds once it has accepted all."""
    end = time.monotonic() + 10
    while len(os.listdir(f"/proc/{pid}/fd")) < descriptors:
        if time.monotonic() > end:
            raise Failure("the server did not accept every connection")
        time.sleep(0.02)
    time.sleep(0.3)
    return held(pid)
