"""How objects become bytes: the reducers that a context, connection, queue, pool or manager can be given.

A reducer of your own is a `Reducer` with `get_pickler_class` and `get_unpickler_class`, any subclass of CPython's
`AbstractReducer`, or a module with `dumps` and `loads`.
"""

import pickle as _python_pickle
import sys

from . import _peer
from ._pickling import (dump_with, load, load_with_buffers, locks_for_child, process_wide_table, refuse_extensions,
                        table_of, with_public_names)
from ._stock import PY2, pickle

if not PY2:
    from multiprocessing.reduction import ForkingPickler

__all__ = ['Reducer', 'Pickle', 'Adaptive', 'Restricted', 'CloudPickle', 'Dill', 'JSON', 'MessagePack', 'CBOR', 'register',
           'as_reducer']

_UNKNOWN = _peer.Peer()
# For each class of reducers whether it leaves the work to `Reducer`.
_are_quick = {}


class Reducer(object):
    """Objects to bytes and back. `protocol` is the pickle protocol that is always written, None to follow the peer.

    Subclasses replace `get_pickler_class` and `get_unpickler_class`, or `dumps` and `loads` if they do not pickle at all.
    """

    protocol = None
    # Whether long buffers of protocol 5 may travel beside the pickle: None, to the processes that a context started itself.
    apart = None
    _registered = None

    def get_pickler_class(self):
        """The class whose instances, `cls(file, protocol)`, have `dump(obj)`."""
        return _python_pickle.Pickler if PY2 else pickle.Pickler

    def get_unpickler_class(self):
        """The class whose instances, `cls(file)`, have `load()` and `find_class(module, name)`."""
        return _python_pickle.Unpickler if PY2 else pickle.Unpickler

    def register(self, type, reduce):
        """Objects of exactly this `type` are reduced by `reduce`, with this reducer only."""
        if self._registered is None:
            self._registered = {}
        self._registered[type] = reduce

    def dumps(self, obj, peer=_UNKNOWN):
        """`obj` as bytes that `peer` can read."""
        protocol = self.protocol
        return self._pickle(obj, peer.protocol() if protocol is None else protocol)

    def loads(self, data, ctx=None):
        """The object in `data`; proxies and connections become those of `ctx`."""
        return load(self.get_unpickler_class(), data, ctx)

    def _loads_apart(self, data, ctx, buffers):
        """As `loads`, for a pickle whose buffers came beside it."""
        if type(self).loads is not Reducer.loads:
            raise pickle.UnpicklingError('%r takes no pickles with buffers apart' % (self,))
        return load_with_buffers(self.get_unpickler_class(), data, ctx, None, buffers)

    def dumps_for_child(self, obj):
        """`obj` for a process that this one starts: by the same pickler, at the highest protocol."""
        registered = locks_for_child()
        registered.update(self._registered or {})
        return dump_with(self.get_pickler_class(), obj, pickle.HIGHEST_PROTOCOL, registered)

    def loads_for_child(self, data):
        """What `dumps_for_child` wrote. What is ours has our names there, and a stock connection must stay one."""
        return load(self.get_unpickler_class(), data, False)

    def _quick(self):
        """What the compiled pickler needs to do all this by itself, None where a subclass does some of it."""
        cls = type(self)
        quick = _are_quick.get(cls)
        if quick is None:
            quick = _are_quick[cls] = not PY2 and all(getattr(cls, name) is getattr(Reducer, name) for name in (
                'dumps', 'loads', '_pickle', 'get_pickler_class', 'get_unpickler_class'))
        return table_of(self._registered) if quick else None

    def _pickle(self, obj, protocol):
        return dump_with(self.get_pickler_class(), obj, protocol, self._registered)

    def __repr__(self):
        protocol = '' if self.protocol is None else 'protocol=%d' % self.protocol
        return '%s(%s)' % (type(self).__name__, protocol)


class Pickle(Reducer):
    """Pickle at a fixed `protocol`, by default the highest that this Python knows.

    `apart` says that the other end of a connection has this package too and, on this host, takes long buffers of protocol 5,
    such as those of arrays, beside the pickle and without a copy. By default it is so between the processes of a context.
    """

    def __init__(self, protocol=None, apart=None):
        if protocol is None:
            protocol = pickle.HIGHEST_PROTOCOL
        if not 0 <= protocol <= pickle.HIGHEST_PROTOCOL:
            raise ValueError('protocol must be 0 to %d here, not %r' % (pickle.HIGHEST_PROTOCOL, protocol))
        self.protocol = protocol
        self.apart = apart


class Adaptive(Reducer):
    """Pickle at the highest protocol that the peer is known to read.

    2 to who is unknown; 4 after a `{sha256}` challenge, which comes from 3.12 or newer; more once the peer was seen to
    write it. Between a context's own processes the highest at once.
    """


class CloudPickle(Reducer):
    """Pickle with `cloudpickle`, which must be installed: lambdas and classes of `__main__` travel by value."""

    def __init__(self, protocol=None):
        _need('cloudpickle')
        self.protocol = protocol

    def get_pickler_class(self):
        return _need('cloudpickle').CloudPickler


