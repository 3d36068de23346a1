"""A client of the manager whose request the gateway refuses, and who stays connected."""
import os
import sys
import time
from multiprocessing.managers import BaseManager, RemoteError

from wire import AUTHKEY, address, tell


class Shared(BaseManager):
    pass


Shared.register('Counter')
manager = Shared(address=address(sys.argv[1]), authkey=AUTHKEY)
manager.connect()
counter = manager.Counter(40)
try:
    counter.add(os.getcwd)
except RemoteError as error:
    tell('getcwd' in str(error))
time.sleep(600)
