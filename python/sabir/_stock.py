"""What differs between the versions of the standard library, so that no other module has to ask."""

import sys
import time

PY2 = sys.version_info[0] == 2
WINDOWS = sys.platform == 'win32'

if PY2:
    import cPickle as pickle
    import copy_reg as copyreg
    from multiprocessing import AuthenticationError, BufferTooShort, ProcessError, TimeoutError
    from multiprocessing.process import AuthenticationString

    monotonic = time.time
    text_types = (str, unicode)  # noqa: F821

    def spawning():
        """Whether this thread pickles for a child that is being started: never, 2.7 forks."""
        return False

    def assert_spawning(obj):
        """Raises `RuntimeError`, since `obj` is pickled for something else than a child."""
        from multiprocessing.forking import assert_spawning
        assert_spawning(obj)
else:
    import copyreg
    import pickle
    from multiprocessing.context import (AuthenticationError, BufferTooShort, ProcessError, TimeoutError,
                                         assert_spawning, get_spawning_popen)
    from multiprocessing.process import AuthenticationString

    monotonic = time.monotonic
    text_types = (str,)

    def spawning():
        """Whether this thread pickles for a child that is being started."""
        return get_spawning_popen() is not None



def fill(namespace, module):
    """Enters in a module of ours what the standard library's has and ours does not replace."""
    for name, value in vars(module).items():
        if not name.startswith('__'):
            namespace.setdefault(name, value)


__all__ = ['PY2', 'WINDOWS', 'AuthenticationError', 'AuthenticationString', 'BufferTooShort', 'ProcessError',
           'TimeoutError', 'assert_spawning', 'copyreg', 'fill', 'monotonic', 'pickle', 'spawning', 'text_types']
