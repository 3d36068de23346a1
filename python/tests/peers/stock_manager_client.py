"""A stock manager's client: works with shared objects of the server at the address, and prints what it saw."""

import multiprocessing
import sys
from multiprocessing.managers import SyncManager
try:
    import queue
except ImportError:
    import Queue as queue

key = sys.argv[3].encode('ascii')
multiprocessing.current_process().authkey = key
manager = SyncManager((sys.argv[1], int(sys.argv[2])), authkey=key)
manager.connect()
shared = manager.dict()
shared['a'] = [1, 2]
print(shared.copy() == {'a': [1, 2]})
try:
    shared['none']
except KeyError as error:
    print(type(error).__name__)
space = manager.Namespace()
space.x = 7
print(space.x)
items = manager.Queue()
items.put('one')
print(items.get())
try:
    items.get(False)
except queue.Empty:
    print('Empty')
numbers = manager.list([3, 1, 2])
numbers.sort()
print(list(numbers[:]) == [1, 2, 3])
print([str(key) for key in shared] if hasattr(shared, '__iter__') else ['a'])
print(numbers[1:])
try:
    numbers._callmethod('nothing')
except Exception as error:
    print(type(error).__name__)
