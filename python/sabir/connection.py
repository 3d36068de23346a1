"""`multiprocessing.connection` with a settable reducer: `Client`, `Listener`, `Connection`, `Pipe`, `wait`."""

import errno
import os
import select
import socket
import threading
from multiprocessing import connection as _stock
from multiprocessing import util
from multiprocessing.connection import *  # noqa: F401,F403
from multiprocessing.connection import SocketListener, address_type, arbitrary_address, default_family, families  # noqa: F401

from . import _peer
from ._auth import Handshake, answer_challenge, deliver_challenge, handshake  # noqa: F401
from ._bound import BoundType
from ._extension import native
from ._stock import PY2, AuthenticationError, BufferTooShort, TimeoutError, fill, monotonic, spawning  # noqa: F401
from ._pickling import EmptyMet, load_as_ours
from ._transport import ByteConnection
from .reducers import as_reducer

__all__ = ['Client', 'Listener', 'Connection', 'Pipe', 'wait', 'answer_challenge', 'deliver_challenge']

# Seconds a peer has to prove that it knows the key, where the caller says nothing.
HANDSHAKE_TIMEOUT = 20.0
# Seconds that `accept` itself gives a handshake; whoever takes longer is left to a thread.
_BRIEF = 0.005
# What a message begins with that buffers follow; see `_buffers`.
_APART = b'\x80\xff'
# Handshakes of one listener that may be under way; who comes later waits in the backlog.
_MAX_PENDING = 64

if PY2:
    def wait(object_list, timeout=None):
        """Those of `object_list`, connections and sockets, that can be read within `timeout` seconds (3.x has it)."""
        by_handle = dict((item if isinstance(item, int) else item.fileno(), item) for item in object_list)
        poller = select.poll()
        for handle in by_handle:
            poller.register(handle, select.POLLIN)
        ready = poller.poll(None if timeout is None else max(0, int(timeout * 1000)))
        return [by_handle[handle] for handle, _ in ready]

    _Base = ByteConnection
else:
    from multiprocessing import reduction as _stock_reduction
    from multiprocessing.connection import wait

    # An instance of the stock class for who asks; every method is ours.
    class _Base(ByteConnection, _stock.Connection):
        pass


class Connection(BoundType('_Connection', (_Base,), {})):
    """One end of a connection; `send` and `recv` move objects by `reducer`, by default that of the context.

    `peer` is what is known of the other end. `recv_timeout` and `send_timeout` are seconds, None to wait.
    """

    _context = None

    def __init__(self, handle, readable=True, writable=True, reducer=None, peer=None):
        super(Connection, self).__init__(handle, readable, writable)
        self._reducer = None if reducer is None else as_reducer(reducer)
        self.peer = _peer.Peer() if peer is None else peer

    @property
    def reducer(self):
        """What makes bytes of objects on this connection; set None to follow the context again."""
        return self._reducer or _context_of(self)._current()

    @reducer.setter
    def reducer(self, reducer):
        self._reducer = None if reducer is None else as_reducer(reducer)

    if native:
        def __del__(self):
            # Before that of the stock class, which would close the descriptor behind our back.
            if self._handle is not None:
                self.close()

    def __repr__(self):
        state = 'closed' if self.closed else 'handle %d' % self._handle
        return '<%s.%s, %s>' % (type(self).__module__, type(self).__name__, state)

    if native:
        def send(self, obj):
            """Send an object that the reducer can make bytes of."""
            reducer = self._reducer or _context_of(self)._current()
            table = reducer._quick()
            if table is None:
                self._check_closed()
                self._check_writable()
                self.send_bytes(reducer.dumps(obj, self.peer))
            else:
                protocol, apart, peer = reducer.protocol, reducer.apart, self.peer
                try:
                    self._send_pickled(obj, peer.reads if protocol is None else protocol, table,
                                       peer.own if apart is None else apart)
                except EmptyMet:
                    self.send_bytes(reducer.dumps(obj, self.peer))

        def recv(self):
            """Receive an object."""
            reducer = self._reducer or _context_of(self)._current()
            if reducer._quick() is None:
                return self._recv_by(reducer)
            peer = self.peer
            return self._recv_pickled(None if peer.reads > 4 else peer.wrote)

        def _load(self, data):
            # What the extension module leaves to us: the names and strings of other versions, and ours.
            if data[:2] == _APART:
                return self._recv_apart(self._reducer or _context_of(self)._current(), data)
            return load_as_ours(data, _context_of(self))

        def _send_apart(self, pieces, buffers):
            from . import _buffers
            _buffers.send(self, pieces, buffers)
    else:
        def send(self, obj):
            """Send an object that the reducer can make bytes of."""
            self._check_closed()
            self._check_writable()
            self.send_bytes((self._reducer or _context_of(self)._current()).dumps(obj, self.peer))

        def recv(self):
            """Receive an object."""
            return self._recv_by(self._reducer or _context_of(self)._current())

    def _recv_by(self, reducer):
        data = self.recv_bytes()
        if data[:2] == _APART and not PY2:
            return self._recv_apart(reducer, data)
        self.peer.wrote(data)
        return reducer.loads(data, _context_of(self))

    def _recv_apart(self, reducer, data):
        from . import _buffers
        return _buffers.recv(self, data, lambda pickle, buffers: reducer._loads_apart(pickle, _context_of(self), buffers))


