"""The question's server: a manager with a namespace and a custom type, and a listener that is called back.

Stock by default; with `--sabir WAY` the reducer is set in one of the ways that `ways.py` knows.
"""

import sys
import threading

import ways

mp = ways.apply(sys.argv[2] if len(sys.argv) > 2 else 'stock')
managers, connection = ways.modules(mp)


class Scene(object):
    def __init__(self):
        self.names = []

    def add(self, name):
        self.names.append(name)
        return len(self.names)

    def all(self):
        return list(self.names)


class Remote(managers.BaseManager):
    pass


scene = Scene()
space = managers.Namespace()
space.mode = 'object'
Remote.register('scene', callable=lambda: scene)
Remote.register('space', callable=lambda: space, proxytype=managers.NamespaceProxy)

key = sys.argv[1].encode('ascii')
server = Remote(('127.0.0.1', 0), authkey=key).get_server()
listener = connection.Listener(('127.0.0.1', 0), authkey=key)


def callbacks():
    caller = listener.accept()
    while True:
        try:
            message = caller.recv()
        except EOFError:
            break
        caller.send({'seen': message})


thread = threading.Thread(target=callbacks)
thread.daemon = True
thread.start()
print('%d %d' % (server.address[1], listener.address[1]))
sys.stdout.flush()
server.serve_forever()
