"""The Python half of serde_pythons.rs, for 2.7 and every 3.x.

serde_peer.py write           writes every sample at every protocol to standard output
serde_peer.py check < pickles loads what Rust wrote, and prints the names of what is not equal to the sample

A record: protocol (1 byte), length of the name (2 bytes), name, length of the pickle (4 bytes), pickle; little-endian.
"""
from __future__ import print_function, unicode_literals
import array, collections, datetime, decimal, fractions, pickle, struct, sys, uuid

PY2 = sys.version_info[0] == 2
if PY2:
    text, integer = unicode, long  # noqa: F821
else:
    text, integer = str, int


class Point(object):
    def __init__(self, x=None, y=None):
        self.x, self.y = x, y

    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__ == other.__dict__

    class Inner(object):
        def __eq__(self, other):
            return type(self) is type(other) and self.__dict__ == other.__dict__


class Slots(object):
    __slots__ = ("x", "y")

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


class Both(Slots):
    pass


class Old:
    def __init__(self):
        self.x, self.y = 1, 2


class Stateful(object):
    def __getstate__(self):
        return [1, 2]

    def __setstate__(self, state):
        self.state = state

    def __eq__(self, other):
        return self.state == other.state


class Failure(Exception):
    pass


class Names(list):
    pass


class Ages(dict):
    pass


class Word(text):
    pass


Pair = collections.namedtuple(str("Pair"), "x y")


def made(a, b=2):
    return Point(a, b)


def with_attributes(instance, **attributes):
    for name, value in attributes.items():
        setattr(instance, name, value)
    return instance


RECORD = {
    "name": "n\u00e4me \U0001f600", "sizes": [0, 255, 256, 65536, -1, 2 ** 40, -2 ** 63], "ratio": 0.5, "flag": True, "none": None,
    "pair": (1, "x"), "map": {"a": 1}, "big": 2 ** 100, "small": -2 ** 100, "raw": b"\x00\xff\x80",
}

SAMPLES = {
    "record": RECORD,
    "records": [dict(RECORD) for _ in range(1500)],
    "none": None,
    "unsigned": 2 ** 64 - 1,
    "huge": 2 ** 200,
    "native": "native" if not PY2 else b"native",
    "empty": [{}, [], (), "", b""],
    "point": Point(1, "two"),
    "points": [Point(1, 2), Point(3, 4)],
    "old": Old(),
    "slots": with_attributes(Slots(), x=1, y="two"),
    "both": with_attributes(Both(), x=1, y="two", z=3),
    "stateful": Stateful(),
    "pair": Pair(1, "two"),
    "error": ValueError("bad", 3),
    "failure": with_attributes(Failure("bad"), code=7),
    "names": Names(["a", "b"]),
    "ages": Ages(ann=1),
    "word": Word("word"),
    "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5, 67),
    "date": datetime.date(2020, 1, 2),
    "time": datetime.time(1, 2, 3, 50089),
    "timedelta": datetime.timedelta(1, 2, 500000),
    "decimal": decimal.Decimal("1.50"),
    "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "default": collections.defaultdict(list, {"a": [1]}),
    "counter": collections.Counter("aab"),
    "deque": collections.deque([1, 2], 5),
    "set": {1},
    "frozenset": frozenset([1]),
    "bytearray": bytearray(b"\x00\xff"),
    "doubles": array.array(str("d"), [1.5, -2.0]),
    "shorts": array.array(str("h"), [1, -2]),
    "complex": 1 + 2j,
    "slice": slice(1, None, 2),
    "class": collections.OrderedDict,
}
if not PY2:
    import enum
    import pathlib
    import types

    class Color(enum.Enum):
        RED = "red"

    SAMPLES.update({
        "aware": datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=30))),
        "color": Color.RED,
        "path": pathlib.PurePosixPath("/a/b"),
        "namespace": types.SimpleNamespace(x=1, y="two"),
        "inner": with_attributes(Point.Inner(), x=1, y="two"),
        "surrogate": "a\ud800",
    })
if sys.version_info >= (3, 9):
    import zoneinfo
    try:
        SAMPLES["zoned"] = datetime.datetime(2020, 7, 2, 3, 4, 5, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
    except zoneinfo.ZoneInfoNotFoundError:
        pass

# What Rust writes, by the name of the test's value.
EXPECTED = {
    "record": RECORD,
    "integers": [0, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -2 ** 31, -2 ** 31 - 1, 2 ** 63 - 1, -2 ** 63,
                 2 ** 63, 2 ** 64 - 1, 2 ** 127 - 1, -2 ** 127, 2 ** 128 - 1, 2 ** 127, -2 ** 63 - 1, 2 ** 64],
    "floats": [0.1, -0.0, 1e300, float("inf")],
    "texts": ["", "\n\\u0041\r\x1a\0", "\u00e4\u20ac\U0001f600", "x" * 300],
    "bytes": [b"", b"\n\x00\xff", b"x" * 300],
    "byte_arrays": [bytearray(), bytearray(b"\x00\xff")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "empty": ([], {}, None, (), set(), frozenset()),
    "sets": [{1, 2}, frozenset([(1, "a")])],
    "variants": ["Unit", {"Newtype": 1}, {"Tuple": (1, "a")}, {"Struct": {"x": 1}}],
    "keys": {1: "a", 2: "b"},
    "point": Point(1, "two"),
    "inner": with_attributes(Point.Inner(), x=1),
    "slots": with_attributes(Slots(), x=1, y=2),
    "stateful": with_attributes(Stateful(), state=[1, 2]),
    "made": Point(1, 2),
    "ordered": collections.OrderedDict([("b", 1)]),
    "error": ValueError("bad"),
    "class": [collections.OrderedDict, ValueError, int],
    "decimal": decimal.Decimal("1.50"),
    "date": datetime.date(2020, 1, 2),
    "reduced": ([Point(1, "two")], Pair(1, "two"), decimal.Decimal("1.50"), collections.OrderedDict(),
                (datetime.timedelta(1, 2, 3),)),
}


def same(a, b):
    if isinstance(a, BaseException):
        return type(a) is type(b) and a.args == b.args
    if isinstance(a, float):
        return repr(a) == repr(b)
    if type(a) is not type(b) and not (isinstance(a, (int, integer)) and isinstance(b, (int, integer))):
        return False
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(k in b and same(v, b[k]) for k, v in a.items())
    return a == b


def write(out):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for name, sample in sorted(SAMPLES.items()):
            try:
                data = pickle.dumps(sample, protocol)
            except (TypeError, pickle.PicklingError):
                continue  # protocols 0 and 1 have no __slots__, and some no nested classes
            name = name.encode()
            out.write(struct.pack("<BH", protocol, len(name)) + name + struct.pack("<I", len(data)) + data)


def check(data):
    at = 0
    while at < len(data):
        protocol, length = struct.unpack_from("<BH", data, at)
        at += 3
        name = data[at:at + length].decode()
        at += length
        length, = struct.unpack_from("<I", data, at)
        at += 4
        try:
            value = pickle.loads(data[at:at + length])
            if not same(EXPECTED[name], value):
                print("%s at protocol %d is %r" % (name, protocol, value))
        except Exception as error:
            print("%s at protocol %d: %r" % (name, protocol, error))
        at += length
    print("checked")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(getattr(sys.stdout, "buffer", sys.stdout))
    else:
        check(getattr(sys.stdin, "buffer", sys.stdin).read())
