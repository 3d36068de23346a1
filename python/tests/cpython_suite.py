"""CPython's own tests, with this package in the place of `multiprocessing`, in the Python that runs this.

`cpython_table.py` starts it with `SABIR_SUITE` in the environment, JSON of `package` ('sabir', or 'multiprocessing' to see what
the standard library itself does here), `method`, `reducer`, `folder`, `report`, `only` and `without`. The tests of this
Python are written into `folder` with the package's name in them, under their own names, so that children find them.
"""

from __future__ import print_function

import io
import json
import os
import re
import signal
import sys
import time
import unittest

# The package where it is imported or used, in programs that children are given as well; not the word in messages.
_NAMED = re.compile(r"(?<![\w.'\"])multiprocessing(?=\.[A-Za-z_]|\s+(?:import|as)\b|[,)]|\s*\n)")
# The tests themselves, and what they preload, which are no part of `test` here.
_OURS = re.compile(r'\btest\.(?=_?test_multiprocessing|mp_)')
_FILES = re.compile(r'(_?test_multiprocessing|test_multiprocessing_main_handling|mp_\w+)\.py$')


def prepare(folder, package):
    """Writes the tests of this Python into `folder`."""
    import test
    source = os.path.dirname(test.__file__)
    for name in os.listdir(source):
        if _FILES.match(name):
            with io.open(os.path.join(source, name), encoding='utf-8') as file:
                text = _OURS.sub('', file.read())
            if package != 'multiprocessing':
                text = _NAMED.sub(package, text)
            # The programs that tests start must find all this by PYTHONPATH, which an isolated interpreter ignores.
            text = text.replace("'-E', ", '')
            with io.open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(text)
    if sys.version_info[0] > 2:
        for method in ('fork', 'spawn', 'forkserver'):
            with open(os.path.join(folder, 'test_multiprocessing_%s.py' % method), 'w') as file:
                file.write('import _test_multiprocessing\n'
                           '_test_multiprocessing.install_tests_in_module_dict(globals(), %r)\n' % method)


def module_of(method):
    """The module with the tests of one start method; 'main' has those of programs that are started in every way, 'pickles'
    those of pickling."""
    if method == 'pickles':
        sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))
        return __import__('cpython_pickles')
    name = 'test_multiprocessing_main_handling' if method == 'main' else 'test_multiprocessing_' + method
    return __import__('test_multiprocessing' if sys.version_info[0] == 2 else name)


def set_up_27(module, package):
    """What `test_main` of 2.7 does before it runs the tests."""
    from test.support import script_helper
    inner = script_helper._assert_python
    script_helper._assert_python = lambda good, *args, **env: inner(
        good, *args, **(env or {'PYTHONPATH': os.environ['PYTHONPATH']}))
    mp = sys.modules[package]
    module.ProcessesMixin.pool = mp.Pool(4)
    __import__(package + '.dummy')
    module.ThreadsMixin.pool = mp.dummy.Pool(4)
    module.ManagerMixin.manager.__init__()
    module.ManagerMixin.manager.start()
    module.ManagerMixin.pool = module.ManagerMixin.manager.Pool(4)


class Report(unittest.TextTestResult):
    """Writes a line for each event, so that the last line of a run that hangs names the test."""

    path = None

    def startTest(self, test):
        super(Report, self).startTest(test)
        self._began = time.time()
        self._note(test, 'hung')

    def addSuccess(self, test):
        super(Report, self).addSuccess(test)
        self._note(test, 'passed')

    def addExpectedFailure(self, test, error):
        super(Report, self).addExpectedFailure(test, error)
        self._note(test, 'passed')

    def addUnexpectedSuccess(self, test):
        super(Report, self).addUnexpectedSuccess(test)
        self._note(test, 'failed', 'passed, which was not expected')

    def addSkip(self, test, reason):
        super(Report, self).addSkip(test, reason)
        self._note(test, 'skipped', reason)

    def addFailure(self, test, error):
        super(Report, self).addFailure(test, error)
        self._note(test, 'failed', '%s: %s' % (error[0].__name__, error[1]))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            super(Report, self).addSubTest(test, subtest, error)
            self._note(test, 'failed', '%s: %s' % (error[0].__name__, error[1]))

    def _note(self, test, what, why=''):
        name = getattr(test, 'test_case', test).id()
        seconds = round(time.time() - getattr(self, '_began', time.time()), 1)
        with io.open(self.path, 'ab') as file:
            file.write((json.dumps([name, what, why, seconds]) + '\n').encode('utf-8'))


def flatten(suite):
    """The tests in `suite`."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            for test in flatten(item):
                yield test
        else:
            yield item


def _with_errors_printed(mp, test):
    """The test of an object that cannot be pickled, which asserts that `put` says nothing: here that is an option."""
    def run(self):
        mp.queues.Queue.on_error = 'print'
        try:
            test(self)
        finally:
            mp.queues.Queue.on_error = 'raise'
    return run


def main():
    """Runs what the environment asks for."""
    # A shell that starts this in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = json.loads(os.environ['SABIR_SUITE'])
    package = str(asked['package'])
    sys.path[0] = str(asked['folder'])
    mp = __import__(package)
    if asked['reducer']:
        mp.reducer = eval('mp.' + asked['reducer'], {'mp': mp})
    # Modules that the tests use without importing them: something else in CPython's run has.
    names = ['dummy', 'heap', 'process', 'util', 'sharedctypes', 'synchronize', 'connection', 'managers', 'pool', 'queues']
    for name in names + ['forkserver', 'spawn', 'resource_sharer', 'popen_fork'] * (sys.version_info[0] > 2):
        __import__(package + '.' + name)
    from test.support import script_helper
    script_helper.interpreter_requires_environment = lambda: True
    module = module_of(str(asked['method']))
    if sys.version_info[0] == 2 and asked['method'] == 'fork':
        set_up_27(module, package)
    only, without = re.compile(asked['only']), set(asked['without'])
    tests = []
    for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(module)):
        name = '.'.join(test.id().split('.')[-2:])
        if only.search(name) and test.id() not in without:
            if package != 'multiprocessing' and name.endswith('.test_queue_feeder_donot_stop_onexc'):
                cls = type(test)
                if not hasattr(cls, 'printing'):
                    cls.printing = True
                    cls.test_queue_feeder_donot_stop_onexc = _with_errors_printed(mp, cls.test_queue_feeder_donot_stop_onexc)
            tests.append(test)
    Report.path = asked['report']
    unittest.TextTestRunner(verbosity=2, resultclass=Report).run(unittest.TestSuite(tests))


if __name__ == '__main__':
    asked = json.loads(os.environ['SABIR_SUITE'])
    if asked['method'] == 'prepare':
        prepare(asked['folder'], asked['package'])
    else:
        main()
