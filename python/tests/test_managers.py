"""Managers and proxies: stock peers in either role, and proxies that others pass on."""

import multiprocessing
import os
import pickle
import pickletools
import socket
import sys
import threading
import time
import unittest

from support import KEY, PEERS as PEERS_FOLDER, Peer, TestCase, in_thread, peers

import sabir
from sabir import managers

PEERS = ((2, 7), (3, 6), (3, 13))
SEEN = ['True', 'KeyError', '7', 'one', 'Empty', 'True', "['a']", '[2, 3]', 'RemoteError']


class Stock(TestCase):
    def test_a_stock_client_uses_our_manager(self):
        for version, python in peers(*PEERS):
            manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
            manager.start()
            with Peer(python, 'stock_manager_client.py', '127.0.0.1', manager.address[1], KEY.decode()) as peer:
                self.assertEqual(peer.rest().split('\n'), SEEN, version)
            manager.shutdown()

    def test_our_client_uses_a_stock_manager(self):
        for version, python in peers(*PEERS):
            with Peer(python, 'stock_manager.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                manager = managers.SyncManager((host, int(port)), authkey=KEY)
                manager.connect()
                shared = manager.dict()
                shared['a'] = [1, 2]
                self.assertEqual(shared.copy(), {'a': [1, 2]})
                with self.assertRaises(KeyError):
                    shared['none']
                space = manager.Namespace()
                space.x = 7
                self.assertEqual(space.x, 7)
                items = manager.Queue()
                items.put(u'h\xe9')
                self.assertEqual(items.get(), u'h\xe9')
                with self.assertRaises(sabir.queues.Empty):
                    items.get(False)
                with self.assertRaises(managers.RemoteError):
                    shared._callmethod('nothing')
                numbers = manager.list([3, 1, 2])
                numbers.sort()
                self.assertEqual(numbers[:], [1, 2, 3])
                if hasattr(shared, '__iter__'):
                    self.assertEqual(list(shared), ['a'])

    def test_a_proxy_in_a_stock_manager_is_used_by_another_stock_client(self):
        user = ("import multiprocessing, sys\n"
                "from multiprocessing.managers import SyncManager, DictProxy\n"
                "key = sys.argv[2].encode('ascii')\n"
                "multiprocessing.current_process().authkey = key\n"
                "SyncManager.register('shared', proxytype=DictProxy)\n"
                "m = SyncManager(('127.0.0.1', int(sys.argv[1])), authkey=key)\n"
                "m.connect()\n"
                "proxy = m.shared()['proxy']\n"
                "print(type(proxy).__module__)\n"
                "proxy['stock'] = 1\n"
                "print(len(proxy))\n")
        own = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
        own.start()
        path = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'sabir-proxy-user-%d.py' % os.getpid())
        with open(path, 'w') as file:
            file.write(user)
        self.addCleanup(os.remove, path)
        multiprocessing.current_process().authkey = KEY
        managers.SyncManager.register('shared', proxytype=managers.DictProxy)
        for _, server in peers((3, 13)):
            for version, python in peers((2, 7), (3, 6)):
                # The server's program is stock; what it writes must be readable by 2.7, hence `sabir run`.
                script = os.path.join(PEERS_FOLDER, 'stock_manager.py')
                with Peer(server, 'run_module.py', 'run', '--protocol', '2', script, KEY.decode(), package=True) as peer:
                    port = peer.line().split()[1]
                    manager = managers.SyncManager(('127.0.0.1', int(port)), authkey=KEY)
                    manager.connect()
                    proxy = own.dict()
                    proxy['ours'] = 2
                    manager.shared()['proxy'] = proxy
                    back = manager.shared()['proxy']
                    self.assertEqual(type(back).__module__, 'sabir.managers')
                    self.assertEqual(back['ours'], 2)
                    with Peer(python, path, port, KEY.decode()) as other:
                        self.assertEqual(other.rest().split('\n'), ['multiprocessing.managers', '2'], version)
                    self.assertEqual(proxy['stock'], 1)
        own.shutdown()


class Names(TestCase):
    def test_what_leaves_is_named_as_the_standard_library_names_it(self):
        manager = sabir.Manager()
        for proxy in (manager.dict(), manager.list(), manager.Namespace(), manager.Queue(), manager.Lock(), manager.Event()):
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                data = pickle.dumps(proxy, protocol)
                self.assertNotIn(b'sabir', data)
                self.assertIn(b'multiprocessing.managers', data)
                self.assertTrue(list(pickletools.genops(data)))
        manager.shutdown()

    def test_what_arrives_belongs_to_the_context(self):
        context = sabir.get_context(reducer=sabir.Pickle(2))
        manager = context.Manager()
        left, right = context.Pipe()
        multiprocessing.current_process().authkey = manager._authkey
        held = [manager.dict(), manager.Queue()]
        left.send(held)
        for proxy in right.recv():
            self.assertIsInstance(proxy, managers.BaseProxy)
            self.assertIs(proxy._serializer.context, context)
        manager.shutdown()

    @unittest.skipIf(sys.version_info[0] == 2, '2.7 pickles no connections')
    def test_a_connection_is_sent_under_its_stock_name(self):
        left, right = sabir.Pipe()
        one, other = sabir.Pipe()
        left.send(other)
        data = right.recv_bytes()
        self.assertIn(b'rebuild_connection', data)
        self.assertNotIn(b'sabir', data)
        left.send(other)
        arrived = right.recv()
        one.send('through')
        self.assertEqual(arrived.recv(), 'through')
        self.assertIsInstance(arrived, sabir.Connection)


