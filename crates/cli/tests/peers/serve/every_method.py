"""Calls every method of every type, in order and at random, and says what came of it, a line a call.

    every_method.py stock SEED       against a stock manager of this interpreter
    every_method.py HOST:PORT SEED   against whoever listens there

The two transcripts of one interpreter and one seed are to be equal.
"""
from __future__ import print_function

import datetime
import decimal
import fractions
import multiprocessing
import os
import random
import re
import sys
import uuid
from multiprocessing import managers

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import things

VERSION = sys.version_info[:2]
PY2 = VERSION[0] == 2
KEY = b'secret'

if PY2:
    text, integers = unicode, (int, long)  # noqa: F821
else:
    text, integers = str, (int,)


class Manager(managers.SyncManager):
    pass



def show(value, depth=0):
    """A text that is the same for values that are the same, whatever order a set or a 2.7's dict has."""
    if depth > 20:
        return '...'
    if isinstance(value, managers.BaseProxy):
        return '<proxy of %s>' % value._token.typeid
    if type(value) is dict:
        items = ['%s: %s' % (show(k, depth + 1), show(v, depth + 1)) for k, v in value.items()]
        return '{%s}' % ', '.join(sorted(items) if PY2 else items)
    if type(value) in (set, frozenset):
        return '%s(%s)' % (type(value).__name__, ', '.join(sorted(show(v, depth + 1) for v in value)))
    if type(value) in (list, tuple):
        brackets = '[]' if type(value) is list else '()'
        return brackets[0] + ', '.join(show(v, depth + 1) for v in value) + brackets[1]
    if isinstance(value, things.Plain):
        return 'Plain(%s)' % show(value.name, depth + 1)
    return '%s %s' % (type(value).__name__, masked(repr(value)))


def masked(line):
    line = re.sub(r'0x[0-9a-fA-F]+', '0x', line)
    return line


def failure(error):
    if isinstance(error, managers.RemoteError):
        lines = str(error.args[0]).rstrip('-\n ').split('\n')
        return 'RemoteError, last %s' % masked(lines[-1].rstrip())
    if type(error).__name__ == 'BrokenBarrierError':
        return 'BrokenBarrierError'
    return '%s %s' % (type(error).__name__, show(error.args))


def outcome(function, *args):
    unordered = False
    if len(args) == 4:
        args, unordered = args[:3], args[3]
    try:
        value = function(*args)
        return '{%s}' % ', '.join(sorted(show(item) for item in value)) if unordered else show(value)
    except Exception as error:
        return failure(error)


class Play(object):
    def __init__(self, manager, chance):
        self.manager, self.chance, self.lines = manager, chance, 0

    def say(self, line):
        self.lines += 1
        print(line.encode('unicode_escape').decode('ascii') if isinstance(line, text) else line)

    def make(self, typeid, *args, **kwargs):
        try:
            proxy = getattr(self.manager, typeid)(*args, **kwargs)
        except Exception as error:
            self.say('%s%s -> %s' % (typeid, show(args), failure(error)))
            return None
        self.say('%s%s %s' % (typeid, show(args), sorted(kwargs)))
        return proxy

    def call(self, proxy, method, args=(), kwargs={}):
        if proxy is None:
            self.say('  nothing.%s%s' % (method, show(args)))
            return
        came = outcome(proxy._callmethod, method, args, kwargs, PY2 and method in ('keys', 'values', 'items'))
        shown = ', '.join(['%s=%s' % (k, show(v)) for k, v in sorted(kwargs.items())])
        self.say('  %s.%s%s %s -> %s' % (proxy._token.typeid, method, show(args), shown, came))

    def state(self, proxy, *methods):
        for method in methods:
            self.call(proxy, method)

    def arities(self, proxy, methods, most=4, skip=()):
        """Each method with each number of arguments, and with a keyword that none has."""
        for method in methods:
            for count in range(most):
                if (method, count) in skip:
                    continue
                self.call(proxy, method, (1,) * count)
            self.call(proxy, method, (), {'zzz': 1})
            self.call(proxy, method, (1,), {'zzz': 1})


