"""What someone does who has installed a wheel, without a checkout and without Rust: `python installed.py`.

`cargo xtask wheels` runs it in an environment that has the wheel and nothing else.
"""

import os
import shutil
import subprocess
import sys
import sysconfig

import sabir
from sabir import _extension
from sabir.connection import Client, Listener


def double(number):
    """What the workers of a pool do."""
    return 2 * number


def main():
    """Fails with an AssertionError, or the error of what does not work."""
    installed = sysconfig.get_path('platlib')
    assert os.path.dirname(sabir.__file__) == os.path.join(installed, 'sabir'), sabir.__file__
    assert _extension.native is not None, 'the extension module does not load'
    assert shutil.which('cargo') is None, 'Rust is on PATH, so that this shows nothing'
    if sysconfig.get_config_var('Py_GIL_DISABLED'):
        assert not sys._is_gil_enabled(), 'the extension module has turned the lock on'

    with Listener(('127.0.0.1', 0), authkey=b'key') as listener:
        context = sabir.get_context('spawn', reducer=sabir.Pickle(protocol=2))
        with context.Pool(2) as pool:
            assert pool.map(double, range(5)) == [0, 2, 4, 6, 8]
        with sabir.Gateway(('127.0.0.1', 0), listener.address, log='error') as gateway:
            process = context.Process(target=call, args=(gateway.address,))
            process.start()
            with listener.accept() as connection:
                assert connection.recv() == {'from': 'a child'}
            process.join()
            assert process.exitcode == 0
    with sabir.serve(authkey=b'key', log='error') as server:
        manager = sabir.SyncManager(server.address, authkey=b'key')
        manager.connect()
        shared = manager.dict(a=1)
        shared['b'] = [2]
        assert shared.copy() == {'a': 1, 'b': [2]}

    program = os.path.join(sysconfig.get_path('scripts'), 'sabir')
    assert subprocess.check_output([program, '--version']).startswith(b'sabir ')
    secure = subprocess.run([program, 'call', 'tls:127.0.0.1:1', ':dummy'], stderr=subprocess.PIPE)
    assert b'no TLS' not in secure.stderr, secure.stderr
    subprocess.check_call([program, 'tour', '--client', sys.executable], stdout=subprocess.DEVNULL)
    print('%s: the wheel does what the guide tells' % sys.version.split()[0])


def call(address):
    """Sends one object through the gateway."""
    with Client(address, authkey=b'key') as connection:
        connection.send({'from': 'a child'})


if __name__ == '__main__':
    main()
