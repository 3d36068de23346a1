"""One end of the measurement on unmodified Pythons, 2.7 and 3.x.

stock.py server             prints its address, echoes objects
stock.py client HOST:PORT   prints milliseconds: connect to first reply, echo of 20 KiB, of 40 KiB (medians)
"""
from __future__ import print_function

import sys
import threading
import time
from multiprocessing.connection import Client, Listener

KEY = b"bench"


def echo(connection):
    try:
        while True:
            connection.send(connection.recv())
    except EOFError:
        connection.close()


def serve():
    listener = Listener(("127.0.0.1", 0), authkey=KEY)
    print("%s:%d" % listener.address)
    sys.stdout.flush()
    while True:
        thread = threading.Thread(target=echo, args=(listener.accept(),))
        thread.daemon = True
        thread.start()


def median(times):
    return sorted(times)[len(times) // 2] * 1000.0


def first_reply(address):
    start = time.time()
    connection = Client(address, authkey=KEY)
    connection.send(1)
    connection.recv()
    taken = time.time() - start
    connection.close()
    return taken


def echoes(address, size):
    connection = Client(address, authkey=KEY)
    payload, times = b"x" * size, []
    for _ in range(15):
        start = time.time()
        connection.send(payload)
        connection.recv()
        times.append(time.time() - start)
    connection.close()
    return times[1:]


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    host, port = sys.argv[2].split(":")
    address = (host, int(port))
    print(median([first_reply(address) for _ in range(15)]))
    print(median(echoes(address, 20480)))
    print(median(echoes(address, 40960)))
