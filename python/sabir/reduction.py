"""How objects become bytes: the reducers that a context, connection, queue, pool or manager can be given.

All of `multiprocessing.reduction` is here too. A reducer of your own is a `Reducer` with `get_pickler_class` and
`get_unpickler_class`, any subclass of CPython's `AbstractReducer`, or a module with `dumps` and `loads`.
"""

import io
import pickle as _python_pickle
import sys

from . import _peer
from ._stock import PY2, copyreg, fill, pickle

if not PY2:
    from multiprocessing import reduction as _stock_reduction
    from multiprocessing.reduction import *  # noqa: F401,F403
    from multiprocessing.reduction import AbstractReducer, ForkingPickler  # noqa: F401

_STOCK = b'multiprocessing'
_UNKNOWN = _peer.Peer()
# Names that newer Pythons write and this one may lack, with what it may have instead.
_MOVED = {
    ('_queue', 'Empty'): ('queue', 'Empty'),
    ('queue', 'ShutDown'): ('queue', 'Empty'),
    ('re', 'PatternError'): ('re', 'error'),
}
_MOVED_MODULES = {'pathlib._local': 'pathlib', 'numpy._core': 'numpy.core', 'numpy.core': 'numpy._core'}


class Reducer(object):
    """Objects to bytes and back. `protocol` is the pickle protocol that is always written, None to follow the peer.

    Subclasses replace `get_pickler_class` and `get_unpickler_class`, or `dumps` and `loads` if they do not pickle at all.
    """

    protocol = None
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
        if self._plain_unpickler() and _STOCK not in bytes(data):
            return _load_plain(data)
        return _load(self.get_unpickler_class(), data, ctx)

    def dumps_for_child(self, obj):
        """`obj` for a process that this one starts: by the same pickler, at the highest protocol."""
        return self._pickle(obj, pickle.HIGHEST_PROTOCOL)

    def loads_for_child(self, data):
        """What `dumps_for_child` wrote."""
        return _load(self.get_unpickler_class(), data, None)

    def _pickle(self, obj, protocol):
        return _dump(self.get_pickler_class(), obj, protocol, self._registered)

    def _plain_unpickler(self):
        return type(self).get_unpickler_class is Reducer.get_unpickler_class

    def __repr__(self):
        protocol = '' if self.protocol is None else 'protocol=%d' % self.protocol
        return '%s(%s)' % (type(self).__name__, protocol)


class Pickle(Reducer):
    """Pickle at a fixed `protocol`, by default the highest that this Python knows."""

    def __init__(self, protocol=None):
        if protocol is None:
            protocol = pickle.HIGHEST_PROTOCOL
        if not 0 <= protocol <= pickle.HIGHEST_PROTOCOL:
            raise ValueError('protocol must be 0 to %d here, not %r' % (pickle.HIGHEST_PROTOCOL, protocol))
        self.protocol = protocol


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

    def _plain_unpickler(self):
        return False

    def loads(self, data, ctx=None):
        _refuse_extensions(bytes(data), self.allow)
        return _load(self.get_unpickler_class(), data, ctx, self.allow)


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
    _process_wide[type] = reduce
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


class _Classes(Reducer):
    """A foreign object with `get_pickler_class` and, perhaps, `get_unpickler_class`."""

    def __init__(self, given):
        self._given = given
        self.protocol = getattr(given, 'protocol', None)

    def get_pickler_class(self):
        return self._given.get_pickler_class()

    def get_unpickler_class(self):
        get = getattr(self._given, 'get_unpickler_class', None)
        return Reducer.get_unpickler_class(self) if get is None else get()


class _Abstract(Reducer):
    """CPython's `AbstractReducer`: what its `ForkingPickler` has as `dumps` and `loads` is what is written and read.

    Its `dump`, which would start children, is not used: in the shape that people copy it raises. Children are started with
    the standard pickler, and use this reducer from then on.
    """

    def __init__(self, given):
        self._given = given

    def dumps(self, obj, peer=_UNKNOWN):
        return self._given.ForkingPickler.dumps(obj)

    def loads(self, data, ctx=None):
        loads = self._given.ForkingPickler.loads
        if PY2 or loads is ForkingPickler.loads:
            return Reducer.loads(self, data, ctx)
        return loads(data)


class _Module(_Other):
    """A module such as `marshal`, or any object, with `dumps` and `loads`."""

    def __init__(self, given):
        self._given = given
        self._name = getattr(given, '__name__', None) if isinstance(given, type(sys)) else None

    def dumps(self, obj, peer=_UNKNOWN):
        return self._given.dumps(obj)

    def loads(self, data, ctx=None):
        return self._given.loads(bytes(data))


def _need(module):
    try:
        __import__(module)
    except ImportError:
        raise ImportError('this reducer needs the package %r; install it, or choose another reducer' % module)
    return sys.modules[module]


