"""`multiprocessing.queues` with a settable reducer. An object is pickled by `put`, which raises if that fails: in the
standard library a thread does it and the error is lost (cpython#84376, #79423, #109554)."""

import collections
import errno
import os
import sys
import threading
import traceback
import weakref
from multiprocessing import queues as _stock
from multiprocessing import util

from . import connection
from ._pickling import EmptyMet, load_as_ours
from ._extension import native
from ._stock import PY2, WINDOWS, assert_spawning, fill, monotonic

if PY2:
    from Queue import Empty, Full
else:
    from queue import Empty, Full

__all__ = ['Queue', 'SimpleQueue', 'JoinableQueue']


class _Ends(object):
    """The two ends of a pipe, their locks, and the reducer: what every queue here is made of."""

    def _open(self, ctx, reducer):
        self._ctx = ctx
        self._reader, self._writer = connection.Pipe(duplex=False, reducer=reducer, context=ctx)
        self._rlock = ctx.Lock()
        # Writes to a message pipe of Windows are whole by themselves.
        self._wlock = None if WINDOWS else ctx.Lock()

    @property
    def reducer(self):
        """What makes bytes of the objects of this queue."""
        return self._writer.reducer

    if native:
        def _dumps(self, obj):
            """The bytes of `obj`, or a list of them if it has long ones in it."""
            writer = self._writer
            reducer = writer._reducer or self._ctx._current()
            table = reducer._quick()
            if table is None:
                return reducer.dumps(obj, writer.peer)
            protocol = reducer.protocol
            try:
                pieces = native.pickle(obj, writer.peer.reads if protocol is None else protocol, table)
            except EmptyMet:
                return reducer.dumps(obj, writer.peer)
            return pieces[0] if len(pieces) == 1 else pieces

        def _loads(self, data):
            reducer = self._reader._reducer or self._ctx._current()
            if reducer._quick() is None:
                return reducer.loads(data, self._ctx)
            return native.unpickle(data, load_as_ours, self._ctx)
    else:
        def _dumps(self, obj):
            return self._writer.reducer.dumps(obj, self._writer.peer)

        def _loads(self, data):
            return self._reader.reducer.loads(data, self._ctx)

    def _send(self, data):
        send = self._writer.send_gathered if isinstance(data, list) else self._writer.send_bytes
        if self._wlock is None:
            send(data)
        else:
            with self._wlock:
                send(data)

    def _send_many(self, messages):
        if self._wlock is None:
            self._writer.send_many(messages)
        else:
            with self._wlock:
                self._writer.send_many(messages)


class SimpleQueue(_Ends, _stock.SimpleQueue):
    """A pipe with locks: `put` writes, `get` reads."""

    def __init__(self, ctx=None, reducer=None):
        self._open(ctx or connection._default(), reducer)
        self._bind()

    def _bind(self):
        self._poll = self._reader.poll

    def empty(self):
        """Whether `get` would wait."""
        return not self._poll()

    def close(self):
        """Close both ends."""
        self._reader.close()
        self._writer.close()

    def put(self, obj):
        """Write an object; waits while the pipe is full."""
        self._send(self._dumps(obj))

    def get(self):
        """The next object."""
        return self._loads(self._receive())

    def _receive(self):
        self._rlock.acquire()
        try:
            return self._reader.recv_bytes()
        finally:
            self._rlock.release()

    def __getstate__(self):
        assert_spawning(self)
        return self._ctx, self._reader, self._writer, self._rlock, self._wlock

    def __setstate__(self, state):
        self._ctx, self._reader, self._writer, self._rlock, self._wlock = state
        self._bind()


