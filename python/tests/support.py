"""What the tests share: the interpreters that serve as peers, and a deadline for every test."""

import os
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# The checkout's, or a copy that has the extension module.
PACKAGE = os.environ.get('SABIR_PACKAGE') or os.path.dirname(HERE)
PEERS = os.path.join(HERE, 'peers')
KEY = b'between us'
# Seconds that one test may take on a loaded machine before it counts as hung.
LIMIT = 240

# Packages that some reducers need, where `cargo xtask pythons` has put them.
PACKAGES = [os.path.join(PACKAGE, os.pardir, '.pythons', folder, '%d.%d' % sys.version_info[:2])
            for folder in ('formats', 'picklers')]

if PACKAGE not in sys.path:
    sys.path.insert(0, PACKAGE)
    sys.path += [path for path in PACKAGES if os.path.isdir(path)]


def environment(package=False):
    """The environment of a child; the package is importable only where it is asked for, peers are stock."""
    found = dict(os.environ, PYTHONDONTWRITEBYTECODE='1')
    found.pop('PYTHONPATH', None)
    if package:
        found['PYTHONPATH'] = os.pathsep.join([PACKAGE, HERE] + PACKAGES)
    return found


def find_pythons():
    """Versions such as (3, 6) and the interpreters that answer to them."""
    given = os.environ.get('SABIR_PYTHONS', '').split(os.pathsep)
    folders = given + os.environ.get('PATH', '').split(os.pathsep)
    root = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    versions = os.path.join(root, 'versions')
    if os.path.isdir(versions):
        folders = [os.path.join(versions, name, 'bin') for name in sorted(os.listdir(versions))] + folders
    folders.append(os.path.join(HERE, os.pardir, os.pardir, '.pythons', 'newest', 'usr', 'bin'))
    found = {}
    for folder in folders:
        for version in [(2, 7)] + [(3, minor) for minor in range(6, 16)]:
            path = os.path.join(folder, 'python%d.%d' % version)
            if version not in found and os.path.isfile(path) and _is(path, version):
                found[version] = os.path.abspath(path)
    return found


def _is(path, version):
    try:
        out = subprocess.check_output([path, '-S', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
                                      stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError):
        return False
    return out.strip().decode('ascii', 'replace') == '%d.%d' % version


_pythons = []


def peers(*versions):
    """The interpreters among `versions` that are here, by version; a test without any is skipped aloud."""
    if not _pythons:
        _pythons.append(find_pythons())
    found = [(version, _pythons[0][version]) for version in versions if version in _pythons[0]]
    if not found:
        raise unittest.SkipTest('none of the Pythons %s is installed' % (versions,))
    return found


class Peer(object):
    """A stock Python that runs a script of `peers/` and talks by lines on its standard streams."""

    def __init__(self, python, script, *arguments, **more):
        self.process = subprocess.Popen(
            [python, '-u', '-B', script if os.path.isabs(script) else os.path.join(PEERS, script)]
            + [str(item) for item in arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(more.get('package', False)), cwd=more.get('cwd', PEERS))

    def line(self):
        """The next line that it writes."""
        return self.process.stdout.readline().decode('utf-8').rstrip('\n')

    def rest(self):
        """All that it still writes; waits for its end."""
        out = self.process.stdout.read().decode('utf-8')
        self.process.wait()
        return out.strip()

    def end(self):
        """Ends it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()


class TestCase(unittest.TestCase):
    """A test that ends: one that takes longer than `LIMIT` ends the whole run with every thread's stack."""

    def run(self, result=None):
        """Runs the test under a watch."""
        watch = threading.Timer(LIMIT, self._hung)
        watch.daemon = True
        watch.start()
        try:
            return super(TestCase, self).run(result)
        finally:
            watch.cancel()

    def _hung(self):
        import traceback
        sys.stderr.write('\n%s hung\n' % self.id())
        for frame in sys._current_frames().values():
            sys.stderr.write('\n' + ''.join(traceback.format_stack(frame)))
        sys.stderr.flush()
        os._exit(70)


def in_thread(function, *args):
    """Calls `function` in a thread; the answer has `result()` and raises what it raised."""
    return _Call(function, args)


class _Call(object):
    def __init__(self, function, args):
        self._thread = threading.Thread(target=self._run, args=(function, args))
        self._thread.daemon = True
        self._outcome = None
        self._error = None
        self._thread.start()

    def _run(self, function, args):
        try:
            self._outcome = function(*args)
        except BaseException as error:
            self._error = error

    def result(self, timeout=30):
        """What the function returned."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise AssertionError('the call did not return')
        if self._error is not None:
            raise self._error
        return self._outcome

    def is_running(self):
        """Whether it has not returned yet."""
        return self._thread.is_alive()
