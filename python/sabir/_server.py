"""The server of a manager: the standard library's, with answers that say more, names of other versions, and references that
are counted for those who hold them."""

import collections
import heapq
import os
import select
import sys
import threading
import traceback
import weakref
from multiprocessing import current_process, util
from multiprocessing import managers as _stock

from . import connection
from ._auth import handshake
from ._stock import PY2, monotonic
from ._transport import wait_for

# Seconds for which a proxy that was sent keeps its object, whatever becomes of the sender. The receiver takes a reference of
# its own when it reads the message.
LOAN = 60.0
# What an exception carries the server's traceback in: one more attribute to a stock client.
TRACEBACK = '_remote_traceback'


class Server(_stock.Server):
    """The server of a manager. A peer that does not answer the challenge is dropped after 20 seconds."""

    public = _stock.Server.public + ['lend']

    def __init__(self, *args, **kwds):
        super(Server, self).__init__(*args, **kwds)
        self._lent = {}
        self._later = _Later(self._take_back)

    def handle_request(self, c):
        """Handles a new connection: one request, or many after `accept_connection`."""
        request = None
        try:
            try:
                handshake(c, self.authkey, True, connection.HANDSHAKE_TIMEOUT)
            except Exception as error:
                util.info('a peer was dropped in the handshake: %r', error)
                return
            if isinstance(c, connection.Connection):
                c = _Answering(c)
            try:
                request = c.recv()
                ignore, name, args, kwds = request
                if name not in self.public:
                    raise AssertionError('%r unrecognized' % (name,))
                reply = ('#RETURN', getattr(self, name)(c, *args, **_names(kwds)))
            except SystemExit:
                return
            except Exception:
                reply = ('#TRACEBACK', traceback.format_exc())
            try:
                c.send(reply)
            except Exception as error:
                try:
                    c.send(('#TRACEBACK', traceback.format_exc()))
                except Exception:
                    pass
                util.info('the reply to %r could not be sent: %r', request, error)
        finally:
            c.close()

    # Methods that proxies of another version of Python call by the name they have there.
    fallback_mapping = dict(_stock.Server.fallback_mapping)
    fallback_mapping.update({
        '__getslice__': lambda self, conn, ident, obj, i, j: obj[i:j],
        '__setslice__': lambda self, conn, ident, obj, i, j, items: obj.__setitem__(slice(i, j), items),
        '__delslice__': lambda self, conn, ident, obj, i, j: obj.__delitem__(slice(i, j)),
        'has_key': lambda self, conn, ident, obj, key: key in obj,
        'copy': lambda self, conn, ident, obj: obj[:],
        'clear': lambda self, conn, ident, obj: obj.__delitem__(slice(None)),
    })

    def lend(self, c, ident):
        """Keep an object for `LOAN` seconds, since a proxy of it is on its way to somebody (cpython#119937)."""
        with self.mutex:
            self.id_to_refcount[ident] += 1
            self._lent[ident] = self._lent.get(ident, 0) + 1
        self._later.add(LOAN, ident, True)

    def number_of_objects(self, c=None):
        """How many objects somebody refers to."""
        with self.mutex:
            return sum(count > self._lent.get(ident, 0) for ident, count in self.id_to_refcount.items() if ident != '0')

    def own_proxy(self, make, token, *args, **kwds):
        """A proxy of an object of this very server, which another of its objects will hold: it is a reference like any other,
        and ends with the proxy (cpython#103136)."""
        with self.mutex:
            # `KeyError` if it is gone.
            self.id_to_refcount[token.id] += 1
        proxy = None
        try:
            proxy = make(token, *args, manager_owned=True, **kwds)
        finally:
            if proxy is None:
                self._later.add(0, token.id, False)
        # It may be collected in any thread, one that holds the mutex included.
        weakref.finalize(proxy, self._later.add, 0, token.id, False).atexit = False
        return proxy

    def _take_back(self, ident, lent):
        if lent:
            with self.mutex:
                self._lent[ident] -= 1
                if not self._lent[ident]:
                    del self._lent[ident]
        self.decref(None, ident)


def server_of(token):
    """The server in this process that `token` is of, or None."""
    server = getattr(current_process(), '_manager_server', None)
    return server if server is not None and server.address == token.address else None


class _Later(object):
    """Calls `function` in a thread of its own, when it is time. `add` takes no lock: finalizers call it."""

    def __init__(self, function):
        self._function = function
        self._new = collections.deque()
        self._pid = None
        self._start_lock = threading.Lock()

    def add(self, seconds, *args):
        """Call `function(*args)` in so many seconds."""
        self._new.append((monotonic() + seconds, args))
        if self._pid != os.getpid() and self._start_lock.acquire(False):
            try:
                self._start()
            finally:
                self._start_lock.release()
        try:
            os.write(self._ring, b'x')
        except (OSError, AttributeError):
            # The pipe is full, so that it rings anyhow; or another thread is about to start the one that reads.
            pass

    def _start(self):
        self._bell, self._ring = os.pipe()
        if hasattr(os, 'set_blocking'):
            os.set_blocking(self._ring, False)
        self._pid = os.getpid()
        thread = threading.Thread(target=self._run, name='SabirReferences')
        thread.daemon = True
        thread.start()

    def _run(self):
        due = []
        while True:
            while self._new:
                heapq.heappush(due, self._new.popleft())
            while due and due[0][0] <= monotonic():
                try:
                    self._function(*heapq.heappop(due)[1])
                except Exception as error:
                    util.info('a reference could not be given up: %r', error)
            if wait_for(self._bell, select.POLLIN, due[0][0] if due else None):
                os.read(self._bell, 4096)


class _Answering(object):
    """A client's connection as its server sees it."""

    def __init__(self, conn):
        self._conn = conn
        self._unsent = None

    def __getattr__(self, name):
        return getattr(self._conn, name)

    def send(self, reply):
        """Sends a reply, and with an error where in the server it was raised (cpython#78279)."""
        kind, result = reply
        if kind == '#ERROR':
            self._unsent = _with_traceback(result)
        elif kind == '#UNSERIALIZABLE' and self._unsent:
            result += '\nThe error that could not be sent:\n\n' + self._unsent
        if not PY2 and self._conn.peer.python2 and kind in ('#TRACEBACK', '#UNSERIALIZABLE'):
            # A 2.7 insists that it is a `str`, which bytes are there.
            result = result.encode('ascii', 'backslashreplace')
        self._conn.send((kind, result))
        self._unsent = None


def _with_traceback(error):
    """The text of the traceback of `error`, which is entered in it if it tells more than the call itself."""
    trace = sys.exc_info()[2] if PY2 else error.__traceback__
    if trace is None:
        return None
    text = ''.join(traceback.format_exception(type(error), error, trace))
    # Whoever polls a queue meets these all the time.
    if trace.tb_next is not None and type(error).__name__ not in ('Empty', 'Full'):
        try:
            setattr(error, TRACEBACK, text)
        except Exception:
            util.debug('%r takes no traceback', error)
    return text


class Iterator(object):
    """An iterator that has the method of 2.7 and that of 3.x, whoever calls it."""

    def __init__(self, iterator):
        self._iterator = iterator

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._iterator)

    next = __next__

    def __getattr__(self, name):
        return getattr(self._iterator, name)


def _names(kwds):
    return dict((str(name), value) for name, value in kwds.items())


if hasattr(_stock, 'SharedMemoryServer'):
    class SharedMemoryServer(Server, _stock.SharedMemoryServer):
        """The server of a `SharedMemoryManager`."""

        public = Server.public + [name for name in _stock.SharedMemoryServer.public if name not in Server.public]
