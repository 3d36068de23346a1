"""`Client`, `Listener`, `Connection` and managers' proxies for asyncio: the event loop watches the descriptors, no thread does.

    async with await aio.Client(address, authkey=key) as connection:
        await connection.send([1, 2])
        print(await connection.recv())

What is said is what `sabir.connection` says, to the same peers. A call that is cancelled, by `asyncio.wait_for` for one, loses
nothing: what has arrived of a message is kept for the next call, and the rest of one that has begun to leave goes first.
"""

import asyncio
import collections
import socket
import struct

from . import _auth, _peer
from . import connection as _connection
from ._stock import AuthenticationError, TimeoutError
from .reduction import as_reducer

__all__ = ['Client', 'Connection', 'Listener', 'Manager', 'Proxy']

_LENGTH = struct.Struct('!i')
_LONG = struct.Struct('!iQ')
# How much one read asks for, and the most that a body grows by before it has arrived.
_READ = 1 << 16
_GROWTH = 1 << 20
_MAX_PENDING = 64


class Connection(object):
    """Messages over a connected socket, which it owns and sets non-blocking. One task at a time sends, and one receives; others
    wait for their turn."""

    def __init__(self, sock, reducer=None, peer=None, context=None):
        sock.setblocking(False)
        self._sock = sock
        self._context = context
        self._reducer = None if reducer is None else as_reducer(reducer)
        self.peer = _peer.Peer() if peer is None else peer
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()
        # Who waits for the socket, by `reader` and `writer`.
        self._waits = {}
        # What a cancelled call left: bytes that arrived, a body and how much of it is there, pieces to be written.
        self._arrived = bytearray()
        self._body, self._filled = None, 0
        self._unsent = collections.deque()
        # Objects that were read, and the proxies in each that the server does not count yet; whose those proxies are, if it
        # is a manager that talks here.
        self._read = collections.deque()
        self._manager = None

    closed = property(lambda self: self._sock is None, doc='Whether `close` was called.')

    @property
    def reducer(self):
        """What makes bytes of objects on this connection."""
        return self._reducer or (self._context or _connection._default())._current()

    def fileno(self):
        """The descriptor."""
        self._check_closed()
        return self._sock.fileno()

    def close(self):
        """Close the socket; who waits for it gets OSError."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        waits, self._waits = self._waits, {}
        for kind, (loop, ready) in waits.items():
            if not loop.is_closed():
                getattr(loop, 'remove_' + kind)(sock)
                _wake(ready)
        sock.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()

    async def send(self, obj):
        """Send an object. The server of a proxy that is in it keeps the proxy's object until it has arrived."""
        self._check_closed()
        data, proxies = _managers.dumps(self.reducer, obj, self.peer)
        for proxy in proxies:
            await proxy._lend()
        await self.send_bytes(data)

    async def recv(self):
        """Receive an object; EOFError when the peer has closed. Proxies that are in it are `aio.Proxy`."""
        if not self._read:
            data = await self.recv_bytes()
            self.peer.wrote(data)
            self._read.append(_managers.loads(self, data, self._context or _connection._default()))
        obj, proxies = self._read.popleft()
        try:
            for proxy in proxies:
                await proxy._arrive()
        except asyncio.CancelledError:
            self._read.appendleft((obj, proxies))
            raise
        return obj

    async def send_bytes(self, buf):
        """Send a bytes-like object as one message."""
        self._check_closed()
        view = memoryview(buf).cast('B')
        header = _LENGTH.pack(len(view)) if len(view) <= 0x7fffffff else _LONG.pack(-1, len(view))
        async with self._sending:
            await self._flush()
            self._unsent.extend([header, view] if len(view) else [header])
            try:
                await self._flush()
            except asyncio.CancelledError:
                if len(self._unsent) == 2 and len(self._unsent[0]) == len(header):
                    # Nothing of it has left.
                    self._unsent.clear()
                elif self._unsent:
                    # The caller may change its memory from here on.
                    self._unsent = collections.deque(bytes(piece) for piece in self._unsent)
                raise

    async def recv_bytes(self, maxlength=None):
        """Receive one message as bytes; a longer one than `maxlength` raises OSError and closes the connection."""
        self._check_closed()
        async with self._receiving:
            if self._body is None:
                length = await self._length()
                if maxlength is not None and length > maxlength:
                    self.close()
                    raise OSError('bad message length')
                self._body, self._filled = bytearray(min(length, _GROWTH)), 0
                self._expected = length
            await self._fill(self._expected)
            body, self._body = self._body, None
            return bytes(body)

    async def _length(self):
        await self._have(4)
        length, size = _LENGTH.unpack_from(self._arrived)[0], 4
        if length == -1:
            await self._have(12)
            length, size = _LONG.unpack_from(self._arrived)[1], 12
        elif length < 0:
            self.close()
            raise OSError('bad message length: the peer announced %d; it does not speak this protocol' % length)
        del self._arrived[:size]
        return length

    async def _have(self, size):
        while len(self._arrived) < size:
            data = await self._call(lambda sock: sock.recv(_READ), 'reader')
            if not data:
                if not self._arrived:
                    raise EOFError
                raise OSError('got end of file during message')
            self._arrived += data

    async def _fill(self, length):
        body = self._body
        while self._filled < length:
            if self._filled == len(body):
                body.extend(bytes(min(length - len(body), max(len(body), _GROWTH))))
            if self._arrived:
                part = self._arrived[:len(body) - self._filled]
                del self._arrived[:len(part)]
                body[self._filled:self._filled + len(part)] = part
                self._filled += len(part)
                continue
            with memoryview(body) as view, view[self._filled:] as rest:
                count = await self._call(lambda sock: sock.recv_into(rest), 'reader')
            if not count:
                raise OSError('got end of file during message')
            self._filled += count

    async def _flush(self):
        unsent = self._unsent
        while unsent:
            sent = await self._call(lambda sock: sock.sendmsg(list(unsent)), 'writer')
            while unsent and sent >= len(unsent[0]):
                sent -= len(unsent.popleft())
            if sent:
                unsent[0] = memoryview(unsent[0])[sent:]

    async def _call(self, call, kind):
        """What `call` makes of the socket, as soon as it can be read or written, by `kind`, 'reader' or 'writer'."""
        while True:
            self._check_closed()
            try:
                return call(self._sock)
            except (BlockingIOError, InterruptedError):
                pass
            loop = asyncio.get_running_loop()
            ready = loop.create_future()
            getattr(loop, 'add_' + kind)(self._sock, _wake, ready)
            self._waits[kind] = loop, ready
            try:
                await ready
            finally:
                if self._waits.pop(kind, None) is not None:
                    getattr(loop, 'remove_' + kind)(self._sock)

    def _check_closed(self):
        if self._sock is None:
            raise OSError('handle is closed')


