"""The zoo: named values that have been, or could be, hurt between versions.

Each entry is a function that makes the value anew. Literals say what they are: u'' is text, b'' is bytes, and a plain
'' (only in `native_*`) is whatever this version's programs write. The names are what interop/differences.tsv speaks of.
"""
import array
import collections
import datetime
import decimal
import fractions
import functools
import os
import socket
import sys
import uuid

import zoo_types
from describe import RANGE, numpy

try:
    import Queue as queue
except ImportError:
    import queue

PY2 = sys.version_info[0] == 2
ZOO = collections.OrderedDict()


def value(make):
    ZOO[make.__name__] = make
    return make


def since3(make):
    """Values that 2.7 has no name for."""
    return make if PY2 else value(make)


def values(prefix, **makers):
    """Entries that are one expression each, in the order of their names."""
    for name in sorted(makers):
        ZOO[prefix + name] = makers[name]


def shared(make):
    """An entry whose parts are made once and used twice."""
    def twice():
        part = make()
        return [part, part, {u'again': part}]
    ZOO[make.__name__] = twice
    return make


values('text_', ascii=lambda: u'hello', empty=lambda: u'', latin=lambda: u'h\xe9llo', euro=lambda: u'\u20ac 5',
       astral=lambda: u'\U0001f600 \U0010ffff', nul=lambda: u'a\x00b', surrogate=lambda: u'\ud800x', newline=lambda: u'a\nb\\c\r',
       len255=lambda: u'x' * 255, len256=lambda: u'x' * 256, len65536=lambda: u'\xe9' * 65536)
values('native_', str=lambda: 'hello', empty=lambda: '', keys=lambda: {'a': 1, 'b': ['c']}, tuple=lambda: ('x', 1))
values('bytes_', ascii=lambda: b'abc', empty=lambda: b'', high=lambda: b'\x00\x80\xff', utf8=lambda: u'h\xe9'.encode('utf-8'),
       latin=lambda: b'h\xe9llo', quotes=lambda: b'\'"\\\xff\n', all=lambda: bytes(bytearray(RANGE(256))),
       len255=lambda: b'\xff' * 255, len256=lambda: b'\xff' * 256, len65536=lambda: b'\xff' * 65536,
       list=lambda: [b'\xff', b'\xfe', b'\xff\xfe'], key=lambda: {b'\xff': 1})

for _bits in (7, 8, 15, 16, 31, 32, 62, 63, 64, 70, 2039, 2040, 3000):
    for _off in (-1, 0, 1):
        for _sign in (1, -1):
            _number = _sign * ((1 << _bits) + _off)
            ZOO['int_%s2p%d%s' % ('neg_' if _sign < 0 else '', _bits, {-1: '_less1', 0: '', 1: '_plus1'}[_off])] = (
                lambda number=int(_number): number)  # int(): 2.7 reckons in long near the border
values('int_', zero=lambda: 0, one=lambda: 1, neg_one=lambda: -1)
values('float_', tenth=lambda: 0.1, zero=lambda: 0.0, neg_zero=lambda: -0.0, inf=lambda: float('inf'), neg_inf=lambda: float('-inf'),
       nan=lambda: float('nan'), small=lambda: 5e-324, large=lambda: 1.7976931348623157e308)
values('const_', none=lambda: None, true=lambda: True, false=lambda: False, ellipsis=lambda: Ellipsis,
       notimplemented=lambda: NotImplemented)
values('list_', empty=lambda: [], flat=lambda: [1, 2.5, u'a', None], nested=lambda: [[1, [2, [3]]], []],
       long=lambda: list(RANGE(2500)), one=lambda: [u'only'])
values('tuple_', empty=lambda: (), one=lambda: (1,), two=lambda: (1, 2), three=lambda: (1, 2, 3), four=lambda: (1, 2, 3, 4),
       nested=lambda: ((1, (u'a',)), [(2,)]))
values('dict_', empty=lambda: {}, text=lambda: {u'a': 1, u'b': [2]}, ints=lambda: {1: u'x', -5: u'y'},
       tuples=lambda: {(1, u'a'): None}, long=lambda: dict((number, -number) for number in RANGE(2500)),
       none=lambda: {None: True, False: 0})
