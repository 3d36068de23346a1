"""`multiprocessing.popen_spawn_posix` itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import popen_spawn_posix as _stock

sys.modules[__name__] = _stock
