"""The program `sabir`, and running it as a child: `sabir.Gateway` and `sabir.serve` are made of it.

A wheel carries the program inside the extension module; without the module one that is on PATH is used.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from multiprocessing import util

from ._stock import PY2, TimeoutError, monotonic

_WATCHED = '--until-standard-input-ends'


def main(arguments=None):
    """The console script `sabir`; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        from ._native import main
    except ImportError:
        sys.stderr.write('sabir: this install of the Python package has no extension module, which holds the program; '
                         'install a wheel, or the program itself: cargo install sabir-cli\n')
        return 2
    if arguments[:1] == [_WATCHED]:
        del arguments[0]
        thread = threading.Thread(target=_watch, args=(os.getpid(),), name='SabirWatch')
        thread.daemon = True
        thread.start()
    # Python only notes a signal and acts on it when its own code goes on, which here is when all is over.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return main(['sabir'] + arguments)


class Program(object):
    """The program as a child, which ends when it is stopped, or with this process, however that ends.

    Usable in a `with` statement. `addresses` are where it listens, as `Client` takes them; `address` is the first.
    """

    def __init__(self, arguments, listeners, keys, timeout):
        pipes = []
        try:
            for flag, text in keys:
                # Neither in the arguments, which everybody sees, nor in a file.
                reader, writer = os.pipe()
                pipes.append(reader)
                arguments += [flag, '/dev/fd/%d' % reader]
                os.write(writer, text)
                os.close(writer)
            more = {} if PY2 else {'pass_fds': pipes}
            self._process = subprocess.Popen(_command() + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        finally:
            for reader in pipes:
                os.close(reader)
        self._finalize = util.Finalize(self, _stop, (self._process,), exitpriority=5)
        try:
            self.addresses = _listening(self._process, listeners, monotonic() + timeout)
        except BaseException:
            self.stop()
            raise

    address = property(lambda self: self.addresses[0], doc='Where it listens, as `Client` takes it.')

    def is_alive(self):
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self):
        """End it; what is in flight has 5 seconds, or what the option says. A second call does nothing."""
        self._finalize()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def text_of(address):
    """An address as the program takes it: of `('host', port)`, of a path, or of what is such a text already."""
    if isinstance(address, tuple):
        host, port = address
        return ('[%s]:%d' if ':' in host else '%s:%d') % (host, port)
    if isinstance(address, bytes) and not PY2:
        address = os.fsdecode(address)
    if address.startswith('\0'):
        return 'unix:@' + address[1:]
    return 'unix:' + address if address.startswith('/') else address


def flags_of(options):
    """Keyword arguments as flags: `client_protocol=2` is `--client-protocol 2`; a list is a flag for each."""
    flags = []
    for name, value in sorted(options.items()):
        flag = '--' + name.replace('_', '-')
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is True:
                flags.append(flag)
            elif item is not None and item is not False:
                flags += [flag, str(item)]
    return flags


def key_of(flag, authkey):
    """A key for `Program`; the program leaves out one end of line."""
    if not isinstance(authkey, bytes):
        raise TypeError('authkey should be a byte string')
    return flag, authkey + b'\r\n'


def _command():
    try:
        from . import _native  # noqa: F401
    except ImportError:
        for folder in os.environ.get('PATH', '').split(os.pathsep):
            path = os.path.join(folder, 'sabir')
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return [path]
        raise OSError('there is no program `sabir`: this install has no extension module and nothing of that name is on '
                      'PATH; install a wheel of the package, or the program: cargo install sabir-cli')
    # The child finds the package where this process has.
    code = 'import sys; sys.path[:] = %r; from sabir._program import main; sys.exit(main())' % (sys.path,)
    return [sys.executable, '-c', code, _WATCHED]


def _listening(process, listeners, deadline):
    """The addresses that the program prints, one a listener."""
    text = b''
    while text.count(b'\n') < listeners:
        ready = select.select([process.stdout], [], [], max(0.0, deadline - monotonic()))[0]
        if not ready:
            raise TimeoutError('the program `sabir` does not listen yet')
        more = os.read(process.stdout.fileno(), 4096)
        if not more:
            raise OSError('the program `sabir` ended with exit code %d; standard error has why' % process.wait())
        text += more
    return [_address(line.decode('utf-8').split('listening on ', 1)[-1]) for line in text.splitlines()]


def _address(text):
    if text.startswith('unix:@'):
        return '\0' + text[6:]
    if text.startswith('unix:'):
        return text[5:]
    if text.startswith('/'):
        return text
    host, port = text.rsplit(':', 1)
    return str(host.strip('[]')), int(port)


def _stop(process):
    """Ends the child: first asked, then told."""
    for end in (process.terminate, process.terminate, process.kill):
        if process.poll() is not None:
            break
        end()
        limit = monotonic() + _PATIENCE
        while process.poll() is None and monotonic() < limit:
            select.select([], [], [], 0.01)
    process.wait()
    process.stdin.close()
    process.stdout.close()


def _watch(pid):
    """Ends this process, the child, when the parent's end of standard input is closed."""
    while os.read(0, 4096):
        pass
    os.kill(pid, signal.SIGTERM)


# Seconds: a little more than what is in flight has by default.
_PATIENCE = 6.0

if __name__ == '__main__':
    sys.exit(main())
