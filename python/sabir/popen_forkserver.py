"""`multiprocessing.popen_forkserver`, whose `Popen` may be polled by several threads."""

import os
import threading
from multiprocessing import popen_forkserver as _stock
from multiprocessing.connection import wait

from ._stock import fill

__all__ = ['Popen']


class Popen(_stock.Popen):
    """A child of the fork server. Its exit code comes through a pipe, once: the standard library gives 255 to a second thread
    that reads it at the same time."""

    def __init__(self, process_obj):
        self._reading = threading.Lock()
        super().__init__(process_obj)

    def poll(self, flag=os.WNOHANG):
        """The exit code, None if there is none yet and `flag` says not to wait."""
        if self.returncode is None and flag != os.WNOHANG:
            wait([self.sentinel])
        with self._reading:
            return super().poll(os.WNOHANG)


fill(globals(), _stock)
