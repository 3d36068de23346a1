"""Sabir: `multiprocessing` with a settable serializer, that talks to every Python from 2.7 on.

    import sabir as mp
    ctx = mp.get_context('spawn', reducer=mp.Pickle(protocol=2))

What the standard library's package has is here, and `Client`, `Listener`, `BaseManager`, `NamespaceProxy` and the rest as
well, of this module for the default reducer and of each context for its own. `sabir.reducer = ...` sets the default.
"""

from .reduction import (CBOR, JSON, Adaptive, CloudPickle, Dill, MessagePack, Pickle, Reducer, Restricted,  # noqa: F401
                        register)

# The default reducer of this process; assign another at any time.
reducer = Adaptive()

from . import connection, context, queues  # noqa: E402,F401
from .connection import Client, Connection, Listener, wait  # noqa: E402,F401
from .pool import BrokenPool  # noqa: E402,F401
from .context import AuthenticationError, BufferTooShort, Process, ProcessError, TimeoutError  # noqa: E402,F401

# 2.7 has no shared memory, though its contexts have the property.
_names = [name for name in dir(context._default_context)
          if not name.startswith('_') and hasattr(context._default_context, name)]
for _name in _names:
    if _name not in ('Client', 'Connection', 'Listener', 'wait', 'Process', 'connection', 'managers', 'reduction', 'reducer',
                     'BaseManager', 'SyncManager', 'SharedMemoryManager', 'BaseProxy', 'NamespaceProxy'):
        globals()[_name] = getattr(context._default_context, _name)

from . import managers  # noqa: E402,F401
from .managers import BaseManager, BaseProxy, NamespaceProxy, SyncManager  # noqa: E402,F401
from ._install import install, uninstall  # noqa: E402,F401

SUBDEBUG = 5
SUBWARNING = 25

__all__ = sorted(set(_names) - set(('connection', 'managers', 'reduction'))) + [
    'Adaptive', 'BrokenPool', 'CBOR', 'CloudPickle', 'Dill', 'JSON', 'MessagePack', 'Pickle', 'Reducer', 'Restricted',
    'install', 'register', 'uninstall']
