"""Buffers of protocol 5 that are not in the pickle they belong to, between two processes that both have this package.

A message that begins with `MAGIC`, which no pickle does, says how many there are, how long each is, and whether it can be
written to; the pickle follows in it. Then comes each buffer: through a Unix socket as a descriptor of memory that is the
receiver's from then on (one byte with SCM_RIGHTS, as `multiprocessing.reduction` has it), elsewhere as a message of its own
that is received to its place.
"""

import array
import errno
import mmap
import os
import select
import socket
import stat
import struct

from ._stock import TimeoutError, monotonic
from ._transport import wait_for

MAGIC = b'\x80\xff'
_HEAD = struct.Struct('!2sI')
_BUFFER = struct.Struct('!QB')
_SHARED, _READ_ONLY = 1, 2
_SHARES = hasattr(os, 'memfd_create')
if _SHARES:
    import fcntl
    # A sender that made it shorter later would kill who reads it.
    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def send(connection, pieces, buffers):
    """Send a pickle that lies in `pieces`, and the `PickleBuffer`s that are not in it."""
    views = [buffer.raw() for buffer in buffers]
    memories = _memories(views) if _SHARES and _is_unix(connection.fileno()) else [None] * len(views)
    try:
        head = [_HEAD.pack(MAGIC, len(views))]
        for view, memory in zip(views, memories):
            head.append(_BUFFER.pack(view.nbytes, (0 if memory is None else _SHARED) | (_READ_ONLY if view.readonly else 0)))
        connection.send_gathered([b''.join(head)] + pieces)
        for view, memory in zip(views, memories):
            if memory is None:
                connection.send_bytes(view)
            else:
                _send_descriptor(connection, memory)
    except TimeoutError:
        # What the peer was told of will not come.
        connection.close()
        raise
    finally:
        for memory in memories:
            if memory is not None:
                os.close(memory)


def recv(connection, head, load):
    """The object whose message `head` is; its buffers follow. `load(pickle, buffers)` makes it of them."""
    try:
        magic, count = _HEAD.unpack_from(head)
        offset = _HEAD.size + count * _BUFFER.size
        announced = [_BUFFER.unpack_from(head, _HEAD.size + at * _BUFFER.size) for at in range(count)] \
            if offset <= len(head) else None
        if announced is None:
            raise OSError('the peer announced %d buffers in a message of %d bytes' % (count, len(head)))
        buffers = []
        for length, flags in announced:
            buffer = memoryview(_recv_shared(connection, length) if flags & _SHARED else _recv_into(connection, length))
            buffers.append(buffer.toreadonly() if flags & _READ_ONLY else buffer)
    except BaseException:
        # Where the next message begins is not known.
        connection.close()
        raise
    return load(head[offset:], buffers)


def _memories(views):
    """A descriptor of memory for each view, with its bytes; None where there is no more of it."""
    memories = []
    for view in views:
        memory = None
        try:
            memory = os.memfd_create('sabir', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            written = 0
            while written < view.nbytes:
                written += os.write(memory, view[written:])
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        except OSError as error:
            if memory is not None:
                os.close(memory)
                memory = None
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.ENOSYS, errno.EPERM):
                raise
        memories.append(memory)
    return memories


def _recv_shared(connection, length):
    with _socket_of(connection) as sock:
        _wait(connection, select.POLLIN, connection.recv_timeout)
        size = array.array('i').itemsize
        data, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(size))
    descriptors = array.array('i')
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[:len(content) - len(content) % size])
    try:
        if not data:
            raise EOFError
        if len(descriptors) != 1:
            raise OSError('the peer announced memory and sent none')
        memory = descriptors[0]
        if not _SHARES or fcntl.fcntl(memory, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK == 0 or os.fstat(
                memory).st_size < length or not length:
            raise OSError('the peer sent memory that is not what it announced, or may become so')
        # What is written here is ours alone.
        return mmap.mmap(memory, length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _recv_into(connection, length):
    if not length:
        connection.recv_bytes(0)
        return bytearray()
    try:
        # Pages that come as they are written to: what a peer announces is not taken before it arrives.
        place = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError, ValueError):
        raise OSError('the peer announced a buffer of %d bytes, for which there is no memory' % length)
    if connection.recv_bytes_into(place) != length:
        raise OSError('the peer sent another buffer than it announced')
    return place


def _send_descriptor(connection, memory):
    with _socket_of(connection) as sock:
        _wait(connection, select.POLLOUT, connection.send_timeout)
        sock.sendmsg([b'B'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [memory]))])


def _wait(connection, event, timeout):
    if timeout is not None and not wait_for(connection.fileno(), event, monotonic() + timeout):
        raise TimeoutError('the peer did not go on with a message in time')


def _socket_of(connection):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(connection.fileno()))
    if sock.gettimeout() is not None:
        # A default timeout of sockets made it non-blocking, for the connection as well.
        sock.setblocking(True)
    return sock


def _is_unix(handle):
    if not stat.S_ISSOCK(os.fstat(handle).st_mode):
        return False
    with socket.socket(fileno=os.dup(handle)) as sock:
        if sock.gettimeout() is not None:
            sock.setblocking(True)
        return sock.family == socket.AF_UNIX

