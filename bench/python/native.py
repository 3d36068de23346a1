"""Connections of the Python package beside stock ones: the same bytes, both in one run, over a Unix socket.

native.py            prints a table of medians with their spread; needs sabir with its extension module
"""
import multiprocessing.connection as stock
import os
import pickle
import socket
import sys
import time
from multiprocessing import BufferTooShort
from multiprocessing.reduction import ForkingPickler

from sabir._native import Connection as Native


class Ours(Native):
    """Loads from memory that is used again: a fresh object for each message costs page faults."""

    def __init__(self, handle, read_ahead=False):
        super().__init__(handle, read_ahead=read_ahead)
        self.memory = memoryview(bytearray(128 << 10))

    def send(self, obj):
        self.send_bytes(ForkingPickler.dumps(obj))

    def recv(self):
        try:
            length = self.recv_bytes_into(self.memory)
        except BufferTooShort as error:
            return pickle.loads(error.args[0])
        return pickle.loads(self.memory[:length])


def ahead(handle):
    return Ours(handle, read_ahead=True)


MIB = 1 << 20


def objects(one, other):
    message, times = os.urandom(65536), []
    if other:
        try:
            while True:
                other.send(other.recv())
        except EOFError:
            return None
    for _ in range(1500):
        start = time.perf_counter()
        one.send(message)
        one.recv()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1e6


def small(one, other, many=False):
    count, message = 200000, bytes(1024)
    if other:
        for _ in range(count):
            other.recv_bytes()
        other.send_bytes(b"done")
        return None
    start = time.perf_counter()
    if many and hasattr(one, "send_many"):
        batch = [message] * 100
        for _ in range(count // 100):
            one.send_many(batch)
    else:
        for _ in range(count):
            one.send_bytes(message)
    one.recv_bytes()
    return count * 1024 / (time.perf_counter() - start) / 1e6


def small_many(one, other):
    return small(one, other, True)


def into(one, other):
    if other:
        buffer = bytearray(64 * MIB)
        for _ in range(8):
            other.recv_bytes_into(buffer)
        other.send_bytes(b"done")
        return None
    message = bytes(64 * MIB)
    start = time.perf_counter()
    for _ in range(8):
        one.send_bytes(message)
    one.recv_bytes()
    return 8 * 64 * MIB / (time.perf_counter() - start) / 1e6


def measure(what, kind, one_core):
    here, there = socket.socketpair()
    child = os.fork()
    if one_core:
        os.sched_setaffinity(0, {0})
    if child == 0:
        here.close()
        what(None, kind(there.detach()))
        os._exit(0)
    there.close()
    one = kind(here.detach())
    figure = what(one, None)
    one.close()
    os.waitpid(child, 0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    return figure


ROWS = [
    ("64 KiB objects, round trip, one core, us", objects, True),
    ("1 KiB messages, one at a time, MB/s", small, False),
    ("1 KiB messages, send_many, MB/s", small_many, False),
    ("recv_bytes_into 64 MiB, MB/s", into, False),
]
KINDS = [("stock", stock.Connection), ("sabir", Ours), ("sabir, read ahead", ahead)]

if __name__ == "__main__":
    rounds = int(sys.argv[1]) if sys.argv[1:] else 3
    for title, what, one_core in ROWS:
        figures = {name: [] for name, _ in KINDS}
        for _ in range(rounds):
            for name, kind in KINDS:
                figures[name].append(measure(what, kind, one_core))
        for name, values in figures.items():
            values.sort()
            print("| %s | %s | %.0f | %.0f-%.0f |" % (title, name, values[len(values) // 2], values[0], values[-1]))
