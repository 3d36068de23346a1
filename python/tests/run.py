"""Runs the tests of the package: `python run.py [INTERPRETER]... [-- TEST...]`, by default on every CPython found.

An interpreter is found on PATH, under PYENV_ROOT or ~/.pyenv, or in the checkout's `.pythons/newest`. Each runs the whole
suite; the tests take the others as peers. Tests are named as for `python -m unittest`, such as `test_connection`.
"""

from __future__ import print_function

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import support  # noqa: E402


def main(arguments):
    """Runs the suite on each interpreter; returns the exit code."""
    tests = []
    if '--' in arguments:
        cut = arguments.index('--')
        arguments, tests = arguments[:cut], arguments[cut + 1:]
    pythons = arguments or [path for _, path in sorted(support.find_pythons().items())]
    tests = tests or sorted(name[:-3] for name in os.listdir(HERE) if name.startswith('test_') and name.endswith('.py'))
    # The extension module has to be built first: `cargo xtask test` does both.
    tests = [test for test in tests if test != 'test_native']
    failed = []
    for python in pythons:
        began = time.time()
        print('== %s' % python)
        sys.stdout.flush()
        if subprocess.call([python, '-B', '-m', 'unittest'] + tests, cwd=HERE, env=support.environment()):
            failed.append(python)
        print('== %s: %s in %.1f s' % (python, 'FAILED' if python in failed else 'ok', time.time() - began))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
