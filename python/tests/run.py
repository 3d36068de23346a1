"""Runs the tests of the package: `python run.py [INTERPRETER[=FOLDER]]... [-- TEST...]`, by default on every CPython found.

An interpreter is found on PATH, under PYENV_ROOT or ~/.pyenv, or in the checkout's `.pythons/newest`. Each runs the whole
suite; the tests take the others as peers. Tests are named as for `python -m unittest`, such as `test_connection`.

The package is the checkout's, in pure Python, or the one in the folder, with its extension module.
"""

from __future__ import print_function

import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import support  # noqa: E402

# Interpreters that are tested at a time.
AT_ONCE = 4


def main(arguments):
    """Runs the suite on each interpreter; returns the exit code."""
    tests = []
    if '--' in arguments:
        cut = arguments.index('--')
        arguments, tests = arguments[:cut], arguments[cut + 1:]
    pythons = arguments or [path for _, path in sorted(support.find_pythons().items())]
    tests = tests or sorted(name[:-3] for name in os.listdir(HERE) if name.startswith('test_') and name.endswith('.py'))
    # The tests wait for peers most of the time, so several interpreters keep one processor busy.
    waiting, failed, lock = list(pythons), [], threading.Lock()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                python, _, folder = waiting.pop(0).partition('=')
            if not suite(python, folder, tests, lock):
                failed.append(python)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if failed else 0


def suite(python, folder, tests, lock):
    """Runs tests on one interpreter and prints what they say; returns whether all passed."""
    began = time.time()
    if folder:
        package = {'SABIR_PACKAGE': os.path.abspath(folder)}
    else:
        package = {'SABIR_PURE': '1'}
        tests = [test for test in tests if test != 'test_native']
    process = subprocess.Popen([python, '-B', '-m', 'unittest'] + tests, cwd=HERE, env=dict(support.environment(), **package),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate()[0].decode('utf-8', 'replace')
    passed = process.returncode == 0
    with lock:
        print(output)
        print('== %s%s: %s in %.1f s' % (python, ' with the extension module' * bool(folder), 'ok' if passed else 'FAILED', time.time() - began))
        sys.stdout.flush()
    return passed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
