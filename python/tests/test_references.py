"""Who keeps a shared object: proxies that are sent, nested, dropped; and what a server says of its errors."""

import gc
import struct
import socket
import subprocess
import sys
import time
import unittest

from support import KEY, PACKAGE, Peer, TestCase, environment, peers

import children
import sabir
from sabir import _server, managers

MODERN = sys.version_info[0] > 2
METHODS = sabir.get_all_start_methods()


def started(**options):
    """A manager that runs, with a key that is not the process's."""
    manager = managers.SyncManager(('127.0.0.1', 0), authkey=KEY, **options)
    manager.start()
    return manager


def with_short_loans(test):
    """Runs a test with loans of two seconds, which servers that are forked from here share."""
    def run(self):
        was, _server.LOAN = _server.LOAN, 2.0
        try:
            test(self, sabir.get_context('fork').managers.SyncManager(('127.0.0.1', 0), authkey=KEY))
        finally:
            _server.LOAN = was
    return run


class Sent(TestCase):
    def setUp(self):
        self.manager = started()
        self.addCleanup(self.manager.shutdown)

    def test_a_proxy_that_was_sent_outlives_its_sender_cpython_119937(self):
        left, right = sabir.Pipe()
        left.send(self.manager.list(['kept']))
        gc.collect()
        time.sleep(0.3)
        self.assertEqual(right.recv()[:], ['kept'])

    def test_a_process_may_end_before_its_proxies_are_read_cpython_119937(self):
        for method in METHODS:
            context = sabir.get_context(method)
            queue = context.Queue()
            process = context.Process(target=children.put_new_list, args=(queue, self.manager.address, KEY))
            process.start()
            process.join()
            self.assertEqual(queue.get(timeout=30)[:], ['left behind'], method)

    def test_a_proxy_that_only_the_child_will_hold_reaches_it_cpython_119937(self):
        for method in METHODS:
            context = sabir.get_context(method)
            queue = context.SimpleQueue()
            process = context.Process(target=children.put_copy, args=(queue, self.manager.list([1, 2])))
            process.start()
            gc.collect()
            self.assertEqual(queue.get(), [1, 2], method)
            process.join()

    @with_short_loans
    def test_what_was_lent_is_let_go_in_time(self, manager):
        manager.start()
        left, right = sabir.Pipe()
        left.send(manager.list([1]))
        gc.collect()
        # Nobody refers to it, but it is still there.
        self.assertEqual(_counts(manager)[0], 0)
        self.assertNotEqual(_counts(manager)[1], '')
        _until(lambda: _counts(manager)[1] == '')
        manager.shutdown()

    def test_a_proxy_that_dies_within_a_call_does_not_close_its_connection(self):
        held = self.manager.list()
        left, right = sabir.Pipe()
        left.send(held)
        others = [right.recv()]

        class Dropping(object):
            def __reduce__(self):
                # As the garbage collector may at any time.
                del others[:]
                return int, ()

        held.append(Dropping())
        self.assertEqual(held[:], [0])

    def test_a_stock_server_that_cannot_lend_is_no_hindrance(self):
        for _, python in peers((2, 7), (3, 13)):
            with Peer(python, 'stock_manager.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                manager = managers.SyncManager((host, int(port)), authkey=KEY)
                manager.connect()
                held = manager.list([1])
                left, right = sabir.Pipe()
                for _ in range(2):
                    left.send(held)
                    self.assertEqual(right.recv()[:], [1])

    def test_a_proxy_sent_keeps_where_it_connects_to_cpython_99595(self):
        # The receiver's proxy has no manager, and is answered with another proxy.
        held = self.manager.Pool(1)
        left, right = sabir.Pipe()
        left.send(held)
        self.assertEqual(right.recv().apply_async(children.double, (21,)).get(), 42)
        held.terminate()


@unittest.skipUnless(MODERN, 'a manager of 2.7 puts the object itself where a proxy is sent to')
class Nested(TestCase):
    @with_short_loans
    def test_what_a_shared_list_drops_is_freed_cpython_103136(self, manager):
        manager.start()
        outer = manager.list()
        for drop in (outer.pop, lambda: outer.__delitem__(0), lambda: outer.__setitem__(slice(0, 1), [])):
            outer.append(manager.dict(a=1))
            gc.collect()
            self.assertEqual(outer[0]['a'], 1)
            drop()
            gc.collect()
            # The thread of the server holds the last answer until the next question.
            len(outer)
            _until(lambda: _counts(manager)[1].count('refcount') == 1)
        manager.shutdown()

    @with_short_loans
    def test_what_a_shared_list_held_ends_with_it_cpython_103136(self, manager):
        manager.start()
        outer = manager.list([manager.list([manager.dict()])])
        gc.collect()
        self.assertEqual(len(outer[0][0]), 0)
        self.assertEqual(_counts(manager)[0], 3)
        del outer
        gc.collect()
        _until(lambda: _counts(manager)[1] == '')
        manager.shutdown()

    def test_a_nested_proxy_is_used_by_a_process_that_did_not_make_it(self):
        manager = started()
        outer = manager.dict()
        inner = manager.list(['inner'])
        outer['inner'] = inner
        del inner
        gc.collect()
        time.sleep(0.2)
        other = managers.SyncManager(manager.address, authkey=KEY)
        other.connect()
        self.assertEqual(outer['inner'][:], ['inner'])
        self.assertEqual(outer.copy()['inner'][:], ['inner'])
        manager.shutdown()


class Types(TestCase):
    def test_every_version_shares_what_the_newest_does_cpython_142740_129948_103134(self):
        manager = started()
        items = manager.list([3, 1])
        self.assertEqual(items.copy(), [3, 1])
        items.clear()
        self.assertEqual(items[:], [])
        shared = manager.set([1, 2])
        same = shared
        shared |= set([3])
        self.assertIs(shared, same)
        shared.add(4)
        shared.discard(1)
        self.assertEqual(shared.copy(), set([2, 3, 4]))
        self.assertEqual(sorted(shared), [2, 3, 4])
        self.assertIn(3, shared)
        self.assertEqual(shared - set([2]), set([3, 4]))
        left, right = sabir.Pipe()
        left.send(shared)
        arrived = right.recv()
        self.assertIsInstance(arrived, managers.SetProxy)
        arrived -= set([3])
        self.assertEqual(len(shared), 2)
        if sys.version_info >= (3, 9):
            mapping = manager.dict(a=1)
            mapping |= {'b': 2}
            self.assertEqual(mapping | {'c': 3}, {'a': 1, 'b': 2, 'c': 3})
        manager.shutdown()

    def test_a_stock_client_that_knows_sets_is_served_cpython_142740(self):
        manager = started()
        program = ('import sys\nfrom multiprocessing.managers import SyncManager\n'
                   'm = SyncManager(("127.0.0.1", int(sys.argv[1])), authkey=sys.argv[2].encode())\nm.connect()\n'
                   's = m.set([1, 2])\ns |= {3}\nprint(sorted(s), len(s), m.list([1]).copy())\n')
        for version, python in peers((3, 14), (3, 15)):
            out = subprocess.check_output([python, '-c', program, str(manager.address[1]), KEY.decode()], env=environment())
            self.assertEqual(out.decode().strip(), '[1, 2, 3] 3 [1]', version)
        manager.shutdown()


class WithFaulty(sabir.BaseManager):
    """A manager of objects that raise."""


WithFaulty.register('faulty', children.Faulty)


class Servers(TestCase):
    def test_an_error_tells_where_the_server_raised_it_cpython_78279(self):
        manager = WithFaulty(('127.0.0.1', 0), authkey=KEY)
        manager.start()
        faulty = manager.faulty()
        with self.assertRaises(KeyError) as caught:
            faulty.explode()
        self.assertEqual(caught.exception.args, ('there is no such thing',))
        told = str(caught.exception.__cause__) if MODERN else caught.exception._remote_traceback
        self.assertIn('_deep_inside', told)
        with self.assertRaises(managers.RemoteError) as caught:
            faulty.explode_unsendable()
        self.assertIn('explode_unsendable', str(caught.exception))
        self.assertIn('with a lock', str(caught.exception))
        manager.shutdown()

    @unittest.skipUnless(sys.platform.startswith('linux'), 'asks Linux for the length of the queue')
    def test_the_backlog_of_a_manager_can_be_set_cpython_88321(self):
        for given, expected in ((None, 128), (300, 300)):
            options = {} if given is None else {'backlog': given}
            server = managers.SyncManager(('127.0.0.1', 0), authkey=KEY, **options).get_server()
            info = server.listener._listener._socket.getsockopt(socket.IPPROTO_TCP, getattr(socket, 'TCP_INFO', 11), 104)
            self.assertEqual(struct.unpack_from('I', info, 28)[0], expected)
            server.listener.close()


@unittest.skipUnless(sys.version_info >= (3, 8), 'there is no shared memory before 3.8')
class SharedMemory(TestCase):
    def test_a_block_that_is_not_tracked_stays_when_another_program_ends_cpython_82300_129999(self):
        from sabir.shared_memory import SharedMemory
        block = SharedMemory(create=True, size=16, track=False)
        try:
            block.buf[:2] = b'ok'
            program = ('import sys; sys.path.insert(0, %r); from sabir.shared_memory import SharedMemory\n'
                       'block = SharedMemory(%r, track=False); block.buf[2:4] = b"!!"; block.close()' % (PACKAGE, block.name))
            out = subprocess.check_output([sys.executable, '-c', program], env=environment(), stderr=subprocess.STDOUT)
            self.assertEqual(out, b'')
            again = SharedMemory(block.name, track=False)
            self.assertEqual(bytes(again.buf[:4]), b'ok!!')
            again.close()
        finally:
            block.close()
            block.unlink()


@unittest.skipUnless(MODERN, '2.7 only forks')
class Locks(TestCase):
    def test_a_lock_of_a_fork_context_is_refused_by_other_contexts_cpython_77377(self):
        fork = sabir.get_context('fork')
        for method in ('spawn', 'forkserver'):
            context = sabir.get_context(method)
            for lock in (fork.Lock(), fork.RLock(), fork.Semaphore(), fork.Condition()):
                with self.assertRaises(RuntimeError):
                    context.Process(target=children.take_lock, args=(lock,)).start()
            lock = context.Lock()
            process = context.Process(target=children.take_lock, args=(lock,))
            process.start()
            process.join()
            self.assertEqual(process.exitcode, 0)


def _counts(manager):
    """The number of objects that somebody refers to, and what the server has."""
    return manager._number_of_objects(), manager._debug_info()


def _until(condition):
    deadline = time.time() + 60
    while not condition():
        if time.time() > deadline:
            raise AssertionError('it did not come true')
        time.sleep(0.05)


if __name__ == '__main__':
    unittest.main()
