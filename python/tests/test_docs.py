"""The examples in the guides: each block of Python in them is a program that runs, and prints what its comments say."""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import PACKAGE, TestCase, environment

DOCS = os.path.join(PACKAGE, os.pardir, 'docs')
_BLOCK = re.compile(r'^```python\n(.*?)^```', re.M | re.S)
# What an example says that it prints: a comment after a `print`.
_PRINTS = re.compile(r'^ *print\(.*\)  # (.*)$', re.M)


@unittest.skipUnless(sys.version_info >= (3, 8), 'the examples are for versions that have their packages')
@unittest.skipUnless(os.path.isdir(DOCS), 'the guides are not here')
class Examples(TestCase):
    def test_each_example_in_the_page_on_moving_prints_what_it_says(self):
        with io.open(os.path.join(DOCS, 'python-moving.md'), encoding='utf-8') as file:
            blocks = _BLOCK.findall(file.read())
        self.assertGreaterEqual(len(blocks), 6)
        folder = tempfile.mkdtemp(prefix='sabir-docs-')
        self.addCleanup(shutil.rmtree, folder)
        for number, block in enumerate(blocks):
            needed = [name for name in ('Dill', 'CloudPickle') if 'sabir.%s()' % name in block]
            if any(not _is_here(name.lower()) for name in needed):
                sys.stderr.write('absent: %s; an example was not run\n' % ', '.join(needed))
                continue
            path = os.path.join(folder, 'example_%d.py' % number)
            with io.open(path, 'w', encoding='utf-8') as file:
                file.write(block)
            out = subprocess.check_output([sys.executable, '-W', 'ignore', path], env=environment(package=True),
                                          stderr=subprocess.STDOUT)
            self.assertEqual(out.decode('utf-8').split('\n')[:-1], _PRINTS.findall(block), block)


def _is_here(package):
    try:
        __import__(package)
    except ImportError:
        return False
    return True


if __name__ == '__main__':
    unittest.main()
