"""The client of the manager pairs: a stock program, in steps that each say what it saw."""
import gc
import threading
from multiprocessing.managers import BaseProxy, DictProxy, RemoteError, SyncManager

from describe import describe, describe_error
from graphs import fingerprint
from zoo import PY2, ZOO


class Manager(SyncManager):
    pass


Manager.register('Echo', method_to_typeid={'child': 'Child'})
Manager.register('Child', create_method=False)
Manager.register('get_echo')
Manager.register('get_dict', proxytype=DictProxy)
Manager.register('no_such_type')

STEPS = []
DEADLINE = 20.0
FATAL = ('exc_exit', 'exc_interrupt')  # no Exception: a server that raises one loses its thread, and its client waits


def step(function):
    STEPS.append((function.__name__, function))
    return function


def connect(address, authkey):
    manager = Manager(address=address, authkey=authkey)
    manager.connect()
    return manager


def steps(address, authkey, ours, theirs):
    """Every step, then the zoo by name: what the server sees of ours, and what we see of theirs."""
    try:
        manager = connect(address, authkey)
    except Exception as error:
        yield 'step_connect', describe_error(error)
        return
    yield 'step_connect', 'True'
    for name, function in STEPS:
        yield 'step_' + name, tried(lambda: describe(function(manager)))
    echo = manager.Echo()
    for name in ours:
        yield 'see:' + name, tried(lambda: plain(echo.see(ZOO[name]())))
    for name in theirs:
        yield 'make:' + name, tried(lambda: describe(echo.make(name)))
    for name in theirs:
        if name.startswith('exc_') and name not in FATAL:
            yield 'fail:' + name, tried(lambda: describe(caught(lambda: echo.fail(name))))


def graphs(address, authkey, first, batches):
    """Each batch goes to the server, which says what it sees and answers with its own."""
    echo = connect(address, authkey).Echo()
    for batch in batches:
        seeds = range(first, first + len(batch))
        try:
            seen, theirs = echo.swap(first, batch)
            seen, theirs = [plain(text) for text in seen], [fingerprint(graph) for graph in theirs]
        except Exception as error:
            seen = theirs = [describe_error(error)] * len(batch)
        for seed, there, here in zip(seeds, seen, theirs):
            yield 'see:graph_%d' % seed, there
            yield 'make:graph_%d' % seed, here
        first += len(batch)


def tried(what):
    try:
        return what()
    except Exception as error:
        return describe_error(error)


def plain(text):
    """Descriptions are ASCII; 2.7 may be given them as unicode."""
    return str(text)


def caught(what):
    """The exception as a value. One that only says that the other end failed is not it, and is raised again."""
    try:
        what()
    except Exception as error:
        if isinstance(error, RemoteError):
            raise
        return error
    except BaseException as error:
        return error


def kind_of(what):
    """The type of what is raised, where its text is the version's own."""
    try:
        return (u'returned', what())
    except Exception as error:
        return u'raised ' + type(error).__name__


def in_thread(function):
    """On a connection of its own, as every thread of a client has."""
    box = []
    thread = threading.Thread(target=lambda: box.append(function()))
    thread.daemon = True
    thread.start()
    thread.join(DEADLINE)
    return box[0] if box else u'no answer'


# Calls.


@step
def create_arguments(m):
    return plain(m.Echo(1, u'two', k=u'v').see_made_with())


@step
def call_shared(m):
    return plain(m.get_echo().see_made_with())


@step
def call_keywords(m):
    return plain(m.Echo().see_keywords(a=1, b=u'x', c=None))


@step
def call_keyword_value(m):
    return m.Echo().echo(value=u'by name')


@step
def call_default(m):
    return m.Echo().echo()


@step
def call_nested(m):
    return m.Echo().echo({u'a': [1, (2, u'\xe9')], u'b': b'\xff'})


@step
def call_missing_method(m):
    return kind_of(lambda: m.Echo()._callmethod('no_such_method'))


@step
def call_missing_type(m):
    return kind_of(lambda: m.no_such_type())


@step
def call_wrong_arguments(m):
    return kind_of(lambda: m.Echo().see(1, 2, 3))


@step
def call_attribute_error(m):
    return kind_of(lambda: m.Echo().attribute_error())


@step
def call_unpicklable(m):
    return kind_of(lambda: m.Echo().unpicklable())


@step
def call_other_thread(m):
    echo = m.Echo()
    return in_thread(lambda: echo.echo(u'from a thread'))


