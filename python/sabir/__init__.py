"""Sabir: `multiprocessing` with a settable serializer, that talks to every Python from 2.7 on.

    import sabir as mp
    ctx = mp.get_context('spawn', reducer=mp.Pickle(protocol=2))

What the standard library's package has is here, and `Client`, `Listener`, `BaseManager`, `NamespaceProxy` and the rest as
well, of this module for the default reducer and of each context for its own. `sabir.reducer = ...` sets the default.
"""

import sys

from . import context
from .context import AuthenticationError, BufferTooShort, Process, ProcessError, TimeoutError  # noqa: F401
from .reducers import (CBOR, JSON, Adaptive, CloudPickle, Dill, MessagePack, Pickle, Reducer, Restricted,  # noqa: F401
                       register)

# The default reducer of this process; assign another at any time.
reducer = Adaptive()

SUBDEBUG = 5
SUBWARNING = 25

# What is imported when it is first asked for, as (module, name): `import sabir` takes about as long as
# `import multiprocessing`.
_LATER = {
    'BrokenPool': ('pool', 'BrokenPool'),
    'Client': ('connection', 'Client'), 'Connection': ('connection', 'Connection'),
    'Listener': ('connection', 'Listener'), 'wait': ('connection', 'wait'),
    'Gateway': ('gateway', 'Gateway'), 'serve': ('gateway', 'serve'),
    'BaseManager': ('managers', 'BaseManager'), 'BaseProxy': ('managers', 'BaseProxy'),
    'NamespaceProxy': ('managers', 'NamespaceProxy'), 'SyncManager': ('managers', 'SyncManager'),
    'install': ('_install', 'install'), 'uninstall': ('_install', 'uninstall'),
}
if sys.version_info >= (3, 8):
    _LATER['SharedMemoryManager'] = 'managers', 'SharedMemoryManager'
_MODULES = ('connection', 'managers', 'pool', 'process', 'queues', 'reduction', 'util')

# The functions of the package are those of the default context.
_functions = [_name for _name in dir(type(context._default_context)) if not _name.startswith('_') and _name not in _LATER
              and _name not in _MODULES + ('Process', 'SharedMemoryManager', 'reducer')]
globals().update((_name, getattr(context._default_context, _name)) for _name in _functions)

__all__ = sorted(set(_functions) | set(_LATER) | set((
    'Process', 'Adaptive', 'CBOR', 'CloudPickle', 'Dill', 'JSON', 'MessagePack', 'Pickle', 'Reducer', 'Restricted', 'register')))


def _later(name):
    """What `sabir.name` is, imported now."""
    module, name_there = (name, None) if name in _MODULES else _LATER.get(name, (None, None))
    if module is None:
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    __import__(__name__ + '.' + module)
    found = sys.modules[__name__ + '.' + module]
    if name_there is not None:
        found = getattr(found, name_there)
        setattr(sys.modules[__name__], name, found)
    return found


def __dir__():
    return sorted(set(sys.modules[__name__].__dict__) | set(_LATER) | set(_MODULES))


if sys.version_info >= (3, 7):
    __getattr__ = _later
else:
    import types as _types

    class _Package(_types.ModuleType):
        """A module that imports on demand, which no plain module of these versions can."""

        def __getattr__(self, name):
            return _later(name)

        def __dir__(self):
            return __dir__()

    if sys.version_info[0] > 2:
        sys.modules[__name__].__class__ = _Package
    else:
        # A module of 2.7 cannot change its class; the one that was begun must be held, or its functions lose their names.
        _package = _Package(__name__, __doc__)
        _package.__dict__.update(sys.modules[__name__].__dict__, _begun=sys.modules[__name__])
        sys.modules[__name__] = _package
