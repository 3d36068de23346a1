"""Messages of bytes over a file descriptor: the surface of CPython's `Connection` that knows no objects.

The one place that chooses who moves bytes: the extension `sabir._native` where it was built, this pure class elsewhere.
A message is a length of 4 bytes, big-endian, and its body; -1 announces a length of 8 bytes (CPython 3.8 and newer).
"""

import errno
import os
import select
import socket
import stat
import struct

from ._stock import PY2, BufferTooShort, TimeoutError, monotonic

_LENGTH = struct.Struct('!i')
# Above this a body is not copied to be joined with its header (CPython's own limit, bpo-20540).
_JOIN = 16384
# The most that one read asks for: what a peer announces is not allocated before it arrives.
_CHUNK = 1 << 20
# A pipe that polls as writable takes this much without blocking (PIPE_BUF on Linux).
_PIPE_ATOM = 4096


class PureConnection(object):
    """Messages of bytes over `handle`, a descriptor of a stream socket or pipe, which it owns.

    `recv_timeout` and `send_timeout` are seconds that one call may last, None for as long as it takes. A call that runs out
    raises `TimeoutError`; if that happens within a message, the connection is closed, since the stream has lost its place.
    """

    recv_timeout = None
    send_timeout = None
    _deadline = None

    def __init__(self, handle, readable=True, writable=True):
        handle = handle.__index__()
        if handle < 0:
            raise ValueError('invalid handle')
        if not readable and not writable:
            raise ValueError('at least one of `readable` and `writable` must be True')
        self._handle = handle
        self._readable = bool(readable)
        self._writable = bool(writable)

    closed = property(lambda self: self._handle is None, doc='Whether `close` was called.')
    readable = property(lambda self: self._readable, doc='Whether messages can be received.')
    writable = property(lambda self: self._writable, doc='Whether messages can be sent.')

    def fileno(self):
        """The descriptor."""
        self._check_closed()
        return self._handle

    def close(self):
        """Close the descriptor; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def send_bytes(self, buf, offset=0, size=None):
        """Send `size` bytes of `buf` from `offset` as one message."""
        self._check_closed()
        self._check_writable()
        view = _bytes_view(buf)
        if not offset and size is None:
            return self._send_bytes(view)
        length = len(view)
        if offset < 0:
            raise ValueError('offset is negative')
        if length < offset:
            raise ValueError('buffer length < offset')
        if size is None:
            size = length - offset
        elif size < 0:
            raise ValueError('size is negative')
        elif offset + size > length:
            raise ValueError('buffer length < offset + size')
        self._send_bytes(view[offset:offset + size])

    def recv_bytes(self, maxlength=None):
        """Receive one message; a longer one than `maxlength` raises OSError and ends the reading."""
        self._check_closed()
        self._check_readable()
        if maxlength is not None and maxlength < 0:
            raise ValueError('negative maxlength')
        return bytes(self._recv_bytes(maxlength))

    def recv_bytes_into(self, buf, offset=0):
        """Receive one message into `buf` from `offset`, both in bytes; returns its length."""
        self._check_closed()
        self._check_readable()
        view = _writable_view(buf)
        room = view.itemsize * (len(view) if view.ndim else 1)
        if offset < 0:
            raise ValueError('negative offset')
        if offset > room:
            raise ValueError('offset too large')
        message = self._recv_bytes(None)
        if offset + len(message) > room:
            raise BufferTooShort(bytes(message))
        _copy_into(view, offset, message)
        return len(message)

    def poll(self, timeout=0.0):
        """Whether something can be read within `timeout` seconds; None waits for as long as it takes."""
        self._check_closed()
        self._check_readable()
        return wait_for(self._handle, select.POLLIN, None if timeout is None else monotonic() + max(timeout, 0.0))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __del__(self, _close=os.close):
        # At the end of the process `os` may be empty already.
        handle = getattr(self, '_handle', None)
        if handle is not None:
            self._handle = None
            _close(handle)

    def __repr__(self):
        state = 'closed' if self.closed else 'handle %d' % self._handle
        return '<%s.%s, %s>' % (type(self).__module__, type(self).__name__, state)

    def _send_bytes(self, view):
        length = len(view)
        if length > 0x7fffffff:
            header = struct.pack('!iQ', -1, length)
        else:
            header = _LENGTH.pack(length)
        deadline = self._limit(self.send_timeout)
        pieces = [header + view.tobytes()] if length <= _JOIN else [header, view]
        if deadline is None:
            self._write(pieces)
        else:
            self._write_until(pieces, deadline)

    def _write(self, pieces):
        handle = self._handle
        if len(pieces) > 1 and hasattr(os, 'writev'):
            # One write for both: a header that travels alone waits for a delayed acknowledgement.
            sent = os.writev(handle, pieces)
            pieces = _after(pieces, sent)
        for piece in pieces:
            sent = _write_some(handle, piece)
            while sent < len(piece):
                piece = memoryview(piece)[sent:]
                sent = _write_some(handle, piece)

    def _write_until(self, pieces, deadline):
        # A second descriptor of the same socket, since its flags must stay as they are: others may have inherited it.
        sock = None
        if stat.S_ISSOCK(os.fstat(self._handle).st_mode):
            sock = socket.fromfd(self._handle, socket.AF_INET, socket.SOCK_STREAM)
        try:
            for piece in pieces:
                view = memoryview(piece)
                while len(view):
                    if not wait_for(self._handle, select.POLLOUT, deadline):
                        self.close()
                        raise TimeoutError('the peer did not read within the send timeout; the connection was closed')
                    try:
                        if sock is None:
                            sent = os.write(self._handle, view[:_PIPE_ATOM])
                        else:
                            sent = sock.send(view, socket.MSG_DONTWAIT)
                    except (socket.error, OSError) as error:
                        if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
                            raise
                    else:
                        view = view[sent:]
        finally:
            if sock is not None:
                sock.close()

    def _recv_bytes(self, maxlength):
        deadline = self._limit(self.recv_timeout)
        length, = _LENGTH.unpack(self._read(4, deadline, False))
        if length == -1:
            length, = struct.unpack('!Q', self._read(8, deadline, True))
        elif length < 0:
            self.close()
            raise IOError('bad message length: the peer announced %d; it does not speak this protocol' % length)
        if maxlength is not None and length > maxlength:
            if self._writable:
                self._readable = False
            else:
                self.close()
            raise IOError('bad message length')
        return self._read(length, deadline, True) if length else b''

    def _read(self, size, deadline, inside):
        """`size` bytes; `inside` says that some of this message have been read before."""
        pieces = []
        left = size
        while left:
            handle = self._handle
            # Another thread may close while this one waits.
            self._check_closed()
            if deadline is not None and not wait_for(handle, select.POLLIN, deadline):
                if inside or pieces:
                    self.close()
                    raise TimeoutError('the peer stopped within a message; the connection was closed')
                raise TimeoutError('no message within the receive timeout')
            piece = _read_some(handle, left if left < _CHUNK else _CHUNK)
            if not piece:
                if left == size:
                    raise EOFError
                raise IOError('got end of file during message')
            left -= len(piece)
            if not left and not pieces:
                return piece
            pieces.append(piece)
        return b''.join(pieces)

    def _limit(self, timeout):
        if timeout is None:
            return self._deadline
        own = monotonic() + timeout
        return own if self._deadline is None else min(own, self._deadline)

    def _check_closed(self):
        if self._handle is None:
            raise IOError('handle is closed')

    def _check_readable(self):
        if not self._readable:
            raise IOError('connection is write-only')

    def _check_writable(self):
        if not self._writable:
            raise IOError('connection is read-only')


def wait_for(handle, event, deadline):
    """Whether `handle` is ready for `event`, POLLIN or POLLOUT, before `deadline`; an error or an end counts as ready."""
    poller = select.poll()
    poller.register(handle, event)
    while True:
        left = None if deadline is None else max(0, int((deadline - monotonic()) * 1000 + 0.999))
        try:
            return bool(poller.poll(left))
        except select.error as error:
            if error.args[0] != errno.EINTR:
                raise


def _after(pieces, sent):
    """What is left of `pieces` after `sent` bytes."""
    left = []
    for piece in pieces:
        skipped = min(sent, len(piece))
        sent -= skipped
        if skipped < len(piece):
            left.append(memoryview(piece)[skipped:])
    return left


if PY2:
    def _again(call):
        """`call` until no signal interrupts it. Its errors are IOError, as of 2.7's own connections."""
        def repeated(*args):
            while True:
                try:
                    return call(*args)
                except OSError as error:
                    if error.errno != errno.EINTR:
                        raise IOError(*error.args)
        return repeated

    _read_some, _write_some = _again(os.read), _again(os.write)

    def _bytes_view(buf):
        return memoryview(bytes(buffer(buf)))  # noqa: F821

    def _writable_view(buf):
        try:
            return memoryview(buf)
        except TypeError:
            # An array there has the older kind of buffer only.
            import ctypes
            return memoryview((ctypes.c_char * len(buffer(buf))).from_buffer(buf))  # noqa: F821

    def _copy_into(view, offset, message):
        if view.itemsize == 1:
            view[offset:offset + len(message)] = message
            return
        if offset % view.itemsize or len(message) % view.itemsize:
            raise ValueError('the offset and the message must be whole items of the buffer')
        first = offset // view.itemsize
        view[first:first + len(message) // view.itemsize] = message
else:
    # These go on by themselves after a signal (PEP 475).
    _read_some, _write_some = os.read, os.write

    def _bytes_view(buf):
        view = memoryview(buf)
        return view if view.ndim == 1 and view.format == 'B' else view.cast('B')

    _writable_view = memoryview

    def _copy_into(view, offset, message):
        view.cast('B')[offset:offset + len(message)] = message


try:
    from ._native import Connection as ByteConnection
    NATIVE = True
except ImportError:
    ByteConnection = PureConnection
    NATIVE = False
