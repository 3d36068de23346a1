"""How long `import sabir` takes beside `import multiprocessing`: `python bench/python/imports.py [INTERPRETER]...`.

Each import runs in an interpreter of its own, which measures the import alone; the two take turns. Printed are the medians in
milliseconds and their ratio. Byte code is compiled before, of a copy of the package.
"""

from __future__ import print_function

import os
import shutil
import subprocess
import sys
import tempfile

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, 'python', 'sabir')
MEASURE = 'import time; began = time.time(); import %s; print(time.time() - began)'
TIMES = 25


def milliseconds(python, module, folder):
    """One import of `module`."""
    out = subprocess.check_output([python, '-c', MEASURE % module], env=dict(os.environ, PYTHONPATH=folder))
    return float(out) * 1000


def measure(python):
    """The medians of the standard library's package and of ours."""
    folder = tempfile.mkdtemp(prefix='sabir-imports-')
    try:
        shutil.copytree(PACKAGE, os.path.join(folder, 'sabir'), ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
        # As an installed package: a file that this version cannot have is no error.
        with open(os.devnull, 'w') as nowhere:
            subprocess.call([python, '-m', 'compileall', '-q', folder], stdout=nowhere, stderr=nowhere)
        times = dict((module, []) for module in ('multiprocessing', 'sabir'))
        for _ in range(TIMES):
            for module in times:
                times[module].append(milliseconds(python, module, folder))
        return [sorted(times[module])[TIMES // 2] for module in ('multiprocessing', 'sabir')]
    finally:
        shutil.rmtree(folder)


def main(pythons):
    """Measures each interpreter and prints a line for it."""
    for python in pythons or [sys.executable]:
        stock, ours = measure(python)
        print('%s: multiprocessing %.1f ms, sabir %.1f ms, %.2f times' % (python, stock, ours, ours / stock))


if __name__ == '__main__':
    main(sys.argv[1:])
