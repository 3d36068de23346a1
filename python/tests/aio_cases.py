"""asyncio: the same wire, watched by the event loop. The cases of `test_aio`, in the syntax of newer Pythons."""

import asyncio
import os
import pickle
import socket
import struct
import threading
from multiprocessing.managers import Token

from support import KEY, Peer, TestCase, in_thread, peers

import sabir
from sabir.connection import Listener

from sabir import aio


def run(coroutine):
    """Its result, and not later than in a minute."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def pair():
    one, other = socket.socketpair()
    return aio.Connection(one), other


class Connections(TestCase):
    def test_messages_of_every_size_come_back(self):
        async def main():
            async with aio.Listener(('127.0.0.1', 0), authkey=KEY) as listener:
                accepted = asyncio.ensure_future(listener.accept())
                async with await aio.Client(listener.address, authkey=KEY) as client:
                    server = await accepted
                    for size in (0, 1, 16384, 16385, 70000, 3 << 20):
                        message = os.urandom(size)
                        sent = asyncio.ensure_future(client.send_bytes(message))
                        self.assertEqual(await server.recv_bytes(), message)
                        await sent
                    await client.send({'a': [1, None]})
                    self.assertEqual(await server.recv(), {'a': [1, None]})
                with self.assertRaises(EOFError):
                    await server.recv()
                server.close()
        run(main())

    def test_no_thread_is_started(self):
        async def main():
            before = threading.active_count()
            async with aio.Listener(authkey=KEY) as listener:
                accepted = [asyncio.ensure_future(listener.accept()) for _ in range(20)]
                clients = await asyncio.gather(*[aio.Client(listener.address, authkey=KEY) for _ in range(20)])
                servers = await asyncio.gather(*accepted)
                await asyncio.gather(*[client.send(at) for at, client in enumerate(clients)])
                self.assertEqual(sorted(await asyncio.gather(*[server.recv() for server in servers])), list(range(20)))
                self.assertLessEqual(threading.active_count(), before)
                for connection in clients + servers:
                    connection.close()
        run(main())

    def test_stock_peers_of_other_versions_are_spoken_to(self):
        async def main(host, port):
            async with await aio.Client((host, port), authkey=KEY) as connection:
                for _ in range(2):
                    await connection.send([1, 'h\xe9'])
                    self.assertEqual(await connection.recv(), [1, 'h\xe9'])
        for _, python in peers((2, 7), (3, 6), (3, 13)):
            with Peer(python, 'stock_listener.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                run(main(host, int(port)))

    def test_stock_clients_are_served(self):
        async def main(python):
            async with aio.Listener(('127.0.0.1', 0), authkey=KEY) as listener:
                with Peer(python, 'stock_client.py', '127.0.0.1', listener.address[1], KEY.decode()) as peer:
                    connection = await listener.accept()
                    value = await connection.recv()
                    await connection.send(value)
                    await connection.recv()
                    await connection.send(value)
                    self.assertEqual(peer.rest().split()[1], 'True')
                    connection.close()
        for _, python in peers((2, 7), (3, 6), (3, 13)):
            run(main(python))

    def test_a_receiver_that_is_cancelled_in_a_message_loses_nothing(self):
        async def main():
            ours, theirs = pair()
            message = struct.pack('!iQ', -1, 100000) + b'x' * 100000
            for start, stop in ((0, 2), (2, 9), (9, 12), (12, 50000), (50000, 60000)):
                theirs.sendall(message[start:stop])
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(ours.recv_bytes(), 0.05)
            theirs.sendall(message[60000:] + struct.pack('!i', 4) + b'next')
            self.assertEqual(await ours.recv_bytes(), b'x' * 100000)
            self.assertEqual(await ours.recv_bytes(), b'next')
            ours.close()
            theirs.close()
        run(main())

    def test_a_sender_that_is_cancelled_in_a_message_leaves_it_whole(self):
        async def main():
            ours, theirs = pair()
            memory = bytearray(b'x' * (4 << 20))
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(ours.send_bytes(memory), 0.05)
            memory[:] = b'y' * len(memory)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(ours.send_bytes(b'never begun'), 0.05)
            reader = sabir.Connection(theirs.detach())
            call = in_thread(lambda: [reader.recv_bytes(), reader.recv_bytes()])
            await ours.send_bytes(b'next')
            whole, after = await asyncio.get_running_loop().run_in_executor(None, call.result)
            self.assertEqual((whole == b'x' * (4 << 20), after), (True, b'next'))
            ours.close()
        run(main())

    def test_close_wakes_who_waits_and_the_descriptor_can_be_used_again(self):
        async def main():
            for _ in range(3):
                ours, theirs = pair()
                waiting = asyncio.ensure_future(ours.recv())
                await asyncio.sleep(0.01)
                ours.close()
                with self.assertRaises(OSError):
                    await waiting
                theirs.close()
        run(main())

    def test_what_is_no_message_is_an_error(self):
        async def main(data, error):
            ours, theirs = pair()
            theirs.sendall(data)
            theirs.close()
            with self.assertRaises(error):
                await ours.recv()
            ours.close()
        for data, error in ((b'', EOFError), (b'\0\0', OSError), (b'\0\0\0\5abc', OSError), (struct.pack('!i', -2), OSError),
                            (struct.pack('!iQ', -1, 1 << 62) + b'abc', OSError)):
            run(main(data, error))


class Doors(TestCase):
    def test_a_peer_that_never_answers_blocks_nobody_and_is_dropped(self):
        async def main():
            async with aio.Listener(('127.0.0.1', 0), authkey=KEY, handshake_timeout=0.3) as listener:
                silent = socket.create_connection(listener.address)
                accepted = asyncio.ensure_future(listener.accept())
                client = await aio.Client(listener.address, authkey=KEY)
                (await accepted).close()
                client.close()
                silent.settimeout(5)
                await asyncio.sleep(0.5)
                while silent.recv(4096):
                    pass
                silent.close()
        run(main())

    def test_a_wrong_key_is_told_to_both(self):
        async def main():
            async with aio.Listener(authkey=KEY) as listener:
                accepted = asyncio.ensure_future(listener.accept())
                with self.assertRaises(sabir.AuthenticationError):
                    await aio.Client(listener.address, authkey=b'another')
                with self.assertRaises(sabir.AuthenticationError):
                    await accepted
        run(main())

    def test_connections_are_accepted_until_close(self):
        async def main():
            listener = aio.Listener()
            seen = []

            async def serve():
                async for connection in listener:
                    seen.append(await connection.recv())
                    connection.close()
            served = asyncio.ensure_future(serve())
            for number in range(3):
                async with await aio.Client(listener.address) as client:
                    await client.send(number)
                    with self.assertRaises(EOFError):
                        await client.recv()
            listener.close()
            await served
            self.assertEqual(seen, [0, 1, 2])
        run(main())

    def test_a_listener_without_a_key_is_named_to_a_client_with_one(self):
        async def main(address):
            with self.assertRaises(sabir.TimeoutError) as caught:
                await aio.Client(address, authkey=KEY, timeout=0.3)
            self.assertIn('has the listener a key', str(caught.exception))
        with Listener(('127.0.0.1', 0)) as listener:
            run(main(listener.address))


class Managers(TestCase):
    async def use(self, manager):
        await manager.connect()
        shared = await manager.dict({'a': 1})
        self.assertEqual(await shared['a'], 1)
        await shared.call('__setitem__', 'b', [2])
        self.assertEqual(await shared.copy(), {'a': 1, 'b': [2]})
        self.assertEqual(sorted([key async for key in shared]), ['a', 'b'])
        with self.assertRaises(KeyError):
            await shared['c']
        with self.assertRaises(AttributeError):
            shared.no_such_method
        lock = await manager.RLock()
        await lock.acquire()
        other = asyncio.ensure_future(lock.acquire())
        await asyncio.sleep(0.1)
        # Another task is another owner, as another thread is.
        self.assertFalse(other.done())
        await lock.release()
        self.assertTrue(await other)
        queue = await manager.Queue()
        waiting = [asyncio.ensure_future(queue.get()) for _ in range(3)]
        for number in range(3):
            await queue.put(number)
        self.assertEqual(sorted(await asyncio.gather(*waiting)), [0, 1, 2])

    def test_the_objects_of_a_manager_of_ours(self):
        with sabir.get_context('spawn').Manager() as manager:
            run(self.use(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_the_objects_of_stock_managers(self):
        import multiprocessing
        with multiprocessing.get_context('spawn').Manager() as manager:
            run(self.use(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_an_object_that_nobody_holds_is_freed(self):
        async def main(manager):
            first = await manager.list([1])
            second = await manager.list([2])
            count = await manager._ask('number_of_objects')
            del first
            for _ in range(100):
                await asyncio.sleep(0.05)
                if await manager._ask('number_of_objects') == count - 1:
                    break
            self.assertEqual(await manager._ask('number_of_objects'), count - 1)
            self.assertEqual(await second.copy(), [2])
        with sabir.get_context('spawn').Manager() as manager:
            run(main(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_a_call_that_is_not_answered_ends_in_time_and_the_next_one_is_right(self):
        async def main(manager):
            queue = await manager.Queue()
            manager.timeout = 0.3
            with self.assertRaises(sabir.TimeoutError):
                await queue.get()
            manager.timeout = 20
            shared = await manager.list([1])
            self.assertEqual(await shared.copy(), [1])
        with sabir.get_context('spawn').Manager() as manager:
            run(main(aio.Manager(manager.address, authkey=manager._authkey)))

    async def nested(self, manager):
        await manager.connect()
        before = threading.active_count()
        outer, inner = await manager.dict(), await manager.list([1])
        await outer.update({'inner': inner, 'again': [inner]})
        ident = inner._token.id
        del inner
        held = await outer.copy()
        self.assertIsInstance(held['inner'], aio.Proxy)
        self.assertIs(held['inner'], held['again'][0])
        self.assertEqual(held['inner']._token.id, ident)
        await held['inner'].append(2)
        self.assertEqual(await (await outer['inner'])[:], [1, 2])
        with self.assertRaises(KeyError) as raised:
            await outer.pop(held['inner']._token.id)
        self.assertEqual(raised.exception.args, (ident,))
        self.assertEqual(threading.active_count(), before)

    def test_proxies_within_what_is_sent_and_received_are_those_of_asyncio(self):
        with sabir.get_context('spawn').Manager() as manager:
            run(self.nested(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_proxies_within_what_a_stock_manager_holds_are_those_of_asyncio(self):
        import multiprocessing
        with multiprocessing.get_context('spawn').Manager() as manager:
            run(self.nested(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_a_proxy_that_was_sent_outlives_its_sender(self):
        async def main(manager):
            await manager.connect()
            one, other = socket.socketpair()
            sender, receiver = aio.Connection(one), aio.Connection(other)
            await sender.send([await manager.list([1])])
            while manager._closing:
                await asyncio.sleep(0.01)
            [shared] = await receiver.recv()
            self.assertIsInstance(shared, aio.Proxy)
            self.assertEqual(await shared.copy(), [1])
            sender.close()
            receiver.close()
        with sabir.get_context('spawn').Manager() as manager:
            run(main(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_a_proxy_that_is_sent_is_of_their_own_kind_to_others(self):
        async def main(manager):
            await manager.connect()
            shared = await manager.list([1])
            one, other = socket.socketpair()
            sender = aio.Connection(one)
            await sender.send(shared)
            with sabir.connection.Connection(other.detach()) as receiver:
                # It asks the server itself, and blocks meanwhile.
                taken = await asyncio.get_running_loop().run_in_executor(None, receiver.recv)
                self.assertIsInstance(taken, sabir.managers.BaseProxy)
                self.assertEqual(taken._callmethod('copy'), [1])
            sender.close()
        with sabir.get_context('spawn').Manager() as manager:
            run(main(aio.Manager(manager.address, authkey=manager._authkey)))

    def test_a_receiver_that_is_cancelled_while_a_proxy_is_counted_gets_it_the_next_time(self):
        async def main():
            async with aio.Listener(authkey=KEY) as server:
                manager = aio.Manager(server.address, authkey=KEY)
                one, other = socket.socketpair()
                sender, receiver = aio.Connection(one), aio.Connection(other)
                receiver._manager = manager
                proxy = aio.Proxy(manager, Token('thing', server.address, 'ident'), ['copy'], counted=False)
                await sender.send_bytes(pickle.dumps([7, proxy], 2))
                waiting = asyncio.ensure_future(receiver.recv())
                connection = await server.accept()
                self.assertEqual(await connection.recv(), (None, 'incref', ('ident',), {}))
                waiting.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await waiting
                await connection.send(('#RETURN', None))
                number, taken = await receiver.recv()
                self.assertEqual((number, taken._token.id, taken._exposed), (7, 'ident', ('copy',)))
                # Nothing is there to be asked to forget it.
                taken._counted = False
                for connection in (sender, receiver, connection):
                    connection.close()
        run(main())
