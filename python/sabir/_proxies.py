"""Proxies of objects in managers: they pickle as those of the standard library, know the key of their manager, and go on after
a fork and after a restart."""

import os
import sys
import threading
from multiprocessing import current_process, util
from multiprocessing import managers as _stock
from multiprocessing.managers import dispatch

from . import connection
from ._bound import BoundType
from ._server import LOAN, TRACEBACK, Server, server_of
from ._stock import PY2, TimeoutError, copyreg, monotonic, spawning

if PY2:
    import collections as _abstract
else:
    import collections.abc as _abstract
    from multiprocessing.pool import RemoteTraceback

# How many clients that come at once may wait for a server.
BACKLOG = 128
# The keys of managers that this process is connected to. A proxy that arrives from elsewhere names an address but brings no
# key, and the standard library then tries the process's own (cpython#139801, #78740).
_keys = {}
# Seconds that a server may take to lend.
_PATIENCE = 5.0
# Servers that do not know how to lend, by address: those of the standard library.
do_not_lend = set()


class Passing(threading.local):
    """What a thread does with the proxies of a message that it reads or writes for asyncio, which must not block in a pickle:
    `arrived` makes one of those that come, from `RebuildProxy`'s arguments; `sent` is told those that go."""

    arrived = sent = None


passing = Passing()


class Serializer(str):
    """The name under which the standard library finds our `Listener` and `Client`, and a child finds the reducer."""

    def __reduce__(self):
        return serializer_of, (self.context, self.timeout, self.backlog)

    def listener(self, address=None, family=None, backlog=1, authkey=None):
        """A listener of the context, with room for many who come at once (cpython#88321)."""
        return self.context.Listener(address, family, self.backlog, authkey)

    def client(self, address, family=None, authkey=None):
        """A connection of the context, with the deadlines of the manager."""
        conn = self.context.Client(address, family, authkey, timeout=self.timeout)
        conn.recv_timeout = conn.send_timeout = self.timeout
        return conn


def serializer_of(context, timeout=None, backlog=BACKLOG):
    """The `Serializer` of `context`, entered in the standard library's table; `timeout` is for each call, in seconds."""
    known = context.__dict__.setdefault('_serializers', {})
    found = known.get((timeout, backlog))
    if found is None:
        found = Serializer('sabir-%x-%s-%s' % (id(context), timeout, backlog))
        found.context, found.timeout, found.backlog = context, timeout, backlog
        known[timeout, backlog] = found
        _stock.listener_client[found] = (found.listener, found.client)
    return found


def named(given, context, timeout=None, backlog=BACKLOG):
    """`given` unless it is the standard library's name for pickle."""
    return serializer_of(context or connection._default(), timeout, backlog) if given == 'pickle' else given


def _method_at(server_exposes, name):
    """What a method is called by a server. One of 2.7 says that its iterators have both names, and they have `next`."""
    if name in ('next', '__next__') and server_exposes:
        return 'next' if 'next' in server_exposes else '__next__'
    return name


def remember(address, authkey):
    try:
        _keys[address] = authkey
    except TypeError:
        pass


def key_of(address):
    """The key of the manager there, if this process has connected to it."""
    return _keys.get(address)


