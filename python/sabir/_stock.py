"""What differs between the versions of the standard library, so that no other module has to ask."""

import sys
import time

PY2 = sys.version_info[0] == 2
WINDOWS = sys.platform == 'win32'

if PY2:
    import cPickle as pickle
    import copy_reg as copyreg
    import Queue as queue
    from multiprocessing import AuthenticationError, BufferTooShort, ProcessError, TimeoutError
    from multiprocessing.forking import assert_spawning
    from multiprocessing.process import AuthenticationString

    monotonic = time.time
    text_types = (str, unicode)  # noqa: F821

    def spawning():
        """Whether this thread pickles for a child that is being started: never, 2.7 forks."""
        return False
else:
    import copyreg
    import pickle
    import queue
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


# `queue.Empty` says since 3.7 that its module is `_queue`, which no older Python has. Pickled by its public name it is found
# by all; the class is the same.
if queue.Empty.__module__ == '_queue':
    queue.Empty.__module__ = 'queue'

__all__ = ['PY2', 'WINDOWS', 'AuthenticationError', 'AuthenticationString', 'BufferTooShort', 'ProcessError',
           'TimeoutError', 'assert_spawning', 'copyreg', 'fill', 'monotonic', 'pickle', 'queue', 'spawning', 'text_types']
