"""`multiprocessing.reduction`, and the reducers of this package."""

from multiprocessing import reduction as _stock

from ._stock import fill
from .reducers import *  # noqa: F401,F403

fill(globals(), _stock)
