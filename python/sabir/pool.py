"""`multiprocessing.pool` that breaks instead of hanging.

A worker that is killed, or leaves by itself, takes its task with it. The standard library starts another worker and waits
for ever (cpython#96062, #87615, #82265, #73945). Here every task that waits fails with `BrokenPool`, and so does each new
one. A result that cannot be unpickled fails its own task (cpython#79492).
"""

import os
import signal
import threading
import time
from multiprocessing import pool as _stock
from multiprocessing.pool import *  # noqa: F401,F403
from multiprocessing.pool import ThreadPool  # noqa: F401

from . import connection
from ._pool_queues import Results, Tasks
from ._stock import PY2, ProcessError, fill

__all__ = ['Pool', 'ThreadPool', 'BrokenPool']

# Seconds between two looks at the workers, and how long one may take to end when it is told to.
_LOOK = 0.1
_PATIENCE = 1.0


class BrokenPool(ProcessError):
    """A worker ended without having been told to; what it worked on is lost and the pool takes no more."""


class Pool(_stock.Pool):
    """A pool of processes of `context`, whose tasks and results travel by its reducer."""

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None, reducer=None):
        if context is None:
            context = connection._default().get_context()
        self._ctx = context if reducer is None else context.get_context(reducer=reducer)
        self._broken = []
        self._workers = []
        # Looked up by the standard library where it makes a worker. No reference to the pool, which would keep it alive.
        self.Process = _recruiter(self._ctx, self._workers, self._broken)
        if PY2:
            super(Pool, self).__init__(processes, initializer, initargs, maxtasksperchild)
        else:
            super(Pool, self).__init__(processes, initializer, initargs, maxtasksperchild, context=self._ctx)
        watch = threading.Thread(target=_watch, name='SabirPoolWatch', args=(
            self._worker_handler, self._workers, self._broken, self._cache, self._inqueue, self._outqueue,
            maxtasksperchild is not None))
        watch.daemon = True
        watch.start()

    def _setup_queues(self):
        self._inqueue = Tasks(ctx=self._ctx)
        self._outqueue = Results(ctx=self._ctx)
        self._quick_put = self._inqueue.quick_put
        self._quick_get = self._outqueue.quick_get

    def _get_sentinels(self):
        # Without the results: whoever minds the workers need not wake for each. The cache tells when there are none left.
        return [self._change_notifier._reader]

    def _guarded_task_generation(self, result_job, func, iterable):
        tasks = super(Pool, self)._guarded_task_generation(result_job, func, iterable)
        # An iterator may take its time with the next item, what a list has is there.
        at_hand = isinstance(self._cache.get(result_job), _stock.MapResult)
        return self._inqueue.gathering(tasks, self._cache) if at_hand else tasks

    def _check(self):
        if self._broken:
            raise BrokenPool(self._broken[0])

    def apply_async(self, func, args=(), kwds={}, *more, **named):
        """`func(*args, **kwds)` in a worker."""
        self._check()
        return super(Pool, self).apply_async(func, args, kwds, *more, **named)

    def map_async(self, *args, **named):
        """As `map`, returning at once."""
        self._check()
        return super(Pool, self).map_async(*args, **named)

    def map(self, *args, **named):
        """`func` of each item."""
        self._check()
        return super(Pool, self).map(*args, **named)

    def imap(self, *args, **named):
        """As `map`, giving the results one by one."""
        self._check()
        return super(Pool, self).imap(*args, **named)

    def imap_unordered(self, *args, **named):
        """As `imap`, in the order in which they are done."""
        self._check()
        return super(Pool, self).imap_unordered(*args, **named)

    if not PY2:
        def starmap(self, *args, **named):
            """As `map`, each item being the arguments."""
            self._check()
            return super().starmap(*args, **named)

        def starmap_async(self, *args, **named):
            """As `starmap`, returning at once."""
            self._check()
            return super().starmap_async(*args, **named)

    @staticmethod
    def _help_stuff_finish(inqueue, task_handler, size):
        # The lock may have died with its holder (cpython#87615); the workers are about to be ended anyhow.
        inqueue._rlock.acquire(True, _PATIENCE)
        while task_handler.is_alive() and not inqueue._reader.closed and inqueue._reader.poll():
            inqueue._reader.recv_bytes()
            time.sleep(0)


