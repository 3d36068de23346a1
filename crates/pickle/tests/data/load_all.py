#!/usr/bin/env python
"""Loads pickles, each a length of four little-endian bytes and bytes, and prints for each `ok` or the name of the error.

tests/malformed.rs gives it broken pickles; none of them names anything but builtins.
"""
import pickle
import struct
import sys
import warnings

warnings.simplefilter('ignore')
source = sys.stdin.buffer
while True:
    head = source.read(4)
    if len(head) < 4:
        break
    data = source.read(struct.unpack('<I', head)[0])
    try:
        pickle.loads(data, buffers=[b'one', bytearray(b'two')])
    except Exception as error:
        print(type(error).__name__)
    else:
        print('ok')
