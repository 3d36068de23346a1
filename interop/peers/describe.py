"""Renders any value as one line of ASCII: types, exact values, sharing and cycles.

Two values have the same description exactly if a program cannot tell them apart (but for the identity of
atoms, such as two equal texts). Objects with an identity are numbered as they are first met: `#2[...]`; a later
meeting is `#2`. The entries of dicts and sets are put in the order of their keys' descriptions.

With native=True the types that versions name differently have their native names (2.7: str, unicode, int, long);
with native=False they have neutral ones (bytes, text, int), so that descriptions compare across versions.
"""
import array
import collections
import datetime
import decimal
import fractions
import functools
import hashlib
import inspect
import types
import uuid

try:
    import numpy
except ImportError:
    numpy = None

PY2 = str is bytes
TEXT = type(u'')
LONG = 300
INTS = (int, type(1 << 70))
RANGE = xrange if PY2 else range  # noqa: F821
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type(list.append), type(int.__add__))
CLASSES = (type, types.ClassType) if PY2 else (type,)


def describe(value, native=True):
    return _Describer(native).describe(value)


def describe_error(error):
    """What a program that meets this exception instead of a value can say of it."""
    lines = [line for line in _text(error).split(u'\n') if line.strip() and not line.startswith(u'---')]
    last = lines[-1] if lines else u''
    return 'error %s: %s' % (type(error).__name__, _escape(last)[:200])


def _text(error):
    try:
        return str(error) if not PY2 else str(error).decode('latin-1')
    except Exception:
        return repr(error.args)


def _escape(text):
    """ASCII, one line, whatever the text: lone surrogates and bytes included."""
    if len(text) > LONG:
        rest = u','.join([u'%x' % ord(unit) for unit in text[LONG:]]).encode('ascii')
        return '%s... %d in all, sha1 %s' % (_escape(text[:LONG]), len(text), hashlib.sha1(rest).hexdigest())
    out = []
    for unit in text:
        code = ord(unit)
        if code in (0x27, 0x5C):
            out.append('\\' + chr(code))
        elif 0x20 <= code < 0x7F:
            out.append(chr(code))
        else:
            out.append('\\u{%x}' % code)
    return ''.join(out)


def _bytes(data):
    """ASCII bytes as they are, others in hex."""
    if len(data) > LONG:
        return '%s... %d in all, sha1 %s' % (_bytes(data[:LONG]), len(data), hashlib.sha1(data[LONG:]).hexdigest())
    return "'%s'" % ''.join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x27, 0x5C) else '\\x%02x' % byte for byte in bytearray(data))


