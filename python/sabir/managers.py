"""`multiprocessing.managers` with a settable reducer.

What leaves the process is named as the standard library names it, so that a stock peer can hold it and pass it on; what
arrives becomes an object of this module again.
"""

from multiprocessing import managers as _stock
from multiprocessing.managers import *  # noqa: F401,F403
from multiprocessing.managers import Namespace, RemoteError, State, Token, Value, dispatch, public_methods  # noqa: F401

from . import _peer, _proxies, connection
from ._bound import BoundType, bind
from ._proxies import BACKLOG, AutoProxy, BaseProxy, MakeProxyType, RebuildProxy, adapted, named, remember  # noqa: F401
from ._server import Iterator, Server
from ._stock import PY2, AuthenticationString, fill  # noqa: F401

globals().update((_name, _cls) for _name, _cls in vars(_proxies).items() if _name.endswith('Proxy'))


class BaseManager(BoundType('_BaseManager', (_stock.BaseManager,), {})):
    """A manager whose messages are made by the reducer of its context, or by its own `reducer`.

    `timeout` is how long connecting, and the answer to each call of its proxies, may take, in seconds, before
    `TimeoutError`; None waits. After it the proxy can be used again, but what was asked for may have been done.
    `backlog` is how many clients that come at once may wait (cpython#88321).
    """

    _context = None
    _Server = Server

    def __init__(self, address=None, authkey=None, serializer='pickle', ctx=None, reducer=None, timeout=None,
                 backlog=BACKLOG, **more):
        context = ctx or self._context or connection._default()
        if reducer is not None:
            context = context.get_context(reducer=reducer)
        if not PY2:
            more['ctx'] = context
        super(BaseManager, self).__init__(address, authkey, named(serializer, context, timeout, backlog), **more)

    def get_server(self):
        """The server itself, with `serve_forever()` and `address`."""
        if self._state.value != State.INITIAL:
            raise AssertionError('the server was started or shut down before')
        return type(self)._Server(self._registry, self._address, self._authkey, self._serializer)

    def connect(self):
        """Connect to the server at the address."""
        super(BaseManager, self).connect()
        remember(self._address, self._authkey)

    def start(self, initializer=None, initargs=()):
        """Start a process with the server."""
        super(BaseManager, self).start(initializer, initargs)
        remember(self._address, self._authkey)
        # The server is of our own Python: no need to find out what it reads.
        _peer.at(self._address).reads = _peer.own().reads

    @classmethod
    def register(cls, typeid, callable=None, proxytype=None, exposed=None, method_to_typeid=None, create_method=True):
        """Register a type; a proxy of the standard library's kind is given our way of connecting."""
        proxytype = adapted(proxytype) if proxytype is not None else AutoProxy
        super(BaseManager, cls).register(typeid, callable, proxytype, exposed, method_to_typeid, create_method)


class SyncManager(BaseManager, _stock.SyncManager):
    """The manager of `sabir.Manager()`: dicts, lists, queues, locks and the rest."""


def _register_all():
    for typeid, (callable_, exposed, to_typeid, proxytype) in list(_stock.SyncManager._registry.items()):
        proxytype = adapted(proxytype)
        if typeid in ('list', 'dict', 'set'):
            exposed = proxytype._exposed_
        SyncManager.register(typeid, callable_, proxytype, exposed, to_typeid,
                             create_method=hasattr(_stock.SyncManager, typeid))
    if 'set' not in _stock.SyncManager._registry:
        # The iterator of a set of 2.7 cannot be pickled.
        SyncManager.register('set', set, SetProxy, method_to_typeid={'__iter__': 'Iterator'} if PY2 else None)  # noqa: F821
    SyncManager.register('Iterator', Iterator, IteratorProxy, create_method=False)  # noqa: F821


_register_all()

if hasattr(_stock, 'SharedMemoryManager'):
    from ._server import SharedMemoryServer

    class SharedMemoryManager(BaseManager, _stock.SharedMemoryManager):
        """A manager of blocks of shared memory."""

        _Server = SharedMemoryServer

        def get_server(self):
            """The server itself, with `serve_forever()` and `address`."""
            return BaseManager.get_server(self)


def own_name(module, name, ctx):
    """What the standard library's `module` and `name`, met in a pickle, are here; None if they are what they are."""
    if module == 'multiprocessing.managers':
        return _proxies.rebuild_in(ctx) if name == 'RebuildProxy' else _proxies.own_class(name)
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
