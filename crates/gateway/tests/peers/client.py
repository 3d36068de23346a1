"""A stock client: `client.py ADDRESS SERVER` uses what a manager of Python SERVER (`2.7`) has, and prints what is not as it
must be. ADDRESS is a port of this machine or the path of a socket."""
from __future__ import print_function

import sys
import traceback
from multiprocessing import current_process
from multiprocessing.managers import RemoteError, SyncManager

try:
    from queue import Empty
except ImportError:
    from Queue import Empty

ADDRESS = ('127.0.0.1', int(sys.argv[1])) if sys.argv[1].isdigit() else sys.argv[1]
SERVER = tuple(int(part) for part in sys.argv[2].split('.'))
CLIENT = sys.version_info[:2]
PY2 = CLIENT[0] == 2


class Manager(SyncManager):
    pass


Manager.register('Counter')
current_process().authkey = b'secret'
manager = Manager(ADDRESS, b'secret')
manager.connect()
failed = []


def check(function):
    try:
        function()
    except Exception:
        failed.append(function.__name__)
        print(function.__name__)
        traceback.print_exc(file=sys.stdout)


def equal(got, wanted):
    # Text of a 3.x is `unicode` to a 2.7.
    texts = PY2 and SERVER[0] == 3 and isinstance(got, type(u'')) and isinstance(wanted, str)
    assert got == wanted and (texts or type(got) is type(wanted)), '%r is not %r' % (got, wanted)


def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError('%r was not raised' % kind)


@check
def dicts():
    d = manager.dict({'a': 1})
    d['b'] = [1, 2.5, None, True, (3,)]
    equal(d['b'], [1, 2.5, None, True, (3,)])
    equal(sorted(d.keys()), ['a', 'b'])
    equal(d.copy(), {'a': 1, 'b': [1, 2.5, None, True, (3,)]})
    equal('a' in d, True)
    equal(len(d), 2)
    equal(raises(KeyError, d.__getitem__, 'z').args, ('z',))
    if PY2:
        equal(d.has_key('a'), True)
    if CLIENT >= (3, 14):
        d |= {'c': 3}
        equal(d['c'], 3)


@check
def iteration():
    d = manager.dict({'a': 1, 'b': 2})
    equal(sorted(iter(d)), ['a', 'b'])


@check
def slices():
    l = manager.list(range(6))
    equal(l[1:3], [1, 2])
    equal(l[:2], [0, 1])
    equal(l[-2:], [4, 5])
    equal(l[-9:2], [0, 1])
    l[1:3] = [7, 8, 9]
    equal(l[:], [0, 7, 8, 9, 3, 4, 5])
    del l[1:-1]
    equal(l[:], [0, 5])
    l.extend([6])
    equal(len(l), 3)
    if CLIENT >= (3, 14):
        equal(l.copy(), [0, 5, 6])
        l.clear()
        equal(len(l), 0)
    a = manager.Array('i', [1, 2, 3])
    equal(list(a[0:2]), [1, 2])


@check
def namespaces():
    n = manager.Namespace(x=1)
    n.y = 'text'
    equal(n.x, 1)
    equal(n.y, 'text')
    del n.x
    raises(AttributeError, lambda: n.x)


@check
def locks():
    for lock in (manager.Lock(), manager.RLock(), manager.Semaphore(1), manager.Condition()):
        equal(lock.acquire(), True)
        lock.release()
        with lock:
            pass
        if not PY2:
            if SERVER[0] == 2:
                assert 'no equivalent' in str(raises(RemoteError, lock.acquire, True, 0.01))
            else:
                equal(lock.acquire(True, 0.01), True)
                lock.release()
    condition = manager.Condition()
    with condition:
        condition.notify()
        condition.notify_all()
        condition.wait(0.01)
    event = manager.Event()
    event.set()
    equal(event.is_set(), True)
    equal(event.wait(1), True)


@check
def queues():
    q = manager.Queue()
    q.put({'k': (1, 'two')})
    equal(q.get(), {'k': (1, 'two')})
    raises(Empty, q.get_nowait)


@check
def own_types():
    c = manager.Counter(5)
    equal(c.add(2), 7)
    equal(c.add(1, twice=True), 9)
    equal(raises(ValueError, c.fail, 'boom').args, ('boom',))
    if PY2 == (SERVER[0] == 2):
        # A 2.7 cannot tell them from text.
        equal(c.echo(b''), b'')
        equal(c.echo(b'ascii'), b'ascii')
    for value in (b'\x00\xff\x80', 2 ** 40, 2 ** 70, 1.5, {1, 2}, frozenset([3]), 1j, slice(1, 2)):
        equal(c.echo(value), value)
    text = b'h\xc3\xa9'.decode('utf-8')
    equal(c.echo(text), text)
    raises(RemoteError, c.unpicklable)
    raises(RemoteError, c._callmethod, 'nope')
    for text in (c._callmethod('__str__'), manager.dict()._callmethod('__repr__')):
        assert type(text) is str and text in ('Counter(9)', '{}')
    assert 'refcount' in manager._debug_info()


@check
def proxies_as_values():
    d, l = manager.dict(), manager.list([1])
    d['list'] = l
    # The pickle shares the address, or its host, with the proxy's token.
    host = ADDRESS[0] if isinstance(ADDRESS, tuple) else ADDRESS
    d['both'] = {'host': host, 'address': ADDRESS, 'list': l}
    if SERVER >= (3, 6) and CLIENT >= (3, 6):
        got = d['list']
        got.append(2)
        equal(l[:], [1, 2])
        both = d['both']
        equal((both['host'], both['address']), (host, ADDRESS))
        both['list'].append(3)
        equal(l[:], [1, 2, 3])
    else:
        # A 2.7 server keeps the list itself.
        got = d['list'][:]
        equal(got, [1])
        equal(d['both']['address'], ADDRESS)


print('failed: %s' % ' '.join(failed) if failed else 'fine')
