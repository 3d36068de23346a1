"""Contexts: what they have, whose reducer is used where, and what children inherit."""

import multiprocessing
import sys
import time
import unittest

from support import TestCase, in_thread

import children
import sabir
from children import protocol_of

MODERN = sys.version_info[0] > 2
METHODS = sabir.get_all_start_methods()


def written(left, right, value=(1,)):
    left.send(value)
    return protocol_of(right.recv_bytes())


class Surface(TestCase):
    def test_a_context_has_all_that_the_standard_library_has(self):
        stock = multiprocessing.get_context() if MODERN else multiprocessing
        names = [name for name in (dir(stock) if MODERN else stock.__all__) if not name.startswith('_')
                 and not name.startswith('SUB')]
        for given in (sabir, sabir.get_context(METHODS[0]), sabir.get_context(METHODS[0], reducer=sabir.Pickle(2))):
            self.assertEqual([name for name in names if not hasattr(given, name)], [])

    def test_a_context_has_what_the_standard_library_lacks(self):
        for given in (sabir, sabir.get_context(METHODS[0], reducer=sabir.Pickle(2))):
            for name in ('Client', 'Listener', 'Connection', 'Pipe', 'wait', 'BaseManager', 'SyncManager', 'BaseProxy',
                         'NamespaceProxy'):
                self.assertTrue(hasattr(given, name), name)
            for name in ('BaseManager', 'SyncManager', 'BaseProxy', 'NamespaceProxy', 'DictProxy'):
                self.assertTrue(hasattr(given.managers, name), name)
            for name in ('Client', 'Listener', 'Connection', 'Pipe', 'wait'):
                self.assertTrue(hasattr(given.connection, name), name)

    def test_an_unknown_method_is_refused_as_the_standard_library_does(self):
        for method in ('thread', 'spawn' if not MODERN else 'none'):
            with self.assertRaises(ValueError) as caught:
                sabir.get_context(method)
            self.assertIn('cannot find context for', str(caught.exception))

    def test_threads_are_found_under_our_name_too(self):
        import sabir.dummy
        import sabir.dummy.connection
        from multiprocessing import dummy
        self.assertIs(sys.modules['sabir.dummy'], dummy)
        self.assertIs(sys.modules['sabir.dummy.connection'], dummy.connection)

    def test_classes_are_the_stock_classes_for_who_asks(self):
        from multiprocessing import managers, queues
        self.assertTrue(issubclass(sabir.NamespaceProxy, managers.NamespaceProxy))
        self.assertTrue(issubclass(sabir.BaseManager, managers.BaseManager))
        self.assertTrue(issubclass(sabir.SyncManager, managers.SyncManager))
        self.assertIsInstance(sabir.Queue(), queues.Queue)
        if MODERN:
            from multiprocessing import connection
            self.assertIsInstance(sabir.Pipe()[0], connection.Connection)


