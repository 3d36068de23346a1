"""One end of the measurement of connections, on an unmodified Python 3.

connection.py serve PATH echo|sink       prints the path, answers each message with itself, or an empty one with a short one
connection.py pingpong|stream PATH SIZE  prints the median of round trips in microseconds, or MB/s
"""
import sys
import time
from multiprocessing.connection import Client, Listener


def serve(path, mode):
    listener = Listener(path)
    print(path)
    sys.stdout.flush()
    connection = listener.accept()
    buffer = bytearray(64 << 20)
    view = memoryview(buffer)
    while True:
        length = connection.recv_bytes_into(buffer)
        if mode == "echo":
            connection.send_bytes(view[:length])
        elif length == 0:
            connection.send_bytes(b"1")


def client(what, path, size):
    connection = Client(path)
    buffer, message = bytearray(64 << 20), bytes(size)
    if what == "pingpong":
        end, times = time.perf_counter() + 0.7, []
        while time.perf_counter() < end or len(times) < 5:
            start = time.perf_counter()
            connection.send_bytes(message)
            connection.recv_bytes_into(buffer)
            times.append(time.perf_counter() - start)
        print(sorted(times)[len(times) // 2] * 1e6)
        return
    count = min(max((512 << 20) // max(size, 256), 6), 1 << 18)
    start = time.perf_counter()
    for _ in range(count):
        connection.send_bytes(message)
    connection.send_bytes(b"")
    connection.recv_bytes()
    print(count * size / (time.perf_counter() - start) / 1e6)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        try:
            serve(*sys.argv[2:])
        except EOFError:
            pass
    else:
        client(sys.argv[1], sys.argv[2], int(sys.argv[3]))
