"""`multiprocessing.popen_fork` itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import popen_fork as _stock

sys.modules[__name__] = _stock
