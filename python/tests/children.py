"""What the tests start in child processes: importable, as spawn needs it."""

import os
import sys
import threading
import time

import sabir


def protocol_of(data):
    return ord(bytes(data)[1:2])


def written_protocols(queue):
    """Puts the protocols that this process's default reducer, context and connections write."""
    import sabir.managers
    left, right = sabir.Pipe()
    left.send([1])
    pipe = protocol_of(right.recv_bytes())
    simple = sabir.SimpleQueue()
    simple.put([1])
    queued = protocol_of(simple._reader.recv_bytes())
    listener = sabir.Listener(('127.0.0.1', 0))
    client = sabir.Client(listener.address)
    client.send([1])
    connection = protocol_of(listener.accept().recv_bytes())
    listener.close()
    queue.put((pipe, queued, connection, repr(sabir.context._default_context._current())))


def stock_protocol(queue):
    """Puts the protocol that the standard library's own pipe writes here."""
    import multiprocessing
    left, right = multiprocessing.Pipe()
    left.send([1])
    queue.put(protocol_of(right.recv_bytes()))


def echo(queue, answers):
    """Puts back what it gets until None."""
    while True:
        item = queue.get()
        answers.put(item)
        if item is None:
            break


def use_connection(connection):
    """Answers one message on a connection that was handed over."""
    connection.send(('child', connection.recv(), type(connection).__module__))
    connection.close()


def use_proxy(proxy):
    """Changes a shared dict."""
    proxy['child'] = os.getpid()


def meet(barrier):
    """Waits until as many as the barrier is for are here at once."""
    barrier.wait(60)
    return True


def keep_barrier(barrier):
    """Initializer of workers that `meet_kept`."""
    global kept
    kept = barrier


def meet_kept(_):
    """As `meet`, at the barrier that the worker was started with."""
    return meet(kept)


def rename(_):
    """From now on, here, the name of `double` means another function; says what it said before."""
    global double
    before = double

    def double(number):
        return 100 * number
    return before(1)


def double(number):
    return 2 * number


def die(number):
    os.kill(os.getpid(), 9)


def leave(number):
    sys.exit(0)


def wait_and_double(number):
    time.sleep(0.05)
    return 2 * number


class Unreadable(Exception):
    """Pickles well, and cannot be unpickled."""

    def __init__(self, one, two):
        super(Unreadable, self).__init__(one)


def raise_unreadable(number):
    raise Unreadable(1, 2)


class Point(object):
    def __init__(self, x):
        self.x = x


def reduce_point(point):
    return make_point, (point.x + 100,)


def make_point(x):
    return Point(x)


def put_point(queue):
    """Puts a Point by what was registered in the parent."""
    queue.put(Point(1))


def put_many(queue, count):
    """Puts numbers and ends at once."""
    for number in range(count):
        queue.put(number)
    queue.close()


class UnreadableArgument(object):
    """Can be unpickled in the process that pickled it only."""

    def __reduce__(self):
        return _only_in, (os.getpid(),)


def _only_in(pid):
    if os.getpid() != pid:
        raise RuntimeError('not here')
    return UnreadableArgument()


class Slim(sabir.Process):
    """A process that leaves behind what cannot be pickled."""

    def __init__(self, queue):
        super(Slim, self).__init__()
        self.queue = queue
        self.lock = threading.Lock()

    def __getstate__(self):
        return dict((name, value) for name, value in self.__dict__.items() if name != 'lock')

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = 'made anew'

    def run(self):
        """Puts what became of the lock."""
        self.queue.put(self.lock if isinstance(self.lock, str) else 'inherited')


def put_copy(queue, proxy):
    """Puts what a shared list holds."""
    queue.put(proxy[:])


def put_new_list(queue, address, key):
    """Makes a shared list, puts it and ends, so that nobody but the message refers to it."""
    from sabir import managers
    manager = managers.SyncManager(address, authkey=key)
    manager.connect()
    sabir.current_process().authkey = key
    queue.put(manager.list(['left behind']))


class Faulty(object):
    """Raises errors of two kinds, from within a function."""

    def explode(self):
        self._deep_inside()

    def _deep_inside(self):
        raise KeyError('there is no such thing')

    def explode_unsendable(self):
        raise Unsendable('with a lock', threading.Lock())


class Unsendable(Exception):
    """Cannot be pickled."""


def take_lock(lock):
    """Takes and gives back a lock."""
    with lock:
        pass


def written_further_down(queue):
    """Puts the protocols that a pool's worker and a manager's server write, both started by this child, and the task's."""
    pool = sabir.Pool(1)
    worker = pool.apply(written_here)
    task = protocol_of(pool._inqueue.reducer.dumps([1], pool._inqueue._writer.peer))
    pool.terminate()
    pool.join()
    manager = sabir.Manager()
    connection = sabir.Client(manager.address, authkey=manager._authkey)
    connection.send((None, 'number_of_objects', (), {}))
    server = protocol_of(connection.recv_bytes())
    connection.close()
    manager.shutdown()
    queue.put((worker, task, server))


def written_here():
    """The protocol that this process writes."""
    left, right = sabir.Pipe()
    left.send([1])
    return protocol_of(right.recv_bytes())


class Initialled(sabir.Reducer):
    """A reducer of one's own, whose messages begin with a letter."""

    def dumps(self, obj, peer=None):
        return b'I' + bytes(sabir.Reducer.dumps(self, obj))

    def loads(self, data, ctx=None):
        if bytes(data[:1]) != b'I':
            raise ValueError('another reducer wrote this')
        return sabir.Reducer.loads(self, bytes(data[1:]), ctx)


def first_byte_written(queue):
    """Puts the first bytes that a pipe and a manager of this process write."""
    left, right = sabir.Pipe()
    left.send([1])
    manager = sabir.Manager()
    shared = manager.dict(a=1)
    queue.put((bytes(right.recv_bytes()[:1]), shared.copy()))
    manager.shutdown()
