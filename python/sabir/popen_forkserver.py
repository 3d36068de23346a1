"""`multiprocessing.popen_forkserver` itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import popen_forkserver as _stock

sys.modules[__name__] = _stock
