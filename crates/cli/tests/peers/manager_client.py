"""A client of that manager."""
import sys
from multiprocessing.managers import BaseManager, NamespaceProxy, RemoteError

from wire import AUTHKEY, address, tell


class Shared(BaseManager):
    pass


Shared.register('Counter')
Shared.register('settings', proxytype=NamespaceProxy)
Shared.register('numbers')

manager = Shared(address=address(sys.argv[1]), authkey=AUTHKEY)
try:
    manager.connect()
except Exception as error:
    tell('not connected:', type(error).__name__)
    sys.exit(0)
counter = manager.Counter(40)
tell(counter.add(1))
tell(counter.add(2, times=3))
tell(counter.name() == u'na\xefve')
try:
    counter.fail()
except ValueError as error:
    tell('ValueError:', error)
settings = manager.settings()
tell(settings.colour)
settings.size = 7
tell(settings.size)
try:
    settings.missing
except AttributeError as error:
    tell('AttributeError')
numbers = manager.numbers()
numbers.sort()
tell([numbers[0], numbers[1], numbers[2]], len(numbers))
try:
    manager._create('nothing')
except RemoteError as error:
    tell('RemoteError')
tell('done')