class Listener(object):
    """Accepts connections at `address`. Handshakes go on beside `accept`, each for at most `handshake_timeout` seconds; a peer
    with the wrong key raises `AuthenticationError` there. `async for connection in listener` accepts until `close`."""

    def __init__(self, address=None, family=None, backlog=128, authkey=None, reducer=None,
                 handshake_timeout=_connection.HANDSHAKE_TIMEOUT, context=None):
        if authkey is not None and not isinstance(authkey, bytes):
            raise TypeError('authkey should be a byte string')
        family = family or (address and _connection.address_type(address)) or _connection.default_family
        if family == 'AF_PIPE':
            raise ValueError('named pipes are not served; use an address of AF_INET or AF_UNIX')
        self._listener = _connection.SocketListener(address or _connection.arbitrary_address(family), family, backlog)
        self._listener._socket.setblocking(False)
        self._authkey, self._reducer, self._context = authkey, reducer, context
        self._handshake_timeout = handshake_timeout
        self._greeting = set()
        self._welcome = collections.deque()
        self._waiting = collections.deque()
        self._loop = None

    @property
    def address(self):
        """Where it listens."""
        return self._listener._address

    @property
    def last_accepted(self):
        """The address of the last peer whose connection was taken."""
        return self._listener._last_accepted

    async def accept(self):
        """The next connection whose peer knows the key."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watch()
        while not self._welcome:
            self._check_closed()
            waiting = self._loop.create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                self._waiting.remove(waiting)
        found = self._welcome.popleft()
        if self._welcome:
            self._wake()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self):
        """Close the socket and the connections that nobody has accepted; who waits in `accept` gets OSError."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(listener._socket)
        listener.close()
        for task in self._greeting:
            task.cancel()
        for connection in self._welcome:
            if not isinstance(connection, Exception):
                connection.close()
        self._welcome.clear()
        for waiting in self._waiting:
            _wake(waiting)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.accept()
        except OSError:
            if self._listener is None:
                raise StopAsyncIteration
            raise

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()

    def _watch(self):
        self._loop.add_reader(self._listener._socket, self._take)

    def _take(self):
        try:
            sock, self._listener._last_accepted = self._listener._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._found(error)
            return
        connection = _connected(sock, self._reducer, None, self._context)
        if self._authkey is None:
            self._found(connection)
            return
        task = self._loop.create_task(self._greet(connection))
        self._greeting.add(task)
        task.add_done_callback(self._greeted)
        if len(self._greeting) >= _MAX_PENDING:
            # Who comes now waits in the backlog.
            self._loop.remove_reader(self._listener._socket)

    async def _greet(self, connection):
        try:
            await asyncio.wait_for(_handshake(connection, self._authkey, True), self._handshake_timeout)
        except AuthenticationError as error:
            connection.close()
            self._found(error)
        except Exception as error:
            _connection._drop(connection, error)
        except BaseException:
            connection.close()
            raise
        else:
            self._found(connection)

    def _greeted(self, task):
        full = len(self._greeting) >= _MAX_PENDING
        self._greeting.discard(task)
        if full and self._listener is not None:
            self._watch()

    def _found(self, found):
        self._welcome.append(found)
        self._wake()

    def _wake(self):
        for waiting in self._waiting:
            if not waiting.done():
                _wake(waiting)
                break

    def _check_closed(self):
        if self._listener is None:
            raise OSError('listener is closed')