def values():
    day = datetime.datetime(2020, 2, 3, 4, 5, 6)
    found = [
        None, True, False, 0, 1, -1, 7, 2 ** 31, -2 ** 40, 2 ** 70, -2 ** 70, 0.0, 1.0, -0.5, 1e300, 1.5,
        float('inf'), complex(1, 0), complex(1, 2), 'a', 'b', '', 'key', u'a', u'\xe9t\xe9', b'a', b'\xff\x00',
        (), (1,), (1, 'a'), (1.0, u'a'), [], [1, 2], [[1], 'x'], {}, {'a': 1}, {1: {2: 3}},
        frozenset(), frozenset([1]), set([1]), bytearray(b'ab'),
        decimal.Decimal('1'), decimal.Decimal('1.50'), decimal.Decimal('-0'), decimal.Decimal('1e400'),
        fractions.Fraction(1, 2), fractions.Fraction(3, 2), fractions.Fraction(4, 2),
        day, day.date(), datetime.time(1, 2), datetime.timedelta(1, 2, 3), datetime.timedelta(0),
        uuid.UUID(int=5), things.Point(1, 'a'), things.Plain('p'), things.Plain('q'),
    ]
    if PY2:
        # There a Decimal is equal to no Fraction and to no complex, although it is equal to an int that is.
        found = [value for value in found if value not in (complex(1, 0), fractions.Fraction(3, 2))]
    if things.Color is not None:
        found += [things.Color.RED, things.Color.BLUE]
        found += [datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc),
                  datetime.datetime(2020, 1, 1, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))]
    return found


LIST = ['__add__', '__contains__', '__delitem__', '__getitem__', '__len__', '__mul__', '__reversed__', '__rmul__',
        '__setitem__', 'append', 'count', 'extend', 'index', 'insert', 'pop', 'remove', 'reverse', 'sort',
        '__imul__', 'clear', 'copy', '__getslice__', '__setslice__', '__delslice__', '__iadd__', '__iter__', 'nope']
DICT = ['__contains__', '__delitem__', '__getitem__', '__iter__', '__len__', '__setitem__', 'clear', 'copy', 'get',
        'has_key', 'items', 'keys', 'pop', 'popitem', 'setdefault', 'update', 'values', '__ior__', '__or__',
        '__reversed__', '__ror__', 'fromkeys', 'nope']
SET = ['__and__', '__contains__', '__iand__', '__ior__', '__isub__', '__ixor__', '__len__', '__or__', '__rand__',
       '__ror__', '__rsub__', '__rxor__', '__sub__', '__xor__', '__ge__', '__gt__', '__le__', '__lt__', 'add', 'clear',
       'copy', 'difference', 'difference_update', 'discard', 'intersection', 'intersection_update', 'isdisjoint',
       'issubset', 'issuperset', 'pop', 'remove', 'symmetric_difference', 'symmetric_difference_update', 'union',
       'update']
INDICES = [0, 1, -1, 5, -9, True, 2 ** 70, None, 'a', 1.0, slice(None), slice(1, 3), slice(None, None, -1),
           slice(0, 9, 2), slice(3, 1), slice(None, None, 0), slice('a', None), slice(2 ** 70), (0, 1)]


