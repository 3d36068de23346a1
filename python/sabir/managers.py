"""`multiprocessing.managers` with a settable reducer.

What leaves the process is named as the standard library names it, so that a stock peer can hold it and pass it on; what
arrives becomes an object of this module again.
"""

import os
import sys
import traceback
from multiprocessing import current_process, util
from multiprocessing import managers as _stock
from multiprocessing.managers import *  # noqa: F401,F403
from multiprocessing.managers import Namespace, RemoteError, State, Token, Value, dispatch, public_methods  # noqa: F401

from . import _peer, connection
from ._auth import handshake
from ._bound import BoundType, bind
from ._stock import PY2, AuthenticationError, AuthenticationString, TimeoutError, copyreg, fill, spawning  # noqa: F401

# The keys of managers that this process is connected to. A proxy that arrives from elsewhere names an address but brings no
# key, and the standard library then tries the process's own (cpython#139801, #78740).
_keys = {}


# Clients that may wait at once to be accepted by a server.
_BACKLOG = 128


class Serializer(str):
    """The name under which the standard library finds our `Listener` and `Client`, and a child finds the reducer."""

    def __reduce__(self):
        return serializer_of, (self.context, self.timeout)

    def listener(self, address=None, family=None, backlog=_BACKLOG, authkey=None):
        """A listener of the context, with room for many who come at once (cpython#88321)."""
        return self.context.Listener(address, family, max(backlog, _BACKLOG), authkey)

    def client(self, address, family=None, authkey=None):
        """A connection of the context, with the deadlines of the manager."""
        conn = self.context.Client(address, family, authkey, timeout=self.timeout)
        conn.recv_timeout = conn.send_timeout = self.timeout
        return conn


def serializer_of(context, timeout=None):
    """The `Serializer` of `context`, entered in the standard library's table; `timeout` is for each call, in seconds."""
    known = context.__dict__.setdefault('_serializers', {})
    found = known.get(timeout)
    if found is None:
        found = Serializer('sabir-%x-%s' % (id(context), timeout))
        found.context, found.timeout = context, timeout
        known[timeout] = found
        _stock.listener_client[found] = (found.listener, found.client)
    return found


def _serializer(given, context, timeout=None):
    """`given` unless it is the standard library's name for pickle."""
    return serializer_of(context or connection._default(), timeout) if given == 'pickle' else given


class _Answering(object):
    """A client's connection as its server sees it: a 2.7 insists that a traceback is a `str`, which bytes are there."""

    def __init__(self, conn):
        self._conn = conn

    def __getattr__(self, name):
        return getattr(self._conn, name)

    def send(self, reply):
        kind, result = reply
        if self._conn.peer.python2 and kind in ('#TRACEBACK', '#UNSERIALIZABLE'):
            reply = kind, result.encode('ascii', 'backslashreplace')
        self._conn.send(reply)


class Server(_stock.Server):
    """The server of a manager. A peer that does not answer the challenge is dropped after 20 seconds."""

    def handle_request(self, c):
        """Handles a new connection: one request, or many after `accept_connection`."""
        request = None
        try:
            try:
                handshake(c, self.authkey, True, connection.HANDSHAKE_TIMEOUT)
            except Exception as error:
                util.info('a peer was dropped in the handshake: %r', error)
                return
            if not PY2 and isinstance(c, connection.Connection):
                c = _Answering(c)
            try:
                request = c.recv()
                ignore, name, args, kwds = request
                if name not in self.public:
                    raise AssertionError('%r unrecognized' % (name,))
                reply = ('#RETURN', getattr(self, name)(c, *args, **_names(kwds)))
            except SystemExit:
                return
            except Exception:
                reply = ('#TRACEBACK', traceback.format_exc())
            try:
                c.send(reply)
            except Exception as error:
                try:
                    c.send(('#TRACEBACK', traceback.format_exc()))
                except Exception:
                    pass
                util.info('the reply to %r could not be sent: %r', request, error)
        finally:
            c.close()


    # Methods that proxies of another version of Python call by the name they have there.
    fallback_mapping = dict(_stock.Server.fallback_mapping)
    fallback_mapping.update({
        '__getslice__': lambda self, conn, ident, obj, i, j: obj[i:j],
        '__setslice__': lambda self, conn, ident, obj, i, j, items: obj.__setitem__(slice(i, j), items),
        '__delslice__': lambda self, conn, ident, obj, i, j: obj.__delitem__(slice(i, j)),
        'has_key': lambda self, conn, ident, obj, key: key in obj,
    })