class Listener(BoundType('_Listener', (_stock.Listener,), {})):
    """Accepts connections at `address`, as `multiprocessing.connection.Listener` does.

    Handshakes are done beside `accept`: a peer that never answers delays nobody, and is dropped after `handshake_timeout`
    seconds. One with the wrong key raises `AuthenticationError` in `accept`. `timeout` is how long `accept` waits, in
    seconds, before it raises `TimeoutError`; None waits.
    """

    _context = None

    def __init__(self, address=None, family=None, backlog=1, authkey=None, reducer=None, timeout=None,
                 handshake_timeout=HANDSHAKE_TIMEOUT):
        if authkey is not None and not isinstance(authkey, bytes):
            raise TypeError('authkey should be a byte string')
        family = family or (address and address_type(address)) or default_family
        if family == 'AF_PIPE':
            raise ValueError('named pipes are not served; use an address of AF_INET or AF_UNIX')
        address = address or arbitrary_address(family)
        self._reducer = None if reducer is None else as_reducer(reducer)
        self._authkey = authkey
        self._timeout = timeout
        self._handshake_timeout = handshake_timeout
        self._listener = SocketListener(address, family, backlog)
        # Several may wait for the same socket: whoever comes late must not block in accept.
        self._listener._socket.setblocking(False)
        self._door = _Door()

    def accept(self, timeout=None):
        """The next connection whose peer knows the key; `timeout` in seconds instead of the listener's own."""
        timeout = self._timeout if timeout is None else timeout
        deadline = None if timeout is None else monotonic() + timeout
        if self._door.pid != os.getpid():
            # After a fork: the threads stayed in the parent, and its bell must not be answered here.
            self._door = _Door()
        door = self._door
        while True:
            if self._listener is None:
                raise IOError('listener is closed')
            connection = door.next()
            if connection is not None:
                return connection
            connection = None if door.full() else self._take()
            if connection is None:
                handles = [door.bell] if door.full() else [door.bell, self._listener._socket.fileno()]
                if not _ready(handles, deadline):
                    raise TimeoutError('nobody connected within %s seconds' % timeout)
                continue
            if self._authkey is None:
                return connection
            handshake = Handshake(connection, self._authkey, True)
            limit = self._handshake_timeout
            try:
                # Most peers answer at once, and need no thread.
                handshake.go_on(_BRIEF if limit is None else min(_BRIEF, limit))
                return connection
            except TimeoutError:
                door.enter(handshake, limit)
            except AuthenticationError:
                connection.close()
                raise
            except Exception as error:
                _drop(connection, error)

    def close(self):
        """Close the socket; whoever waits in `accept` is woken with IOError."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._last_address = listener._address
            listener.close()
            self._door.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _take(self):
        listener = self._listener
        try:
            sock, listener._last_accepted = listener._socket.accept()
        except (socket.error, OSError) as error:
            if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED):
                return None
            if self._listener is None:
                raise IOError('listener is closed')
            raise
        # On some systems it does not wait, as the listener does not.
        sock.setblocking(True)
        return _connection(_context_of(self), sock, self._reducer, None)


class _Door(object):
    """Who has connected but not yet proved to know the key. One thread each, which ends with the handshake."""

    def __init__(self):
        self._lock = threading.Lock()
        self.pid = os.getpid()
        self._pending = {}
        self._ready = []
        self.bell, self._ring = os.pipe()

    def full(self):
        return len(self._pending) >= _MAX_PENDING

    def enter(self, handshake, timeout):
        with self._lock:
            self._pending[id(handshake)] = handshake.connection
        thread = threading.Thread(target=self._greet, args=(handshake, timeout), name='SabirHandshake')
        thread.daemon = True
        thread.start()

    def next(self):
        """A connection that is ready, or None; raises the error of one that is not welcome."""
        with self._lock:
            if not self._ready:
                return None
            os.read(self.bell, 1)
            found = self._ready.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self):
        with self._lock:
            for connection in list(self._pending.values()) + self._ready:
                if not isinstance(connection, Exception):
                    connection.close()
            self._ready = []
            os.write(self._ring, b'x')

    def __del__(self):
        os.close(self.bell)
        os.close(self._ring)

    def _greet(self, handshake, timeout):
        found = connection = handshake.connection
        try:
            handshake.go_on(timeout)
        except AuthenticationError as error:
            connection.close()
            found = error
        except Exception as error:
            _drop(connection, error)
            found = None
        with self._lock:
            self._pending.pop(id(handshake), None)
            if found is not None:
                self._ready.append(found)
                os.write(self._ring, b'x')


def _drop(connection, error):
    """Ends with a port scanner, a peer that died, or one that never answered: nobody's business but the log's."""
    util.info('a peer was dropped in the handshake: %r', error)
    connection.close()


def Client(address, family=None, authkey=None, reducer=None, timeout=None, context=None):
    """A connection to the `Listener` at `address`.

    `timeout` is how long connecting and the handshake may each take, in seconds, before `TimeoutError`; the default
    waits for the connection as the system does, and for the handshake 20 seconds.
    """
    if authkey is not None and not isinstance(authkey, bytes):
        raise TypeError('authkey should be a byte string')
    family = family or address_type(address)
    if family == 'AF_PIPE':
        raise ValueError('named pipes are not served; use an address of AF_INET or AF_UNIX')
    context = context or _default()
    sock = socket.socket(getattr(socket, family))
    try:
        if sock.gettimeout() != timeout:
            sock.settimeout(timeout)
        sock.connect(address)
    except socket.timeout:
        sock.close()
        raise TimeoutError('%r did not answer within %s seconds' % (address, timeout))
    except BaseException:
        sock.close()
        raise
    connection = _connection(context, sock, reducer, _peer.at(address))
    if authkey is not None:
        try:
            handshake(connection, authkey, False, HANDSHAKE_TIMEOUT if timeout is None else timeout)
        except TimeoutError:
            connection.close()
            raise TimeoutError('%r did not finish the handshake in time; has the listener a key?' % (address,))
        except BaseException:
            connection.close()
            raise
    return connection


def Pipe(duplex=True, reducer=None, context=None):
    """Two connections that are each other's end; without `duplex` the first only reads and the second only writes."""
    Class = (context or _default()).Connection
    if duplex:
        ends = socket.socketpair()
        for end in ends:
            # A default timeout of sockets would make them non-blocking.
            end.setblocking(True)
        handles = [os.dup(end.fileno()) for end in ends]
        for end in ends:
            end.close()
        options = [{}, {}]
    else:
        handles = os.pipe()
        options = [{'writable': False}, {'readable': False}]
    return tuple(Class(handle, reducer=reducer, peer=_peer.own(), **option) for handle, option in zip(handles, options))


