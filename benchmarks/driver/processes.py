"""Runs a contender's server and client, each pinned to a CPU."""

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    """A contender did not do its work; the text says how."""


class Process:
    """A child in a session of its own, which is killed with all that it started when the context ends.

    Its output goes to files: Wine's programs do not get along with a Unix pipe there.
    """

    def __init__(self, command, cpu, takes_turns=False):
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE if takes_turns else subprocess.DEVNULL, stdout=self.output, stderr=self.errors, start_new_session=True,
            preexec_fn=None if cpu is None else functools.partial(os.sched_setaffinity, 0, {cpu}))
        self.pid = self.child.pid
        self.turns = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()
        self.output.close()
        self.errors.close()

    def said(self):
        return os.pread(self.output.fileno(), 65536, 0).decode(errors="replace")

    def complaints(self):
        return os.pread(self.errors.fileno(), 65536, 0).decode(errors="replace").strip()

    def complaint(self):
        return (self.complaints().splitlines() or ["no message"])[-1]

    def await_ready(self, seconds):
        end = time.monotonic() + seconds
        while "ready" not in self.said():
            if self.child.poll() is not None:
                raise Failure(f"the server ended with {self.child.returncode}: {self.complaint()}")
            if time.monotonic() > end:
                raise Failure(f"the server was not ready within {seconds} s: {self.complaint()}")
            time.sleep(0.002)

    def take_turn(self, seconds):
        """What it prints next: the first time by itself, then when it is told to."""
        if self.turns:
            self.child.stdin.write(b"\n")
            self.child.stdin.flush()
        self.turns += 1
        end = time.monotonic() + seconds
        while self.said().count("\n") < self.turns:
            if self.child.poll() is not None or time.monotonic() > end:
                raise Failure(f"the client did not take its turn: {self.complaint()}")
            time.sleep(0.002)
        return json.loads(self.said().splitlines()[self.turns - 1])

    def await_end(self, who, seconds):
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the {who} did not end within {seconds} s: {self.complaint()}") from None
        if status != 0:
            raise Failure(f"the {who} ended with {status}: {self.complaint()}")


class Runner:
    """Knows where the programs are and gives each run an address of its own."""

    def __init__(self, programs, windows):
        self._places = {"programs": str(programs), "sources": os.path.join(os.path.dirname(__file__), "../contenders")}
        self._windows = windows
        # Not in the build directory: the path of a socket must be short.
        self._room = tempfile.TemporaryDirectory(prefix="bench-")
        self._numbers = itertools.count()

    def close(self):
        self._room.cleanup()

    def missing(self, contender):
        """Why the contender cannot run here, or nothing."""
        if contender.absent:
            return contender.absent
        for word in self._command(contender):
            if not word.startswith("-") and shutil.which(word) is None and not os.path.exists(word):
                return f"needs {contender.package}" if contender.package else f"{os.path.basename(word)} is not built"
        return None

    def address(self):
        number = next(self._numbers)
        return rf"\\.\pipe\bench-{os.getpid()}-{number}" if self._windows else f"{self._room.name}/{number}"

    def start(self, contender, role, workload, address, cpu=None, wrapper=(), takes_turns=False):
        command = [*wrapper, *self._command(contender), role, contender.called(workload), address,
                   str(workload.size), str(workload.count // contender.fewer)]
        if workload.connections:
            command.append(str(workload.connections))
        return Process(command, cpu, takes_turns)

    def run(self, contender, workload, cpus=(None, None), driver=None, wrappers=((), ()), seconds=60):
        """One measurement: what the client prints, or else the server in the end."""
        address = self.address()
        with self.start(contender, "serve", workload, address, cpus[0], wrappers[0]) as server:
            server.await_ready(seconds)
            with self.start(driver or contender, "drive", workload, address, cpus[1], wrappers[1]) as client:
                client.await_end("client", seconds)
                said = client.said()
            server.await_end("server", seconds)
            return json.loads(said or server.said().splitlines()[-1])

    @contextlib.contextmanager
    def in_turns(self, contender, workload, cpus, driver, seconds=60):
        """A client that measures each time it takes its turn, and has done so once."""
        address = self.address()
        with self.start(contender, "serve", workload, address, cpus[0]) as server:
            server.await_ready(seconds)
            with self.start(driver, "drive", workload, address, cpus[1], takes_turns=True) as client:
                client.take_turn(seconds)
                yield client

    def run_alone(self, contender, workload, wrapper, seconds=120):
        """A client that needs no server: what it and the wrapper say on standard error."""
        with self.start(contender, "drive", workload, self.address(), wrapper=wrapper) as client:
            client.await_end("program", seconds)
            return client.complaints()

    def _command(self, contender):
        words = [word.format(**self._places) for word in contender.command]
        if self._windows:
            words[0] += ".exe"
            words.insert(0, "wine")
        return words