class Setting(TestCase):
    def setUp(self):
        self.before = sabir.reducer

    def tearDown(self):
        sabir.reducer = self.before

    @unittest.skipUnless(MODERN, '2.7 has no protocol above 2')
    def test_two_contexts_with_two_reducers_live_side_by_side(self):
        two = sabir.get_context(reducer=sabir.Pickle(protocol=2))
        three = sabir.get_context(reducer=sabir.Pickle(protocol=3))
        for _ in range(2):
            self.assertEqual(written(*two.Pipe()), 2)
            self.assertEqual(written(*three.Pipe()), 3)
            self.assertEqual(written(*sabir.Pipe()), sabir.Pickle().protocol)
        for context, protocol in ((two, 2), (three, 3)):
            queue = context.SimpleQueue()
            queue.put([1])
            self.assertEqual(protocol_of(queue._reader.recv_bytes()), protocol)
            queue = context.Queue()
            queue.put([1])
            self.assertEqual(protocol_of(queue._reader.recv_bytes()), protocol)

    @unittest.skipUnless(MODERN, '2.7 has no protocol above 2')
    def test_a_setting_is_seen_by_what_was_made_before_it(self):
        pipe = sabir.Pipe()
        context = sabir.get_context('fork')
        other = context.Pipe()
        sabir.reducer = sabir.Pickle(protocol=3)
        self.assertEqual((written(*pipe), written(*other)), (3, 3))
        sabir.context._default_context.reducer = sabir.Pickle(protocol=2)
        self.assertEqual((written(*pipe), written(*other)), (2, 2))
        context = context.get_context(reducer=sabir.Pickle(4))
        other = context.Pipe()
        context.reducer = sabir.Pickle(protocol=3)
        self.assertEqual((written(*pipe), written(*other)), (2, 3))

    @unittest.skipUnless(MODERN, '2.7 has no protocol above 2')
    def test_one_set_on_the_context_in_use_is_that_of_the_package_and_of_no_other_context(self):
        context = sabir.get_context()
        self.addCleanup(setattr, context, '_own', None)
        context.reducer = sabir.Pickle(protocol=3)
        self.assertEqual(written(*sabir.Pipe()), 3)
        self.assertEqual(written(*sabir.connection.Pipe()), 3)
        queue = sabir.SimpleQueue()
        queue.put([1])
        self.assertEqual(protocol_of(queue._reader.recv_bytes()), 3)
        for method in METHODS:
            if method != context.get_start_method():
                self.assertNotEqual(written(*sabir.get_context(method).Pipe()), 3)

    def test_each_object_can_have_its_own(self):
        left, right = sabir.Pipe(reducer=sabir.JSON())
        left.send({'a': [1]})
        self.assertEqual(right.recv_bytes(), b'{"a": [1]}')
        queue = sabir.Queue(reducer=sabir.JSON())
        queue.put([1, 'x'])
        self.assertEqual(queue.get(), [1, 'x'])
        left.reducer = sabir.Pickle(2)
        self.assertEqual(written(left, right), 2)

    def test_what_is_no_reducer_is_refused_at_once(self):
        context = sabir.get_context(METHODS[0], reducer=sabir.Pickle(2))
        for wrong in (object(), 4, 'pickle'):
            with self.assertRaises(TypeError):
                context.reducer = wrong
        with self.assertRaises(ValueError):
            sabir.Pickle(protocol=9)

    @unittest.skipUnless(MODERN, '2.7 has no AbstractReducer')
    def test_an_abstract_reducer_of_any_shape_is_taken(self):
        from multiprocessing.reduction import AbstractReducer, ForkingPickler

        class Three(ForkingPickler):
            @classmethod
            def dumps(cls, obj, protocol=3):
                return ForkingPickler.dumps(obj, protocol)

        class Reducer(AbstractReducer):
            ForkingPickler = Three

        for given in (Reducer(), Reducer):
            self.assertEqual(written(*sabir.get_context(reducer=given).Pipe()), 3)

    def test_a_module_is_a_reducer(self):
        import marshal
        left, right = sabir.Pipe(reducer=marshal)
        left.send([1, (2, b'x')])
        self.assertEqual(right.recv(), [1, (2, b'x')])

    def test_a_reducer_of_ones_own_is_two_classes(self):
        import pickle

        class Upper(pickle.Pickler if MODERN else sabir.Reducer().get_pickler_class()):
            def persistent_id(self, obj):
                return 'here' if obj is Upper else None

        class Lower(pickle.Unpickler):
            def persistent_load(self, name):
                return Upper

        class Own(sabir.Reducer):
            def get_pickler_class(self):
                return Upper

            def get_unpickler_class(self):
                return Lower

        left, right = sabir.Pipe(reducer=Own())
        left.send([Upper, 1])
        self.assertEqual(right.recv(), [Upper, 1])

    def test_reductions_are_registered_for_one_reducer_only(self):
        one, other = sabir.Pickle(2), sabir.Pickle(2)
        one.register(children.Point, children.reduce_point)
        self.assertEqual(one.loads(one.dumps(children.Point(1))).x, 101)
        self.assertEqual(other.loads(other.dumps(children.Point(1))).x, 1)


