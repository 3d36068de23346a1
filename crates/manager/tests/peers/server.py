"""A stock server with the types that ../live/client.rs uses; prints its port."""
import sys
from multiprocessing.managers import SyncManager


class Counter(object):
    def __init__(self, value=0):
        self.value = value

    def add(self, by):
        self.value += by
        return self.value

    def fail(self, text):
        raise ValueError(text)

    def open(self, path):
        return open(path)

    def echo(self, *args, **kwargs):
        return (args, kwargs)

    def unserializable(self):
        return lambda: None

    def child(self):
        return Counter()

    def __str__(self):
        return 'Counter(%d)' % self.value


class Manager(SyncManager):
    pass


def same(value):
    return value


# What a method returns is handed to the callable of its type.
Manager.register('Same', same, exposed=('add', 'fail', 'echo', 'child'))
Manager.register('Counter', Counter, method_to_typeid={'child': 'Same'})

if __name__ == '__main__':
    server = Manager(('127.0.0.1', 0), b'secret').get_server()
    print(server.address[1])
    sys.stdout.flush()
    server.serve_forever()
