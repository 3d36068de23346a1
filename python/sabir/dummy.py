"""`multiprocessing.dummy` itself: threads need no bytes."""

import sys
from multiprocessing import dummy as _stock
from multiprocessing.dummy import connection as _connection

sys.modules[__name__] = _stock
sys.modules[__name__ + '.connection'] = _connection