values('set_', empty=lambda: set(), ints=lambda: set([1, 2]), texts=lambda: set([u'a', u'b']), mixed=lambda: set([1, u'a', (2, 3)]))
values('frozenset_', empty=lambda: frozenset(), ints=lambda: frozenset([1, 2]), nested=lambda: frozenset([frozenset([1])]))
values('bytearray_', empty=lambda: bytearray(), high=lambda: bytearray(b'\x01\xff'), utf8=lambda: bytearray(b'h\xc3\xa9'))
values('complex_', one=lambda: 1 + 2j, neg_zero=lambda: complex(-0.0, float('inf')))
values('range_', three=lambda: RANGE(3), step=lambda: RANGE(10, 0, -3))
values('slice_', full=lambda: slice(1, 2, 3), open=lambda: slice(None, 5, None))


@value
def deep_list():
    out = []
    for _ in RANGE(80):
        out = [out]
    return out


@shared
def share_list():
    return [1]


@shared
def share_text():
    return u'shared text'


@shared
def share_tuple():
    return (1, [2])


@shared
def share_instance():
    return zoo_types.Plain(a=1)


@shared
def share_dict():
    return {u'a': []}


@value
def cycle_list():
    out = [1]
    out.append(out)
    return out


@value
def cycle_dict():
    out = {u'a': 1}
    out[u'self'] = out
    return out


@value
def cycle_tuple():
    inner = []
    out = (inner, 1)
    inner.append(out)
    return out


@value
def cycle_instance():
    out = zoo_types.Plain()
    out.self = [out]
    return out


@value
def cycle_two():
    left, right = [u'l'], [u'r']
    left.append(right)
    right.append(left)
    return {u'left': left, u'right': right}


values('time_', datetime=lambda: datetime.datetime(2020, 2, 3, 4, 5, 6, 789), midnight=lambda: datetime.datetime(1999, 12, 31),
       date=lambda: datetime.date(2020, 2, 3), old=lambda: datetime.date(1, 1, 1), year1920=lambda: datetime.date(1920, 1, 1),
       year2047=lambda: datetime.datetime(2047, 12, 31, 23, 59, 59, 999999), year9999=lambda: datetime.date(9999, 12, 31),
       year_utf8=lambda: datetime.date(0xC3A9 % 9999, 1, 1), time=lambda: datetime.time(1, 2), time_high=lambda: datetime.time(1, 2, 3, 255),
       time_utf8=lambda: datetime.time(1, 2, 3, 50089), delta=lambda: datetime.timedelta(-1, 2, 3),
       delta_large=lambda: datetime.timedelta(999999999), zone=lambda: datetime.datetime(2020, 2, 3, tzinfo=zoo_types.Zone(90)),
       zone_time=lambda: datetime.time(23, 59, 59, 999999, zoo_types.Zone(-60)))
values('number_', decimal=lambda: decimal.Decimal(u'1.50'), decimal_nan=lambda: decimal.Decimal(u'NaN'),
       decimal_neg=lambda: decimal.Decimal(u'-0E-10'), fraction=lambda: fractions.Fraction(-1, 3), uuid=lambda: uuid.UUID(int=5),
       fraction_large=lambda: fractions.Fraction(1 << 70, 3))
values('coll_', ordered=lambda: collections.OrderedDict([(u'z', 1), (u'a', [2])]), ordered_empty=lambda: collections.OrderedDict(),
       default_int=lambda: collections.defaultdict(int, {u'a': 1}), default_list=lambda: collections.defaultdict(list, {u'a': [1]}),
       default_none=lambda: collections.defaultdict(None, {1: 2}), counter=lambda: collections.Counter(u'aab'),
       deque=lambda: collections.deque([1, u'a']), deque_bound=lambda: collections.deque([1, 2], 3),
       point=lambda: zoo_types.Point(1, u'y'), partial=lambda: functools.partial(zoo_types.function, 1),
       partial_builtin=lambda: functools.partial(int, base=16))
values('array_', i=lambda: array.array('i', [1, -2]), d=lambda: array.array('d', [1.5, float('inf')]), B=lambda: array.array('B', [0, 255]),
       b_empty=lambda: array.array('b'), h=lambda: array.array('h', [-1, 200]), L=lambda: array.array('L', [1 << 40]),
       f=lambda: array.array('f', [0.5]))
