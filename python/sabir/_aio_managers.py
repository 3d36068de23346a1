"""Managers that run elsewhere, and proxies of their objects, for asyncio."""

import asyncio
import functools
import weakref
from multiprocessing import current_process
from multiprocessing import managers as _stock
from multiprocessing.managers import Token

from . import _proxies, aio
from ._proxies import _tell_cause
from ._stock import TimeoutError


class Manager(object):
    """The manager at `address`, a stock one, one of this package, or `sabir serve`.

        manager = aio.Manager(address, authkey=key)
        await manager.connect()
        shared = await manager.dict({'a': 1})
        print(await shared['a'], await shared.get('b'))
        await shared.call('__setitem__', 'b', 2)

    What is registered there is made by the coroutine of its name. `timeout` is how long connecting, and the answer to each
    call, may take, in seconds, before `TimeoutError`; None waits.
    """

    def __init__(self, address, authkey=None, reducer=None, context=None, timeout=None):
        self.address = address
        self.timeout = timeout
        self._authkey = current_process().authkey if authkey is None else bytes(authkey)
        self._reducer, self._context = reducer, context
        # The connection of each task: what one of them locks is not another's to release.
        self._held = weakref.WeakKeyDictionary()
        self._closing = set()

    async def connect(self):
        """See whether it is there, and knows the key."""
        await self._ask('dummy')
        _proxies.remember(self.address, self._authkey)

    async def shutdown(self):
        """Ask it to end."""
        await self._ask('shutdown')

    async def create(self, typeid, *args, **kwds):
        """Make an object of a registered type; its proxy."""
        ident, exposed = await self._ask('create', (typeid,) + args, kwds)
        # It was counted for us when it was made.
        return Proxy(self, Token(typeid, self.address, ident), exposed)

    def __getattr__(self, typeid):
        if typeid.startswith('_'):
            raise AttributeError(typeid)
        return functools.partial(self.create, typeid)

    async def _client(self):
        connection = await aio.Client(self.address, authkey=self._authkey, reducer=self._reducer, context=self._context,
                                timeout=self.timeout)
        # Proxies that arrive on it are its own, if they are of the same server.
        connection._manager = self
        return connection

    async def _ask(self, name, args=(), kwds={}):
        """A function of the server, over a connection of its own."""
        async with await self._client() as connection:
            return _result(await self._answer(connection, (None, name, args, kwds)))

    async def _answer(self, connection, request):
        async def exchange():
            await connection.send(request)
            return await connection.recv()
        try:
            return await asyncio.wait_for(exchange(), self.timeout)
        except BaseException as error:
            # The answer may still come, and would be taken for that of the next call.
            connection.close()
            if isinstance(error, asyncio.TimeoutError):
                raise TimeoutError('the manager at %r did not answer within %s seconds' % (self.address, self.timeout))
            raise

    async def _connection(self):
        """That of this task, which ends with it."""
        task = asyncio.current_task()
        connection = self._held.get(task)
        if connection is None or connection.closed:
            connection = await self._client()
            try:
                _result(await self._answer(connection, (None, 'accept_connection', (str(id(task)),), {})))
            except BaseException:
                connection.close()
                raise
            self._held[task] = connection
            task.add_done_callback(lambda _: connection.close())
        return connection

    def _forget(self, ident, loop):
        """Tell the server, some time soon, that a proxy is gone."""
        task = loop.create_task(self._decref(ident))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _decref(self, ident):
        try:
            await self._ask('decref', (ident,))
        except (OSError, EOFError, TimeoutError, _stock.RemoteError):
            # The manager has ended, and the object with it.
            pass


