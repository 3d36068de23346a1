"""CPython's own tests of pickling, for what the package writes and reads: a part of `cpython_suite.py`.

`Reduced` are the tests by a reducer; `Tolerant` those of reading by the unpickler that is taken where the compiled one fails
(2.7: for protocols 3 to 5). With the standard library in place of the package, `Reduced` are by `ForkingPickler`.
"""

import json
import os
import struct
import sys
import unittest

from test import pickletester

PY2 = sys.version_info[0] == 2
if PY2:
    import cPickle as pickle
else:
    import pickle

mp = __import__(str(json.loads(os.environ['SABIR_SUITE'])['package']))


class _Errors(object):
    """What a broken pickle may raise, of the unpicklers in Python and in C."""

    error = Exception
    bad_stack_errors = bad_mark_errors = (pickle.UnpicklingError, IndexError, TypeError, AttributeError, EOFError)
    truncated_errors = (pickle.UnpicklingError, EOFError, AttributeError, ValueError, struct.error, IndexError, ImportError,
                        TypeError, KeyError)
    truncated_data_error = (pickle.UnpicklingError, EOFError), ''
    size_overflow_error = (OverflowError, pickle.UnpicklingError), 'exceeds'
    # These are of options that a reducer does not have.
    test_framed_write_sizes_with_delayed_writer = test_find_class = test_custom_find_class = None

    def dumps(self, arg, protocol=None, fast=0, **options):
        """`arg` by a reducer of that protocol."""
        if options or fast:
            self.skipTest('a reducer has no such options')
        if protocol is None:
            protocol = 0 if PY2 else pickle.DEFAULT_PROTOCOL
        if protocol < 0:
            protocol = pickle.HIGHEST_PROTOCOL
        if mp.__name__ == 'sabir':
            return bytes(mp.Pickle(protocol).dumps(arg))
        if PY2:
            return pickle.dumps(arg, protocol)
        from multiprocessing.reduction import ForkingPickler
        return bytes(ForkingPickler.dumps(arg, protocol))

    def loads(self, buf, **options):
        """What is in `buf`."""
        if options:
            self.skipTest('a reducer has no such options')
        return mp.Pickle(2).loads(buf) if mp.__name__ == 'sabir' else pickle.loads(buf)


class Reduced(_Errors, pickletester.AbstractPickleTests, pickletester.AbstractUnpickleTests, unittest.TestCase):
    """What a reducer writes and reads."""


if mp.__name__ == 'sabir':
    class Tolerant(_Errors, pickletester.AbstractUnpickleTests, unittest.TestCase):
        """What the unpickler for other versions reads."""

        def loads(self, buf, **options):
            if options:
                self.skipTest('it has no such options')
            from sabir import _pickling
            if PY2:
                from sabir import _reader27 as reader
            else:
                from sabir import _reader3 as reader
            return _pickling.load(reader.Unpickler, buf, None)