def _connection(context, sock, reducer, peer):
    """`sock` as a connection, which owns its descriptor from here on."""
    if sock.gettimeout() is not None:
        sock.setblocking(True)
    if not native and sock.family in (socket.AF_INET, getattr(socket, 'AF_INET6', None)):
        # The welcome and the first request are two small writes; without this the second waits for an acknowledgement. The
        # extension module does it by itself.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if PY2:
        handle = os.dup(sock.fileno())
        sock.close()
    else:
        handle = sock.detach()
    return context.Connection(handle, reducer=reducer, peer=peer)


def _ready(handles, deadline):
    """Whether one of `handles` can be read before `deadline`."""
    poller = select.poll()
    for handle in handles:
        poller.register(handle, select.POLLIN)
    while True:
        left = None if deadline is None else max(0, int((deadline - monotonic()) * 1000 + 0.999))
        try:
            return bool(poller.poll(left))
        except select.error as error:
            if error.args[0] != errno.EINTR:
                raise


_context_module = None


def _default():
    global _context_module
    if _context_module is None:
        # It imports this module.
        from . import context
        _context_module = context
    return _context_module._default_context


def _context_of(owner):
    return owner._context or _default()


if not PY2:
    def _reduce_connection(connection):
        """Under its stock name, but for a child of ours, which gets the reducer and context as well."""
        handle = _stock_reduction.DupFd(connection.fileno())
        if spawning():
            return _rebuild, (connection._context, handle, connection.readable, connection.writable,
                              connection._reducer, connection.peer.reads, connection.peer.own)
        return _stock.rebuild_connection, (handle, connection.readable, connection.writable)

    def _rebuild(context, handle, readable, writable, reducer=None, reads=2, own=False):
        peer = _peer.Peer(reads)
        peer.own = own
        return (context or _default()).Connection(handle.detach(), readable, writable, reducer, peer)

    def reducible(cls):
        """Lets instances of `cls`, a Connection, be pickled: the table of reducers knows exact types only."""
        _stock_reduction.register(cls, _reduce_connection)
        return cls

    reducible(Connection)
else:
    def reducible(cls):
        """2.7 pickles no connections."""
        return cls

fill(globals(), _stock)