def lists(play):
    proxy = play.make('list', [3, 1, 2])
    play.arities(proxy, LIST)
    for args in [(), ('abc',), ((1, 2),), ({'a': 1},), (5,), (None,), ([1], [2]), (set([4]),), (b'ab',)]:
        play.call(play.make('list', *args), '__str__')
    play.call(play.make('list', sequence=[1]), '__len__')
    play.call(play.make('list', [1]), '#GETVALUE')
    proxy = play.make('list', list(range(6)))
    for index in INDICES:
        play.call(proxy, '__getitem__', (index,))
        play.call(proxy, '__setitem__', (index, 9))
        play.call(proxy, '__setitem__', (index, [9, 8]))
        play.call(proxy, '__setitem__', (index, 'xy'))
        play.call(proxy, '__delitem__', (index,))
        play.call(proxy, '__str__')
        play.call(proxy, 'insert', (index, 'in'))
        play.call(proxy, 'pop', (index,))
        play.call(proxy, '__mul__', (index,))
        play.call(proxy, '__rmul__', (index,))
        play.call(proxy, '__add__', (index,))
        play.call(proxy, 'extend', (index,))
        play.call(proxy, 'index', (1, index))
        play.call(proxy, 'index', (1, 0, index))
    play.call(proxy, '__imul__', (2,))
    play.call(proxy, 'extend', ([1, 2],))
    play.call(proxy, 'extend', ({'k': 1},))
    play.call(proxy, 'extend', (u'\xe9z',))
    play.call(proxy, 'extend', (b'\x01z',))
    play.call(proxy, '__str__')
    # Sorting.
    for items in [[3, 1, 2], ['b', 'a'], [1.5, 1, 2 ** 70, -2 ** 70, True], [(1, 'b'), (1, 'a'), (0,)], [[2], [1, 5], [1]],
                  [decimal.Decimal('1.5'), 1, fractions.Fraction(1, 2)] if not PY2 else [1],
                  [datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)], [u'\xe9', u'z', u'a'], [b'b', b'a'], [None], [],
                  [frozenset([1, 2]), frozenset([1])], [uuid.UUID(int=5), uuid.UUID(int=3)],
                  [things.Point(2, 1), things.Point(1, 9), (1, 5)]]:
        proxy = play.make('list', items)
        play.call(proxy, 'sort')
        play.call(proxy, '__getitem__', (slice(None),))
        play.call(proxy, 'sort', (), {'reverse': True})
        play.call(proxy, '__getitem__', (slice(None),))
    if not PY2:
        for items in [[1, 'a'], [None, 1], [{}, {}], [1, None], [(1, 'a'), (1, 2)], [[1], (1,)], [b'a', 'a'], [1j, 2j],
                      [1, [2]]]:
            proxy = play.make('list', items)
            play.call(proxy, 'sort')
            play.call(proxy, 'sort', (), {'key': None, 'reverse': 0})
    play.call(play.make('list', [1]), 'sort', (), {'key': 5})
    play.call(play.make('list', [1]), 'sort', (), {'reverse': 'x'})
    play.call(play.make('list', [1]), 'sort', (None,))


