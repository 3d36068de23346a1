"""CPython's own tests with this package in the place of `multiprocessing`: `python cpython_suite.py METHOD [TEST]...`.

The tests of the Python that runs this are loaded with the package's name written in; they are not copied. METHOD is fork,
spawn or forkserver. `cpython_table.py` runs them all.
"""

import importlib.util
import os
import re
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# Programs that the tests run find the package as well, which an isolated interpreter would not.
os.environ['PYTHONPATH'] = os.path.dirname(HERE)
# A child that was spawned runs this file again, under another name and with the command line of the first.
METHOD = sys.argv[1]

import sabir  # noqa: E402

from test.support import script_helper  # noqa: E402

script_helper.interpreter_requires_environment = lambda: True

for _name in ('dummy', 'heap', 'process', 'util', 'sharedctypes', 'synchronize', 'spawn', 'forkserver', 'pool', 'queues',
              'resource_sharer', 'popen_fork'):
    __import__('sabir.' + _name)
if sys.version_info < (3, 8):
    import sabir.semaphore_tracker

# The package where it is imported or used, in programs that children are given as well; not the word in messages.
_NAMED = re.compile(r"(?<![\w.'\"])multiprocessing(?=\.[A-Za-z_]|\s+(?:import|as)\b|[,)]|\s*\n)")


def load():
    """The module of CPython's tests, with `sabir` for `multiprocessing`."""
    spec = importlib.util.find_spec('test._test_multiprocessing')
    with open(spec.origin, encoding='utf-8') as file:
        source = file.read()
    source = _NAMED.sub('sabir', source).replace("'-E', ", '')
    module = types.ModuleType(spec.name)
    module.__file__ = spec.origin
    module.__package__ = 'test'
    sys.modules[spec.name] = module
    import test
    setattr(test, '_test_multiprocessing', module)
    exec(compile(source, spec.origin, 'exec'), module.__dict__)
    return module


def _with_errors_printed(test):
    """The test of an object that cannot be pickled, which asserts that `put` says nothing: here that is an option."""
    def run(self):
        sabir.queues.Queue.on_error = 'print'
        try:
            test(self)
        finally:
            sabir.queues.Queue.on_error = 'raise'
    return run


load().install_tests_in_module_dict(globals(), METHOD)
for _case in list(globals().values()):
    if isinstance(_case, type) and hasattr(_case, 'test_queue_feeder_donot_stop_onexc'):
        _case.test_queue_feeder_donot_stop_onexc = _with_errors_printed(_case.test_queue_feeder_donot_stop_onexc)

if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
