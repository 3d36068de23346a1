"""What 2.7 wrote, read by 3.x where its own unpickler cannot: strings that are not ASCII."""

import pickle
import sys


def _settling(plain, count, load):
    """`load`, an opcode that puts items into a container. One that is no `plain` container may look at them, so that they are
    settled before. `count` is how many are on top of it, None for all since the mark."""
    def settled(self):
        if count is None:
            container, first = self.metastack[-1][-1], 0
        else:
            container, first = self.stack[-count - 1], len(self.stack) - count
        if type(container) is not plain:
            self.stack[first:] = [_settled(item, {}) for item in self.stack[first:]]
        load(self)
    return settled


class Unpickler(pickle._Unpickler):
    """Reads what 2.7 wrote: a `str` that is not ASCII is text if it is UTF-8, else bytes.

    The state of dates, times and arrays is always bytes. In Python, thus slow, and used only where the quick one failed.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def _decode_string(self, value):
        return _Str2(value)

    def load(self):
        return _settled(super().load(), {})

    def load_reduce(self):
        args = self.stack[-1]
        func = self.stack[-2]
        self.stack[-1] = tuple(_argument(func, arg) for arg in args)
        super().load_reduce()

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_bytearray8(self):
        size = int.from_bytes(self.read(8), 'little')
        if size > sys.maxsize:
            raise pickle.UnpicklingError('a bytearray of %d bytes exceeds what there can be' % size)
        self.append(bytearray(self.read(size)))

    # Before 3.8.
    dispatch.setdefault(0x96, load_bytearray8)

    def load_newobj(self):
        self.stack[-1] = _settled(self.stack[-1], {})
        super().load_newobj()

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_build(self):
        self.stack[-1] = _settled(self.stack[-1], {})
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build

    def load_inst(self):
        self.stack[:] = [_settled(item, {}) for item in self.stack]
        super().load_inst()

    dispatch[pickle.INST[0]] = load_inst

    def load_obj(self):
        self.stack[1:] = [_settled(item, {}) for item in self.stack[1:]]
        super().load_obj()

    dispatch[pickle.OBJ[0]] = load_obj

    for _code, _plain, _count in ((pickle.SETITEM, dict, 2), (pickle.SETITEMS, dict, None), (pickle.APPEND, list, 1),
                                  (pickle.APPENDS, list, None), (pickle.ADDITEMS, set, None)):
        dispatch[_code[0]] = _settling(_plain, _count, dispatch[_code[0]])


class _Str2(bytes):
    """A `str` of 2.7, before it is known what it is."""

    def __hash__(self):
        return hash(_text(self))

    def __eq__(self, other):
        return _text(self) == (_text(other) if isinstance(other, _Str2) else other)


def _text(value):
    try:
        return bytes(value).decode('utf-8')
    except UnicodeDecodeError:
        return bytes(value)


def _argument(func, arg):
    module = getattr(func, '__module__', '') or ''
    binary = module in ('datetime', 'array') or module.startswith('numpy')
    if isinstance(arg, _Str2):
        if binary and not (module == 'array' and len(arg) == 1):
            return bytes(arg)
        return _text(arg)
    return _settled(arg, {})


def _settled(obj, seen):
    """`obj` with each `_Str2` in its containers and attributes settled; containers keep their identity."""
    if isinstance(obj, _Str2):
        return _text(obj)
    if id(obj) in seen:
        return seen[id(obj)]
    kind = type(obj)
    if kind in (tuple, frozenset):
        return kind(_settled(item, seen) for item in obj)
    if kind is list:
        seen[id(obj)] = obj
        obj[:] = [_settled(item, seen) for item in obj]
    elif kind is set:
        seen[id(obj)] = obj
        items = [_settled(item, seen) for item in obj]
        obj.clear()
        obj.update(items)
    elif kind is dict:
        seen[id(obj)] = obj
        items = [(_settled(key, seen), _settled(value, seen)) for key, value in obj.items()]
        obj.clear()
        obj.update(items)
    elif isinstance(getattr(obj, '__dict__', None), dict) and not isinstance(obj, type):
        seen[id(obj)] = obj
        _settled(obj.__dict__, seen)
    return obj