# What `register` was told, for children that do not inherit memory.
_process_wide = {}


def process_wide():
    """What was registered for the whole process."""
    return dict(_process_wide)


if PY2:
    def _dump(pickler, obj, protocol, registered):
        if pickler is _python_pickle.Pickler and not registered and not _process_wide:
            return pickle.dumps(obj, protocol)

        class Registering(pickler):
            dispatch = dict(pickler.dispatch)

        for source in (_process_wide, registered or {}):
            for type_, reduce_ in source.items():
                Registering.dispatch[type_] = _saver(reduce_)
        file = io.BytesIO()
        Registering(file, protocol).dump(obj)
        return file.getvalue()

    def _saver(reduce):
        def save(self, obj):
            self.save_reduce(*reduce(obj), obj=obj)
        return save

    from . import _reader27

    def _load_plain(data):
        if data[:1] == '\x80' and data[1:2] > '\x02':
            return _as_str(_reader27.Unpickler(io.BytesIO(data)).load())
        return _as_str(pickle.loads(data))

    def _as_str(obj):
        """The standard library's managers of 2.7 want the text of a traceback as `str`, which 3.x does not write."""
        if type(obj) is tuple and len(obj) == 2 and obj[0] in ('#TRACEBACK', '#UNSERIALIZABLE') and isinstance(
                obj[1], unicode):  # noqa: F821
            return obj[0], obj[1].encode('utf-8')
        return obj

    def _load(unpickler, data, ctx, allow=None):
        modern = data[:1] == '\x80' and data[1:2] > '\x02'
        if modern and unpickler is _python_pickle.Unpickler:
            unpickler = _reader27.Unpickler
        if unpickler is _python_pickle.Unpickler:
            # cPickle's cannot be subclassed; a function takes the place of find_class.
            reader = pickle.Unpickler(io.BytesIO(data))
            reader.find_global = lambda module, name: _find(_import, module, name, ctx, allow, 2)
            return _as_str(reader.load())

        class Finding(unpickler):
            def find_class(self, module, name):
                return _find(lambda m, n: unpickler.find_class(self, m, n), module, name, ctx, allow, 2)

        return _as_str(Finding(io.BytesIO(data)).load())

    def _import(module, name):
        __import__(module)
        return getattr(sys.modules[module], name)

    def _modern(module, name):
        return _reader27.names(module, name)
