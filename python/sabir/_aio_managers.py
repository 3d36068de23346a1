"""Managers that run elsewhere, and proxies of their objects, for asyncio."""

import asyncio
import functools
import weakref
from multiprocessing import current_process
from multiprocessing import managers as _stock
from multiprocessing.managers import Token

from . import aio
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
        return await aio.Client(self.address, authkey=self._authkey, reducer=self._reducer, context=self._context,
                                timeout=self.timeout)

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
    """An object of a manager. Each method is a coroutine; `call` has those whose name begins with an underscore."""

    def __init__(self, manager, token, exposed):
        self._manager, self._token, self._exposed = manager, token, tuple(exposed)
        self._loop = asyncio.get_running_loop()

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
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(self._manager._forget, self._token.id, loop)


def _result(answer):
    kind, result = answer
    if kind == '#RETURN':
        return result
    error = _stock.convert_to_error(kind, result)
    if isinstance(error, StopIteration):
        # A coroutine cannot raise the other.
        error = StopAsyncIteration(*error.args)
    _tell_cause(error)
    raise error
