"""One end of the measurement of managers, on an unmodified Python 3.

serve.py server                      a SyncManager of this Python; prints its address
serve.py calls HOST:PORT SECONDS     calls a second of a dict's `get`, through a stock proxy
serve.py bare HOST:PORT SECONDS      the same through the same proxy, to a server that answers without looking
serve.py bytes HOST:PORT SECONDS     the same bytes to that server with `send_bytes` and `recv_bytes`, no pickling
serve.py create HOST:PORT            milliseconds that `manager.dict()` takes: median, and the longest of 20
"""
import pickle
import sys
import time
from multiprocessing.connection import Client
from multiprocessing.managers import DictProxy, SyncManager, Token

KEY = b"bench"


def calls(call, seconds):
    end = time.perf_counter() + seconds * 0.2
    while time.perf_counter() < end:
        call()
    count, start = 0, time.perf_counter()
    end = start + seconds
    while time.perf_counter() < end:
        for _ in range(50):
            call()
        count += 50
    print(count / (time.perf_counter() - start))


def connect(address):
    manager = SyncManager(address, authkey=KEY)
    manager.connect()
    return manager


def create(address):
    manager, times = connect(address), []
    for _ in range(20):
        start = time.perf_counter()
        proxy = manager.dict()
        times.append((time.perf_counter() - start) * 1000)
        del proxy
    times.sort()
    print(times[len(times) // 2], times[-1])


def main(what, address=None, seconds="1"):
    if what == "server":
        manager = SyncManager(("127.0.0.1", 0), authkey=KEY)
        server = manager.get_server()
        print("listening on %s:%d" % server.address)
        sys.stdout.flush()
        server.serve_forever()
    host, port = address.split(":")
    address, seconds = (host, int(port)), float(seconds)
    if what == "create":
        create(address)
    elif what == "calls":
        shared = connect(address).dict({"key-0001": "12345"})
        calls(lambda: shared.get("key-0001"), seconds)
    else:
        connection, ident = Client(address), "000000007f0e686d000001"
        if what == "bare":
            shared = DictProxy(Token("dict", address, ident), "pickle", authkey=KEY, incref=False)
            shared._tls.connection = connection
            calls(lambda: shared.get("key-0001"), seconds)
        else:
            request = pickle.dumps((ident, "get", ("key-0001",), {}))

            def call():
                connection.send_bytes(request)
                connection.recv_bytes()

            calls(call, seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