class Restricting(TestCase):
    def test_only_names_in_the_list_are_resolved(self):
        import collections
        import datetime
        import os
        reducer = sabir.Restricted(allow=['datetime.date', 'collections.OrderedDict'])
        when = datetime.date(2020, 1, 2)
        for protocol in range(sabir.Pickle().protocol + 1):
            for allowed in (when, collections.OrderedDict(a=1)):
                if protocol < 2 or not MODERN and protocol < 2:
                    continue
                data = sabir.Pickle(protocol).dumps(allowed)
                if protocol == 2 and MODERN and allowed is when:
                    continue  # written with _codecs.encode, which is not in the list
                self.assertEqual(reducer.loads(data), allowed)
            for refused in (os.system, datetime.timedelta(1), sabir.Pickle, len):
                with self.assertRaises(Exception) as caught:
                    reducer.loads(sabir.Pickle(protocol).dumps(refused))
                self.assertEqual(type(caught.exception).__name__, 'UnpicklingError')
                self.assertIn('is not allowed', str(caught.exception))

    def test_a_dotted_name_does_not_reach_through_an_allowed_one(self):
        reducer = sabir.Restricted(allow=['os.path', 'os'])
        if MODERN:
            with self.assertRaises(Exception) as caught:
                reducer.loads(b'\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93.')
            self.assertIn('is not allowed', str(caught.exception))


