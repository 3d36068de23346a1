"""A client of the manager with a request that is too long for the gateway, and one that is not."""
import sys
from multiprocessing.managers import BaseManager, RemoteError

from wire import AUTHKEY, address, tell


class Shared(BaseManager):
    pass


Shared.register('Counter')
manager = Shared(address=address(sys.argv[1]), authkey=AUTHKEY)
manager.connect()
counter = manager.Counter(40)
tell(counter.add(1))
try:
    counter.add('x' * 30000000)
except RemoteError as error:
    tell('more than the limit of 16384' in str(error))
tell(counter.add(1))
