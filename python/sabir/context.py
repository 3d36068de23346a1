"""Contexts: the whole API of `multiprocessing` and, bound to the context's reducer, what its own contexts lack."""

import multiprocessing as _mp
import sys

from . import reducers as _reducers
from ._bound import bind
from ._stock import PY2, AuthenticationError, BufferTooShort, ProcessError, TimeoutError, fill  # noqa: F401

def package():
    """The package, whose `reducer` is the default. Asked for anew: on 2.7 another module takes its place."""
    return sys.modules[__name__.rpartition('.')[0]]


def _connections():
    # Imported when it is first needed, as in the standard library.
    from . import connection
    return connection


class _Reducing(object):
    """What our contexts add to the standard library's. `reducer` unset follows the default, `sabir.reducer`."""

    _own = None
    _adapted = (None, None)

    @property
    def reducer(self):
        """The reducer as it was set, by default that of the process."""
        return package().reducer if self._own is None else self._own

    @reducer.setter
    def reducer(self, reduction):
        _reducers.as_reducer(reduction)
        self._own = reduction

    def _current(self):
        """The reducer as a `Reducer`."""
        given = self.reducer
        known, adapted = self._adapted
        if known is not given or adapted is None:
            adapted = _reducers.as_reducer(given)
            self._adapted = given, adapted
        return adapted

    @property
    def Connection(self):
        """The class of this context's connections."""
        return self._bound_class('Connection', lambda: _connections().reducible(bind(_connections().Connection, self)))

    @property
    def Listener(self):
        """The class of this context's listeners."""
        return self._bound_class('Listener', lambda: bind(_connections().Listener, self))

    def _bound_class(self, name, make):
        found = self.__dict__.get('_class_' + name)
        if found is None:
            found = self.__dict__['_class_' + name] = make()
        return found

    def Client(self, address, family=None, authkey=None, reducer=None, timeout=None):
        """A connection to the listener at `address`."""
        return _connections().Client(address, family, authkey, reducer, timeout, self)

    def Pipe(self, duplex=True, reducer=None):
        """Two connections that are each other's end."""
        return _connections().Pipe(duplex, reducer, self)

    def wait(self, object_list, timeout=None):
        """Those of `object_list` that can be read within `timeout` seconds."""
        return _connections().wait(object_list, timeout)

    @property
    def connection(self):
        """`sabir.connection` for this context."""
        return self._bound_class('connection', lambda: _BoundConnections(self))

    @property
    def managers(self):
        """`sabir.managers` for this context."""
        from . import managers
        return self._bound_class('managers', lambda: managers.bound(self))

    @property
    def reduction(self):
        """`sabir.reduction`."""
        from . import reduction
        return reduction

    def Queue(self, maxsize=0, reducer=None, on_error=None):
        """A queue of processes."""
        from .queues import Queue
        return Queue(maxsize, ctx=self.get_context(), reducer=reducer, on_error=on_error)

    def JoinableQueue(self, maxsize=0, reducer=None, on_error=None):
        """A queue of processes with `join` and `task_done`."""
        from .queues import JoinableQueue
        return JoinableQueue(maxsize, ctx=self.get_context(), reducer=reducer, on_error=on_error)

    def SimpleQueue(self, reducer=None):
        """A pipe with locks."""
        from .queues import SimpleQueue
        return SimpleQueue(ctx=self.get_context(), reducer=reducer)

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, reducer=None):
        """A pool of processes."""
        from .pool import Pool
        return Pool(processes, initializer, initargs, maxtasksperchild, context=self.get_context(), reducer=reducer)

    def Manager(self, reducer=None):
        """A `SyncManager` whose server runs in a process of its own."""
        manager = self.get_context().managers.SyncManager(reducer=reducer)
        manager.start()
        return manager

    def get_context(self, method=None, reducer=None):
        """The context of `method` ('fork', 'spawn', 'forkserver'), with the same reducer or another."""
        if method is None and reducer is None:
            return self
        return _context_for(self._name if method is None else method, self._own if reducer is None else reducer)

    def __reduce__(self):
        return _context_for, (self._name, _reducers.for_child(self._own))


