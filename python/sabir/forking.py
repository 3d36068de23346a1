"""`multiprocessing.forking` of 2.7 itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import forking as _stock

sys.modules[__name__] = _stock