class _Describer(object):
    def __init__(self, native):
        self.native = native
        self.numbers = {}
        self.alive = []  # so that no id is used twice

    def describe(self, value):
        if value is None or value is True or value is False or value is Ellipsis or value is NotImplemented:
            return repr(value)
        atom = ATOMS.get(type(value))
        if atom is not None:
            return atom(self, value)
        if isinstance(value, CLASSES):
            return 'class ' + self.name(value)
        if isinstance(value, types.MethodType):
            return 'method %s of %s' % (value.__name__, self.describe(value.__self__))
        if isinstance(value, FUNCTIONS):
            return 'function ' + self.name(value)
        if type(value).__module__ == 'enum' or any(base.__module__ == 'enum' for base in type(value).__mro__):
            return 'enum %s(%s)' % (self.name(type(value)), value.name)
        if hasattr(value, '__fspath__'):
            return 'path %s(%s)' % (type(value).__name__, self.describe(value.__fspath__()))
        if numpy is not None:
            if isinstance(value, numpy.dtype):
                return 'dtype ' + self.dtype(value)
            if isinstance(value, numpy.generic):
                return 'scalar %s %s' % (self.dtype(value.dtype), _bytes(value.tobytes()))
        if type(value) is tuple and not value:
            return '()'
        number = self.numbers.get(id(value))
        if number is not None:
            return '#%d' % number
        self.alive.append(value)
        number = self.numbers[id(value)] = len(self.numbers) + 1
        container = CONTAINERS.get(type(value), _Describer.instance)
        return '#%d%s' % (number, container(self, value))

    def name(self, thing):
        module = getattr(thing, '__module__', None)
        if module is None and getattr(thing, '__self__', None) is not None:
            module = type(thing.__self__).__name__
        if module == '__builtin__' and not self.native:
            module = 'builtins'
        return '%s.%s' % (module, getattr(thing, '__qualname__', None) or thing.__name__)

    # Atoms.

    def integer(self, value):
        name = type(value).__name__ if self.native else 'int'
        return '%s %s' % (name, '%d' % value if abs(value) < 1 << 64 else '%#x' % value)

    def real(self, value):
        return 'float %s' % ('nan' if value != value else value.hex())

    def imaginary(self, value):
        return 'complex(%s, %s)' % (self.real(value.real), self.real(value.imag))

    def text(self, value):
        return "%s '%s'" % (TEXT.__name__ if self.native else 'text', _escape(value))

    def data(self, value):
        return '%s %s' % (bytes.__name__ if self.native else 'bytes', _bytes(value))

    def span(self, value):
        # 2.7's xrange has no attributes; its pickle says start, stop and step.
        if PY2:
            start, stop, step = value.__reduce__()[1]
            length = len(value)
        else:
            start, step, length = value.start, value.step, len(value)
        return '%s(%d, step %d, length %d)' % (RANGE.__name__ if self.native else 'range', start, step, length)

    def cut(self, value):
        return 'slice(%s, %s, %s)' % tuple(map(self.describe, (value.start, value.stop, value.step)))

    def moment(self, value):
        fields = ('year', 'month', 'day', 'hour', 'minute', 'second', 'microsecond', 'fold')
        parts = ['%s=%d' % (field, getattr(value, field)) for field in fields if getattr(value, field, 0)]
        if getattr(value, 'tzinfo', None) is not None:
            parts.append('tzinfo=' + self.describe(value.tzinfo))
        return '%s(%s)' % (type(value).__name__, ' '.join(parts))

    def duration(self, value):
        return 'timedelta(%d, %d, %d)' % (value.days, value.seconds, value.microseconds)

    def decimal(self, value):
        return 'Decimal(%s)' % value

    def fraction(self, value):
        return 'Fraction(%s, %s)' % (self.describe(value.numerator), self.describe(value.denominator))

    def uuid(self, value):
        return 'UUID(%s)' % value

    def dtype(self, value):
        if value.names is not None:
            fields = ['%s:%s' % (_escape(name), self.dtype(value.fields[name][0])) for name in value.names]
            return '{%s}' % ' '.join(fields)
        if value.subdtype is not None:
            return '%s%r' % (self.dtype(value.subdtype[0]), tuple(map(int, value.subdtype[1])))
        return value.str

    # Containers.

    def items(self, values):
        return ', '.join([self.describe(value) for value in values])

    def entries(self, pairs):
        """In the order of the keys' own descriptions, since a dict of 2.7 has no order."""
        keyed = sorted([(describe(key, self.native), key, value) for key, value in pairs], key=lambda entry: entry[0])
        return ', '.join(['%s: %s' % (self.describe(key), self.describe(value)) for _, key, value in keyed])

    def attributes(self, pairs):
        """Names of attributes are names, whether 2.7 holds them as str or unicode."""
        return ', '.join(['.%s = %s' % (_escape(name), self.describe(value)) for name, value in sorted(pairs)])

    def members(self, values):
        keyed = sorted([(describe(value, self.native), value) for value in values], key=lambda entry: entry[0])
        return self.items([value for _, value in keyed])

    def list(self, value):
        return '[%s]' % self.items(value)

    def tuple(self, value):
        return '(%s)' % self.items(value)

    def dict(self, value):
        return '{%s}' % self.entries(value.items())

    def set(self, value):
        return '%s{%s}' % (type(value).__name__, self.members(value))

    def bytearray(self, value):
        return 'bytearray %s' % _bytes(value)

    def array(self, value):
        return 'array(%s, [%s])' % (value.typecode, self.items(value.tolist()))

    def ordered(self, value):
        pairs = ['%s: %s' % (self.describe(key), self.describe(item)) for key, item in value.items()]
        return 'OrderedDict(%s)' % ', '.join(pairs)

    def default(self, value):
        return 'defaultdict(%s, {%s})' % (self.describe(value.default_factory), self.entries(value.items()))

    def counter(self, value):
        return 'Counter{%s}' % self.entries(value.items())

    def deque(self, value):
        return 'deque([%s], %s)' % (self.items(value), self.describe(value.maxlen))

    def partial(self, value):
        keywords = self.attributes((value.keywords or {}).items())
        return 'partial(%s, %s, {%s})' % (self.describe(value.func), self.describe(value.args), keywords)

    # Instances of any other class: what they are made of.

    def instance(self, value):
        kind = getattr(value, '__class__', type(value))
        parts = []
        if isinstance(value, BaseException):
            parts.append('args %s' % self.describe(value.args))
            for name in ('errno', 'strerror', 'filename', 'filename2', 'encoding', 'object', 'start', 'end', 'reason'):
                if getattr(value, name, None) is not None:
                    parts.append('%s %s' % (name, self.describe(getattr(value, name))))
        elif numpy is not None and isinstance(value, numpy.ndarray):
            parts.append(self.ndarray(value))
        elif isinstance(value, list):
            parts.append('[%s]' % self.items(list(value)))
        elif isinstance(value, tuple):
            parts.append('(%s)' % self.items(tuple(value)))
        elif isinstance(value, dict):
            parts.append('{%s}' % self.entries(dict(value).items()))
        elif isinstance(value, TEXT):
            parts.append(self.text(TEXT(value)))
        elif isinstance(value, INTS):
            parts.append('%d' % value)
        elif isinstance(value, datetime.tzinfo):
            parts.append('%s' % value.utcoffset(None))
        # 2.7's namedtuple has a __dict__ that repeats its fields.
        pairs = [] if hasattr(value, '_fields') else list(getattr(value, '__dict__', {}).items())
        for base in inspect.getmro(kind):
            slots = base.__dict__.get('__slots__', ())
            pairs += [(name, getattr(value, name)) for name in ([slots] if isinstance(slots, str) else slots)
                      if not name.startswith('__') and hasattr(value, name)]
        if pairs:
            parts.append(self.attributes(pairs))
        if not parts and kind.__module__ not in ('zoo_types', 'builtins', 'exceptions'):
            parts.append(_escape(repr(value)))
        return '%s<%s>' % (self.name(kind), '; '.join(parts))

    def ndarray(self, value):
        flags = 'F' if value.flags.f_contiguous and not value.flags.c_contiguous else 'C'
        if value.dtype.hasobject:
            content = self.items(value.ravel().tolist()) if value.dtype.names is None else repr(value)
        else:
            content = _bytes(value.tobytes())
        writable = '' if value.flags.writeable else ' read-only'
        return '%s %r %s%s %s' % (self.dtype(value.dtype), tuple(map(int, value.shape)), flags, writable, content)


ATOMS = {
    float: _Describer.real,
    complex: _Describer.imaginary,
    TEXT: _Describer.text,
    bytes: _Describer.data,
    RANGE: _Describer.span,
    slice: _Describer.cut,
    datetime.datetime: _Describer.moment,
    datetime.date: _Describer.moment,
    datetime.time: _Describer.moment,
    datetime.timedelta: _Describer.duration,
    decimal.Decimal: _Describer.decimal,
    fractions.Fraction: _Describer.fraction,
    uuid.UUID: _Describer.uuid,
}
ATOMS.update((kind, _Describer.integer) for kind in INTS)

CONTAINERS = {
    list: _Describer.list,
    tuple: _Describer.tuple,
    dict: _Describer.dict,
    set: _Describer.set,
    frozenset: _Describer.set,
    bytearray: _Describer.bytearray,
    array.array: _Describer.array,
    collections.OrderedDict: _Describer.ordered,
    collections.defaultdict: _Describer.default,
    collections.Counter: _Describer.counter,
    collections.deque: _Describer.deque,
    functools.partial: _Describer.partial,
}