class BaseProxy(BoundType('_BaseProxy', (_stock.BaseProxy,), {})):
    """A proxy that pickles as a stock one, knows the key of a manager it was connected to, and whose results may be proxies
    even if it came without a manager (cpython#85826, #99595)."""

    def __init__(self, token, serializer, manager=None, authkey=None, *args, **kwds):
        serializer = named(serializer, None)
        if authkey is None and manager is None:
            authkey = key_of(token.address)
        self._lent_until = 0
        self._owned_by_manager = False
        self._server_exposes = kwds.get('exposed') or (args[0] if args else None) or ()
        super(BaseProxy, self).__init__(token, serializer, manager, authkey, *args, **kwds)

    def _callmethod(self, methodname, args=(), kwds={}):
        """Call a method of the referent; a connection that broke is not used again (cpython#87495)."""
        if self._manager is None:
            self._manager = _Elsewhere(self._authkey)
        self._leave_parents_connection()
        # The set of what this process refers to has, up to 3.13, one entry for all proxies of an object: another one that is
        # collected now would close the connection.
        held, call = getattr(self, '_idset', None), object()
        try:
            if held is not None:
                held.add(call)
            return super(BaseProxy, self)._callmethod(_method_at(self._server_exposes, methodname), args, kwds)
        except TimeoutError:
            # The answer may still come, and would be taken for that of the next call.
            self._hang_up()
            raise
        except Exception as error:
            if isinstance(error, (EOFError, IOError, OSError)):
                self._forget_broken()
            _tell_cause(error)
            raise
        finally:
            if held is not None:
                held.discard(call)

    def _connect(self):
        super(BaseProxy, self)._connect()
        self._tls.pid = os.getpid()

    def _leave_parents_connection(self):
        """After a plain `os.fork` the connection is the parent's: two who talk on it would get each other's answers
        (cpython#101320)."""
        if getattr(self._tls, 'pid', None) != os.getpid():
            self._hang_up()

    def _hang_up(self):
        held = getattr(self._tls, 'connection', None)
        if held is not None:
            held.close()
            del self._tls.connection

    def _forget_broken(self):
        # The error may have come as a result, over a connection that is well.
        held = getattr(self._tls, 'connection', None)
        if held is not None and (held.closed or _at_end(held)):
            held.close()
            del self._tls.connection

    def _lend(self):
        """Have the server keep the object until who is sent this proxy has read it, even if this process ends first."""
        address, serializer = self._token.address, self._serializer
        if (self._owned_by_manager or not isinstance(serializer, Serializer) or address in do_not_lend
                or monotonic() < self._lent_until):
            return
        try:
            # Whoever pickles must not wait long for a server that does not answer.
            limit = min(_PATIENCE, serializer.timeout or _PATIENCE)
            conn = serializer.context.Client(address, authkey=self._authkey, timeout=limit)
            conn.recv_timeout = limit
            try:
                dispatch(conn, None, 'lend', (self._id,))
            finally:
                conn.close()
            self._lent_until = monotonic() + LOAN / 2
        except Exception as error:
            util.debug('%r was not lent: %r', self._token, error)
            if 'unrecognized' in str(error):
                do_not_lend.add(address)

    def __reduce__(self):
        self._lend()
        cls = type(self)
        kwds = {}
        if spawning():
            kwds['authkey'] = self._authkey
            if getattr(self, '_isauto', False):
                kwds['exposed'] = self._exposed_
                cls = AutoProxy
            serializer = self._serializer
            return _rebuild_for_child, (serializer.context, cls, self._token, kwds, serializer.timeout)
        if getattr(self, '_isauto', False) or cls.__name__ not in vars(_stock) and cls.__module__ == 'sabir.managers':
            # So is what an older standard library has no class for.
            kwds['exposed'] = self._exposed_
            stock = _stock.AutoProxy
        else:
            stock = cls.__dict__.get('_stock', cls)
        return _stock.RebuildProxy, (stock, self._token, 'pickle', kwds)


def _tell_cause(error):
    """Where the server raised it, as the cause of what is raised here; on 2.7 the attribute stays."""
    text = None if PY2 else getattr(error, '__dict__', {}).pop(TRACEBACK, None)
    if text is not None:
        error.__cause__ = RemoteTraceback('\n"""\n%s"""' % text)


def _at_end(held):
    try:
        return held.poll(0)
    except (IOError, OSError):
        return True


class _Elsewhere(object):
    """Stands for the manager of a proxy that came without one."""

    _state = None

    def __init__(self, authkey):
        self._authkey = authkey

    class _Registry(dict):
        def __missing__(self, typeid):
            return None, None, None, AutoProxy

    @property
    def _registry(self):
        from .managers import SyncManager
        return self._Registry(SyncManager._registry)


def RebuildProxy(func, token, serializer, kwds):
    """A proxy out of a pickle, or on 2.7 the shared object itself where this process is its server."""
    return _rebuild(None, func, token, serializer, kwds)


def rebuild_in(context):
    """`RebuildProxy` for messages that `context` reads."""
    def rebuild(func, token, serializer, kwds):
        return _rebuild(context, func, token, serializer, kwds)
    return rebuild


def _rebuild_for_child(context, cls, token, kwds, timeout=None):
    return _rebuild(context, cls, token, serializer_of(context, timeout), kwds)


def _rebuild(context, func, token, serializer, kwds):
    server = server_of(token)
    if passing.arrived is not None and server is None:
        return passing.arrived(func, token, kwds)
    serializer = named(serializer, context)
    if PY2 or not isinstance(server, Server):
        return _stock.RebuildProxy(func, token, serializer, kwds)
    return server.own_proxy(func, token, serializer, **dict(kwds, incref=False))


def AutoProxy(token, serializer, manager=None, authkey=None, exposed=None, incref=True, **more):
    """A proxy with the methods that the server exposes."""
    serializer = named(serializer, None)
    if authkey is None:
        authkey = manager._authkey if manager is not None else key_of(token.address) or current_process().authkey
    if exposed is None:
        conn = _stock.listener_client[serializer][1](token.address, authkey=authkey)
        try:
            exposed = dispatch(conn, None, 'get_methods', (token,))
        finally:
            conn.close()
    if token.typeid == 'set' and '__ior__' in exposed:
        return SetProxy(token, serializer, manager, authkey, exposed, incref, **more)  # noqa: F821
    proxy = MakeProxyType('AutoProxy[%s]' % token.typeid, exposed)(
        token, serializer, manager=manager, authkey=authkey, incref=incref, **more)
    proxy._isauto = True
    return proxy