for _name in ('BaseManager', 'SyncManager', 'SharedMemoryManager', 'BaseProxy', 'NamespaceProxy'):
    setattr(_Reducing, _name, property(lambda self, name=_name: getattr(self.managers, name),
                                       doc='`%s` of `managers`.' % _name))


class _BoundConnections(object):
    """`sabir.connection` with the classes and functions that belong to one context."""

    def __init__(self, context):
        self.Client, self.Listener, self.Connection, self.Pipe = (
            context.Client, context.Listener, context.Connection, context.Pipe)

    def __getattr__(self, name):
        return getattr(_connections(), name)


class _Process(object):
    """A process whose child uses the reducer of its context as its default, however it is started."""

    _context = None

    def __reduce__(self):
        context = self._context or _default_context
        cls = type(self)
        if '_context' in cls.__dict__:
            cls = None
        elif cls is Process:
            cls = 'default'
        registered = _reducers.process_wide()
        own = getattr(self, '__getstate__', None)
        state = context._current().dumps_for_child((cls, self.__dict__ if own is None else own()))
        reducer = _reducers.for_child(context.reducer)
        return _rebuild_process, (reducer, registered, self._name_of_method(), bytes(state))

    def start(self):
        """Start the child. A proxy among its arguments is lent to it: this process forgets them at once (cpython#119937)."""
        proxies = sys.modules.get(package().__name__ + '._proxies')
        for item in tuple(self._args) + tuple(self._kwargs.values()) if proxies is not None else ():
            if isinstance(item, proxies.BaseProxy):
                item._lend()
        super(_Process, self).start()

    def _name_of_method(self):
        return self._context._name if self._context is not None else None

    def _bootstrap(self, *args, **kwds):
        if self._context is not None and self._context._own is not None:
            package().reducer = self._context._own
        return super(_Process, self)._bootstrap(*args, **kwds)


def _rebuild_process(reducer, registered, method, state):
    """In the child: the reducer first, so that all that comes after is of its making."""
    package().reducer = reducer
    for type_, reduce_ in registered.items():
        _reducers.register(type_, reduce_)
    cls, members = _reducers.as_reducer(reducer).loads_for_child(state)
    if cls is None:
        cls = _context_for(method, reducer).Process
    elif cls == 'default':
        cls = Process
    process = cls.__new__(cls)
    if hasattr(process, '__setstate__'):
        process.__setstate__(members)
        return process
    # A class with slots has its state in two parts.
    members, slots = members if isinstance(members, tuple) else (members, {})
    process.__dict__.update(members)
    for name, value in slots.items():
        setattr(process, name, value)
    return process


if PY2:
    class Process(_Process, _mp.Process):
        """`multiprocessing.Process`."""

    class _StockContext(object):
        """2.7 has no contexts; the functions of its package stand for the one it would have."""

        ProcessError, BufferTooShort, TimeoutError, AuthenticationError = (
            ProcessError, BufferTooShort, TimeoutError, AuthenticationError)

        def set_start_method(self, method, force=False):
            raise ValueError('cannot set start method of concrete context')

        def get_start_method(self, allow_none=False):
            return self._name

    for _name in ('current_process', 'active_children', 'freeze_support', 'cpu_count', 'log_to_stderr', 'get_logger',
                  'allow_connection_pickling', 'Lock', 'RLock', 'Semaphore', 'BoundedSemaphore', 'Condition', 'Event',
                  'Value', 'Array', 'RawValue', 'RawArray'):
        setattr(_StockContext, _name, staticmethod(getattr(_mp, _name)))

    class ForkContext(_Reducing, _StockContext):
        """Processes by fork."""

        _name = 'fork'

        @property
        def Process(self):
            """The class of this context's processes."""
            return self._bound_class('Process', lambda: type('Process', (_Process, _mp.Process), {'_context': self}))

    _classes = {'fork': ForkContext}

    class DefaultContext(ForkContext):
        """The context of the package itself."""

        Process = Process

        def set_start_method(self, method, force=False):
            """Only 'fork' is there."""
            _context_for(method, None)

        def get_all_start_methods(self):
            """The start methods of this Python."""
            return ['fork']

        def get_context(self, method=None, reducer=None):
            """The context of `method`, with the default reducer or another."""
            if method is None and reducer is None:
                return self
            return _context_for('fork' if method is None else method, reducer)

        def __reduce__(self):
            return _the_default, ()
