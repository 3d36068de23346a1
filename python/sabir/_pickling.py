"""Pickles, written and read: names and strings of every version, and proxies that become those of a context."""

import pickle as _python_pickle
import sys

from ._extension import native as _native
from ._stock import PY2, copyreg, pickle

if PY2:
    from cStringIO import StringIO as BytesIO
else:
    import collections.abc
    from io import BytesIO
    from multiprocessing.reduction import ForkingPickler

# What only the names that become ours have in them. To search for it is quicker than to be asked for each name, but only in
# messages that are short.
_STOCK = (b'multiprocessing.connection', b'multiprocessing.managers')
_SHORT = 2048
# Names that newer Pythons write and this one may lack, with what it may have instead.
_MOVED = {
    ('_queue', 'Empty'): ('queue', 'Empty'),
    ('queue', 'ShutDown'): ('queue', 'Empty'),
    ('re', 'PatternError'): ('re', 'error'),
}
_MOVED_MODULES = {'pathlib._local': 'pathlib', 'numpy._core': 'numpy.core', 'numpy.core': 'numpy._core'}
# What `sabir.register` was told, for children that do not inherit memory.
process_wide_table = {}


if PY2:
    def dump_with(pickler, obj, protocol, registered):
        """`obj` as bytes by `pickler`, with what was registered for the process and for one reducer."""
        if pickler is _python_pickle.Pickler and not registered and not process_wide_table:
            return pickle.dumps(obj, protocol)

        class Registering(pickler):
            dispatch = dict(pickler.dispatch)

        for source in (process_wide_table, registered or {}):
            for type_, reduce_ in source.items():
                Registering.dispatch[type_] = _saver(reduce_)
        file = BytesIO()
        Registering(file, protocol).dump(obj)
        return file.getvalue()

    def _saver(reduce):
        def save(self, obj):
            self.save_reduce(*reduce(obj), obj=obj)
        return save

    def _as_str(obj):
        """The standard library's managers of 2.7 want the text of a traceback as `str`, which 3.x does not write."""
        if type(obj) is tuple and len(obj) == 2 and obj[0] in ('#TRACEBACK', '#UNSERIALIZABLE') and isinstance(
                obj[1], unicode):  # noqa: F821
            return obj[0], obj[1].encode('utf-8')
        return obj

    def load(unpickler, data, ctx, allow=None):
        """The object in `data`, read by `unpickler`, with names as `_find` understands them."""
        modern = data[:1] == '\x80' and data[1:2] > '\x02'
        if modern and unpickler is _python_pickle.Unpickler:
            unpickler = _reader27().Unpickler
        if unpickler is _python_pickle.Unpickler:
            # cPickle's cannot be subclassed; a function takes the place of find_class.
            reader = pickle.Unpickler(BytesIO(data))
            reader.find_global = lambda module, name: _find(_import, module, name, ctx, allow, 2)
            return _as_str(reader.load())

        class Finding(unpickler):
            def find_class(self, module, name):
                return _find(lambda m, n: unpickler.find_class(self, m, n), module, name, ctx, allow, 2)

        return _as_str(Finding(BytesIO(data)).load())

    def _import(module, name):
        __import__(module)
        return getattr(sys.modules[module], name)

    def _reader27():
        # Imported when a 3.x is first met.
        from . import _reader27
        return _reader27

    def _modern(module, name):
        return _reader27().names(module, name)

    def with_public_names(data):
        """As it is: this Python writes what it reads."""
        return data

    table_of = load_as_ours = load_with_buffers = EmptyMet = None

    def locks_for_child():
        """Nothing: children inherit what they need."""
        return {}