def dicts(play):
    proxy = play.make('dict', {'a': 1})
    play.arities(proxy, DICT)
    for args, kwargs in [((), {}), (([('a', 1), ('b', 2)],), {}), (([['a', 1]], ), {'z': 2}), ((5,), {}), ((None,), {}),
                         (([1],), {}), ((['ab'],), {}), ((['abc'],), {}), (('ab',), {}), (({}, {}), {}), ((), {'x': 1}),
                         (([([], 1)],), {}), ((['ab', 'cd'],), {}), ((set(),), {})]:
        play.call(play.make('dict', *args, **kwargs), '__len__')
    proxy = play.make('dict', [(1, 'one'), (True, 'true'), (1.0, 'float')])
    play.state(proxy, 'items', '__str__', 'copy', '#GETVALUE', '__repr__')
    proxy = play.make('dict')
    found = values()
    for place, value in enumerate(found):
        play.call(proxy, '__setitem__', (value, place))
        play.call(proxy, '__len__')
    for value in found:
        play.call(proxy, '__contains__', (value,))
        play.call(proxy, '__getitem__', (value,))
        play.call(proxy, 'get', (value, 'none'))
        play.call(proxy, 'pop', (value,))
        play.call(proxy, 'pop', (value, 'none'))
        play.call(proxy, '__delitem__', (value,))
        play.call(proxy, 'setdefault', (value, [value]))
    play.state(proxy, 'keys', 'values', '__len__', 'items')
    proxy = play.make('dict', {'a': 1})
    for args, kwargs in [(({'b': 2},), {}), (([('c', 3)],), {'d': 4}), ((5,), {}), (([1],), {}), ((['abc'],), {}), ((None,), {}),
                         (([([], 1)],), {}), ((), {'e': 5}), (({}, {}), {}), (('',), {}), (('xy',), {})]:
        play.call(proxy, 'update', args, kwargs)
        play.call(proxy, '__str__' if not PY2 else 'copy')
    for args in [('q',), ('q', 1), ('q', 1, 2), ([],)]:
        play.call(proxy, 'setdefault', args)
        play.call(proxy, 'get', args)
        play.call(proxy, 'pop', args)
    play.call(proxy, 'get', (), {'key': 'a'})
    play.call(proxy, 'pop', ('a',), {'default': 1})
    play.call(proxy, 'fromkeys', ([1, 2], 5))
    play.call(proxy, '__or__', ({'z': 1},))
    play.call(proxy, '__ror__', ({'z': 1},))
    play.call(proxy, '__or__', (5,))
    play.call(proxy, 'clear')
    play.call(proxy, 'popitem')
    play.call(play.make('dict', {5: 6}), 'popitem')


def iterators(play):
    proxy = play.make('dict', [(1, 2), (3, 4)] if not PY2 else [(1, 2)])
    play.say(outcome(list, iter(proxy) if not PY2 or True else []))
    kept = iter(proxy)
    play.arities(kept, ['__next__', 'next', 'send', 'throw', 'close'], most=2)
    other = iter(proxy)
    proxy['new'] = 1
    play.call(other, 'next' if PY2 else '__next__')
    play.call(other, 'next' if PY2 else '__next__')


def sets(play):
    if not hasattr(managers, 'SetProxy'):
        return
    proxy = play.make('set', [1])
    play.arities(proxy, SET)
    others = [{1, 2}, frozenset([2]), [1, 3], (9,), 'ab', {'k': 1}, 5, None, [[]]]
    for other in others:
        for method in SET:
            play.call(proxy, method, (other,))
            play.call(proxy, '#GETVALUE')
            play.call(proxy, 'update', ([1, 2, 7],))
    for method in ['union', 'difference', 'intersection', 'update', 'difference_update', 'intersection_update']:
        play.call(proxy, method, ({1, 2, 3}, [2, 3], (3,)))
        play.call(proxy, '#GETVALUE')
    for value in values():
        play.call(proxy, 'add', (value,))
        play.call(proxy, '__contains__', (value,))
        play.call(proxy, 'remove', (value,))
        play.call(proxy, 'remove', (value,))
        play.call(proxy, 'discard', (value,))
    for args in [(), (5,), ('aa',), ([[]],), ([1], [2])]:
        play.call(play.make('set', *args), '__str__')
    proxy = play.make('set', [4])
    play.state(proxy, '__str__', 'copy', 'pop', 'pop', '__str__', 'clear')


def namespaces(play):
    proxy = play.make('Namespace', a=1, b='x')
    play.arities(proxy, ['__getattribute__', '__setattr__', '__delattr__'])
    play.call(proxy, '__str__' if not PY2 else '__class__')
    for name in ['a', 'missing', u'\xe9', 5, None, '__doc__x']:
        play.call(proxy, '__getattribute__', (name,))
        play.call(proxy, '__setattr__', (name, [1]))
        play.call(proxy, '__getattribute__', (name,))
        play.call(proxy, '__delattr__', (name,))
        play.call(proxy, '__delattr__', (name,))
    play.make('Namespace', 5)
    play.make('Namespace', {})
    proxy = play.make('Namespace')
    play.call(proxy, '__repr__')
    proxy.x = 10
    play.say(outcome(lambda: proxy.x))
    play.call(proxy, '__str__')
    play.say(outcome(lambda: proxy.y))
    del proxy.x
    play.call(proxy, '__str__')


