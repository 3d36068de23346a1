"""`multiprocessing.dummy` itself: threads need no bytes."""

import sys
from multiprocessing import dummy as _stock
from multiprocessing.dummy import connection as _connection

sys.modules[__name__ + '.connection'] = _connection
# Last: a module of 2.7 that nobody holds any more loses its names.
sys.modules[__name__] = _stock
