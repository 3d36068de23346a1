"""A program of a user, for the type checkers: `mypy --strict` and `pyright` accept it."""

from __future__ import annotations

import sabir as mp
from sabir import aio
from sabir.connection import Client, Listener
from sabir.managers import BaseManager, NamespaceProxy, SyncManager


class Shop(BaseManager):
    """A manager of one's own."""


def serve() -> None:
    """Every class and setting that the guide names."""
    ctx = mp.get_context("spawn", reducer=mp.Pickle(protocol=2))
    ctx.reducer = mp.Restricted(allow=["shop.Order"])
    mp.reducer = mp.JSON()
    Shop.register("space", proxytype=NamespaceProxy)
    with Listener(("127.0.0.1", 0), authkey=b"k", timeout=1.0) as listener:
        connection = listener.accept(timeout=0.5)
        connection.recv_timeout = 2.0
        connection.send({"a": 1})
    client = Client(("127.0.0.1", 1), authkey=b"k", timeout=3.0, reducer=mp.Adaptive())
    client.close()
    left, right = ctx.Pipe()
    left.send(1)
    queue = ctx.Queue(10)
    queue.put(right.recv())
    with ctx.Pool(2) as pool:
        pool.map(abs, [1, 2])
    manager: SyncManager = ctx.Manager()
    manager.shutdown()
    left.send_many([b"one", [b"tw", b"o"]], timeout=1.0)
    with mp.Gateway(("127.0.0.1", 0), ("127.0.0.1", 1), client_protocol=2) as gateway:
        Client(gateway.address, reducer=mp.Pickle(5, apart=True))
    process = ctx.Process(target=serve)
    process.start()
    mp.install(mp.Pickle(2))
    mp.uninstall()


async def echo() -> None:
    """The same for asyncio."""
    async with aio.Listener(authkey=b"k") as listener:
        async for connection in listener:
            await connection.send(await connection.recv())
    manager = aio.Manager(("127.0.0.1", 1), authkey=b"k")
    await manager.connect()
    shared = await manager.create("dict", {"a": 1})
    await shared.call("__setitem__", "b", await shared["a"])
