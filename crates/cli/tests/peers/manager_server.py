"""A manager with a class, a callable and a Namespace of its own: the shape of the program that started it all."""
import sys
from multiprocessing.managers import BaseManager, Namespace, NamespaceProxy

from wire import AUTHKEY, address, spell, tell


class Counter(object):
    def __init__(self, start=0):
        self.value = start

    def add(self, number, times=1):
        self.value += number * times
        return self.value

    def name(self):
        return u'na\xefve'

    def fail(self):
        raise ValueError('enough at %d' % self.value)


class Shared(BaseManager):
    pass


SETTINGS = Namespace(colour=u'blue')

Shared.register('Counter', Counter)
Shared.register('settings', callable=lambda: SETTINGS, proxytype=NamespaceProxy)
Shared.register('numbers', callable=lambda: [3, 1, 2], exposed=('sort', '__getitem__', '__len__'))

server = Shared(address=address(sys.argv[1]), authkey=AUTHKEY).get_server()
tell('listening on', spell(server.address))
server.serve_forever()
