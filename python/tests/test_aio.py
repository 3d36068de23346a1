"""`sabir.aio`, on the Pythons that it is for."""

import sys
import unittest

import support  # noqa: F401

if sys.version_info >= (3, 7):
    from aio_cases import *  # noqa: F401,F403

if __name__ == '__main__':
    unittest.main()