class Dill(Reducer):
    """Pickle with `dill`, which must be installed."""

    def __init__(self, protocol=None):
        _need('dill')
        self.protocol = protocol

    def get_pickler_class(self):
        return _need('dill').Pickler

    def get_unpickler_class(self):
        return _need('dill').Unpickler


class Restricted(Reducer):
    """Pickle that resolves no name but those in `allow`, strings such as 'shop.orders.Order', compared exactly.

    A name is what the reader would import: `__builtin__.set` of 2.7 is 'builtins.set'. Refused names raise
    `pickle.UnpicklingError`. A dotted name inside a module is written with a colon: 'shop.orders:Order.Line'.
    """

    def __init__(self, allow, protocol=None):
        self.protocol = protocol
        self.allow = frozenset(allow)

    def loads(self, data, ctx=None):
        refuse_extensions(bytes(data), self.allow)
        return load(self.get_unpickler_class(), data, ctx, self.allow)

    def _loads_apart(self, data, ctx, buffers):
        refuse_extensions(bytes(data), self.allow)
        return load_with_buffers(self.get_unpickler_class(), data, ctx, self.allow, buffers)


class _Other(Reducer):
    """Messages that are not pickles. A child is still started with one: its process object is no plain value."""

    _module = None

    def __init__(self):
        _need(self._module)


class JSON(_Other):
    """JSON in UTF-8. Tuples arrive as lists, keys of dictionaries as strings."""

    _module = 'json'

    def dumps(self, obj, peer=_UNKNOWN):
        return _need('json').dumps(obj).encode('utf-8')

    def loads(self, data, ctx=None):
        return _need('json').loads(bytes(data).decode('utf-8'))


class MessagePack(_Other):
    """MessagePack, by the package `msgpack`, which must be installed. Tuples arrive as lists."""

    _module = 'msgpack'

    def dumps(self, obj, peer=_UNKNOWN):
        return _need('msgpack').packb(obj, use_bin_type=True)

    def loads(self, data, ctx=None):
        return _need('msgpack').unpackb(bytes(data), raw=False, strict_map_key=False)


class CBOR(_Other):
    """CBOR, by the package `cbor2`, which must be installed."""

    _module = 'cbor2'

    def dumps(self, obj, peer=_UNKNOWN):
        return _need('cbor2').dumps(obj)

    def loads(self, data, ctx=None):
        return _need('cbor2').loads(bytes(data))


def register(type, reduce):
    """Objects of exactly this `type` are reduced by `reduce`, with every reducer of this process and its children."""
    process_wide_table[type] = reduce
    if not PY2:
        ForkingPickler.register(type, reduce)


def as_reducer(given):
    """The `Reducer` that `given` stands for: itself, an `AbstractReducer` or its like, or a module with dumps and loads."""
    if isinstance(given, Reducer):
        return given
    if hasattr(given, 'get_pickler_class'):
        return _Classes(given)
    if hasattr(given, 'ForkingPickler'):
        return _Abstract(given)
    if hasattr(given, 'dumps') and hasattr(given, 'loads'):
        return _Module(given)
    raise TypeError('a reducer has get_pickler_class(), or ForkingPickler, or dumps() and loads(); %r has none' % (given,))


class _Adapter(Reducer):
    """A reducer of another kind, `_given`. To a child it goes as what it is, a module by its name."""

    def __init__(self, given):
        self._given = given

    def __reduce__(self):
        if isinstance(self._given, type(sys)):
            return _reducer_of_module, (self._given.__name__,)
        return as_reducer, (self._given,)


def _reducer_of_module(name):
    return as_reducer(_need(name))


class _Classes(_Adapter):
    """A foreign object with `get_pickler_class` and, perhaps, `get_unpickler_class`."""

    def __init__(self, given):
        super(_Classes, self).__init__(given)
        self.protocol = getattr(given, 'protocol', None)

    def get_pickler_class(self):
        return self._given.get_pickler_class()

    def get_unpickler_class(self):
        get = getattr(self._given, 'get_unpickler_class', None)
        return Reducer.get_unpickler_class(self) if get is None else get()


class _Abstract(_Adapter):
    """CPython's `AbstractReducer`: what its `ForkingPickler` has as `dumps` and `loads` is what is written and read.

    Its `dump`, which would start children, is not used: in the shape that people copy it raises. Children are started with
    the standard pickler, and use this reducer from then on.
    """

    def dumps(self, obj, peer=_UNKNOWN):
        return with_public_names(self._given.ForkingPickler.dumps(obj))

    def loads(self, data, ctx=None):
        loads = self._given.ForkingPickler.loads
        if PY2 or loads is ForkingPickler.loads:
            return Reducer.loads(self, data, ctx)
        return loads(data)


class _Module(_Adapter):
    """A module such as `marshal`, or any object, with `dumps` and `loads`."""

    def dumps(self, obj, peer=_UNKNOWN):
        return self._given.dumps(obj)

    def loads(self, data, ctx=None):
        return self._given.loads(bytes(data))


def for_child(given):
    """`given` as it can be pickled: a module cannot."""
    return as_reducer(given) if isinstance(given, type(sys)) else given


def _need(module):
    try:
        __import__(module)
    except ImportError:
        raise ImportError('this reducer needs the package %r; install it, or choose another reducer' % module)
    return sys.modules[module]


def process_wide():
    """What was registered for the whole process."""
    return dict(process_wide_table)
