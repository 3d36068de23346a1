"""CPython's own tests of managers against `sabir serve`: `python suite.py SABIR [CLASS[.TEST]]...`.

The tests of the Python that runs this are loaded as they are. Where a manager of theirs would start a server in Python, it
starts SABIR, and all else is stock: managers, proxies, processes. Says a line for each test: its verdict, a tab, its name;
what went wrong is on standard error.
"""

import binascii
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import unittest
from multiprocessing import connection, managers

SABIR = sys.argv[1]
# Children print as they please.
VERDICTS = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)

# Linux's, from <sys/prctl.h>: the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1

# What the tests share through managers of their own, as far as it is of a type that every manager has.
OBJECTS = {'get_queue': 'Queue'}


def run_server(cls, registry, address, authkey, serializer, writer, initializer=None, initargs=()):
    """In the place of `BaseManager._run_server`: the process that was to be the server looks after one."""
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if initializer is not None:
        initializer(*initargs)
    if address is None:
        address = connection.arbitrary_address('AF_UNIX')
    listen = '%s:%d' % address if isinstance(address, tuple) else 'unix:' + address
    keys, name = tempfile.mkstemp()
    os.write(keys, binascii.hexlify(bytes(authkey)))
    os.close(keys)
    command = [SABIR, 'serve', '--listen', listen, '--authkey-hex-file', name, '--log', 'warn']
    for typeid in sorted(set(registry) & set(OBJECTS)):
        command += ['--object', '%s=%s' % (typeid, OBJECTS[typeid])]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    # The server ends with this process, which is told to end, or whose parent has ended.
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate() if os.getppid() == parent else server.kill())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        server.kill()
    line = server.stdout.readline().decode().strip()
    os.unlink(name)
    if not line.startswith('listening on '):
        os._exit(server.wait() or 1)
    found = line[len('listening on '):]
    if isinstance(address, tuple):
        address = (address[0], int(found.rsplit(':', 1)[1]))
    writer.send(address)
    writer.close()
    server.wait()
    sys.stderr.flush()
    os._exit(0 if server.returncode == 0 else 1)


managers.BaseManager._run_server = classmethod(run_server)


def classes():
    """The cases that are about managers, by name."""
    if sys.version_info < (3,):
        from test import test_multiprocessing as module
        module.ManagerMixin.manager.__init__()
        module.ManagerMixin.manager.start()
        # In the place of the pool, which is refused: the test of leaks counts one object.
        module.ManagerMixin.pool = module.ManagerMixin.manager.dict()
        found = vars(module)
    else:
        from test import _test_multiprocessing as module
        found = {'__name__': '__main__'}
        module.install_tests_in_module_dict(found, 'fork')
        globals()['setUpModule'], globals()['tearDownModule'] = found['setUpModule'], found['tearDownModule']
    # The server speaks pickle, as every client does that was not told otherwise.
    module.SERIALIZER = 'pickle'
    about = ('TestSyncManagerTypes', 'TestInitializers', 'TestManagerExceptions')
    return {name: case for name, case in found.items() if name.startswith('WithManager') or name in about}, module


class Result(unittest.TestResult):
    """Says each verdict when it is known."""

    def startTest(self, test):
        super(Result, self).startTest(test)
        self.verdict = 'ok'

    def stopTest(self, test):
        super(Result, self).stopTest(test)
        say(self.verdict, '%s.%s' % (type(test).__name__, test.id().rsplit('.', 1)[1]))

    def addError(self, test, error):
        self._wrong('ERROR', test, error)

    def addFailure(self, test, error):
        self._wrong('FAIL', test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._wrong('FAIL', test, error)

    def addSkip(self, test, reason):
        self.verdict = 'skipped'
        if not isinstance(test, unittest.TestCase):
            say('skipped', holder(test))

    def _wrong(self, verdict, test, error):
        self.verdict = verdict
        sys.stderr.write('%s: %s\n%s\n' % (verdict, test.id(), ''.join(traceback.format_exception(*error))))
        if not isinstance(test, unittest.TestCase):
            say(verdict, holder(test))


def holder(test):
    """What failed beside of a test: `setUpClass (__main__.Case)` is `Case.setUpClass`."""
    what, _, where = test.id().partition(' ')
    return '%s.%s' % (where.strip('()').rsplit('.', 1)[-1], what)


def say(verdict, name):
    """A line of the output."""
    VERDICTS.write('%s\t%s\n' % (verdict, name))
    VERDICTS.flush()


def main():
    """Runs the tests that the command line names, or all."""
    found, module = classes()
    chosen = sys.argv[2:]
    suite = unittest.TestSuite()
    for name in sorted(found):
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(found[name]):
            full = '%s.%s' % (name, test.id().rsplit('.', 1)[1])
            # That of pools makes a pool in this process.
            if full == 'TestInitializers.test_pool_initializer':
                continue
            if not chosen or name in chosen or full in chosen:
                suite.addTest(test)
    suite.run(Result())
    if sys.version_info < (3,):
        module.ManagerMixin.manager.shutdown()
    say('done', 'all')


if __name__ == '__main__':
    main()
