"""Protocols 3 to 5 for 2.7, whose own unpicklers stop at 2: stock peers of 3.x write them."""

import pickle
import struct
import sys

# What 3.x calls by another name. Anything else is the same, or is not there.
_MODULES = {
    'builtins': '__builtin__', 'copyreg': 'copy_reg', 'queue': 'Queue', '_queue': 'Queue', 'socketserver': 'SocketServer',
    'configparser': 'ConfigParser', '_thread': 'thread', 'functools': 'functools', 'itertools': 'itertools',
    'pickle': 'pickle', 'io': 'io', 'urllib.parse': 'urlparse', 'http.client': 'httplib', 'xmlrpc.client': 'xmlrpclib',
}
_NAMES = {
    ('builtins', 'range'): ('__builtin__', 'xrange'), ('builtins', 'str'): ('__builtin__', 'unicode'),
    ('builtins', 'bytes'): ('__builtin__', 'str'), ('functools', 'reduce'): ('__builtin__', 'reduce'),
    ('collections', 'UserDict'): ('UserDict', 'IterableUserDict'), ('collections', 'UserList'): ('UserList', 'UserList'),
    ('multiprocessing.context', 'Process'): ('multiprocessing.process', 'Process'),
    ('multiprocessing.context', 'AuthenticationError'): ('multiprocessing', 'AuthenticationError'),
    ('multiprocessing.context', 'TimeoutError'): ('multiprocessing', 'TimeoutError'),
    ('multiprocessing.context', 'BufferTooShort'): ('multiprocessing', 'BufferTooShort'),
}
# Exceptions that 2.7 has no class of its own for.
_OS_ERRORS = ('BlockingIOError', 'ChildProcessError', 'ConnectionError', 'BrokenPipeError', 'ConnectionAbortedError',
              'ConnectionRefusedError', 'ConnectionResetError', 'FileExistsError', 'FileNotFoundError', 'InterruptedError',
              'IsADirectoryError', 'NotADirectoryError', 'PermissionError', 'ProcessLookupError', 'TimeoutError')
for _name in _OS_ERRORS:
    _NAMES['builtins', _name] = '__builtin__', 'OSError'
_NAMES['builtins', 'RecursionError'] = '__builtin__', 'RuntimeError'
_NAMES['builtins', 'ModuleNotFoundError'] = '__builtin__', 'ImportError'
_NAMES['builtins', 'StopAsyncIteration'] = '__builtin__', 'Exception'


def names(module, name):
    """The name that 2.7 has for what 3.x calls `module.name`."""
    found = _NAMES.get((module, name))
    return (_MODULES.get(module, module), name) if found is None else found


class Unpickler(pickle.Unpickler):
    """Reads every protocol. In Python, thus slow, and used only where cPickle cannot."""

    dispatch = dict(pickle.Unpickler.dispatch)

    def find_class(self, module, name):
        """The object called `module.name` by a 3.x."""
        module, name = names(module, name)
        __import__(module)
        found = sys.modules[module]
        for part in name.split('.'):
            found = getattr(found, part)
        return found

    def _take(self, form):
        size = struct.calcsize(form)
        data = self.read(size)
        if len(data) != size:
            raise EOFError('the pickle ends within an opcode')
        return struct.unpack(form, data)[0]

    def _bytes(self, form):
        size = self._take(form)
        data = self.read(size)
        if len(data) != size:
            raise EOFError('the pickle ends within a string')
        return data


def _opcode(code):
    def enter(function):
        Unpickler.dispatch[code] = function
        return function
    return enter


def _strings(code, form, make):
    _opcode(code)(lambda self: self.append(make(self._bytes(form))))


def _text(data):
    return data.decode('utf-8', 'replace')


_strings('B', '<I', str)
_strings('C', '<B', str)
_strings('\x8e', '<Q', str)
_strings('\x8c', '<B', _text)
_strings('\x8d', '<Q', _text)
_strings('\x96', '<Q', bytearray)


@_opcode('\x80')
def _proto(self):
    version = self._take('<B')
    if not 0 <= version <= 5:
        raise ValueError('unsupported pickle protocol: %d' % version)


@_opcode('\x95')
def _frame(self):
    self._take('<Q')


@_opcode('\x94')
def _memoize(self):
    self.memo[str(len(self.memo))] = self.stack[-1]


@_opcode('\x8f')
def _empty_set(self):
    self.append(set())


@_opcode('\x90')
def _add_items(self):
    mark = self.marker()
    items = self.stack[mark + 1:]
    del self.stack[mark:]
    self.stack[-1].update(items)


@_opcode('\x91')
def _frozen_set(self):
    mark = self.marker()
    items = frozenset(self.stack[mark + 1:])
    self.stack[mark:] = [items]


@_opcode('\x92')
def _new_object(self):
    kwds = self.stack.pop()
    args = self.stack.pop()
    cls = self.stack.pop()
    self.append(cls.__new__(cls, *args, **dict((str(key), value) for key, value in kwds.items())))


@_opcode('\x93')
def _stack_global(self):
    name = str(self.stack.pop())
    module = str(self.stack.pop())
    self.append(self.find_class(module, name))
