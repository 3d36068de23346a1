"""`multiprocessing.shared_memory`, whose `SharedMemory` has `track` on every Python (the standard library: since 3.13)."""

import sys
from multiprocessing import shared_memory as _stock

if sys.version_info >= (3, 13):
    # Nothing is missing there.
    sys.modules[__name__] = _stock
else:
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import ShareableList

    from ._stock import fill

    __all__ = ['SharedMemory', 'ShareableList']

    class SharedMemory(_stock.SharedMemory):
        """A block of shared memory. With `track=False` no resource tracker knows of it, so that it does not vanish when the
        first of several programs that use it ends (cpython#82300, #129999); who made it must then call `unlink`."""

        def __init__(self, name=None, create=False, size=0, track=True):
            super().__init__(name, create, size)
            self._track = track
            if not track:
                resource_tracker.unregister(self._name, 'shared_memory')

        def unlink(self):
            """Destroy the block once nobody uses it."""
            if not self._track:
                # The tracker is told to forget it once more, and complains of what it does not know.
                resource_tracker.register(self._name, 'shared_memory')
            super().unlink()

    fill(globals(), _stock)