class Children(TestCase):
    def outcome(self, context, target):
        queue = context.SimpleQueue()
        process = context.Process(target=target, args=(queue,))
        process.start()
        found = queue.get()
        process.join()
        return found

    def test_a_reducer_set_in_the_parent_is_what_a_child_uses(self):
        for method in METHODS:
            context = sabir.get_context(method, reducer=sabir.Pickle(protocol=2))
            self.assertEqual(self.outcome(context, children.written_protocols), (2, 2, 2, 'Pickle(protocol=2)'), method)

    def test_it_is_that_of_the_pools_and_managers_that_the_child_starts(self):
        for method in METHODS:
            context = sabir.get_context(method, reducer=sabir.Pickle(protocol=2))
            self.assertEqual(self.outcome(context, children.written_further_down), (2, 2, 2), method)

    def test_reducers_of_each_kind_reach_children_pools_and_managers(self):
        import marshal
        for method in METHODS:
            context = sabir.get_context(method, reducer=children.Initialled())
            self.assertEqual(self.outcome(context, children.first_byte_written), (b'I', {'a': 1}), method)
            pool = context.Pool(2)
            self.assertEqual(pool.map(children.double, range(5)), [0, 2, 4, 6, 8], method)
            pool.close()
            pool.join()
            for reducer in (sabir.JSON(), marshal):
                context = sabir.get_context(method, reducer=reducer)
                queue, answers = context.SimpleQueue(), context.SimpleQueue()
                process = context.Process(target=children.echo, args=(queue, answers))
                process.start()
                queue.put(u'there')
                self.assertEqual(answers.get(), u'there')
                queue.put(None)
                process.join()

    def test_the_default_of_the_parent_is_what_a_child_uses(self):
        before = sabir.reducer
        sabir.reducer = sabir.Pickle(protocol=2)
        try:
            for method in METHODS:
                self.assertEqual(self.outcome(sabir.get_context(method), children.written_protocols)[:3], (2, 2, 2), method)
        finally:
            sabir.reducer = before

    @unittest.skipUnless(MODERN, '2.7 has no AbstractReducer')
    def test_a_reducer_with_slips_starts_children_and_rules_them(self):
        import os
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers', 'question'))
        try:
            from two_reducer import TwoReducer
            for method in METHODS:
                context = sabir.get_context(method, reducer=TwoReducer())
                self.assertEqual(self.outcome(context, children.written_protocols)[:3], (2, 2, 2), method)
        finally:
            sys.path.pop(0)

    @unittest.skipUnless(MODERN, '2.7 only forks')
    def test_a_process_says_itself_what_of_it_goes_to_the_child(self):
        before = sabir.get_start_method()
        self.addCleanup(sabir.set_start_method, before, force=True)
        for method in METHODS:
            sabir.set_start_method(method, force=True)
            queue = sabir.SimpleQueue()
            process = children.Slim(queue)
            process.start()
            self.assertEqual(queue.get(), 'inherited' if method == 'fork' else 'made anew')
            process.join()

    def test_several_threads_may_ask_for_the_exit_code_of_a_child(self):
        # A pool does, and took a worker that had retired for one that died.
        for method in METHODS:
            context = sabir.get_context(method)
            for _ in range(4):
                process = context.Process(target=time.sleep, args=(0.05,))
                process.start()

                def exit_code():
                    while process.exitcode is None:
                        pass
                    return process.exitcode
                calls = [in_thread(exit_code) for _ in range(6)]
                self.assertEqual([call.result() for call in calls], [0] * 6, method)

    def test_what_was_registered_reaches_children(self):
        for method in METHODS:
            sabir.register(children.Point, children.reduce_point)
            self.assertEqual(self.outcome(sabir.get_context(method), children.put_point).x, 101, method)
        sabir.reducers.process_wide_table.clear()
        if MODERN:
            del sabir.reduction.ForkingPickler._extra_reducers[children.Point]

    def test_connections_and_proxies_are_handed_to_children(self):
        for method in METHODS:
            context = sabir.get_context(method, reducer=sabir.Pickle(2))
            left, right = context.Pipe()
            process = context.Process(target=children.use_connection, args=(right,))
            process.start()
            right.close()
            left.send('hello')
            self.assertEqual(left.recv(), ('child', 'hello', type(left).__module__))
            process.join()
            with context.Manager() as manager:
                shared = manager.dict()
                process = context.Process(target=children.use_proxy, args=(shared,))
                process.start()
                process.join()
                self.assertEqual(shared.copy(), {'child': process.pid}, method)

    def test_queues_work_between_processes_of_each_method(self):
        for method in METHODS:
            context = sabir.get_context(method)
            for make in (context.Queue, context.JoinableQueue, context.SimpleQueue):
                there, back = make(), make()
                process = context.Process(target=children.echo, args=(there, back))
                process.start()
                for item in ([1], {'a': u'\xe9'}, 'x' * 100000, None):
                    there.put(item)
                    self.assertEqual(back.get(), item)
                process.join()
                self.assertEqual(process.exitcode, 0)

    @unittest.skipUnless(MODERN, '2.7 starts children by fork alone')
    def test_a_lambda_can_be_a_target_where_the_reducer_can_send_it(self):
        for make in (sabir.CloudPickle, sabir.Dill):
            try:
                reducer = make()
            except ImportError as error:
                self.assertIn('needs the package', str(error))
                continue
            for method in METHODS:
                context = sabir.get_context(method, reducer=reducer)
                self.assertEqual(self.outcome(context, lambda queue: queue.put(lambda x: x + 1))(1), 2)

    @unittest.skipUnless(MODERN, '2.7 has no protocol above 2')
    def test_an_installed_reducer_is_installed_in_children(self):
        for method in METHODS:
            sabir.install(sabir.Pickle(protocol=2))
            try:
                context = multiprocessing.get_context(method)
                self.assertEqual(self.outcome(context, children.stock_protocol), 2, method)
            finally:
                sabir.uninstall()
        left, right = multiprocessing.Pipe()
        self.assertGreater(written(left, right), 2)


if __name__ == '__main__':
    unittest.main()