QUEUE = ['empty', 'full', 'get', 'get_nowait', 'put', 'put_nowait', 'qsize', 'task_done', 'nope']


def queues(play):
    for typeid in ['Queue', 'JoinableQueue']:
        proxy = play.make(typeid, 2)
        play.state(proxy, 'empty', 'full', 'qsize', 'get_nowait', 'task_done', 'join')
        play.call(proxy, 'put', ('a',))
        play.call(proxy, 'put', ('b', True, 0.01))
        play.call(proxy, 'put', ('c', True, 0.01))
        play.call(proxy, 'put', ('c', False))
        play.call(proxy, 'put_nowait', ('c',))
        play.state(proxy, 'empty', 'full', 'qsize')
        play.call(proxy, 'get', (True, 0.01))
        play.call(proxy, 'get', (), {'block': False})
        play.call(proxy, 'get', (False,))
        play.call(proxy, 'get', (True, 0.01))
        play.call(proxy, 'get', (True, -1))
        play.call(proxy, 'put', ('x',), {'timeout': -1})
        play.call(proxy, 'get', (True, 'a'))
        play.call(proxy, 'put', ('y', True, 'a'))
        play.call(proxy, 'put', (), {'item': 1, 'block': False})
        play.state(proxy, 'task_done', 'task_done', 'task_done', 'task_done', 'task_done', 'task_done')
        play.arities(play.make(typeid), QUEUE, skip={('get', 0), ('get', 1)})
        play.call(proxy, 'join', (1,))
        for args in [(), (0,), (-1,), ('a',), (None,), (1.5,), (1, 2)]:
            proxy = play.make(typeid, *args)
            play.call(proxy, 'put', (1, False))
            play.call(proxy, 'put', (2, False))
            play.call(proxy, 'full')
        play.call(play.make(typeid, maxsize=1), 'full')
        play.make(typeid, size=1)
    if VERSION >= (3, 13):
        proxy = play.make('Queue')
        proxy.put(1)
        play.call(proxy, 'shutdown')
        play.call(proxy, 'put', (1,))
        play.call(proxy, 'get')
        play.call(proxy, 'get')
        play.call(proxy, 'shutdown', (True,))
        proxy = play.make('Queue')
        proxy.put(1)
        play.call(proxy, 'shutdown', (), {'immediate': True})
        play.call(proxy, 'get')
        play.call(proxy, 'join')


def locks(play):
    ACQUIRER = ['acquire', 'release', 'locked']
    for typeid in ['Lock', 'RLock', 'Semaphore', 'BoundedSemaphore', 'Condition']:
        proxy = play.make(typeid)
        play.call(proxy, '__str__')
        play.call(proxy, 'release')
        play.call(proxy, 'acquire')
        play.call(proxy, 'acquire', (False,))
        if typeid in ('RLock', 'Condition', 'Semaphore'):
            play.call(proxy, 'release')
        if not PY2:
            play.call(proxy, 'acquire', (True, 0.01))
            play.call(proxy, 'acquire', (False, 1))
            play.call(proxy, 'acquire', (True, -2))
            play.call(proxy, 'acquire', (True, 'x'))
            play.call(proxy, 'acquire', (), {'blocking': False})
            play.call(proxy, 'acquire', (), {'timeout': 0.01})
            play.call(proxy, 'acquire', (), {'blocking': True, 'timeout': 0})
            play.call(proxy, 'acquire', (True, 1e300))
        else:
            play.call(proxy, 'acquire', (0,))
        play.call(proxy, 'acquire', (1, 2, 3))
        play.call(proxy, 'acquire', (), {'zzz': 3})
        play.state(proxy, 'locked', 'release', 'release', 'release', 'release', 'release', 'release', 'release')
        play.call(proxy, 'release', (1,))
        play.call(proxy, 'release', (), {'n': 2})
        play.call(proxy, 'release', (0,))
        play.call(proxy, 'release', (1, 2))
        play.call(proxy, 'nope')
        play.make(typeid, 1, 2, 3)
    for typeid in ['Semaphore', 'BoundedSemaphore']:
        for args in [(0,), (2,), (-1,), (None,), (1.5,)] + ([] if PY2 else [('a',)]):
            proxy = play.make(typeid, *args)
            play.call(proxy, 'acquire', (False,))
            play.call(proxy, 'acquire', (False,))
            play.state(proxy, 'release', 'release', 'release', '__len__')
        play.call(play.make(typeid, value=1), 'acquire', (False,))
    play.make('Lock', 1)
    play.make('RLock', 1)


