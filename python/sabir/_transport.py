"""Messages of bytes over a file descriptor: the surface of CPython's `Connection` that knows no objects.

The extension module moves them where it is there, and this pure class elsewhere. Both have the same methods and do the same.
A message is a length of 4 bytes, big-endian, and its body; -1 announces a length of 8 bytes (CPython 3.8 and newer).
"""

import errno
import os
import select
import socket
import stat
import struct

from ._extension import native
from ._stock import PY2, BufferTooShort, TimeoutError, monotonic

_LENGTH = struct.Struct('!i')
# Above this a body is not copied to be joined with its header (CPython's own limit, bpo-20540).
_JOIN = 16384
# The most that one read asks for: what a peer announces is not allocated before it arrives.
_CHUNK = 1 << 20
# Short messages that are sent together fill one write of so many bytes, and no write has more pieces than IOV_MAX.
_TOGETHER = 65536
_VECTORS = 1024
# A pipe that polls as writable takes this much without blocking (PIPE_BUF on Linux).
_PIPE_ATOM = 4096


class PureConnection(object):
    """Messages of bytes over `handle`, a descriptor of a stream socket or pipe, which it owns.

    `recv_timeout` and `send_timeout` are seconds that one call may last, None for as long as it takes; a call may be given
    a `timeout` of its own. A call that runs out raises `TimeoutError` and loses nothing: what has arrived is kept for the
    next call, and the rest of a message that has begun to leave goes before what is sent next.
    """

    recv_timeout = None
    send_timeout = None
    # Whether messages may be read ahead, which is not done here.
    read_ahead = False
    _deadline = None
    # What a call that ran out had read of a message, and had left to write of one.
    _arrived = b''
    _rest = b''

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

    def send_bytes(self, buf, offset=0, size=None, timeout=None):
        """Send `size` bytes of `buf` from `offset` as one message."""
        self._check_closed()
        self._check_writable()
        view = _bytes_view(buf)
        if not offset and size is None:
            return self._write(self._framed([view]), timeout)
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
        self._write(self._framed([view[offset:offset + size]]), timeout)

    def send_gathered(self, parts, timeout=None):
        """Send one message that lies in several bytes-like objects."""
        self._check_closed()
        self._check_writable()
        self._write(self._framed([_bytes_view(part) for part in parts]), timeout)

    def send_many(self, messages, timeout=None):
        """Send each of these bytes-like objects as a message; short ones leave together. A list is one message in parts."""
        self._check_closed()
        self._check_writable()
        deadline = self._limit(self.send_timeout, timeout)
        together, length = [], 0
        for message in messages:
            parts = message if isinstance(message, list) else [message]
            pieces = self._framed([_bytes_view(part) for part in parts])
            if len(pieces) == 1 and length + len(pieces[0]) <= _TOGETHER:
                together.extend(pieces)
                length += len(pieces[0])
                continue
            if together:
                self._write_until([b''.join(together)], deadline)
            if len(pieces) == 1:
                together, length = pieces, len(pieces[0])
            else:
                together, length = [], 0
                self._write_until(pieces, deadline)
        if together:
            self._write_until([b''.join(together)], deadline)

    def recv_bytes(self, maxlength=None, timeout=None):
        """Receive one message; a longer one than `maxlength` raises OSError and ends the reading."""
        self._check_closed()
        self._check_readable()
        if maxlength is not None and maxlength < 0:
            raise ValueError('negative maxlength')
        return bytes(self._recv_bytes(maxlength, timeout))

    def recv_many(self, timeout=None):
        """Receive those messages that have arrived, at least one; only where nobody else reads, no forked child either."""
        return [self.recv_bytes(timeout=timeout)]

    def recv_bytes_into(self, buf, offset=0, timeout=None):
        """Receive one message into `buf` from `offset`, both in bytes; returns its length."""
        self._check_closed()
        self._check_readable()
        view = _writable_view(buf)
        room = view.itemsize * (len(view) if view.ndim else 1)
        if offset < 0:
            raise ValueError('negative offset')
        if offset > room:
            raise ValueError('offset too large')
        message = self._recv_bytes(None, timeout)
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

    def _within(self, seconds):
        """Until this is called again, all calls together have so many seconds from now on; None takes it back."""
        self._deadline = None if seconds is None else monotonic() + seconds

    def _framed(self, parts):
        """The pieces to write for a message that lies in `parts`: one if it is short."""
        length = sum(len(part) for part in parts)
        header = struct.pack('!iQ', -1, length) if length > 0x7fffffff else _LENGTH.pack(length)
        if length <= _JOIN:
            return [b''.join([header] + [part.tobytes() for part in parts])]
        return [header] + parts

    def _write(self, pieces, timeout):
        self._write_until(pieces, self._limit(self.send_timeout, timeout))

    def _write_until(self, pieces, deadline):
        if self._rest:
            self._rest, pieces = b'', [self._rest] + pieces
        if deadline is not None:
            return self._write_in_time(pieces, deadline)
        handle = self._handle
        if len(pieces) > 1 and hasattr(os, 'writev'):
            # One write for all: a header that travels alone waits for a delayed acknowledgement.
            sent = os.writev(handle, pieces[:_VECTORS])
            pieces = _after(pieces, sent)
        for piece in pieces:
            sent = _write_some(handle, piece)
            while sent < len(piece):
                piece = memoryview(piece)[sent:]
                sent = _write_some(handle, piece)

    def _write_in_time(self, pieces, deadline):
        # A second descriptor of the same socket, since its flags must stay as they are: others may have inherited it.
        sock = None
        if stat.S_ISSOCK(os.fstat(self._handle).st_mode):
            sock = socket.fromfd(self._handle, socket.AF_INET, socket.SOCK_STREAM)
        begun = False
        try:
            while pieces:
                if not wait_for(self._handle, select.POLLOUT, deadline):
                    if begun:
                        self._rest = b''.join(memoryview(piece).tobytes() for piece in pieces)
                        raise TimeoutError('the peer did not read all of a message in time; the rest goes before the next')
                    raise TimeoutError('the peer did not read within the send timeout')
                view = memoryview(pieces[0])
                try:
                    if sock is None:
                        sent = os.write(self._handle, view[:_PIPE_ATOM])
                    else:
                        sent = sock.send(view, socket.MSG_DONTWAIT)
                except (socket.error, OSError) as error:
                    if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
                        raise
                else:
                    begun = True
                    pieces = _after(pieces, sent)
        finally:
            if sock is not None:
                sock.close()

    def _recv_bytes(self, maxlength, timeout):
        deadline = self._limit(self.recv_timeout, timeout)
        read = []
        try:
            length, = _LENGTH.unpack(self._read(4, deadline, read))
            if length == -1:
                length, = struct.unpack('!Q', self._read(8, deadline, read))
            elif length < 0:
                self.close()
                raise IOError('bad message length: the peer announced %d; it does not speak this protocol' % length)
            if maxlength is not None and length > maxlength:
                if self._writable:
                    self._readable = False
                else:
                    self.close()
                raise IOError('bad message length')
            return self._read(length, deadline, read) if length else b''
        except TimeoutError:
            self._arrived = b''.join(read)
            raise

    def _read(self, size, deadline, read):
        """`size` bytes. What was read of this message is added to `read`."""
        if self._arrived:
            pieces, self._arrived = [self._arrived[:size]], self._arrived[size:]
        else:
            pieces = []
        left = size - sum(map(len, pieces))
        read.extend(pieces)
        while left:
            handle = self._handle
            # Another thread may close while this one waits.
            self._check_closed()
            if deadline is not None and not wait_for(handle, select.POLLIN, deadline):
                raise TimeoutError('the peer stopped within a message; what has arrived is kept' if read else
                                   'no message within the receive timeout')
            piece = _read_some(handle, left if left < _CHUNK else _CHUNK)
            if not piece:
                if left == size:
                    raise EOFError
                raise IOError('got end of file during message')
            left -= len(piece)
            pieces.append(piece)
            read.append(piece)
        return pieces[0] if len(pieces) == 1 else b''.join(pieces)

    def _limit(self, own, timeout):
        """When a call has to end that has `timeout` seconds, by default `own`."""
        if timeout is None:
            timeout = own
        if timeout is None:
            return self._deadline
        deadline = monotonic() + timeout
        return deadline if self._deadline is None else min(deadline, self._deadline)

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


ByteConnection = native.Connection if native else PureConnection
