"""Classes that a stock server can import too."""
import collections

Point = collections.namedtuple('Point', 'x y')


class Plain(object):
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return type(other) is Plain and other.__dict__ == self.__dict__

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(self.name)


try:
    import enum
except ImportError:
    Color = None
else:
    class Color(enum.Enum):
        RED = 1
        BLUE = 2