else:
    from multiprocessing import context as _stock
    from multiprocessing.context import *  # noqa: F401,F403
    from multiprocessing.context import assert_spawning, get_spawning_popen, reduction, set_spawning_popen  # noqa: F401

    class Process(_Process, _stock.Process):
        """`multiprocessing.Process`."""

        @staticmethod
        def _Popen(process_obj):
            return _default_context.get_context().Process._Popen(process_obj)

    def _popen_forkserver(process_obj):
        from .popen_forkserver import Popen
        return Popen(process_obj)

    _classes = {}

    def _make_contexts():
        for method, concrete in _stock._concrete_contexts.items():
            stock_class = type(concrete)
            name = stock_class.__name__
            cls = type(name, (_Reducing, stock_class), {
                '__module__': __name__, '__doc__': 'Processes by %s.' % method,
                'Process': property(_process_class)})
            globals()[name] = _classes[method] = cls

    def _process_class(context):
        stock_class = type(_stock._concrete_contexts[context._name]).Process

        def make():
            members = {'_context': context, '__module__': __name__}
            if context._name == 'forkserver':
                members['_Popen'] = staticmethod(_popen_forkserver)
            return type(stock_class.__name__, (_Process, stock_class), members)
        return context._bound_class('Process', make)

    _make_contexts()

    class DefaultContext(_Reducing, _stock.DefaultContext):
        """The context of the package itself. Its start method is the standard library's, in both directions."""

        Process = Process

        def __init__(self):
            pass

        def get_context(self, method=None, reducer=None):
            """The context of `method`, with the default reducer or another."""
            if method is None:
                method = _stock._default_context.get_start_method()
            return _context_for(method, reducer)

        def set_start_method(self, method, force=False):
            """Set the start method of the default context, once."""
            _stock._default_context.set_start_method(method, force)

        def get_start_method(self, allow_none=False):
            """The start method of the default context."""
            return _stock._default_context.get_start_method(allow_none)

        def get_all_start_methods(self):
            """The start methods of this system, the default first."""
            return _stock._default_context.get_all_start_methods()

        def __reduce__(self):
            return _the_default, ()


# One context for each start method that follows the default reducer.
_followers = {}


def _context_for(method, reducer):
    if method not in _classes:
        raise ValueError('cannot find context for %r' % (method,))
    if reducer is not None:
        context = _classes[method]()
        context.reducer = reducer
    else:
        if method not in _followers:
            _followers[method] = _classes[method]()
        context = _followers[method]
    if hasattr(context, '_check_available'):
        context._check_available()
    return context


def _default_method():
    """The start method that is in use by default, without choosing it for good."""
    if PY2:
        return 'fork'
    default = _stock._default_context
    return (default._actual_context or default._default_context)._name


def _the_default():
    return _default_context


class _Default(DefaultContext):
    """Its reducer is the package's: `sabir.reducer = ...` and `_default_context.reducer = ...` are the same. One that was set
    on `sabir.get_context()`, for which this stands, goes before it, in connections and managers as in queues and pools."""

    @property
    def reducer(self):
        """The default reducer of this process."""
        meant = _followers.get(_default_method())
        return package().reducer if meant is None or meant._own is None else meant._own

    @reducer.setter
    def reducer(self, reduction):
        _reducers.as_reducer(reduction)
        package().reducer = reduction


_default_context = _Default()


def get_context(method=None, reducer=None):
    """A context of `method`, whose objects use `reducer`; without either, the default context."""
    return _default_context.get_context(method, reducer)

if not PY2:
    fill(globals(), _stock)
