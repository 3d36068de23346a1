#!/usr/bin/env python3
"""Prints what `pickletools.dis` says of a sample of pickles, whole and broken. Runs in the newest Python, 3.15 or later.

    NO_COLOR=1 python3.15 export_dis.py > dis.txt

Of each pickle: a line `= NAME HEX`, the lines that dis printed, and, if it then raised, a line `! ` with the error. tests/dis.rs
compares.
"""
import array
import collections
import datetime
import decimal
import io
import pickle
import pickletools
import struct
import uuid


class Out(io.StringIO):
    def isatty(self):
        return False


class Persistent(pickle.Pickler):
    def persistent_id(self, value):
        return ('id', value.real) if isinstance(value, complex) else None


def persistent(value, protocol):
    out = io.BytesIO()
    Persistent(out, protocol).dump(value)
    return out.getvalue()


cycle = [1]
cycle.append(cycle)
recursive = ([], 1)
recursive[0].append(recursive)
shared = ['s', b'b']
VALUES = dict(
    text=['', 'hello', "it's", '"both\'', 'back\\slash', 'tab\tnl\ncr\r', '\x00\x1f\x7f', '\x80\x9f\xa0\xad\xe9', '\u0300\u200b\u2028\u20ac',
          '\ud800x', '\ue000', '\ufffe', '\U0001f600', '\U0010ffff', '\u3000', '\xb4', 'x' * 300],
    bytes=[b'', b'abc', b"it's", b'"both\'', b'\\\t\n\r\x00\x7f\x80\xff', b'y' * 300, bytearray(b'ba')],
    numbers=[0, 1, -1, 255, 256, 65535, 65536, -2**31, 2**31, 2**63, -2**63 - 1, 2**70, -2**2040, 3 ** 1000, True, False, None],
    floats=[0.0, -0.0, 1.0, 0.1, 1e16, 1e15, 1e-4, 1e-5, 1.5e300, 5e-324, float('inf'), -float('inf'), float('nan'), 123456789.125],
    containers=[[], (), {}, set(), frozenset(), [1], (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {1: 2}, {'a': [], 'b': ()}, {1}, frozenset([2])],
    cycle=cycle, recursive=recursive, shared=[shared, shared, (shared,)],
    names=[int, len, collections.OrderedDict.fromkeys, ValueError, datetime.datetime.now],
    objects=[datetime.datetime(2020, 2, 3), decimal.Decimal('1.5'), uuid.UUID(int=5), collections.OrderedDict(a=1), collections.Counter('ab'),
             collections.deque([1], 3), array.array('d', [1.5]), ValueError('x', 1), 1 + 2j, range(3), slice(1, 2)],
)


def sample():
    for name, value in VALUES.items():
        for protocol in range(6):
            yield '%s/%d' % (name, protocol), pickle.dumps(value, protocol)
    for protocol in range(1, 6):
        yield 'persistent/%d' % protocol, persistent([1j, 'x', 1j], protocol)
    buffers = []
    data = [pickle.PickleBuffer(bytearray(b'mutable')), pickle.PickleBuffer(b'constant')]
    yield 'buffers', pickle.dumps(data, 5, buffer_callback=lambda b: buffers.append(b))
    # Forms that no pickler of Python 3 writes.
    for name, body in dict(
        ints=b'(I01\nI00\nI5\nI-7\nL5L\nL-123456789012345678901234567890L\nL0\nt.', float0=b'(F1.5\nF1e400\nFnan\nF-0.0\nt.',
        strings=b'(S\'a\\x41\\n\\\'\\\\\'\nS"it\'s"\nS\'\\xff\\351\'\nU\x03\xe9ab' + b'T' + struct.pack('<i', 2) + b'\'\x00t.',
        unicode0=b'(V\\u20ac\nVa\xe9b\nV\\U0001f600\\ud800\\n\nt.', memo=b"]p0\ng0\nq\x05h\x05r\x07\x00\x01\x00j\x07\x00\x01\x0000.",
        memo_bool=b']p01\ng01\n0.', redefined=b']p0\n]p0\n0.', popmark=b'(1(K\x010(20K\x02.', dup=b'K\x0122\x87.', ext=b'\x82\x01\x83\x01\x02\x84\xff\xff\xff\x7f\x87.',
        inst=b"(S'a'\nios\nsystem\n.", obj=b'(cos\nsystem\nN.o', global_utf8='cm\u00f6d\nn\u00e4me\n.'.encode(), persid=b'Pan id\n.', long4=b'\x8b\x02\x00\x00\x00\xff\x7f.',
        proto_middle=b'\x80\x02N\x80\x04.', nested=b'(' * 5 + b't' * 5 + b'.', newobj=b'\x80\x04\x8c\x01a\x8c\x01b\x93)\x81}\x92b.', reduce=b'cos\nsystem\n(tR.',
        bytes8=b'\x8e' + struct.pack('<Q', 2) + b'ab.', text8=b'\x8d' + struct.pack('<Q', 2) + b'ab.', frame=b'\x95' + struct.pack('<Q', 2) + b'N.',
    ).items():
        yield name, body
    # Broken ones.
    for name, body in dict(
        empty=b'', no_stop=b'N', unknown=b'N\xff.', cut_int=b'J\x00', cut_line=b'I12', cut_text=b'\x8c\x05abc', cut_frame=b'\x95\x00', cut_global=b'cos\nsys',
        negative_long=b'\x8b\xff\xff\xff\xff', negative_string=b'T\xff\xff\xff\xff', huge=b'\x8e' + b'\xff' * 8, no_mark=b'Nt.', no_mark_dict=b']u.', empty_stack=b'R.',
        one_short=b'NR.', two_marks=b'((tu.', unknown_get=b'g0\n.', unknown_binget=b'h\x07.', put_empty=b'p0\n.', put_mark=b'(p0\n.', memoize_empty=b'\x94.', memoize_mark=b'(\x94.',
        left_over=b'NN.', mark_left=b'(N.', bad_int=b'Ix\n.', bad_long=b'L1.5\n.', bad_float=b'Fx\n.', bad_quote=b"S'a\n.", bad_escape=b"S'\\x1'\n.", bad_unicode=b'V\\u12\n.', bad_utf8=b'\x8c\x02\xff\xfe.',
        bad_name=b'c\xff\n\xff\n.', below_mark=b'N(R.', mark_popped=b'NN(Rt.', stop_empty=b'.', bad_get=b'gx\n.', late_unknown=b'(K\x01h\x09t.',
    ).items():
        yield 'broken/' + name, body


print('# What pickletools.dis of Python 3.15 says; written by export_dis.py.')
for name, data in sample():
    out, error = Out(), None
    try:
        pickletools.dis(data, out)
    except Exception as e:
        error = e
    print('=', name, data.hex() or '-')
    text = out.getvalue()
    print(text, end='' if text.endswith('\n') or not text else '\n')
    if error is not None:
        print('! %s: %s' % (type(error).__name__, str(error).replace('\n', ' ')[:100]))