else:
    import _compat_pickle

    def dump_with(pickler, obj, protocol, registered):
        """`obj` as bytes by `pickler`, with what was registered for the process and for one reducer."""
        if pickler is pickle.Pickler:
            return _dump(obj, protocol, registered)
        file = BytesIO()
        if isinstance(pickler.__dict__.get('dispatch_table'), collections.abc.Mapping):
            # The compiled pickler reads a table of its class once, when it is made: too early to set one on the instance.
            tables = [registered or {}, ForkingPickler._extra_reducers, pickler.dispatch_table]
            pickler = type(pickler.__name__, (pickler,), {'dispatch_table': collections.ChainMap(*tables)})
            pickler(file, protocol).dump(obj)
            return file.getbuffer()
        writer = pickler(file, protocol)
        own = getattr(writer, 'dispatch_table', None)
        table = dict(copyreg.dispatch_table if own is None else own)
        table.update(ForkingPickler._extra_reducers)
        if registered:
            table.update(registered)
        writer.dispatch_table = table
        writer.dump(obj)
        return file.getbuffer()

    def _dump(obj, protocol, registered):
        table = table_of(registered)
        try:
            if _native:
                pieces = _native.pickle(obj, protocol, table)
                return pieces[0] if len(pieces) == 1 else b''.join(pieces)
            file = BytesIO()
            writer = pickle.Pickler(file, protocol)
            writer.dispatch_table = table
            writer.dump(obj)
            return file.getbuffer()
        except EmptyMet:
            # Rare, so that the slow pickler may write it.
            file = BytesIO()
            writer = _PublicNames(file, protocol)
            writer.dispatch_table = dict(copyreg.dispatch_table)
            writer.dispatch_table.update(ForkingPickler._extra_reducers)
            writer.dispatch_table.update(registered or {})
            writer.dump(obj)
            return file.getbuffer()

    def table_of(registered):
        """What reduces the objects of a type: that of one reducer, of the process, and `copyreg`'s, as they are when asked."""
        if not _refused:
            empty = _private_empty()
            if empty is not None:
                _refused[empty] = _refuse_empty
        if registered:
            return _Table(_refused, registered, ForkingPickler._extra_reducers, copyreg.dispatch_table)
        return _table

    class _PureTable(dict):
        """Empty, so that each type is looked for in the dictionaries it was made with."""

        def __init__(self, *dictionaries):
            super().__init__()
            self._dictionaries = dictionaries

        def __missing__(self, type):
            for dictionary in self._dictionaries:
                if type in dictionary:
                    return dictionary[type]
            raise KeyError(type)

    # What the compiled pickler does not write as it should be.
    _refused = {}
    _Table = _native.Table if _native else _PureTable
    _table = _Table(_refused, ForkingPickler._extra_reducers, copyreg.dispatch_table)

    def locks_for_child():
        """What refuses a lock of a fork context that goes to a child which is started anew. Up to 3.10 it is sent as an
        address, and the child crashes (cpython#77377)."""
        module = sys.modules.get('multiprocessing.synchronize')
        if module is None or sys.version_info >= (3, 11):
            return {}
        return dict.fromkeys((module.Lock, module.RLock, module.Semaphore, module.BoundedSemaphore), _named_lock)

    def _named_lock(lock):
        if lock._semlock.name is None:
            raise RuntimeError('a lock of a fork context cannot go to a process of a spawn or forkserver context; make both '
                               'with the same context')
        return lock.__reduce_ex__(2)

    def _private_empty():
        """`queue.Empty`, if it says that its module is `_queue`, as it does since 3.7: no older Python has that."""
        module = sys.modules.get('queue')
        return module.Empty if module is not None and module.Empty.__module__ == '_queue' else None

    class EmptyMet(BaseException):
        """There is a `queue.Empty` in the message, which `dump_with` can write."""

    def _refuse_empty(obj):
        raise EmptyMet

    class _PublicNames(_python_pickle._Pickler):
        """Names `queue.Empty` as every Python knows it. The compiled pickler asks nobody for the name of a class."""

        def _save_class(self, obj):
            if obj is not _private_empty():
                self.save_type(obj)
                return
            if self.proto >= 4:
                self.save('queue')
                self.save('Empty')
                self.write(_python_pickle.STACK_GLOBAL)
            else:
                self.write(_PUBLIC_EMPTY if self.proto < 3 else b'cqueue\nEmpty\n')
            self.memoize(obj)

        # Its own, since `dill` puts itself into that of the standard library when it is imported.
        dispatch = dict((type_, getattr(_python_pickle._Pickler, 'save_' + name)) for type_, name in (
            (type(None), 'none'), (bool, 'bool'), (int, 'long'), (float, 'float'), (bytes, 'bytes'), (str, 'str'),
            (tuple, 'tuple'), (list, 'list'), (dict, 'dict'), (set, 'set'), (frozenset, 'frozenset'),
            (type(lambda: None), 'global')))
        dispatch[type] = _save_class
        if hasattr(_python_pickle, 'PickleBuffer'):
            dispatch[bytearray] = _python_pickle._Pickler.save_bytearray
            dispatch[_python_pickle.PickleBuffer] = _python_pickle._Pickler.save_picklebuffer

    def with_public_names(data):
        """A pickle by another's pickler, with `queue.Empty` named as 2.7 knows it if the protocol is one of 2.7's."""
        if _PRIVATE_EMPTY not in data or bytes(data[:2]) not in (b'\x80\x02', b'\x80\x01') and data[:1] == b'\x80':
            return data
        import pickletools
        pieces, copied = [], 0
        for opcode, argument, position in pickletools.genops(data):
            if opcode.name == 'GLOBAL' and argument == '_queue Empty':
                pieces += [data[copied:position], _PUBLIC_EMPTY]
                copied = position + len(_PRIVATE_EMPTY)
        return b''.join(pieces + [data[copied:]])

    _PRIVATE_EMPTY, _PUBLIC_EMPTY = b'c_queue\nEmpty\n', b'cQueue\nEmpty\n'

    def _as_4(data):
        """3.6 and 3.7 refuse protocol 5, which 3.14 writes; but for `bytearray`, that is protocol 4 by another number."""
        if pickle.HIGHEST_PROTOCOL < 5 and bytes(data[:2]) == b'\x80\x05':
            return b'\x80\x04' + bytes(data[2:])
        return data

    def load(unpickler, data, ctx, allow=None):
        """The object in `data`, read by `unpickler`, with names as `_find` understands them."""
        data = _as_4(data)
        if unpickler is not pickle.Unpickler or allow is not None:
            return _load_as_ours(unpickler, data, ctx, allow)
        if _native:
            return _native.unpickle(data, load_as_ours, ctx)
        if len(data) < _SHORT and _STOCK[0] not in data and _STOCK[1] not in data:
            try:
                return pickle.loads(data)
            except (UnicodeDecodeError, ImportError, AttributeError, pickle.UnpicklingError):
                # Once more below, with the names of other versions and the strings of 2.7.
                pass
        return _load_as_ours(unpickler, data, ctx, None)

    def load_as_ours(data, ctx):
        """What `pickle.loads` could not load: with the names and strings of other versions, and the names that are ours."""
        return _load_as_ours(pickle.Unpickler, data, ctx, None)

    def load_with_buffers(unpickler, data, ctx, allow, buffers):
        """The object in `data`, whose buffers are not in it."""
        return _reader(unpickler, data, ctx, allow, buffers=buffers).load()

    def _load_as_ours(unpickler, data, ctx, allow):
        try:
            return _reader(unpickler, data, ctx, allow).load()
        except (UnicodeDecodeError, pickle.UnpicklingError) as error:
            refused = isinstance(error, pickle.UnpicklingError) and 'invalid load key' not in str(error)
            if unpickler is not pickle.Unpickler or refused:
                raise
            from ._reader3 import Unpickler
            return _reader(Unpickler, data, ctx, allow).load()

    def _reader(unpickler, data, ctx, allow, **buffers):
        cls = _finders.get(unpickler)
        if cls is None:
            def find_class(self, module, name):
                return _find(super(cls, self).find_class, module, name, self.ctx, self.allow, self.written)
            cls = _finders[unpickler] = type('Finding', (unpickler,), {'find_class': find_class})
        reader = cls(BytesIO(data), **buffers)
        reader.ctx, reader.allow = ctx, allow
        reader.written = data[1] if data[:1] == b'\x80' else 0
        return reader

    # For each class of unpicklers a subclass that finds names in our way.
    _finders = {}

    def _modern(module, name):
        if (module, name) in _compat_pickle.NAME_MAPPING:
            return _compat_pickle.NAME_MAPPING[module, name]
        return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def _find(resolve, module, name, ctx, allow, protocol):
    """What `module` and `name` in a pickle mean here; `resolve` imports them. With `ctx` False nothing of the standard
    library's becomes ours."""
    if not isinstance(module, str):
        # A broken registry of extensions; what resolves it knows what to raise.
        return resolve(module, name)
    known = _modern(module, name) if protocol < 3 else (module, name)
    if allow is not None and not _allowed(known, allow):
        raise pickle.UnpicklingError('%s.%s is not allowed; add it to Restricted(allow=...) if it should be' % known)
    if ctx is not False and known[0].startswith('multiprocessing.'):
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


def refuse_extensions(data, allow):
    """Extension codes name classes by number, and a class that was once resolved is not asked for again."""
    inverted = copyreg._inverted_registry
    if not inverted:
        return
    import pickletools
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ('EXT1', 'EXT2', 'EXT4') and not _allowed(inverted.get(argument, ('', '')), allow):
            raise pickle.UnpicklingError('the extension code %d is not allowed' % argument)
