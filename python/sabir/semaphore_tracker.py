"""`multiprocessing.semaphore_tracker` of 3.6 and 3.7 itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import semaphore_tracker as _stock

sys.modules[__name__] = _stock
