"""The question's client: uses the manager and the listener of the server, and prints what it saw."""

import multiprocessing
import sys

import ways

mp = ways.apply(sys.argv[4] if len(sys.argv) > 4 else 'stock')
managers, connection = ways.modules(mp)


class Remote(managers.BaseManager):
    pass


Remote.register('scene')
Remote.register('space', proxytype=managers.NamespaceProxy)

key = sys.argv[1].encode('ascii')
multiprocessing.current_process().authkey = key
remote = Remote(('127.0.0.1', int(sys.argv[2])), authkey=key)
remote.connect()
scene = remote.scene()
print(scene.add('cube'))
print(scene.add(u'caf\xe9') == 2 and scene.all()[0] == 'cube')
space = remote.space()
print(space.mode)
space.mode = {'edit': (1, 2)}
print(space.mode['edit'] == (1, 2))
try:
    space.missing
except AttributeError:
    print('AttributeError')
caller = connection.Client(('127.0.0.1', int(sys.argv[3])), authkey=key)
caller.send(['ping', 1, None])
print(caller.recv()['seen'] == ['ping', 1, None])
caller.close()
