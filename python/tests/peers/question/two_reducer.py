"""A reducer in the shape that people copy, slips included: `args` is a tuple, and `dump` becomes a method."""

from multiprocessing.reduction import AbstractReducer, ForkingPickler


class TwoPickler(ForkingPickler):
    def __init__(self, *args):
        if len(args) > 1:
            args[1] = 2
        else:
            args.append(2)
        super().__init__(*args)

    @classmethod
    def dumps(cls, obj, protocol=2):
        return ForkingPickler.dumps(obj, protocol)


def dump(obj, file, protocol=2):
    TwoPickler(file, protocol).dump(obj)


class TwoReducer(AbstractReducer):
    ForkingPickler = TwoPickler
    register = TwoPickler.register
    dump = dump