async def Client(address, family=None, authkey=None, reducer=None, timeout=None, context=None):
    """A connection to the `Listener` at `address`; `timeout` is how long connecting and the handshake may each take, in seconds.
    The default waits for the connection as the system does, and for the handshake 20 seconds."""
    if authkey is not None and not isinstance(authkey, bytes):
        raise TypeError('authkey should be a byte string')
    family = family or _connection.address_type(address)
    sock = socket.socket(getattr(socket, family))
    try:
        sock.setblocking(False)
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, address), timeout)
    except asyncio.TimeoutError:
        sock.close()
        raise TimeoutError('%r did not answer within %s seconds' % (address, timeout))
    except BaseException:
        sock.close()
        raise
    connection = _connected(sock, reducer, _peer.at(address), context)
    if authkey is not None:
        limit = _connection.HANDSHAKE_TIMEOUT if timeout is None else timeout
        try:
            await asyncio.wait_for(_handshake(connection, authkey, False), limit)
        except asyncio.TimeoutError:
            connection.close()
            raise TimeoutError('%r did not finish the handshake in time; has the listener a key?' % (address,))
        except BaseException:
            connection.close()
            raise
    return connection


def _connected(sock, reducer, peer, context):
    if sock.family != getattr(socket, 'AF_UNIX', None):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock, reducer, peer, context)


async def _handshake(connection, authkey, listening):
    """The steps of `_auth`, taken by the loop."""
    steps = _auth.steps(connection, authkey, listening)
    wanted = next(steps)
    while True:
        said = await (connection.recv_bytes(_auth.MAX_FRAME) if wanted is None else connection.send_bytes(wanted))
        try:
            wanted = steps.send(said)
        except StopIteration:
            return


def _wake(ready):
    if not ready.done():
        ready.set_result(None)


from . import _aio_managers as _managers  # noqa: E402
from ._aio_managers import Manager, Proxy  # noqa: E402,F401