def conditions(play):
    proxy = play.make('Condition')
    for method in ['notify', 'notify_all', 'wait']:
        play.call(proxy, method)
    play.call(proxy, 'wait', (0.01,))
    play.call(proxy, 'acquire')
    play.call(proxy, 'wait', (0.01,))
    play.call(proxy, 'wait', (), {'timeout': 0.01})
    play.call(proxy, 'wait', (0,))
    play.call(proxy, 'wait', (-1,))
    play.call(proxy, 'wait', ('x',))
    play.call(proxy, 'wait', (1, 2, 3))
    play.state(proxy, 'notify', 'notify_all')
    play.call(proxy, 'notify', (3,))
    play.call(proxy, 'notify', (), {'n': 2})
    play.call(proxy, 'notify', (1, 2))
    play.call(proxy, 'notify_all', (1,))
    play.call(proxy, 'release')
    play.call(proxy, 'release')
    play.call(proxy, 'wait_for')
    # Where 3.x is given an RLock, no wait works.
    for typeid in ['Lock', 'RLock'] if PY2 else ['Lock']:
        conditions_of_a_lock(play, play.make(typeid))


def conditions_of_a_lock(play, lock):
    first, second = play.make('Condition', lock), play.make('Condition', lock=lock)
    for proxy in [first, second]:
        play.state(proxy, '__str__', 'notify', 'wait', 'acquire')
        play.call(lock, 'acquire', (False,))
        play.call(second, 'acquire', (False,))
        play.call(proxy, 'wait', (0.01,))
        play.state(proxy, 'notify', 'notify_all', 'release')
        play.call(lock, 'acquire')
        play.call(proxy, 'wait', (0.01,))
        play.call(proxy, 'notify')
        play.state(lock, 'release', 'release', 'release', 'release')


def events(play):
    proxy = play.make('Event')
    play.call(proxy, 'is_set')
    play.call(proxy, 'wait', (0.01,))
    play.call(proxy, 'wait', (0,))
    play.call(proxy, 'wait', ('x',))
    play.call(proxy, 'wait', (), {'timeout': 0.01})
    play.call(proxy, 'set')
    play.call(proxy, 'wait')
    play.call(proxy, 'wait', ('x',))
    play.call(proxy, 'is_set')
    play.arities(proxy, ['is_set', 'set', 'clear'])
    play.call(proxy, 'set')
    play.arities(proxy, ['wait'])
    play.call(proxy, 'clear')
    play.call(proxy, 'is_set')
    play.call(proxy, '__str__')
    play.make('Event', 1)