@step
def call_traceback_text(m):
    try:
        m.Echo()._callmethod('no_such_method')
    except Exception as error:
        return [type(error.args[0]).__name__, 'Traceback' in error.args[0], 'no_such_method' in error.args[0]]


# Namespace, Value, Array.


@step
def namespace(m):
    space = m.Namespace()
    space.a = 1
    space.text = u'\xe9'
    out = [space.a, space.text]
    del space.a
    return out + [kind_of(lambda: space.a), hasattr(space, 'text'), hasattr(space, 'a')]


@step
def namespace_created(m):
    return m.Namespace(x=1, y=[2]).y


@step
def value(m):
    holder = m.Value('i', 3)
    holder.value += 1
    holder.set(holder.get() * 2)
    return holder.value


@step
def array(m):
    items = m.Array('i', [1, 2, 3])
    items[0] = 9
    return [len(items), items[0], list(items[1:3])]


@step
def array_slices(m):
    import array as arrays
    items = m.Array('i', [1, 2, 3, 4])
    items[1:3] = arrays.array('i', [7, 8])
    return [items[index] for index in range(4)]


# Lists.


@step
def list_methods(m):
    items = m.list([3, 1])
    items.append(2)
    items.extend([5, 4])
    items.insert(0, 9)
    out = [items.pop(), items.pop(0), items.index(2), items.count(3), len(items), 5 in items]
    items.sort()
    out.append(items[:])
    items.reverse()
    items.remove(3)
    return out + [items[:], items[-1]]


@step
def list_sort_reverse(m):
    items = m.list([1, 3, 2])
    items.sort(reverse=True)
    return items[:]


@step
def list_slices(m):
    items = m.list(range(10))
    out = [items[2:4], items[:2], items[7:], items[::3], items[-2:]]
    items[0:2] = [u'a']
    del items[1:3]
    return out + [items[:]]


@step
def list_operators(m):
    items = m.list([1, 2])
    out = [items + [3], items * 2, 2 * items]
    items += [4]
    items *= 2
    return out + [items[:]]


@step
def list_iteration(m):
    return [item for item in m.list([1, u'b'])]


@step
def list_errors(m):
    items = m.list()
    return [caught(lambda: items[5]), caught(lambda: items.remove(1)), caught(items.pop)]


@step
def list_text(m):
    return [str(m.list([1, None])), repr(type(m.list()).__name__)]


# Dicts.


@step
def dict_methods(m):
    items = m.dict({1: u'a', 2: u'b'})
    items[3] = u'c'
    items.update({4: u'd'})
    out = [items[1], items.get(9), items.get(9, u'z'), len(items), 3 in items, 9 in items, sorted(items.keys()),
           sorted(items.values()), sorted(items.items()), items.copy(), items.setdefault(5, u'e'), items.pop(5), items.pop(5, None)]
    del items[1]
    out.append(len(items))
    items.clear()
    return out + [items.copy(), str(items)]


@step
def dict_text_keys(m):
    items = m.dict(a=1)
    items[u'\xe9'] = 2
    return [items[u'a'], items[u'\xe9'], items['a'], u'a' in items, len(items)]


@step
def dict_has_key(m):
    items = m.dict({1: 2})
    return [items.has_key(1), items.has_key(2)] if PY2 else [1 in items, 2 in items]


@step
def dict_iteration(m):
    return sorted([key for key in m.dict({1: 2, 3: 4})])


@step
def dict_iterator(m):
    iterator = iter(m.dict({1: 2}))
    return [next(iterator), kind_of(lambda: next(iterator))]


@step
def dict_popitem(m):
    items = m.dict({1: 2})
    return [items.popitem(), caught(items.popitem)]


@step
def dict_errors(m):
    items = m.dict()
    return [caught(lambda: items['gone']), caught(lambda: items.pop(7)), kind_of(lambda: items[[]])]


@step
def dict_shared(m):
    first, second = m.get_dict(), m.get_dict()
    first.clear()
    first[u'k'] = u'v'
    out = [second[u'k'], first.copy()]
    first.clear()
    return out


# Queues, events, locks.


@step
def queue(m):
    items = m.Queue()
    items.put([1, u'a', b'\xff'])
    items.put(2)
    return [items.qsize(), items.get(), items.get(True, 5), items.empty(), items.full()]


@step
def queue_empty(m):
    items = m.Queue()
    return [caught(items.get_nowait), caught(lambda: items.get(True, 0.01)), caught(lambda: items.get(timeout=0.01))]


@step
def queue_full(m):
    items = m.Queue(1)
    items.put(1)
    return [items.full(), caught(lambda: items.put_nowait(2)), caught(lambda: items.put(2, timeout=0.01))]


