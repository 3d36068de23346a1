"""Classes that belong to a context: `ctx.Listener` is `sabir.connection.Listener` with a context of its own."""

from ._stock import copyreg


class BoundType(type):
    """The type of classes that `bind` makes variants of. A variant has no name to be found by and is pickled as what it was
    made of; all other classes are pickled by name as ever."""


def bind(cls, context):
    """`cls` for `context`: a subclass of the same name."""
    return BoundType(cls.__name__, (cls,), {
        '_context': context,
        '_bound': (cls, context),
        '__module__': cls.__module__,
        '__doc__': cls.__doc__,
    })


def _reduce(cls):
    bound = cls.__dict__.get('_bound')
    if bound is None:
        return cls.__name__ if '<' in getattr(cls, '__qualname__', '') else getattr(cls, '__qualname__', cls.__name__)
    return _rebind, bound


def _rebind(cls, context):
    return getattr(context, cls.__name__)


copyreg.pickle(BoundType, _reduce)
