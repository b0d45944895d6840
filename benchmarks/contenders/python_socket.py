"""Python's socket module: blocking calls, a thread for each connection."""

import json
import socket
import sys
import threading
import time

CLIENTS = 100
WARM_UP = 100
BUFFER_SIZE = 64 * 1024


def report(nanoseconds, operations, **more):
    print(json.dumps({"nanoseconds": nanoseconds, "operations": operations, **more}))


def receive_exactly(stream, view):
    """False at the end of the stream."""
    while view:
        n = stream.recv_into(view)
        if n == 0:
            return False
        view = view[n:]
    return True


def connect(address):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(address)
    return stream


def echo(stream, size):
    buffer = memoryview(bytearray(size))
    with stream:
        while receive_exactly(stream, buffer):
            stream.sendall(buffer)


def serve_echo(listener, size, _count):
    echo(listener.accept()[0], size)


def drive_echo(address, size, count):
    trips = []
    buffer = memoryview(bytearray(size))
    with connect(address) as stream:
        last = time.perf_counter_ns()
        for _ in range(WARM_UP + count):
            stream.sendall(buffer)
            receive_exactly(stream, buffer)
            now = time.perf_counter_ns()
            trips.append(now - last)
            last = now
    trips = sorted(trips[WARM_UP:])
    report(sum(trips), count, p50=trips[count * 50 // 100], p99=trips[count * 99 // 100])


def serve_stream(listener, size, count):
    buffer = memoryview(bytearray(size))
    with listener.accept()[0] as stream:
        left = size * count
        while left > 0:
            n = stream.recv_into(buffer)
            if n == 0:
                sys.exit("the client left")
            left -= n
        stream.sendall(b"\0")


def drive_stream(address, size, count):
    buffer = bytes(size)
    with connect(address) as stream:
        start = time.perf_counter_ns()
        for _ in range(count):
            stream.sendall(buffer)
        stream.recv(1)
        report(time.perf_counter_ns() - start, count)


def serve_connect(listener, _size, count):
    for _ in range(count):
        listener.accept()[0].close()


def drive_connect(address, _size, count):
    start = time.perf_counter_ns()
    for _ in range(count):
        with connect(address) as stream:
            stream.recv(1)
    report(time.perf_counter_ns() - start, count)


def serve_messages(listener, _size, count):
    total = 0
    with listener.accept()[0] as stream, stream.makefile("rb", BUFFER_SIZE) as reader:
        for _ in range(count):
            message = reader.read(reader.read(1)[0])
            total += message[0]
        stream.sendall(bytes([1, total % 256]))


def drive_messages(address, size, count):
    message = bytes([1]) * size
    with connect(address) as stream, stream.makefile("wb", BUFFER_SIZE) as writer:
        start = time.perf_counter_ns()
        for _ in range(count):
            writer.write(bytes([size]))
            writer.write(message)
        writer.flush()
        answer = bytearray(2)
        if not receive_exactly(stream, memoryview(answer)) or answer[1] != count % 256:
            sys.exit("not every message arrived")
        report(time.perf_counter_ns() - start, count)


def serve_clients(listener, size, _count):
    for _ in range(CLIENTS):
        threading.Thread(target=echo, args=(listener.accept()[0], size)).start()


def serve_idle(listener, _size, _count):
    streams = []
    while True:
        streams.append(listener.accept()[0])


def main():
    role, workload, address, size, count = sys.argv[1:]
    if role == "serve":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(128)
            print("ready", flush=True)
            globals()[f"serve_{workload}"](listener, int(size), int(count))
    else:
        globals()[f"drive_{workload}"](address, int(size), int(count))


main()