class Custom(TestCase):
    def test_a_manager_of_ones_own_with_a_stock_proxy_class(self):
        from multiprocessing.managers import NamespaceProxy

        class Mine(NamespaceProxy):
            _exposed_ = ('__getattribute__', '__setattr__', '__delattr__')

        class Own(sabir.BaseManager):
            pass

        space = managers.Namespace()
        space.x = 1
        Own.register('space', callable=lambda: space, proxytype=Mine)
        server = Own(('127.0.0.1', 0), authkey=KEY).get_server()
        thread = threading.Thread(target=_serve, args=(server,))
        thread.daemon = True
        thread.start()
        client = Own(server.address, authkey=KEY)
        client.connect()
        proxy = client.space()
        self.assertIsInstance(proxy, Mine)
        proxy.x = 5
        self.assertEqual(space.x, 5)

    def test_a_proxy_with_a_key_of_its_own_is_nested_and_sent_cpython_139801_78740(self):
        manager = managers.SyncManager(authkey=b'not the key of the process')
        manager.start()
        inner = manager.dict()
        inner['a'] = 1
        outer = manager.list()
        outer.append(inner)
        nested = outer[0]
        if sys.version_info[0] > 2:
            self.assertEqual(nested['a'], 1)
        left, right = sabir.Pipe()
        left.send(inner)
        self.assertEqual(right.recv()['a'], 1)
        manager.shutdown()

    def test_a_proxy_without_a_manager_can_be_answered_with_a_proxy_cpython_85826(self):
        manager = sabir.Manager()
        shared = manager.dict()
        shared['a'] = 1
        left, right = sabir.Pipe()
        left.send(shared)
        arrived = right.recv()
        if sys.version_info[0] > 2:
            self.assertEqual(list(iter(arrived)), ['a'])
        self.assertEqual(arrived.copy(), {'a': 1})
        manager.shutdown()

    def test_a_peer_that_never_answers_does_not_hold_the_server(self):
        manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
        manager.start()
        silent = [socket.create_connection(manager.address) for _ in range(5)]
        self.assertEqual(in_thread(manager.list, [1]).result(10)[:], [1])
        for sock in silent:
            sock.close()
        manager.shutdown()

    def test_a_proxy_used_after_a_plain_fork_has_a_connection_of_its_own_cpython_101320(self):
        manager = sabir.Manager()
        shared = manager.dict()
        shared['child'], shared['parent'] = 'child', 'parent'
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if all(shared['child'] == 'child' for _ in range(200)):
                    code = 0
            finally:
                os._exit(code)
        for _ in range(200):
            self.assertEqual(shared['parent'], 'parent')
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        manager.shutdown()

    def test_a_manager_by_xmlrpclib_is_as_ever(self):
        manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY, serializer='xmlrpclib')
        manager.start()
        shared = manager.list([1, 2])
        shared.append(3)
        self.assertEqual(shared[2], 3)
        manager.shutdown()

    def test_many_clients_at_once_are_all_served_cpython_88321(self):
        manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
        manager.start()

        def connect():
            managers.SyncManager(manager.address, authkey=KEY).connect()
        for call in [in_thread(connect) for _ in range(60)]:
            call.result(60)
        manager.shutdown()

    def test_a_call_that_takes_too_long_is_an_error_and_the_proxy_goes_on(self):
        manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
        manager.start()
        client = managers.SyncManager(manager.address, authkey=KEY, timeout=0.5)
        client.connect()
        items = client.Queue()
        with self.assertRaises(sabir.TimeoutError):
            items.get()
        # The call that was given up is still in the server, and takes what comes next.
        items.put('for it')
        while not items.empty():
            time.sleep(0.01)
        items.put('for us')
        self.assertEqual(items.get(), 'for us')
        manager.shutdown()

    def test_a_client_goes_on_after_the_server_was_restarted_cpython_87495_86320_78947(self):
        manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY)
        manager.start()
        address = manager.address
        client = managers.SyncManager(address, authkey=KEY)
        client.connect()
        held = client.list([1])
        self.assertEqual(held[:], [1])
        manager.shutdown()
        with self.assertRaises((EOFError, IOError, OSError)):
            held[:]
        again = managers.SyncManager(address, authkey=KEY)
        again.start()
        self.assertEqual(client.list([2])[:], [2])
        again.shutdown()

    @unittest.skipIf(sys.version_info[0] == 2, '2.7 has no shared memory')
    def test_each_message_of_a_manager_is_made_by_its_reducer(self):
        context = sabir.get_context('fork', reducer=sabir.Pickle(protocol=3))
        seen = []

        class Seen(sabir.Pickle):
            def dumps(self, obj, peer=None):
                data = sabir.Pickle.dumps(self, obj)
                seen.append(data[1])
                return data

        manager = context.managers.SyncManager(reducer=Seen(protocol=2))
        manager.start()
        manager.dict()['a'] = 1
        self.assertEqual(set(seen), {2})
        self.assertGreater(len(seen), 4)
        manager.shutdown()


def _serve(server):
    try:
        server.serve_forever()
    except SystemExit:
        pass


if __name__ == '__main__':
    unittest.main()
