# A stock manager, 2.7 or 3.x: python manager.py [ADDRESS]. It says where it is, and serves until it is ended.
from __future__ import print_function
import signal, sys, time
from multiprocessing.managers import SyncManager


class Robot(object):
    def __init__(self, name, speed=1):
        self.name, self.speed, self.x, self.y = name, speed, 0, 0

    def move(self, dx, dy=0):
        self.x += self.speed * dx
        self.y += self.speed * dy
        return self.x, self.y

    def fail(self, text):
        raise ValueError(text)

    def fail_oddly(self):
        {}[u'gr\xf6\xdfe']

    def open(self, path):
        open(path)

    def itself(self):
        return self

    def itself_later(self, seconds):
        time.sleep(seconds)
        return self

    def unpicklable(self):
        return lambda: None

    def echo(self, value):
        return value

    def _hidden(self):
        return None


def function(a, b=2):
    return [a, b]


class Manager(SyncManager):
    pass


# A typeid without a callable shares what a method returns, and makes nothing.
Manager.register('Shared', create_method=False)
Manager.register('Robot', Robot, method_to_typeid={'itself': 'Shared', 'itself_later': 'Shared'})
Manager.register('function', function)


def address(text):
    if text.startswith('unix:'):
        return text[5:]
    host, port = text.rsplit(':', 1)
    return host, int(port)


if __name__ == '__main__':
    signal.alarm(120)
    manager = Manager(address(sys.argv[1] if len(sys.argv) > 1 else '127.0.0.1:0'), b'secret')
    server = manager.get_server()
    where = server.address
    print('unix:' + where if isinstance(where, str) else '%s:%d' % where)
    sys.stdout.flush()
    server.serve_forever()
