"""The one place that chooses: `native` is the extension module `sabir._native`, or None where there is none, or where the
environment says SABIR_PURE=1. Then the package does the same in pure Python."""

import os

try:
    if os.environ.get('SABIR_PURE') == '1':
        raise ImportError
    from . import _native as native
except ImportError:
    native = None