def barriers(play):
    if not hasattr(managers, 'BarrierProxy'):
        return
    proxy = play.make('Barrier', 1)
    play.call(proxy, 'wait')
    play.call(proxy, 'wait', (1,))
    for name in ['parties', 'n_waiting', 'broken']:
        play.call(proxy, '__getattribute__', (name,))
    play.call(proxy, '__getattribute__', ('nope',))
    play.state(proxy, 'abort', 'wait', 'reset', 'wait', '__str__')
    play.arities(proxy, ['abort', 'reset', '__getattribute__'], most=3)
    proxy = play.make('Barrier', 2)
    play.call(proxy, 'wait', (0.01,))
    play.call(proxy, '__getattribute__', ('broken',))
    play.call(proxy, 'wait', (), {'timeout': 0.01})
    proxy.reset()
    play.call(proxy, 'wait', (), {'timeout': 0.01})
    proxy = play.make('Barrier', 3, None, 0.01)
    play.call(proxy, 'wait')
    play.call(proxy, 'wait', (1, 2))
    for args in [(), (0,), (-1,), ('x',), (1, 2, 3, 4)]:
        play.make('Barrier', *args)
    play.call(play.make('Barrier', parties=1), 'wait')


def holders(play):
    proxy = play.make('Value', 'i', 5)
    play.state(proxy, 'get', '__str__', '__repr__')
    play.call(proxy, 'set', ({'a': [1]},))
    play.state(proxy, 'get', '#GETVALUE' if False else 'get')
    play.arities(proxy, ['get', 'set'])
    play.say(outcome(lambda: proxy.value))
    for args in [(), ('i',), ('i', 1, True), ('i', 1, 2, 3), (5, 6)]:
        play.call(play.make('Value', *args), '__str__')
    play.call(play.make('Value', typecode='d', value=1.5), '__str__')


def arrays(play):
    for code, items in [('i', [1, 2, 3]), ('d', [1.5, 2]), ('b', [1, -1]), ('B', b'ab'), ('H', [0, 65535]), ('i', (1, 2)),
                        ('q' if not PY2 else 'l', [2 ** 40]), ('f', [0.1]), ('L', [1]), ('i', []), ('i', [2 ** 31]),
                        ('b', [128]), ('i', ['a']), ('i', [1.5]), ('d', ['x']), ('z', [1]), (5, [1]), ('i', 5), ('i', None),
                        ('i', 'ab'), ('ii', [1]), ('B', [-1]), ('d', [True, 2]), ('H', [1.0]), ('I', [2 ** 32]), ('i', [2 ** 70])]:
        proxy = play.make('Array', code, items)
        play.state(proxy, '__len__', '__str__')
        if proxy is None:
            continue
        for index in [0, -1, 1, 7, -8, slice(None), slice(0, 1), slice(None, None, 2), 'a', 1.0, None, 2 ** 70]:
            play.call(proxy, '__getitem__', (index,))
        for index, value in [(0, 5), (1, 'x'), (0, 1.5), (0, 2 ** 40), (0, -1), (9, 1), ('a', 1), (slice(0, 1), 5),
                             (slice(0, 1), [5]), (0, None), (0, True), (0, 300), (0, 70000)]:
            play.call(proxy, '__setitem__', (index, value))
        play.call(proxy, '__str__')
    proxy = play.make('Array', 'i', [1, 2])
    play.arities(proxy, ['__len__', '__getitem__', '__setitem__', '__getslice__', '__setslice__'])
    play.make('Array')
    play.make('Array', 'i')
    play.make('Array', 'i', [1], True, 2)
    play.say(outcome(lambda: proxy[0:1]))
    play.say(outcome(lambda: list(proxy)))