@step
def queue_threads(m):
    items = m.Queue()
    thread = threading.Thread(target=lambda: items.put(u'from a thread'))
    thread.start()
    out = items.get(True, DEADLINE)
    thread.join()
    return out


@step
def joinable_queue(m):
    items = m.JoinableQueue()
    items.put(1)
    items.get()
    items.task_done()
    items.join()
    return caught(items.task_done)


@step
def event(m):
    signal = m.Event()
    out = [signal.is_set(), signal.wait(0.01)]
    thread = threading.Thread(target=signal.set)
    thread.start()
    out += [signal.wait(DEADLINE), signal.is_set()]
    thread.join()
    signal.clear()
    return out + [signal.is_set()]


@step
def lock(m):
    guard = m.Lock()
    out = [guard.acquire(), in_thread(lambda: guard.acquire(False))]
    guard.release()
    with guard:
        out.append(in_thread(lambda: guard.acquire(False)))
    return out + [kind_of(guard.release)]


@step
def rlock(m):
    guard = m.RLock()
    out = [guard.acquire(), guard.acquire(), in_thread(lambda: guard.acquire(False))]
    guard.release()
    guard.release()
    return out


@step
def semaphore(m):
    guard = m.Semaphore(2)
    out = [guard.acquire(), guard.acquire(), guard.acquire(False)]
    guard.release()
    return out + [guard.acquire(False)]


@step
def bounded_semaphore(m):
    return caught(m.BoundedSemaphore(1).release)


@step
def condition(m):
    room, ready = m.Condition(), m.Event()
    seen = []

    def waiter():
        with room:
            ready.set()
            room.wait(DEADLINE)
            seen.append(u'woken')

    threads = [threading.Thread(target=waiter)]
    threads[0].start()
    ready.wait(DEADLINE)
    with room:  # the waiter has let go of it, so it waits
        room.notify()
    threads[0].join(DEADLINE)
    ready.clear()
    threads.append(threading.Thread(target=waiter))
    threads[1].start()
    ready.wait(DEADLINE)
    with room:
        room.notify_all()
    threads[1].join(DEADLINE)
    return seen + [kind_of(room.notify)]


# Proxies as values.


@step
def proxy_returned(m):
    child = m.Echo().child()
    return [plain(child.see_made_with()), isinstance(child, BaseProxy)]


@step
def proxy_as_argument(m):
    items = m.list([1])
    return [m.Echo().use_list(items), items[:]]


@step
def proxy_in_list(m):
    inner = m.dict({u'k': 1})
    outer = m.list([0])
    outer.append(inner)
    return outer[1][u'k']


@step
def proxy_in_list_written(m):
    inner = m.dict({u'k': 1})
    outer = m.list()
    outer.append(inner)
    outer[0][u'new'] = 2
    return [len(inner), len(outer[0])]


@step
def proxy_deep(m):
    inner = m.list([u'deep'])
    outer = m.dict()
    outer[u'a'] = [{u'b': (inner, inner)}]
    found = outer[u'a'][0][u'b']
    return [found[0][0], found[1][0]]


@step
def proxy_in_namespace(m):
    space = m.Namespace()
    space.items = m.list([1, 2])
    return len(space.items)


@step
def proxy_of_queue(m):
    items = m.Queue()
    items.put(u'q')
    outer = m.list()
    outer.append(items)
    return outer[0].get(True, 5)


@step
def proxy_echoed(m):
    items = m.list([1, 2])
    return m.Echo().echo(items)[1]


@step
def proxy_in_queue(m):
    items = m.dict({1: u'x'})
    line = m.Queue()
    line.put((u'take', items))
    return line.get(True, 5)[1][1]


@step
def proxy_and_address(m):
    """A text that equals the server's host, beside a proxy, stays what it was."""
    host = m.address[0] if isinstance(m.address, tuple) else m.address
    found = m.Echo().echo([host, m.list([1]), host])
    return [found[0] == host, found[2] == host, found[1][0]]


# The server's own functions.


@step
def server_functions(m):
    return [m._debug_info() is not None, type(m._debug_info()).__name__, m._number_of_objects() >= 0]


@step
def objects_return(m):
    """Every object that the proxies of a program held is gone once they are."""
    gc.collect()
    before = m._number_of_objects()
    held = [m.list(), m.dict(), m.Queue(), m.Echo(), m.Namespace()]
    held.append(held[3].child())
    during = m._number_of_objects() - before
    del held
    gc.collect()
    return [during, m._number_of_objects() - before]