class Iterator(object):
    """An iterator that has the method of 2.7 and that of 3.x, whoever calls it."""

    def __init__(self, iterator):
        self._iterator = iterator

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._iterator)

    next = __next__

    def __getattr__(self, name):
        return getattr(self._iterator, name)


def _method_at(server_exposes, name):
    """What a method is called by a server. One of 2.7 says that its iterators have both names, and they have `next`."""
    if name in ('next', '__next__') and server_exposes:
        return 'next' if 'next' in server_exposes else '__next__'
    return name


def _names(kwds):
    return dict((str(name), value) for name, value in kwds.items())


class BaseManager(BoundType('_BaseManager', (_stock.BaseManager,), {})):
    """A manager whose messages are made by the reducer of its context, or by its own `reducer`.

    `timeout` is how long connecting, and the answer to each call of its proxies, may take, in seconds, before
    `TimeoutError`; None waits. After it the proxy can be used again, but what was asked for may have been done.
    """

    _context = None
    _Server = Server

    def __init__(self, address=None, authkey=None, serializer='pickle', ctx=None, reducer=None, timeout=None, **more):
        context = ctx or self._context or connection._default()
        if reducer is not None:
            context = context.get_context(reducer=reducer)
        if sys.version_info[0] > 2:
            more['ctx'] = context
        super(BaseManager, self).__init__(address, authkey, _serializer(serializer, context, timeout), **more)

    def get_server(self):
        """The server itself, with `serve_forever()` and `address`."""
        if self._state.value != State.INITIAL:
            raise AssertionError('the server was started or shut down before')
        return type(self)._Server(self._registry, self._address, self._authkey, self._serializer)

    def connect(self):
        """Connect to the server at the address."""
        super(BaseManager, self).connect()
        _remember(self._address, self._authkey)

    def start(self, initializer=None, initargs=()):
        """Start a process with the server."""
        super(BaseManager, self).start(initializer, initargs)
        _remember(self._address, self._authkey)
        # The server is of our own Python: no need to find out what it reads.
        _peer.at(self._address).reads = _peer.own().reads

    @classmethod
    def register(cls, typeid, callable=None, proxytype=None, exposed=None, method_to_typeid=None, create_method=True):
        """Register a type; a proxy of the standard library's kind is given our way of connecting."""
        proxytype = _adapted(proxytype) if proxytype is not None else AutoProxy
        super(BaseManager, cls).register(typeid, callable, proxytype, exposed, method_to_typeid, create_method)


def _remember(address, authkey):
    try:
        _keys[address] = authkey
    except TypeError:
        pass


class BaseProxy(BoundType('_BaseProxy', (_stock.BaseProxy,), {})):
    """A proxy that pickles as a stock one, knows the key of a manager it was connected to, and whose results may be proxies
    even if it came without a manager (cpython#85826, #99595)."""

    def __init__(self, token, serializer, manager=None, authkey=None, *args, **kwds):
        serializer = _serializer(serializer, None)
        if authkey is None and manager is None:
            authkey = _keys.get(token.address)
        self._server_exposes = kwds.get('exposed') or (args[0] if args else None) or ()
        super(BaseProxy, self).__init__(token, serializer, manager, authkey, *args, **kwds)

    def _callmethod(self, methodname, args=(), kwds={}):
        """Call a method of the referent; a connection that broke is not used again (cpython#87495)."""
        if self._manager is None:
            self._manager = _Elsewhere(self._authkey)
        self._leave_parents_connection()
        try:
            return super(BaseProxy, self)._callmethod(_method_at(self._server_exposes, methodname), args, kwds)
        except TimeoutError:
            # The answer may still come, and would be taken for that of the next call.
            self._hang_up()
            raise
        except (EOFError, IOError, OSError):
            self._forget_broken()
            raise

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

    def __reduce__(self):
        cls = type(self)
        kwds = {}
        if spawning():
            kwds['authkey'] = self._authkey
            if getattr(self, '_isauto', False):
                kwds['exposed'] = self._exposed_
                cls = AutoProxy
            return _rebuild_for_child, (self._serializer.context, cls, self._token, kwds, self._serializer.timeout)
        if getattr(self, '_isauto', False):
            kwds['exposed'] = self._exposed_
            stock = _stock.AutoProxy
        else:
            stock = cls.__dict__.get('_stock', cls)
        return _stock.RebuildProxy, (stock, self._token, 'pickle', kwds)


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
        return self._Registry(SyncManager._registry)


