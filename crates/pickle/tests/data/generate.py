#!/usr/bin/env python
"""Pickles of a broad sample of values, and the comparison of two of them, by one real Python. Runs in 2.7 and in 3.x.

    python generate.py write golden/VERSION.bin
        writes each value of the sample at each protocol, as the C pickler writes it. A record is: the protocol (a byte), the
        name of the value (a length of two bytes, and text), the pickle (a length of four bytes, and bytes). Lengths are
        little-endian. Set PYTHONHASHSEED=0, so that sets come in the same order each time.

    python generate.py compare
        reads pairs of pickles (each a length of four bytes, and bytes) from standard input and prints a line for each: `same` if
        a program that loads them cannot tell them apart, else what differs or fails.

The sample is the zoo of interop/peers, and a few things that need a pickler of their own. tests/golden.rs reads the files.
"""
from __future__ import print_function

import io
import os
import pickle
import struct
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', '..', '..', 'interop', 'peers'))
warnings.simplefilter('ignore')

from describe import describe  # noqa: E402
from zoo import ZOO  # noqa: E402

try:
    import cPickle as fast
    import copy_reg as copyreg
except ImportError:
    import copyreg
    fast = pickle

LARGEST = 1600  # bytes of a pickle that is kept; with a few larger ones, named here
LARGE = {'list_long': 2, 'dict_long': 4, 'bytes_len65536': 5}
BUFFERS = [bytearray(b'mutable'), b'constant']


class Extended(object):
    """A class with an extension code."""


class Far(object):
    """A class with an extension code that needs four bytes."""


def special(protocol):
    """What plain `dumps` does not write."""
    out = io.BytesIO()
    if fast is pickle:
        class Pickler(pickle.Pickler):
            def persistent_id(self, value):
                return 'id %d' % value.real if isinstance(value, complex) else None
        Pickler(out, protocol).dump([1j, {'a': 2j}, 'id 1', 1j])
    else:
        pickler = fast.Pickler(out, protocol)
        pickler.persistent_id = lambda value: 'id %d' % value.real if isinstance(value, complex) else None
        pickler.dump([1j, {'a': 2j}, 'id 1', 1j])
    yield 'special_persistent', out.getvalue()
    if protocol >= 2:
        for code, cls in ((240, Extended), (70000, Far)):
            copyreg.add_extension(cls.__module__, cls.__name__, code)
        yield 'special_extension', fast.dumps([Extended(), Far, Extended], protocol)
        for code, cls in ((240, Extended), (70000, Far)):
            copyreg.remove_extension(cls.__module__, cls.__name__, code)
    if protocol >= 5:
        buffers = [pickle.PickleBuffer(buffer) for buffer in BUFFERS]
        yield 'special_buffers', pickle.dumps(buffers + buffers[:1], protocol, buffer_callback=lambda buffer: None)
        yield 'special_in_band', pickle.dumps(buffers + buffers[:1], protocol)


def samples():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for name, make in ZOO.items():
            try:
                data = fast.dumps(make(), protocol)
            except Exception:  # not every version can pickle all of it
                continue
            if len(data) <= LARGEST or LARGE.get(name) == protocol:
                yield protocol, name, data
        for name, data in special(protocol):
            yield protocol, name, data


def write(path):
    with open(path, 'wb') as out:
        for protocol, name, data in samples():
            name = name.encode('ascii')
            out.write(struct.pack('<BH', protocol, len(name)) + name + struct.pack('<I', len(data)) + data)


def described(data):
    try:
        return describe(fast.loads(data))
    except Exception as error:
        return 'error %s: %s' % (type(error).__name__, error)


def compare(source):
    while True:
        pair = []
        for _ in range(2):
            head = source.read(4)
            if len(head) < 4:
                return
            pair.append(described(source.read(struct.unpack('<I', head)[0])))
        expected, got = pair
        if expected == got and not expected.startswith('error'):
            print('same')
        else:
            print(repr('expected %s, got %s' % (expected[:300], got[:300])))


if __name__ == '__main__':
    if sys.argv[1:2] == ['write']:
        write(sys.argv[2])
    elif sys.argv[1:] == ['compare']:
        compare(getattr(sys.stdin, 'buffer', sys.stdin))
    else:
        sys.exit(__doc__)
