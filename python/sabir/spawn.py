"""`multiprocessing.spawn` itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import spawn as _stock

sys.modules[__name__] = _stock
