"""The standard library's own `multiprocessing` of this process, made to use a reducer; for programs whose imports must stay."""

import threading
from multiprocessing import connection as _stock
from multiprocessing import process as _process

from . import _auth, _peer, context
from ._stock import PY2, spawning
from .reducers import as_reducer, for_child

# What was replaced, as (owner, name, what it was or _ABSENT), the latest last.
_replaced = []
_ABSENT = object()
# The reducer that is installed, as it was given.
_installed = None


def install(reducer=None):
    """Make `multiprocessing` use `reducer`, by default `sabir.reducer`: its connections, queues, pools and managers, those of
    modules imported before included, and those of child processes. Another call replaces the reducer."""
    global _installed
    uninstall()
    given = context.package().reducer if reducer is None else reducer
    chosen = as_reducer(given)
    _replace(context.package(), 'reducer', given)
    _installed = given
    if PY2:
        _install_27()
    else:
        _install_3(chosen)


def uninstall():
    """Undo `install`; connections that are open keep what they were made with on 2.7."""
    global _installed
    while _replaced:
        owner, name, was = _replaced.pop()
        if was is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, was)
    _installed = None


def _replace(owner, name, value):
    _replaced.append((owner, name, owner.__dict__.get(name, _ABSENT)))
    setattr(owner, name, value)


def _install_27():
    """The type of connections there is compiled and cannot be changed, but it is looked up by name."""
    import _multiprocessing

    from .connection import Connection
    _replace(_multiprocessing, 'Connection', Connection)


def _install_3(reducer):
    from multiprocessing.reduction import ForkingPickler

    stock_dumps, stock_loads = ForkingPickler.__dict__['dumps'].__func__, ForkingPickler.loads

    def dumps(cls, obj, protocol=None):
        if cls is not ForkingPickler:
            return stock_dumps(cls, obj, protocol)
        # Queues and pools, whose two ends are processes of ours.
        return reducer.dumps(obj, _peer.own())

    def send(self, obj):
        self._check_closed()
        self._check_writable()
        self._send_bytes(memoryview(reducer.dumps(obj, _peer_of(self))))

    def recv(self):
        data = self.recv_bytes()
        _peer_of(self).wrote(data)
        return loads(data)

    def loads(data, **more):
        return reducer.loads(data, context._default_context)

    def reduce(self, _protocol=None):
        if spawning():
            return _rebuild, (for_child(_installed), self.__class__, self.__dict__)
        return object.__reduce_ex__(self, 2)

    _replace(ForkingPickler, 'dumps', classmethod(_outermost(dumps, stock_dumps)))
    _replace(ForkingPickler, 'loads', staticmethod(_outermost(loads, stock_loads)))
    _replace(_stock._ConnectionBase, 'send', send)
    _replace(_stock._ConnectionBase, 'recv', recv)
    _replace(_stock, 'answer_challenge', _answer)
    _replace(_process.BaseProcess, '__reduce_ex__', reduce)


def _outermost(replacement, original):
    """`replacement`; but `original` for calls from within it, since an `AbstractReducer` may use these very methods."""
    inside = threading.local()

    def call(*args, **more):
        if getattr(inside, 'now', False):
            return original(*args, **more)
        inside.now = True
        try:
            return replacement(*args, **more)
        finally:
            inside.now = False
    return call


def _peer_of(connection):
    peer = connection.__dict__.get('peer')
    if peer is None:
        peer = connection.peer = _peer.Peer()
    return peer


def _answer(connection, authkey, **more):
    _peer_of(connection)
    _auth.answer_challenge(connection, authkey)


def _rebuild(reducer, cls, members):
    """In a child that was started anew: install there as well."""
    if _installed is None:
        install(reducer)
    process = cls.__new__(cls)
    process.__dict__.update(members)
    return process
