"""A stock manager: `server.py [PATH]` prints its port, or the path of its socket, and serves until standard input ends."""
import os
import sys
import threading
from multiprocessing import current_process
from multiprocessing.managers import SyncManager


class Counter(object):
    def __init__(self, start=0):
        self.value = start

    def add(self, n, twice=False):
        self.value += 2 * n if twice else n
        return self.value

    def echo(self, value):
        return value

    def fail(self, text):
        raise ValueError(text)

    def unpicklable(self):
        return lambda: None

    def __str__(self):
        return 'Counter(%d)' % self.value


class Manager(SyncManager):
    pass


Manager.register('Counter', Counter)
current_process().authkey = b'secret'
manager = Manager(sys.argv[1] if sys.argv[1:] else ('127.0.0.1', 0), b'secret')
server = manager.get_server()


def wait():
    sys.stdin.read()
    os._exit(0)


thread = threading.Thread(target=wait)
thread.daemon = True
thread.start()
print(server.address if sys.argv[1:] else server.address[1])
sys.stdout.flush()
server.serve_forever()