class _NoWorker(object):
    """Stands where the standard library puts a new worker of a pool that is broken."""

    name = 'NoWorker'
    exitcode = None
    pid = None
    daemon = True

    def start(self):
        """Nothing to start."""

    def terminate(self):
        """Nothing to end."""

    def join(self, timeout=None):
        """Nothing to wait for."""

    def is_alive(self):
        """It never was."""
        return False


def _recruiter(ctx, workers, broken):
    def recruit(*args, **kwds):
        # Some versions pass the context first.
        kwds_only = not args
        if broken:
            return _NoWorker()
        process = ctx.Process(**kwds) if kwds_only else ctx.Process(*args[1:], **kwds)
        workers.append(process)
        return process
    return recruit


def _watch(handler, workers, broken, cache, inqueue, outqueue, workers_retire):
    """Breaks the pool when a worker ends that should not have."""
    while not _is_terminating(handler):
        for worker in list(workers):
            if worker._popen is None or worker.exitcode is None:
                continue
            if worker.exitcode == 0 and (workers_retire or not handler.is_alive()):
                workers.remove(worker)
                continue
            if _is_terminating(handler):
                return
            broken.append('%s ended with exit code %s; its task is lost and the pool takes no more'
                          % (worker.name, worker.exitcode))
            _end(workers)
            _unblock(inqueue, outqueue)
            for job in list(cache.values()):
                _fail(job, BrokenPool(broken[0]))
            _fail_late(handler, cache, broken[0])
            return
        if not workers and not handler.is_alive():
            return
        time.sleep(_LOOK)


def _is_terminating(handler):
    return handler._state == _stock.TERMINATE


def _end(workers):
    """Ends every worker: one may wait for a lock that died with its holder."""
    until = time.time() + _PATIENCE
    while workers:
        for worker in list(workers):
            if worker._popen is None:
                # Made but not yet started by the thread that makes them.
                if time.time() > until:
                    workers.remove(worker)
                continue
            if worker.exitcode is None:
                late = time.time() > until
                try:
                    os.kill(worker.pid, signal.SIGKILL if late and hasattr(signal, 'SIGKILL') else signal.SIGTERM)
                except OSError:
                    pass
            else:
                workers.remove(worker)
        if workers:
            time.sleep(_LOOK / 10)


def _unblock(inqueue, outqueue):
    """Frees the threads of the pool, which may wait for workers that are no more."""
    inqueue._reader.close()
    for lock in (inqueue._wlock, outqueue._wlock):
        if lock is not None:
            # Not acquired in time: held by the dead. Either way it is free afterwards.
            lock.acquire(True, _PATIENCE)
            try:
                lock.release()
            except (ValueError, AssertionError):
                pass
    # A worker may have died within a result: whoever reads the rest sees the end of the stream instead of waiting.
    outqueue._writer.close()


def _fail(job, error):
    """Ends one task of any kind with `error`."""
    if hasattr(job, '_event') or hasattr(job, 'ready'):
        while not job.ready():
            job._set(0, (False, error))
        return
    with job._cond:
        job._items.append((False, error))
        job._index += 1
        job._length = job._index
        job._cond.notify_all()
        job._cache.pop(job._job, None)


def _fail_late(handler, cache, reason):
    """Tasks that were on their way when the pool broke."""
    while handler.is_alive() and not _is_terminating(handler):
        for job in list(cache.values()):
            _fail(job, BrokenPool(reason))
        time.sleep(_LOOK)

fill(globals(), _stock)