values('user_', plain=lambda: zoo_types.Plain(a=1, text=u'h\xe9', data=b'\xff'), empty=lambda: zoo_types.Plain(),
       slots=lambda: zoo_types.Slots(1, [u'a']), reduced=lambda: zoo_types.Reduced(1, u'two'), stateful=lambda: zoo_types.Stateful(3),
       newargs=lambda: zoo_types.NewArgs(1, u'b'), text=lambda: zoo_types.Text(u'sub'), number=lambda: zoo_types.Number(7),
       old=lambda: zoo_types.OldStyle(1), old_init=lambda: zoo_types.OldInit(u'x'), inside=lambda: zoo_types.Plain(name=zoo_types.OldStyle([1])))


@value
def user_slots_dict():
    out = zoo_types.SlotsAndDict(1, 2)
    out.extra = u'e'
    return out


@value
def user_list():
    out = zoo_types.Listing([1, 2])
    out.note = u'n'
    return out


@value
def user_dict():
    out = zoo_types.Mapping({u'k': 1})
    out.note = u'n'
    return out


values('name_', int=lambda: int, str=lambda: str, text=lambda: type(u''), bytes=lambda: bytes, dict=lambda: dict, object=lambda: object,
       len=lambda: len, join=lambda: os.path.join, range=lambda: RANGE, map=lambda: map, ValueError=lambda: ValueError, OSError=lambda: OSError,
       user_class=lambda: zoo_types.Plain, user_function=lambda: zoo_types.function, ordered=lambda: collections.OrderedDict,
       queue_empty=lambda: queue.Empty, decimal=lambda: decimal.Decimal, reduce=lambda: functools.reduce)
# Their messages are native: what a program, and the version's own library, raise.
values('exc_', value=lambda: ValueError('boom'), value_text=lambda: ValueError(u'h\xe9'), value_two=lambda: ValueError('a', 2),
       key=lambda: KeyError('k'), key_int=lambda: KeyError(5), index=lambda: IndexError(), type=lambda: TypeError('bad'),
       attribute=lambda: AttributeError('no x'), name=lambda: NameError('n'), imports=lambda: ImportError('mod'),
       assertion=lambda: AssertionError(1), zero=lambda: ZeroDivisionError('z'), overflow=lambda: OverflowError('o'),
       runtime=lambda: RuntimeError('r'), notimplemented=lambda: NotImplementedError(), eof=lambda: EOFError(), memory=lambda: MemoryError(),
       stop=lambda: StopIteration(3), exit=lambda: SystemExit(3), interrupt=lambda: KeyboardInterrupt(), base=lambda: Exception('e', [1]),
       os=lambda: OSError(2, 'none'), os_file=lambda: OSError(2, 'none', 'name'), os_text=lambda: OSError('only text'),
       os_refused=lambda: OSError(111, 'refused'), io=lambda: IOError(5, 'io'), socket=lambda: socket.error(9, 'bad'),
       timeout=lambda: socket.timeout('timed out'), decode=lambda: UnicodeDecodeError('ascii', b'\xff', 0, 1, 'ordinal'),
       encode=lambda: UnicodeEncodeError('ascii', u'\xe9', 0, 1, 'ordinal'), queue_empty=lambda: queue.Empty(),
       queue_full=lambda: queue.Full('f'), user=lambda: zoo_types.UserError('mine', 7), warning=lambda: UserWarning('w'))


@value
def exc_attributes():
    out = ValueError('boom')
    out.extra = [1]
    return out


# What only Python 3 has.


@since3
def time_utc():
    return datetime.datetime(2020, 2, 3, tzinfo=datetime.timezone.utc)


@since3
def time_offset():
    return datetime.datetime(2020, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2), u'two'))


@since3
def time_fold():
    return datetime.datetime(2020, 11, 1, 1, 30, fold=1)


@since3
def time_fold_time():
    return datetime.time(1, 30, fold=1)


@since3
def user_newkeywords():
    return zoo_types.NewKeywords(1, second=u'b')


@since3
def user_nested():
    return zoo_types.Outer.Inner(1)


@since3
def name_nested():
    return zoo_types.Outer.Inner