def MakeProxyType(name, exposed, _cache={}):
    """A class of proxies whose methods are `exposed`."""
    exposed = tuple(exposed)
    if (name, exposed) not in _cache:
        members = dict((str(method), _caller(str(method))) for method in exposed)
        members['_exposed_'] = exposed
        _cache[name, exposed] = BoundType(str(name), (BaseProxy,), members)
    return _cache[name, exposed]


def _caller(method):
    def call(*args, **kwds):
        return args[0]._callmethod(method, args[1:], kwds)
    call.__name__ = method
    return call


def adapted(proxytype, _cache={}):
    """`proxytype`, or a variant of it that is ours, if it is a class made for the standard library's managers."""
    if not isinstance(proxytype, type) or issubclass(proxytype, BaseProxy):
        return AutoProxy if proxytype is _stock.AutoProxy else proxytype
    if not issubclass(proxytype, _stock.BaseProxy):
        return proxytype
    if proxytype in _ours:
        return _ours[proxytype]
    if proxytype not in _cache:
        _cache[proxytype] = _AdaptedType(proxytype.__name__, (BaseProxy, proxytype), {
            '_stock': proxytype, '__module__': proxytype.__module__, '__doc__': proxytype.__doc__})
    return _cache[proxytype]


class _AdaptedType(BoundType):
    """The type of what `adapted` makes, which has no name to be found by."""


def _reduce_adapted(cls):
    return adapted, (cls._stock,)


copyreg.pickle(_AdaptedType, _reduce_adapted)


# Our variant of each of the standard library's proxies.
_ours = {_stock.BaseProxy: BaseProxy}


def _make_proxies():
    module = globals()
    for name in dir(_stock):
        cls = getattr(_stock, name)
        if not isinstance(cls, type) or not issubclass(cls, _stock.BaseProxy) or cls in _ours or name.startswith('_'):
            continue
        module[name] = _ours[cls] = BoundType(name, (BaseProxy, cls), {
            '_stock': cls, '__module__': 'sabir.managers', '__doc__': cls.__doc__})


_make_proxies()
IteratorProxy._exposed_ = ('__next__', 'next', 'send', 'throw', 'close')  # noqa: F821

# The shared types of the newest Python on every one (cpython#142740, #129948, #103134). In-place operators return the proxy.
_IN_PLACE = ('__iadd__', '__imul__', '__ior__', '__iand__', '__ixor__', '__isub__')
_MORE = {
    'ListProxy': (list, ('clear', 'copy')),
    'DictProxy': (dict, ('__ior__', '__or__', '__reversed__', '__ror__', 'fromkeys')),
    'SetProxy': (set, (
        '__and__', '__contains__', '__ge__', '__gt__', '__iand__', '__ior__', '__isub__', '__iter__', '__ixor__', '__le__',
        '__len__', '__lt__', '__or__', '__rand__', '__ror__', '__rsub__', '__rxor__', '__sub__', '__xor__', 'add', 'clear',
        'copy', 'difference', 'difference_update', 'discard', 'intersection', 'intersection_update', 'isdisjoint',
        'issubset', 'issuperset', 'pop', 'remove', 'symmetric_difference', 'symmetric_difference_update', 'union', 'update')),
}


def _in_place(method):
    def call(self, value):
        self._callmethod(method, (value,))
        return self
    call.__name__ = method
    return call


def _complete():
    module = globals()
    if 'SetProxy' not in module:
        module['SetProxy'] = BoundType('SetProxy', (BaseProxy,), {
            '__module__': 'sabir.managers', '__doc__': 'A proxy of a set, which the standard library has since 3.14.'})
    for name, (kind, methods) in _MORE.items():
        cls = module[name]
        exposed = list(getattr(cls, '_exposed_', None) or ())
        for method in methods:
            # A list of 2.7 has no `clear` and `copy`; its server knows what is meant.
            if (hasattr(kind, method) or kind is list) and method not in exposed:
                exposed.append(method)
                setattr(cls, method, (_in_place if method in _IN_PLACE else _caller)(method))
        cls._exposed_ = tuple(exposed)
    for name, kind in (('ListProxy', 'MutableSequence'), ('DictProxy', 'MutableMapping'), ('SetProxy', 'MutableSet')):
        getattr(_abstract, kind).register(module[name])


_complete()

if sys.version_info[0] == 2:
    # Servers of 3.x know slices only as arguments; those of 2.7 know both.
    ListProxy.__getslice__ = lambda self, i, j: self._callmethod('__getitem__', (slice(i, j),))  # noqa: F821
    ListProxy.__setslice__ = lambda self, i, j, items: self._callmethod('__setitem__', (slice(i, j), items))  # noqa: F821
    ListProxy.__delslice__ = lambda self, i, j: self._callmethod('__delitem__', (slice(i, j),))  # noqa: F821


def own_class(name):
    """Our variant of the standard library's `name`, a proxy; None if there is none."""
    if name == 'AutoProxy':
        return AutoProxy
    if name == 'SetProxy':
        return SetProxy  # noqa: F821
    cls = getattr(_stock, name, None)
    return _ours.get(cls) if isinstance(cls, type) else None
