"""A stock client of the server in ../live: python client.py PORT. Prints `fine` if everything is as a stock server has it."""
import gc
import multiprocessing
import sys
import threading
import time
from multiprocessing.managers import BaseManager, RemoteError

KEY = b'secret'


class Manager(BaseManager):
    pass


Manager.register('Counter')
Manager.register('Nothing')


def raised(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError('nothing was raised')


def last_line(error):
    assert type(error) is RemoteError, repr(error)
    text = str(error)
    assert 'Traceback (most recent call last)' in text, text
    return text.strip('-\n ').splitlines()[-1]


def wait_for(counter, value, seen):
    seen.append(counter.wait_for(value))


def main(port):
    # What proxies that are values authenticate with.
    multiprocessing.current_process().authkey = KEY
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    assert manager._number_of_objects() == 0

    counter = manager.Counter(5)
    assert counter.add(2) == 7
    assert counter.add(by=3) == 10
    error = raised(counter.fail, 'boom')
    assert type(error) is ValueError and str(error) == 'boom', repr(error)
    error = raised(counter.add, 1, 2)
    assert type(error) is TypeError, repr(error)
    assert str(counter) == 'Counter(10)', str(counter)
    assert counter._getvalue() == 10
    assert last_line(raised(counter._callmethod, 'nope')) == "KeyError: 'nope'"
    assert last_line(raised(counter._callmethod, 'absent')) == "KeyError: 'absent'"
    assert last_line(raised(manager.Nothing)) == "KeyError: 'Nothing'"
    assert last_line(raised(manager.Counter, 'five')) == 'TypeError: a number is wanted'
    assert counter.texts(u'h\xe9', b'\xff') == [u'h\xe9', b'\xff']

    child = counter.child()
    assert child.add(1) == 1
    assert manager._number_of_objects() == 2
    assert [line.split()[-1] for line in manager._debug_info().splitlines()] == [
        'refcount=1', 'Counter(10)', 'refcount=1', 'Counter(1)']

    # A proxy as an argument, and as a value that comes back.
    counter.keep(child)
    del child
    gc.collect()
    assert manager._number_of_objects() == 1
    kept = counter.kept()
    assert kept.add(1) == 2
    assert manager._number_of_objects() == 2

    # One thread waits for what another does; other calls go on meanwhile.
    seen = []
    waiter = threading.Thread(target=wait_for, args=(counter, 20, seen))
    waiter.start()
    time.sleep(0.05)
    assert counter.add(9) == 19 and not seen
    assert counter.add(1) == 20
    waiter.join(20)
    assert seen == [20], seen

    # A stale proxy finds nothing, and never another's object.
    token = counter._token
    # The exception's traceback has frames that hold proxies.
    del counter, kept, waiter, error
    gc.collect()
    for _ in range(100):
        if manager._number_of_objects() == 0:
            break
        time.sleep(0.02)
    assert manager._number_of_objects() == 0, manager._debug_info()
    fresh = manager.Counter(0)
    fresh._token, fresh._id, own = token, token.id, (fresh._token, fresh._id)
    assert last_line(raised(fresh.add, 1)) == 'KeyError: %r' % token.id
    fresh._token, fresh._id = own
    assert fresh.add(1) == 1
    del fresh
    gc.collect()
    print('fine')


main(int(sys.argv[1]))