@since3
def method_bound():
    return zoo_types.Plain(a=1).method


@since3
def method_builtin():
    return [1, 2].append


@since3
def method_descriptor():
    return str.join


@since3
def enum_member():
    return zoo_types.Color.RED


@since3
def enum_int():
    return [zoo_types.Level.HIGH, zoo_types.Level.HIGH]


@since3
def enum_flag():
    return zoo_types.Flags.A | zoo_types.Flags.B


@since3
def view_keys():
    import multiprocessing.managers  # registers the reductions of views
    assert multiprocessing.managers
    return {u'a': 1}.keys()


@since3
def exc_notfound():
    return FileNotFoundError(2, 'none')  # noqa: F821


@since3
def exc_refused():
    return ConnectionRefusedError(111, 'refused')  # noqa: F821


@since3
def exc_timeout_builtin():
    return TimeoutError(110, 'late')  # noqa: F821


@since3
def exc_pipe():
    return BrokenPipeError(32, 'pipe')  # noqa: F821


@since3
def exc_module():
    return ModuleNotFoundError('gone')  # noqa: F821


@since3
def exc_recursion():
    return RecursionError('deep')  # noqa: F821


@since3
def path_pure():
    import pathlib
    return pathlib.PurePosixPath(u'/a/b')


if not PY2:
    # Their order is what the version promises from 3.7 on; 2.7 has none.
    ZOO['order_dict'] = lambda: {u'z': 1, u'a': 2, u'm': 3}

if numpy is not None:
    for _dtype in ('?', 'i1', 'u1', 'i2', 'i4', 'i8', 'u8', 'f2', 'f4', 'f8', 'c16', '>i4', '>f8'):
        ZOO['np_array_' + _dtype.replace('>', 'big_').replace('?', 'bool')] = (
            lambda dtype=_dtype: numpy.array([0, 1, 100], dtype=dtype))
    values('np_', two=lambda: numpy.arange(6.0).reshape(2, 3), fortran=lambda: numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
           empty=lambda: numpy.array([], dtype='f4'), zero_d=lambda: numpy.array(2.5), sliced=lambda: numpy.arange(10)[::3],
           objects=lambda: numpy.array([1, None, u'a', [2]], dtype=object), bytes=lambda: numpy.array([b'a\xff', b'b'], dtype='S2'),
           bytes_ascii=lambda: numpy.array([b'abc'], dtype='S3'), text=lambda: numpy.array([u'h\xe9', u'x']),
           structured=lambda: numpy.array([(1, 2.5)], dtype=[('a', '<i4'), ('b', '<f8')]),
           days=lambda: numpy.array(['2020-02-03', 'NaT'], dtype='datetime64[D]'),
           seconds=lambda: numpy.array([1, 2], dtype='timedelta64[s]'), large=lambda: numpy.arange(20000, dtype='<i4'),
           void=lambda: numpy.array([b'\xff\x00'], dtype='V2'))
    values('np_scalar_', f8=lambda: numpy.float64(1.5), f4=lambda: numpy.float32(-0.1), i4=lambda: numpy.int32(200), i8=lambda: numpy.int64(-1),
           bool=lambda: numpy.bool_(True), c16=lambda: numpy.complex128(1 - 2j), bytes=lambda: numpy.bytes_(b'a\xff'),
           text=lambda: (numpy.unicode_ if PY2 else numpy.str_)(u'h\xe9'), day=lambda: numpy.datetime64('2020-02-03', 'D'), u1=lambda: numpy.uint8(233))
    values('np_dtype_', f8=lambda: numpy.dtype('f8'), big=lambda: numpy.dtype('>i2'), text=lambda: numpy.dtype('U5'),
           structured=lambda: numpy.dtype([('a', '<i4'), ('b', '<f8', (2,))]), ns=lambda: numpy.dtype('datetime64[ns]'),
           object=lambda: numpy.dtype(object))
    values('np_type_', f8=lambda: numpy.float64, ndarray=lambda: numpy.ndarray)
    values('np_more_', share=lambda: (lambda part: [part, part])(numpy.array([1.0, 2.0])), inside=lambda: {u'a': [numpy.int32(1)]},
           masked=lambda: numpy.ma.masked_array([1, 2, 3], [0, 1, 0]))