class Queue(_Ends, _stock.Queue):
    """A queue of processes; a thread writes what `put` has pickled, so that `put` does not wait for the pipe.

    `on_error` is 'raise', or 'print' for a program that counts on it that `put` does not raise what pickling raises: then it
    is written to standard error and the object is left out, as in the standard library.
    """

    on_error = 'raise'

    def __init__(self, maxsize=0, ctx=None, reducer=None, on_error=None):
        ctx = ctx or connection._default()
        if maxsize <= 0:
            maxsize = _sem_value_max()
        if on_error is not None:
            self.on_error = on_error
        self._maxsize = maxsize
        self._open(ctx, reducer)
        self._opid = os.getpid()
        self._ignore_epipe = False
        self._sem = ctx.BoundedSemaphore(maxsize)
        self._reset()
        if not WINDOWS:
            util.register_after_fork(self, Queue._reset)

    def __getstate__(self):
        assert_spawning(self)
        return (self._ctx, self._maxsize, self._reader, self._writer, self._rlock, self._wlock, self._sem, self._opid,
                self._ignore_epipe, self.on_error)

    def __setstate__(self, state):
        (self._ctx, self._maxsize, self._reader, self._writer, self._rlock, self._wlock, self._sem, self._opid,
         self._ignore_epipe, self.on_error) = state
        self._reset()
        if not WINDOWS:
            util.register_after_fork(self, Queue._reset)

    def _reset(self, after_fork=False):
        self._notempty = threading.Condition(threading.Lock())
        self._buffer = collections.deque()
        # Has something in it while the thread waits, or is about to.
        self._idle = []
        self._thread = None
        self._jointhread = None
        self._joincancelled = False
        self._closed = False
        self._close = None
        self._poll = self._reader.poll

    def put(self, obj, block=True, timeout=None):
        """Add an object; raises `Full` if there is no room within `timeout`, and whatever pickling it raises."""
        self._check_open()
        data = self._dumps_or_tell(obj)
        if data is None:
            return
        if not self._sem.acquire(block, timeout):
            raise Full
        self._append(data)

    def get(self, block=True, timeout=None):
        """The next object; raises `Empty` if there is none within `timeout`."""
        self._check_open()
        if block and timeout is None:
            self._rlock.acquire()
            try:
                data = self._reader.recv_bytes()
                self._sem.release()
            finally:
                self._rlock.release()
            return self._loads(data)
        deadline = monotonic() + timeout if block else None
        if not self._rlock.acquire(block, timeout):
            raise Empty
        try:
            if not self._poll(max(0.0, deadline - monotonic()) if block else 0.0):
                raise Empty
            data = self._reader.recv_bytes()
            self._sem.release()
        finally:
            self._rlock.release()
        return self._loads(data)

    def empty(self):
        """Whether `get` would wait."""
        return not self._poll()

    def close(self):
        """No more objects from this process; what was put is still written."""
        self._closed = True
        if PY2:
            self._reader.close()
        close, self._close = self._close, None
        if close:
            close()

    def _check_open(self):
        if self._closed:
            if PY2:
                raise AssertionError('queue is closed')
            raise ValueError('Queue {0!r} is closed'.format(self))

    def _dumps_or_tell(self, obj):
        """The bytes of `obj`; None if a subclass, as that of concurrent.futures, or standard error was told of the error."""
        try:
            return self._dumps(obj)
        except Exception as error:
            tell = type(self)._on_queue_feeder_error
            if self.on_error == 'raise' and tell is Queue._on_queue_feeder_error:
                raise
            tell(error, obj)
            return None

    @staticmethod
    def _on_queue_feeder_error(e, obj):
        """Prints the error of an object that is left out; the standard library's hook, of the same name."""
        traceback.print_exc()

    def _append(self, data):
        if self._thread is None:
            with self._notempty:
                if self._thread is None:
                    self._start_thread()
        self._buffer.append(data)
        # The thread says that it is idle before it looks into the buffer for the last time.
        if self._idle:
            with self._notempty:
                self._notempty.notify()

    def _start_thread(self):
        self._buffer.clear()
        thread = threading.Thread(target=_feed, name='QueueFeederThread', args=(
            self._buffer, self._notempty, self._idle, self._send_many, self._reader.close, self._writer.close, self._ignore_epipe, self._sem))
        thread.daemon = True
        self._thread = thread
        try:
            thread.start()
        except BaseException:
            self._thread = None
            raise
        if not self._joincancelled:
            self._jointhread = util.Finalize(thread, _join, [weakref.ref(thread)], exitpriority=-5)
        self._close = util.Finalize(self, _stop, [self._buffer, self._notempty], exitpriority=10)


class JoinableQueue(Queue, _stock.JoinableQueue):
    """A queue whose `join` waits until `task_done` was called for every object."""

    def __init__(self, maxsize=0, ctx=None, reducer=None, on_error=None):
        ctx = ctx or connection._default()
        Queue.__init__(self, maxsize, ctx=ctx, reducer=reducer, on_error=on_error)
        self._unfinished_tasks = ctx.Semaphore(0)
        self._cond = ctx.Condition()

    def __getstate__(self):
        return Queue.__getstate__(self), self._cond, self._unfinished_tasks

    def __setstate__(self, state):
        base, self._cond, self._unfinished_tasks = state
        Queue.__setstate__(self, base)

    def put(self, obj, block=True, timeout=None):
        """As `Queue.put`, and one more object that `join` waits for."""
        self._check_open()
        data = self._dumps_or_tell(obj)
        if data is None:
            return
        if not self._sem.acquire(block, timeout):
            raise Full
        with self._cond:
            self._append(data)
            self._unfinished_tasks.release()


def _feed(buffer, notempty, idle, send, close_reader, close_writer, ignore_epipe, sem):
    """Writes what was put, until `_stop`: all that waits at once. Only bytes here: nothing is left that could fail for one
    object alone."""
    wait, take = notempty.wait, buffer.popleft
    while True:
        if not buffer:
            with notempty:
                idle.append(True)
                while not buffer:
                    wait()
                del idle[:]
        # Nobody else takes from the buffer.
        batch = [take() for _ in range(min(len(buffer), _TOGETHER))]
        ends = batch[-1] is _END
        if ends:
            del batch[-1]
        try:
            send(batch)
        except Exception as error:
            if ignore_epipe and getattr(error, 'errno', 0) == errno.EPIPE:
                return
            # At exit the pipe may be gone before the thread is.
            util.info('error in queue thread: %s', error)
            if not _exiting():
                for _ in batch:
                    sem.release()
                sys.stderr.write('sabir: %d objects put into a queue were lost: %s\n' % (len(batch), error))
        if ends:
            close_reader()
            close_writer()
            return


def _exiting():
    return util._exiting if PY2 else util.is_exiting()


def _join(reference):
    thread = reference()
    if thread is not None:
        thread.join()


def _stop(buffer, notempty):
    with notempty:
        buffer.append(_END)
        notempty.notify()


def _sem_value_max():
    if PY2:
        import _multiprocessing
        return _multiprocessing.SemLock.SEM_VALUE_MAX
    from multiprocessing.synchronize import SEM_VALUE_MAX
    return SEM_VALUE_MAX


# The most messages that are written without letting others write.
_TOGETHER = 256
_END = object()

fill(globals(), _stock)