def naturally(play):
    """As programs use proxies, not by the names of methods."""
    manager = play.manager
    numbers, table = manager.list([1, 2, 3]), manager.dict(a=1)
    play.say(outcome(lambda: (numbers[1:], 2 in numbers, len(numbers), numbers + [4], numbers * 2, 2 * numbers)))
    numbers += [5]
    numbers *= 2
    play.say(outcome(lambda: list(numbers)))
    numbers[0:2] = 'xyz'
    del numbers[0:1]
    del numbers[-1]
    play.say(outcome(lambda: list(numbers)))
    play.say(outcome(lambda: str(numbers)))
    play.say(outcome(lambda: list(reversed(numbers))))
    play.say(outcome(lambda: ('a' in table, len(table), sorted(table.keys()), list(table))))
    if not PY2:
        numbers.append(table)
        play.say(outcome(lambda: numbers[-1]))
        play.say(outcome(lambda: numbers[-1]['a']))
        table['inner'] = manager.list([1])
        table['inner'].append(2)
        play.say(outcome(lambda: list(table['inner'])))
        play.say(outcome(lambda: numbers[-1]['inner'][1]))
        space = manager.Namespace()
        space.table = table
        play.say(outcome(lambda: space.table['a']))
    shared = [1]
    both = manager.list([shared, shared])
    play.say(outcome(lambda: (lambda copy: copy[0] is copy[1])(both[:])))
    with manager.Lock() as held:
        play.say(show(held))
    with manager.RLock():
        pass
    with manager.Semaphore(1):
        pass


def at_random(play):
    chance = play.chance
    found = [value for value in values() if not isinstance(value, things.Plain)]
    small = [0, 1, 2, 3, -1, 1.0, True, 'a', u'a', (), (1,), None, decimal.Decimal(2), frozenset([1])]
    if PY2:
        # The order of a 2.7's dict is its own: one key at a time is taken out of it.
        DICTS = [name for name in DICT if name not in ('popitem', '__iter__', 'nope')]
    else:
        DICTS = [name for name in DICT if name not in ('__iter__', 'nope')]
    for _ in range(6):
        proxy = play.make('list', [chance.choice(small) for _ in range(chance.randrange(6))])
        for _ in range(60):
            method = chance.choice(LIST[:-2])
            if PY2 and method == 'sort':
                continue
            args = tuple(chance.choice(small if chance.random() < .8 else found)
                         for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3])))
            if method in ('__mul__', '__rmul__', '__imul__'):
                if any(isinstance(arg, integers) and 9 < arg < 2 ** 62 for arg in args):
                    # All memory of this machine would be too little.
                    continue
                if len(proxy) > 200:
                    play.call(proxy, '__delitem__', (slice(3, None),))
            play.call(proxy, method, args)
        play.call(proxy, '__getitem__', (slice(None),))
    for _ in range(6):
        proxy = play.make('dict', [(chance.choice(small), chance.choice(found)) for _ in range(chance.randrange(6))])
        for _ in range(60):
            args = tuple(chance.choice(small if chance.random() < .8 else found)
                         for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3])))
            play.call(proxy, chance.choice(DICTS), args)
        play.call(proxy, 'copy')
    for _ in range(3):
        proxy = play.make('Queue', chance.randrange(3))
        for _ in range(40):
            method = chance.choice(['empty', 'full', 'get_nowait', 'put_nowait', 'qsize', 'task_done', 'get', 'put'])
            args = ()
            if method == 'get':
                args = chance.choice([(False,), (True, 0.001), (False, 5), (True, -1)])
            elif method == 'put':
                args = (chance.choice(found),) + chance.choice([(False,), (True, 0.001), (True, -1)])
            elif method == 'put_nowait':
                args = (chance.choice(found),)
            play.call(proxy, method, args)


def main(where, seed):
    multiprocessing.current_process().authkey = KEY
    if where == 'stock':
        manager = Manager(authkey=KEY)
        manager.start()
    else:
        host, port = where.rsplit(':', 1)
        manager = Manager(address=(host, int(port)), authkey=KEY)
        manager.connect()
    play = Play(manager, random.Random(seed))
    for part in [lists, dicts, iterators, sets, namespaces, queues, locks, conditions, events, barriers, holders, arrays,
                 naturally, at_random]:
        play.say('# %s' % part.__name__)
        part(play)
    if where == 'stock':
        manager.shutdown()


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))
