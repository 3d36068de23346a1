"""Seeded random graphs of values: the same graph for the same seed in every version.

They hold only what every version can represent, so that their neutral descriptions compare across versions:
bytes always have a byte that no UTF-8 text has (on 2.7 bytes and text are told apart by nothing else), and years
are those whose first byte is 7, the common case, which no 2.7 datetime survives unaided.
Cycles run through lists, dicts and instances alone: what is rebuilt by a call with its parts cannot hold itself.
"""
import array
import collections
import datetime
import decimal
import fractions
import hashlib
import uuid

import zoo_types
from describe import RANGE, TEXT, describe

ALPHABET = u'abcdefghij XYZ_09\x00\n\'"\\\xe9\u20ac\u0416\u4e2d\ud7ff'
WIDE = [u'\U0001f600', u'\U00010000', u'\U0010ffff']


def graph(seed):
    return _Graph(seed).root()


def fingerprint(value):
    return hashlib.sha1(describe(value, native=False).encode('ascii')).hexdigest()[:16]


class _Graph(object):
    def __init__(self, seed):
        # Knuth's MMIX constants; a first draw is thrown away, since small seeds differ in few bits.
        self.state = (seed * 2654435761 + 1) & 0xFFFFFFFFFFFFFFFF
        self.draw(2)
        self.nodes = []
        self.open = []

    def draw(self, below):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % below

    def choose(self, options):
        return options[self.draw(len(options))]

    def root(self):
        for _ in range(3 + self.draw(24)):
            node = self.choose(self.MAKERS)(self)
            self.nodes.append(node)
            if type(node) in (list, dict, zoo_types.Plain):
                self.open.append(node)
        for _ in range(self.draw(4) if self.open else 0):
            self.tie(self.choose(self.open), self.choose(self.nodes))
        return [self.choose(self.nodes) for _ in range(1 + self.draw(4))] + self.nodes[-1:]

    def tie(self, holder, value):
        """A later edge, which may close a cycle."""
        if type(holder) is list:
            holder.append(value)
        elif type(holder) is dict:
            holder[self.key()] = value
        else:
            setattr(holder, 'tied', value)

    def value(self):
        """A child: a node that exists, so that it is shared, or a new scalar."""
        if self.nodes and self.draw(2):
            return self.choose(self.nodes)
        return self.scalar()

    def values(self, most=5):
        return [self.value() for _ in range(self.draw(most))]

    def scalar(self):
        return self.choose(self.SCALARS)(self)

    def key(self):
        return self.choose(self.KEYS)(self)

    # Scalars.

    def constant(self):
        return self.choose([None, True, False])

    def integer(self):
        bits = self.choose([3, 7, 8, 9, 15, 16, 17, 30, 31, 32, 33, 62, 63, 64, 65, 100, 2040, 2048])
        number = (1 << bits) - 2 + self.draw(5)
        return number if self.draw(2) else -number

    def real(self):
        return (self.draw(1 << 20) - (1 << 19)) / float(1 << self.draw(30))

    def imaginary(self):
        return complex(self.real(), self.real())

    def text(self):
        length = self.draw(12) if self.draw(8) else 250 + self.draw(12)
        letters = [self.choose(ALPHABET) if self.draw(9) else self.choose(WIDE) for _ in range(length)]
        return TEXT(u'').join(letters)

    def data(self):
        length = self.draw(12) if self.draw(8) else 250 + self.draw(12)
        body = bytearray([self.draw(256) for _ in range(length)])
        body.insert(self.draw(length + 1), 0xFF)
        return bytes(body)

    def datetime(self):
        return datetime.datetime.combine(self.date(), self.time())

    def date(self):
        return datetime.date(1920 + self.draw(128), 1 + self.draw(12), 1 + self.draw(28))

    def time(self):
        return datetime.time(self.draw(24), self.draw(60), self.draw(60), self.draw(1000000))

    def duration(self):
        return datetime.timedelta(self.draw(2000) - 1000, self.draw(86400), self.draw(1000000))

    def decimal(self):
        return decimal.Decimal(self.draw(1 << 30)).scaleb(-self.draw(9))

    def fraction(self):
        return fractions.Fraction(self.draw(1000), 1 + self.draw(1000))

    def uuid(self):
        return uuid.UUID(int=(self.draw(1 << 31) << 90) | self.draw(1 << 31))

    def span(self):
        return RANGE(self.draw(100), self.draw(100), 1 + self.draw(5))

    KEYS = [text, data, lambda self: 2 + self.draw(100000), lambda self: (self.text(), self.draw(9)), date]
    SCALARS = [constant, integer, integer, real, imaginary, text, text, data, datetime, date, time, duration, decimal,
               fraction, uuid, span]

    # Containers.

    def list(self):
        return self.values()

    def tuple(self):
        return tuple(self.values())

    def dict(self):
        return dict([(self.key(), self.value()) for _ in range(self.draw(5))])

    def set(self):
        return set([self.key() for _ in range(self.draw(5))])

    def frozen(self):
        return frozenset([self.key() for _ in range(1 + self.draw(4))])

    def mutable(self):
        return bytearray([self.draw(256) for _ in range(self.draw(20))])

    def plain(self):
        return zoo_types.Plain(**dict([(self.choose(['a', 'b', 'c']), self.value()) for _ in range(self.draw(4))]))

    def slots(self):
        return zoo_types.Slots(self.value(), self.value())

    def point(self):
        return zoo_types.Point(self.scalar(), self.scalar())

    def ordered(self):
        return collections.OrderedDict([(self.key(), self.scalar()) for _ in range(self.draw(4))])

    def default(self):
        return collections.defaultdict(list, [(self.key(), self.scalar()) for _ in range(self.draw(4))])

    def counter(self):
        return collections.Counter([self.key() for _ in range(self.draw(4))])

    def deque(self):
        return collections.deque([self.scalar() for _ in range(self.draw(4))], 2 + self.draw(4))

    def array(self):
        if self.draw(2):
            return array.array('d', [self.real() for _ in range(self.draw(5))])
        return array.array('i', [self.draw(1 << 31) for _ in range(self.draw(5))])

    MAKERS = [list, list, list, tuple, tuple, dict, dict, dict, set, frozen, mutable, plain, plain, slots, point, ordered,
              default, counter, deque, array] + SCALARS[1::3]
