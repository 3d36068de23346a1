"""What a pool's tasks and results travel through: pipes as `SimpleQueue` is one, with fewer system calls and names in them."""

import collections
import struct
import sys
import types
from multiprocessing import pool as _stock

from ._extension import native
from ._pickling import load_as_ours
from .queues import SimpleQueue

# The most tasks that are written at once, and how many bytes of them do not wait for more.
_TOGETHER = 64
_ENOUGH = 16384
_NUMBERS = struct.Struct('!qq')
# How a task is written, and the length of its function's pickle: that function for each of the arguments by one of these,
# called itself, or all of the task in one pickle.
_FORM = struct.Struct('!BI')
_MAPPERS = [getattr(_stock, name) for name in ('mapstar', 'starmapstar') if hasattr(_stock, name)]
_CALL, _WHOLE = 2, 3
# What a worker has found by their names.
_functions = {}
_MOST_FUNCTIONS = 256


class _Numbered(SimpleQueue):
    """Messages of a task: a pickle, and after it the two numbers of the task, so that it is known whose it is even if it cannot
    be read. An empty message is None."""

    def put(self, obj):
        self._send(self._packed(obj))

    def get(self):
        return self._unpacked(self._receive())

    def _unpacked(self, data):
        if not data:
            return None
        job, index = _NUMBERS.unpack_from(data, len(data) - _NUMBERS.size)
        index = None if index == -1 else index
        try:
            return self._whole(job, index, data)
        except Exception as error:
            return self._failed(job, index, error)

    def _object(self, data, length):
        """What is pickled in the first `length` bytes."""
        reducer = self._reader._reducer or self._ctx._current()
        if native and reducer._quick() is not None:
            # What comes after a pickle does not matter to it.
            return native.unpickle(data, load_as_ours, self._ctx)
        return reducer.loads(data[:length], self._ctx)


def _numbered(data, more, job, index):
    """What is pickled, what belongs to it, and the numbers of the task, of which 2.7 has only one for some."""
    end = more + _NUMBERS.pack(job, -1 if index is None else index)
    return data + [end] if isinstance(data, list) else [data, end]


class Tasks(_Numbered):
    """Tasks: one that a worker cannot read fails by itself, and the worker goes on.

    A function that pickles as its name is in a pickle of its own behind that of its arguments, which is made once for all
    tasks of a job and, as long as the name means the function, read once by each worker: finding names takes longer than
    all else of a small task.
    """

    def __init__(self, *args, **kwds):
        _Numbered.__init__(self, *args, **kwds)
        # Tasks that are to be written together, or None.
        self._gathered = None
        self._gathered_bytes = 0
        # The last function, who pickled it, and its pickle.
        self._last = None, None, b''

    def __setstate__(self, state):
        _Numbered.__setstate__(self, state)
        self._last = None, None, b''

    def quick_put(self, obj):
        """As `put`, where nobody else writes."""
        parts = self._packed(obj)
        if self._gathered is None:
            self._writer.send_gathered(parts)
        else:
            # More parts are those of long objects, which are not copied.
            self._gathered.append((obj[:2], b''.join(parts) if len(parts) <= 2 else parts))
            self._gathered_bytes += sum(map(len, parts))

    def gathering(self, tasks, cache):
        """The same tasks for one who puts each before taking the next: they are written together, more and more at once."""
        most = 1
        try:
            self._gathered = []
            for task in tasks:
                yield task
                if len(self._gathered) >= most or self._gathered_bytes >= _ENOUGH:
                    self._write_gathered(cache)
                    most = min(2 * most, _TOGETHER)
            self._write_gathered(cache)
        finally:
            self._gathered = None

    def _write_gathered(self, cache):
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        try:
            self._writer.send_many([data for _, data in gathered])
        except Exception as error:
            for (job, index), _ in gathered:
                try:
                    cache[job]._set(index, (False, error))
                except KeyError:
                    pass

    def _packed(self, obj):
        if obj is None:
            return []
        job, index, func, args, kwds = obj
        form, value = _CALL, (args, kwds)
        for number, mapper in enumerate(_MAPPERS):
            if func is mapper:
                form, (func, value) = number, args[0]
                break
        name = self._name(func)
        if not name:
            form, value = _WHOLE, obj[2:]
        return _numbered(self._dumps(value), name + _FORM.pack(form, len(name)), job, index)

    def _name(self, func):
        """The pickle of a function that surely pickles as its name, else nothing."""
        reducer = self._writer._reducer or self._ctx._current()
        last, by, name = self._last
        if last is not func or by is not reducer:
            name = b''
            if _is_named(func) and reducer._quick() is not None:
                name = self._dumps(func)
                name = b''.join(name) if isinstance(name, list) else bytes(name)
            self._last = func, reducer, name
        return name

    def _whole(self, job, index, data):
        end = len(data) - _NUMBERS.size - _FORM.size
        form, length = _FORM.unpack_from(data, end)
        value = self._object(data, end - length)
        if form == _WHOLE:
            return (job, index) + tuple(value)
        func = self._function(data[end - length:end])
        if form == _CALL:
            return (job, index, func) + tuple(value)
        return job, index, _MAPPERS[form], ((func, value),), {}

    def _function(self, name):
        func = _functions.get(name)
        if func is None or not _means(func):
            func = self._object(name, len(name))
            if len(_functions) >= _MOST_FUNCTIONS:
                _functions.clear()
            _functions[name] = func
        return func

    @staticmethod
    def _failed(job, index, error):
        return job, index, _raise, (error,), {}


def _is_named(func):
    if type(func) is types.BuiltinFunctionType:
        # Else it is a method of an object.
        return isinstance(func.__self__, types.ModuleType)
    return type(func) is types.FunctionType


def _means(func):
    """Whether the function is still what its name means."""
    module = sys.modules.get(getattr(func, '__module__', None))
    return getattr(module, getattr(func, '__name__', ''), None) is func


def _raise(error):
    raise error


class Results(_Numbered):
    """Results: one that cannot be read here fails its task."""

    def __init__(self, *args, **kwds):
        _Numbered.__init__(self, *args, **kwds)
        self._arrived = collections.deque()

    def quick_get(self):
        """As `get`, where nobody else reads: takes all that has arrived."""
        if not self._arrived:
            self._arrived.extend(self._reader.recv_many())
        return self._unpacked(self._arrived.popleft())

    def put(self, obj):
        # The pipe is closed when the pool is broken and the thread that reads here has ended.
        if not self._writer.closed:
            _Numbered.put(self, obj)

    def _packed(self, obj):
        return [] if obj is None else _numbered(self._dumps(obj[2]), b'', *obj[:2])

    def _whole(self, job, index, data):
        return job, index, self._object(data, len(data) - _NUMBERS.size)

    @staticmethod
    def _failed(job, index, error):
        return job, index, (False, _stock.MaybeEncodingError(error, 'a result that cannot be unpickled here'))
