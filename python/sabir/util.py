"""`multiprocessing.util` itself: it makes no bytes of objects, so there is nothing to change."""

import sys
from multiprocessing import util as _stock

sys.modules[__name__] = _stock
