"""Steps of a manager's client: lists, dicts, queues, events and locks."""
import threading

from seen import DEADLINE, caught, in_thread, kind_of
from zoo import PY2

STEPS = []


def step(function):
    STEPS.append((function.__name__, function))
    return function


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