else:
    import _compat_pickle

    def _dump(pickler, obj, protocol, registered):
        file = io.BytesIO()
        writer = pickler(file, protocol)
        table = dict(getattr(writer, 'dispatch_table', None) or copyreg.dispatch_table)
        table.update(ForkingPickler._extra_reducers)
        if registered:
            table.update(registered)
        writer.dispatch_table = table
        writer.dump(obj)
        return file.getbuffer()

    def _load_plain(data):
        data = _as_4(data)
        try:
            return pickle.loads(data)
        except (UnicodeDecodeError, ImportError, AttributeError, pickle.UnpicklingError):
            # Once more, with the names of other versions and the strings of 2.7.
            return _load(pickle.Unpickler, data, None)

    def _as_4(data):
        """3.6 and 3.7 refuse protocol 5, which 3.14 writes; but for `bytearray`, that is protocol 4 by another number."""
        if pickle.HIGHEST_PROTOCOL < 5 and bytes(data[:2]) == b'\x80\x05':
            return b'\x80\x04' + bytes(data[2:])
        return data

    def _load(unpickler, data, ctx, allow=None):
        data = _as_4(data)
        protocol = data[1] if bytes(data[:1]) == b'\x80' else 0

        class Finding(unpickler):
            def find_class(self, module, name):
                return _find(super().find_class, module, name, ctx, allow, protocol)

        try:
            return Finding(io.BytesIO(data)).load()
        except (UnicodeDecodeError, pickle.UnpicklingError) as error:
            refused = isinstance(error, pickle.UnpicklingError) and 'invalid load key' not in str(error)
            if not issubclass(pickle.Unpickler, unpickler) or refused:
                raise
            return type('Finding', (_TolerantUnpickler,), {
                'find_class': lambda self, module, name: _find(
                    lambda m, n: _TolerantUnpickler.find_class(self, m, n), module, name, ctx, allow, protocol),
            })(io.BytesIO(data)).load()

    def _modern(module, name):
        if (module, name) in _compat_pickle.NAME_MAPPING:
            return _compat_pickle.NAME_MAPPING[module, name]
        return _compat_pickle.IMPORT_MAPPING.get(module, module), name

    class _TolerantUnpickler(_python_pickle._Unpickler):
        """Reads what 2.7 wrote: a `str` that is not ASCII is text if it is UTF-8, else bytes.

        The state of dates, times and arrays is always bytes. In Python, thus slow, and used only where the quick one failed.
        """

        dispatch = dict(_python_pickle._Unpickler.dispatch)

        def _decode_string(self, value):
            return _Str2(value)

        def load(self):
            return _settled(super().load(), {})

        def load_reduce(self):
            args = self.stack[-1]
            func = self.stack[-2]
            self.stack[-1] = tuple(_argument(func, arg) for arg in args)
            super().load_reduce()

        dispatch[_python_pickle.REDUCE[0]] = load_reduce

        def load_bytearray8(self):
            size = int.from_bytes(self.read(8), 'little')
            if size > sys.maxsize:
                raise pickle.UnpicklingError('a bytearray of %d bytes is announced' % size)
            self.append(bytearray(self.read(size)))

        dispatch[0x96] = load_bytearray8

        def load_newobj(self):
            self.stack[-1] = _settled(self.stack[-1], {})
            super().load_newobj()

        dispatch[_python_pickle.NEWOBJ[0]] = load_newobj

        def load_build(self):
            self.stack[-1] = _settled(self.stack[-1], {})
            super().load_build()

        dispatch[_python_pickle.BUILD[0]] = load_build

        def load_inst(self):
            self.stack[:] = [_settled(item, {}) for item in self.stack]
            super().load_inst()

        dispatch[_python_pickle.INST[0]] = load_inst

        def load_obj(self):
            self.stack[1:] = [_settled(item, {}) for item in self.stack[1:]]
            super().load_obj()

        dispatch[_python_pickle.OBJ[0]] = load_obj

    class _Str2(bytes):
        """A `str` of 2.7, before it is known what it is."""

        def __hash__(self):
            return hash(_text(self))

        def __eq__(self, other):
            return _text(self) == (_text(other) if isinstance(other, _Str2) else other)

    def _text(value):
        try:
            return bytes(value).decode('utf-8')
        except UnicodeDecodeError:
            return bytes(value)

    def _argument(func, arg):
        module = getattr(func, '__module__', '') or ''
        binary = module in ('datetime', 'array') or module.startswith('numpy')
        if isinstance(arg, _Str2):
            if binary and not (module == 'array' and len(arg) == 1):
                return bytes(arg)
            return _text(arg)
        return _settled(arg, {})

    def _settled(obj, seen):
        """`obj` with each `_Str2` in its containers and attributes settled; containers keep their identity."""
        if isinstance(obj, _Str2):
            return _text(obj)
        if id(obj) in seen:
            return seen[id(obj)]
        kind = type(obj)
        if kind in (tuple, frozenset):
            return kind(_settled(item, seen) for item in obj)
        if kind is list:
            seen[id(obj)] = obj
            obj[:] = [_settled(item, seen) for item in obj]
        elif kind is set:
            seen[id(obj)] = obj
            items = [_settled(item, seen) for item in obj]
            obj.clear()
            obj.update(items)
        elif kind is dict:
            seen[id(obj)] = obj
            items = [(_settled(key, seen), _settled(value, seen)) for key, value in obj.items()]
            obj.clear()
            obj.update(items)
        elif isinstance(getattr(obj, '__dict__', None), dict) and not isinstance(obj, type):
            seen[id(obj)] = obj
            _settled(obj.__dict__, seen)
        return obj


def _find(resolve, module, name, ctx, allow, protocol):
    """What `module` and `name` in a pickle mean here; `resolve` imports them."""
    known = _modern(module, name) if protocol < 3 else (module, name)
    if allow is not None and not _allowed(known, allow):
        raise pickle.UnpicklingError('%s.%s is not allowed; add it to Restricted(allow=...) if it should be' % known)
    if known[0].startswith('multiprocessing.'):
        from . import managers
        ours = managers.own_name(known[0], known[1], ctx)
        if ours is not None:
            return ours
    try:
        return resolve(*(known if PY2 else (module, name)))
    except (ImportError, AttributeError):
        elsewhere = _elsewhere(known)
        if elsewhere is None:
            raise
        return resolve(*elsewhere)


def _elsewhere(known):
    """Where another version of Python, or of NumPy, has what is called `known`."""
    if known in _MOVED:
        return _MOVED[known]
    module, name = known
    for moved, to in _MOVED_MODULES.items():
        if module == moved or module.startswith(moved + '.'):
            return to + module[len(moved):], name
    return None


def _allowed(known, allow):
    module, name = known
    if '.' in name:
        return module + ':' + name in allow
    return module + '.' + name in allow or module + ':' + name in allow


def _refuse_extensions(data, allow):
    """Extension codes name classes by number, and a class that was once resolved is not asked for again."""
    inverted = copyreg._inverted_registry
    if not inverted:
        return
    import pickletools
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ('EXT1', 'EXT2', 'EXT4') and not _allowed(inverted.get(argument, ('', '')), allow):
            raise pickle.UnpicklingError('the extension code %d is not allowed' % argument)

if not PY2:
    fill(globals(), _stock_reduction)