class Proxy(object):
    """An object of a manager. Each method is a coroutine; `call` has those whose name begins with an underscore.

    It can be sent to others, who get a proxy of their own kind, and it comes out of what a manager or another connection of
    this module answers, lists and dicts included."""

    def __init__(self, manager, token, exposed, kind=None, counted=True):
        self._manager, self._token, self._exposed = manager, token, exposed and tuple(exposed)
        # The standard library's class for it, if it has one.
        self._kind = kind or _stock.SyncManager._registry.get(token.typeid, (None,) * 4)[3] or _stock.AutoProxy
        self._loop = asyncio.get_running_loop()
        # Whether the server counts it, or the task that has it counted.
        self._counted, self._arriving = counted, None

    async def _arrive(self):
        """Have the server count a proxy that came in a message, and tell what it exposes."""
        if self._arriving is None:
            self._arriving = asyncio.ensure_future(self._count())
        # Who waits may be cancelled; the server is asked once all the same.
        await asyncio.shield(self._arriving)

    async def _count(self):
        manager = self._manager
        await manager._ask('incref', (self._token.id,))
        self._counted = True
        if self._exposed is None:
            self._exposed = tuple(await manager._ask('get_methods', (self._token,)))

    async def _lend(self):
        """Have the server keep the object until who is sent this proxy has read it, even if this one goes first."""
        manager = self._manager
        if manager.address in _proxies.do_not_lend:
            return
        try:
            await manager._ask('lend', (self._token.id,))
        except _stock.RemoteError as error:
            if 'unrecognized' not in str(error):
                raise
            # The standard library's: the object is there for as long as this proxy is.
            _proxies.do_not_lend.add(manager.address)

    def __reduce__(self):
        if _proxies.passing.sent is not None:
            _proxies.passing.sent.append(self)
        # Older servers cannot hold a proxy that is an AutoProxy.
        kwds = {'exposed': self._exposed} if self._kind is _stock.AutoProxy else {}
        return _stock.RebuildProxy, (self._kind, self._token, 'pickle', kwds)

    async def call(self, name, *args, **kwds):
        """Call a method of the object."""
        manager = self._manager
        connection = await manager._connection()
        kind, result = await manager._answer(connection, (self._token.id, name, args, kwds))
        if kind == '#PROXY':
            exposed, token = result
            return Proxy(manager, Token(token.typeid, manager.address, token.id), exposed)
        return _result((kind, result))

    def __getattr__(self, name):
        if name.startswith('_') or name not in self._exposed:
            raise AttributeError('%r has no method %r' % (self, name))
        return functools.partial(self.call, name)

    def __getitem__(self, key):
        return self.call('__getitem__', key)

    async def __aiter__(self):
        iterator = await self.call('__iter__')
        name = '__next__' if '__next__' in iterator._exposed else 'next'
        while True:
            try:
                item = await iterator.call(name)
            except StopAsyncIteration:
                return
            yield item

    def __repr__(self):
        return '<aio.Proxy of %s at %r>' % (self._token.typeid, self._token.address)

    def __del__(self):
        loop = self.__dict__.get('_loop')
        if loop is not None and self._counted and loop.is_running():
            loop.call_soon_threadsafe(self._manager._forget, self._token.id, loop)


def dumps(reducer, obj, peer):
    """The bytes of an object, and the proxies in it."""
    sent = []
    _proxies.passing.sent = sent
    try:
        return reducer.dumps(obj, peer), sent
    finally:
        _proxies.passing.sent = None


def loads(connection, data, context):
    """The object in bytes, and the proxies in it, which their servers do not count yet."""
    proxies = []

    def arrived(func, token, kwds):
        manager = connection._manager
        if manager is None or manager.address != token.address:
            key = kwds.get('authkey') or _proxies.key_of(token.address)
            manager = Manager(token.address, key, connection._reducer, connection._context, manager and manager.timeout)
        exposed = kwds.get('exposed') or getattr(func, '_exposed_', None)
        kind = getattr(func, '__dict__', {}).get('_stock', func)
        kind = _stock.AutoProxy if kind is _proxies.AutoProxy else kind
        proxies.append(Proxy(manager, token, exposed, kind, counted=False))
        return proxies[-1]

    _proxies.passing.arrived = arrived
    try:
        return connection.reducer.loads(data, context), proxies
    finally:
        _proxies.passing.arrived = None


def _result(answer):
    kind, result = answer
    if kind == '#RETURN':
        return result
    error = _stock.convert_to_error(kind, result)
    if isinstance(error, StopIteration):
        # A coroutine cannot raise the other.
        error = StopAsyncIteration(*error.args)
    _tell_cause(error)
    try:
        raise error
    finally:
        # Else it would hold this frame, and this frame it.
        del error
