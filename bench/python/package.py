"""The Python package beside the standard library: the same work by both in one run, alternating, over pipes and sockets.

package.py [--rounds N] [ROW]...     medians with their spread, and the ratio; needs sabir, best with its extension module
"""
import argparse
import multiprocessing
import os
import pickle
import time

import sabir
from sabir import connection as ours
from multiprocessing import connection as stock

MIB = 1 << 20


def in_child(context, function, *args):
    process = context.Process(target=function, args=args)
    process.start()
    return process


def echo(conn):
    try:
        while True:
            conn.send(conn.recv())
    except EOFError:
        pass


def round_trips(context, payload, count):
    """Median microseconds of an object there and back."""
    here, there = context.Pipe()
    process = in_child(context, echo_of, there, here)
    there.close()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        here.send(payload)
        here.recv()
        times.append(time.perf_counter() - start)
    here.close()
    process.join()
    return sorted(times)[len(times) // 2] * 1e6


def echo_of(conn, other):
    other.close()
    echo(conn)


def array():
    """64 MiB as NumPy has it; one of our own pickles in the same way where there is no NumPy."""
    try:
        import numpy
    except ImportError:
        return Array(bytearray(os.urandom(64 * MIB)))
    return numpy.frombuffer(bytearray(os.urandom(64 * MIB)), 'f8')


class Array:
    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return Array, (pickle.PickleBuffer(self.data) if protocol >= 5 else bytes(self.data),)


def arrays(context):
    """Milliseconds of an array there and back."""
    return round_trips(context, array(), 8) / 1e3


def drain(conn, count):
    for _ in range(count):
        conn.recv_bytes()
    conn.send_bytes(b'done')


def small(context):
    """MB/s of messages of 1 KiB, sent one by one."""
    count, message = 150000, bytes(1024)
    here, there = context.Pipe()
    process = in_child(context, drain, there, count)
    start = time.perf_counter()
    for _ in range(count):
        here.send_bytes(message)
    here.recv_bytes()
    spent = time.perf_counter() - start
    process.join()
    return count * 1024 / spent / 1e6


def drain_into(conn, count):
    buffer = bytearray(64 * MIB)
    for _ in range(count):
        conn.recv_bytes_into(buffer)
    conn.send_bytes(b'done')


def into(context):
    """MB/s of messages of 64 MiB received into memory that is there."""
    count, message = 10, bytes(64 * MIB)
    here, there = context.Pipe()
    process = in_child(context, drain_into, there, count)
    start = time.perf_counter()
    for _ in range(count):
        here.send_bytes(message)
    here.recv_bytes()
    spent = time.perf_counter() - start
    process.join()
    return count * 64 * MIB / spent / 1e6


def fill(queue, payload, count):
    for _ in range(count):
        queue.put(payload)


def queue(context, payload, count, kind='Queue'):
    """Objects a second that one process puts and another gets."""
    queue = getattr(context, kind)()
    process = in_child(context, fill, queue, payload, count)
    queue.get()
    start = time.perf_counter()
    for _ in range(count - 1):
        queue.get()
    spent = time.perf_counter() - start
    process.join()
    return (count - 1) / spent


def identity(value):
    return value


def pool(context):
    """Tasks a second, one a message."""
    with context.Pool(2) as pool:
        pool.map(identity, range(100), 1)
        start = time.perf_counter()
        pool.map(identity, range(15000), 1)
        return 15000 / (time.perf_counter() - start)


def calls(context):
    """Microseconds of a call of a manager's object."""
    with context.Manager() as manager:
        shared, times = manager.dict({'a': 1}), []
        for _ in range(5000):
            start = time.perf_counter()
            shared.get('a')
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1e6


def accept_all(listener, count):
    for _ in range(count):
        listener.accept().close()


def connects(context):
    """Microseconds of connecting and authenticating."""
    module = ours if isinstance(context, sabir.context._Reducing) else stock
    listener = module.Listener(None, 'AF_UNIX', 16, authkey=b'key')
    process = in_child(context, accept_all, listener, 300)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        module.Client(listener.address, authkey=b'key').close()
        times.append(time.perf_counter() - start)
    process.join()
    listener.close()
    return sorted(times)[len(times) // 2] * 1e6


def on_one_core(function, *args):
    def pinned(context):
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(everywhere)})
        try:
            return function(context, *args)
        finally:
            os.sched_setaffinity(0, everywhere)
    return pinned


def with_arguments(function, *args):
    return lambda context: function(context, *args)


# What, how, and whether more is better.
ROWS = [
    ('round trip, small object, one core, us', on_one_core(round_trips, ('a', 1, None), 20000), False),
    ('round trip, 64 KiB of bytes, one core, us', on_one_core(round_trips, os.urandom(65536), 5000), False),
    ('round trip, 1 MiB of bytes, us', with_arguments(round_trips, bytes(MIB), 400), False),
    ('round trip, array of 64 MiB, ms', arrays, False),
    ('1 KiB messages, MB/s', small, True),
    ('64 MiB received into memory, MB/s', into, True),
    ('Queue, small objects a second', with_arguments(queue, ('task', 1, None), 100000), True),
    ('Queue, 1 KiB objects a second', with_arguments(queue, bytes(1024), 100000), True),
    ('Queue, 64 KiB objects a second', with_arguments(queue, bytes(65536), 20000), True),
    ('SimpleQueue, small objects a second', with_arguments(queue, ('task', 1, None), 60000, 'SimpleQueue'), True),
    ('Pool, tasks a second', pool, True),
    ('a call of a manager, us', calls, False),
    ('connect and authenticate, us', connects, False),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('rows', nargs='*', help='parts of the names of rows')
    options = parser.parse_args()
    kinds = [('stock', multiprocessing.get_context('fork')), ('sabir', sabir.get_context('fork'))]
    print('extension module: %s' % (sabir.connection.native is not None))
    for title, measure, more in ROWS:
        if options.rows and not any(row in title for row in options.rows):
            continue
        figures = {name: [] for name, _ in kinds}
        for _ in range(options.rounds):
            for name, context in kinds:
                figures[name].append(measure(context))
        medians = {}
        for name, values in figures.items():
            values.sort()
            medians[name] = values[len(values) // 2]
        told = ' | '.join('%s %.0f (%.0f-%.0f)' % (name, medians[name], values[0], values[-1])
                          for name, values in figures.items())
        ratio = medians['sabir'] / medians['stock'] if more else medians['stock'] / medians['sabir']
        print('| %s | %s | %.2fx |' % (title, told, ratio), flush=True)


if __name__ == '__main__':
    main()