def RebuildProxy(func, token, serializer, kwds):
    """A proxy out of a pickle, or the shared object itself where this process is its server."""
    return _stock.RebuildProxy(func, token, _serializer(serializer, None), kwds)


def _rebuild_in(context):
    def rebuild(func, token, serializer, kwds):
        return _stock.RebuildProxy(func, token, _serializer(serializer, context), kwds)
    return rebuild


def _rebuild_for_child(context, cls, token, kwds, timeout=None):
    return _stock.RebuildProxy(cls, token, serializer_of(context, timeout), kwds)


def AutoProxy(token, serializer, manager=None, authkey=None, exposed=None, incref=True, **more):
    """A proxy with the methods that the server exposes."""
    serializer = _serializer(serializer, None)
    if authkey is None:
        authkey = manager._authkey if manager is not None else _keys.get(token.address) or current_process().authkey
    if exposed is None:
        conn = _stock.listener_client[serializer][1](token.address, authkey=authkey)
        try:
            exposed = dispatch(conn, None, 'get_methods', (token,))
        finally:
            conn.close()
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


def _adapted(proxytype, _cache={}):
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
    """The type of what `_adapted` makes, which has no name to be found by."""


def _reduce_adapted(cls):
    return _adapted, (cls._stock,)


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
            '_stock': cls, '__module__': __name__, '__doc__': cls.__doc__})


_make_proxies()
IteratorProxy._exposed_ = ('__next__', 'next', 'send', 'throw', 'close')  # noqa: F821

if sys.version_info[0] == 2:
    # Servers of 3.x know slices only as arguments; those of 2.7 know both.
    ListProxy.__getslice__ = lambda self, i, j: self._callmethod('__getitem__', (slice(i, j),))  # noqa: F821
    ListProxy.__setslice__ = lambda self, i, j, items: self._callmethod('__setitem__', (slice(i, j), items))  # noqa: F821
    ListProxy.__delslice__ = lambda self, i, j: self._callmethod('__delitem__', (slice(i, j),))  # noqa: F821


class SyncManager(BaseManager, _stock.SyncManager):
    """The manager of `sabir.Manager()`: dicts, lists, queues, locks and the rest."""


for _typeid, (_callable, _exposed, _to_typeid, _proxytype) in list(_stock.SyncManager._registry.items()):
    SyncManager.register(_typeid, _callable, _adapted(_proxytype), _exposed, _to_typeid,
                         create_method=hasattr(_stock.SyncManager, _typeid))
SyncManager.register('Iterator', Iterator, IteratorProxy, create_method=False)  # noqa: F821

if hasattr(_stock, 'SharedMemoryManager'):
    class SharedMemoryServer(Server, _stock.SharedMemoryServer):
        """The server of a `SharedMemoryManager`."""

    class SharedMemoryManager(BaseManager, _stock.SharedMemoryManager):
        """A manager of blocks of shared memory."""

        _Server = SharedMemoryServer

        def get_server(self):
            """The server itself, with `serve_forever()` and `address`."""
            return BaseManager.get_server(self)


def own_name(module, name, ctx):
    """What the standard library's `module` and `name`, met in a pickle, are here; None if they are what they are."""
    if module == 'multiprocessing.managers':
        if name == 'RebuildProxy':
            return _rebuild_in(ctx)
        if name == 'AutoProxy':
            return AutoProxy
        cls = getattr(_stock, name, None)
        return _ours.get(cls) if isinstance(cls, type) else None
    if module == 'multiprocessing.connection' and name == 'rebuild_connection' and hasattr(connection, '_rebuild'):
        return lambda *args: connection._rebuild(ctx, *args)
    return None


def bound(context):
    """The managers of `context`: what `ctx.managers` is."""
    return _Bound(context)


class _Bound(object):
    """This module with the classes that belong to one context."""

    def __init__(self, context):
        self._of = context

    def __getattr__(self, name):
        found = globals()[name] if name in globals() else None
        if found is None:
            raise AttributeError('sabir.managers has no %r' % name)
        if isinstance(found, BoundType) and issubclass(found, BaseManager):
            found = bind(found, self._of)
        self.__dict__[name] = found
        return found

fill(globals(), _stock)
