"""Classes that both ends of a pair import, so that their instances can travel by name.

Runs on Python 2.7 and on 3.6 and newer alike, as every file of this folder does.
"""
import collections
import datetime
import sys

Point = collections.namedtuple('Point', ['x', 'y'])


class Plain(object):
    """A new-style instance whose state is its dictionary."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        """For bound methods as values."""
        return 'called'


class Slots(object):
    """An instance without a dictionary: its state is a pair (None, slots)."""
    __slots__ = ('left', 'right')

    def __init__(self, left, right):
        self.left = left
        self.right = right


class SlotsAndDict(Slots):
    """Both: its state is a pair (dictionary, slots)."""
    __slots__ = ('__dict__',)


class Reduced(object):
    """Rebuilt by a call, then given a state."""

    def __init__(self, first, second):
        self.first = first
        self.second = second

    def __reduce__(self):
        return (Reduced, (self.first, None), {'second': self.second})


class Stateful(object):
    """Its state is no dictionary."""

    def __init__(self, value):
        self.value = value

    def __getstate__(self):
        return (u'state', self.value)

    def __setstate__(self, state):
        self.value = (state[1], u'restored')


class NewArgs(object):
    """Needs arguments in __new__."""

    def __new__(cls, first, second):
        self = object.__new__(cls)
        self.pair = (first, second)
        return self

    def __getnewargs__(self):
        return self.pair


if sys.version_info[0] >= 3:
    class NewKeywords(object):
        """Needs keyword arguments in __new__: NEWOBJ_EX at protocol 4, a partial before."""

        def __new__(cls, first, second=None):
            self = object.__new__(cls)
            self.pair = (first, second)
            return self

        def __getnewargs_ex__(self):
            return (self.pair[:1], {'second': self.pair[1]})


class Listing(list):
    """A list with attributes."""


class Mapping(dict):
    """A dict with attributes."""


class Text(type(u'')):
    """A subclass of text."""


class Number(int):
    """A subclass of int."""


class OldStyle:
    """An old-style instance on 2.7."""

    def __init__(self, value):
        self.value = value


class OldInit:
    """An old-style instance whose __init__ is called again when it is read on 2.7."""

    def __init__(self, value):
        self.value = value

    def __getinitargs__(self):
        return (self.value,)


class Outer(object):
    """Holds a nested class."""

    class Inner(object):
        """Its name has a dot, which protocols below 4 write by getattr."""

        def __init__(self, value):
            self.value = value


class UserError(Exception):
    """An exception of the user's own, with attributes."""

    def __init__(self, message, code=0):
        Exception.__init__(self, message, code)
        self.code = code


class Zone(datetime.tzinfo):
    """A tzinfo that exists on 2.7 too."""

    def __init__(self, minutes=0):
        self.minutes = minutes

    def utcoffset(self, when):
        return datetime.timedelta(minutes=self.minutes)

    def dst(self, when):
        return datetime.timedelta(0)

    def tzname(self, when):
        return 'zone'

    def __getinitargs__(self):
        return (self.minutes,)


def function(value):
    """For functions as values."""
    return value


if sys.version_info[0] >= 3:
    import enum

    class Color(enum.Enum):
        """An enumeration of texts."""
        RED = 'red'
        GREEN = 'green'

    class Level(enum.IntEnum):
        """An enumeration that is an int."""
        LOW = 1
        HIGH = 2

    class Flags(enum.Flag):
        """An enumeration that combines."""
        A = 1
        B = 2
