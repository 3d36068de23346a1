"""Queues and pools: errors reach the caller, and what dies breaks instead of hanging."""

import io
import sys
import threading
import time
import unittest

from support import TestCase, in_thread

import children
import sabir

METHODS = sabir.get_all_start_methods()


class Queues(TestCase):
    def test_an_object_that_cannot_be_pickled_is_refused_at_put_cpython_84376_79423_109554(self):
        for make in (sabir.Queue, sabir.JoinableQueue, sabir.SimpleQueue):
            queue = make()
            with self.assertRaises(Exception):
                queue.put(lambda: None)
            with self.assertRaises(Exception):
                queue.put(threading.Lock())
            queue.put('next')
            self.assertEqual(queue.get(), 'next')

    def test_a_refused_object_takes_no_room(self):
        queue = sabir.Queue(1)
        for _ in range(3):
            with self.assertRaises(Exception):
                queue.put(lambda: None)
        queue.put(1, timeout=5)
        with self.assertRaises(sabir.queues.Full):
            queue.put(2, block=False)
        self.assertEqual(queue.get(timeout=5), 1)

    def test_an_empty_queue_says_so_in_time(self):
        queue = sabir.Queue()
        for arguments in ((False,), (True, 0.1)):
            with self.assertRaises(sabir.queues.Empty):
                queue.get(*arguments)
        self.assertTrue(queue.empty())

    def test_what_was_put_before_the_end_is_written(self):
        queue = sabir.Queue()
        process = sabir.Process(target=children.put_many, args=(queue, 2000))
        process.start()
        self.assertEqual([queue.get(timeout=30) for _ in range(2000)], list(range(2000)))
        process.join()

    def test_join_waits_for_every_object(self):
        queue = sabir.JoinableQueue()
        queue.put(1)
        call = in_thread(queue.join)
        time.sleep(0.1)
        self.assertTrue(call.is_running())
        queue.get()
        queue.task_done()
        call.result(5)
        with self.assertRaises(ValueError):
            queue.task_done()

    def test_a_queue_that_prints_leaves_out_what_cannot_be_pickled_and_keeps_its_room(self):
        queue = sabir.Queue(1, on_error='print')
        was, sys.stderr = sys.stderr, io.BytesIO() if sys.version_info[0] == 2 else io.StringIO()
        try:
            queue.put(lambda: 0)
            printed = sys.stderr.getvalue()
        finally:
            sys.stderr = was
        self.assertIn('Traceback', printed)
        queue.put('next', timeout=5)
        self.assertEqual(queue.get(timeout=5), 'next')

    def test_the_exceptions_of_queues_have_a_name_that_every_python_knows(self):
        data = bytes(sabir.Pickle(2).dumps(sabir.queues.Empty()))
        self.assertIn(b'cQueue\nEmpty\n', data)


class Pools(TestCase):
    def pools(self, *arguments, **more):
        for method in METHODS:
            pool = sabir.get_context(method, reducer=sabir.Pickle(2)).Pool(*arguments, **more)
            yield pool
            pool.terminate()
            pool.join()

    def test_work_is_done_under_each_method(self):
        for pool in self.pools(2):
            self.assertEqual(pool.map(children.double, range(20)), [2 * n for n in range(20)])
            self.assertEqual(pool.apply(children.double, (4,)), 8)
            self.assertEqual(list(pool.imap(children.double, range(5))), [0, 2, 4, 6, 8])
            self.assertEqual(sorted(pool.imap_unordered(children.double, range(5), 2)), [0, 2, 4, 6, 8])
            self.assertEqual(pool.apply_async(children.double, (5,)).get(30), 10)

    def test_a_worker_that_is_killed_breaks_the_pool_cpython_96062_87615_82265(self):
        for pool in self.pools(2):
            with self.assertRaises(sabir.BrokenPool):
                pool.map(children.die, range(4))
            with self.assertRaises(sabir.BrokenPool):
                pool.apply(children.double, (1,))

    def test_every_kind_of_task_ends_when_the_pool_breaks(self):
        for submit in (lambda pool: pool.apply_async(children.die, (1,)).get(30),
                       lambda pool: pool.map_async(children.die, range(3)).get(30),
                       lambda pool: list(pool.imap(children.die, range(3))),
                       lambda pool: list(pool.imap_unordered(children.die, range(3)))):
            pool = sabir.get_context('fork').Pool(2)
            with self.assertRaises(sabir.BrokenPool):
                submit(pool)
            pool.terminate()
            pool.join()

    def test_a_broken_pool_can_be_closed_and_joined(self):
        pool = sabir.get_context('fork').Pool(2)
        with self.assertRaises(sabir.BrokenPool):
            pool.apply(children.die, (1,))
        pool.close()
        in_thread(pool.join).result(20)

    def test_tasks_that_wait_in_a_full_pipe_end_when_the_pool_breaks(self):
        pool = sabir.get_context('fork').Pool(2)
        results = [pool.apply_async(children.wait_and_double, (b'x' * 100000,)) for _ in range(50)]
        dead = pool.apply_async(children.die, (1,))
        with self.assertRaises(sabir.BrokenPool):
            dead.get(30)
        for result in results:
            try:
                result.get(30)
            except sabir.BrokenPool:
                pass
        pool.terminate()
        in_thread(pool.join).result(20)

    def test_a_worker_that_leaves_breaks_the_pool_cpython_73945(self):
        pool = sabir.get_context('fork').Pool(1)
        with self.assertRaises(sabir.BrokenPool):
            pool.apply(children.leave, (1,))
        pool.terminate()

    def test_workers_that_retire_do_not_break_the_pool(self):
        pool = sabir.get_context('fork').Pool(2, maxtasksperchild=2)
        self.assertEqual(pool.map(children.double, range(20), 1), [2 * n for n in range(20)])
        pool.close()
        in_thread(pool.join).result(20)

    def test_an_exception_that_cannot_be_unpickled_fails_its_task_cpython_79492(self):
        pool = sabir.get_context('fork').Pool(1)
        with self.assertRaises(Exception) as caught:
            pool.apply_async(children.raise_unreadable, (1,)).get(30)
        self.assertEqual(type(caught.exception).__name__, 'MaybeEncodingError')
        self.assertEqual(pool.apply_async(children.double, (2,)).get(30), 4)
        pool.terminate()

    def test_an_argument_that_cannot_be_unpickled_fails_its_task(self):
        for pool in self.pools(1):
            with self.assertRaises(RuntimeError):
                pool.apply_async(children.double, (children.UnreadableArgument(),)).get(30)
            self.assertEqual(pool.apply_async(children.double, (2,)).get(30), 4)

    def test_a_task_among_many_that_cannot_be_pickled_fails_the_map_and_no_other(self):
        pool = sabir.get_context('fork').Pool(2)
        with self.assertRaises(Exception):
            pool.map_async(children.double, list(range(100)) + [lambda: None] + list(range(100)), 1).get(60)
        self.assertEqual(pool.map_async(children.double, range(500), 1).get(60), [2 * number for number in range(500)])
        pool.terminate()
        pool.join()

    def test_the_next_item_of_an_iterator_is_not_waited_for_before_the_last_is_done(self):
        pool = sabir.get_context('fork').Pool(2)
        done = threading.Event()

        def items():
            yield 1
            done.wait(60)
            yield 2

        results = pool.imap(children.double, items())
        self.assertEqual(results.next(60), 2)
        done.set()
        self.assertEqual(results.next(60), 4)
        pool.terminate()
        pool.join()

    @unittest.skipIf(sys.version_info < (3,), 'has no barriers')
    def test_tasks_that_wait_for_each_other_run_at_once_after_many_that_did_not(self):
        context = sabir.get_context('fork')
        pool = context.Pool(2, children.keep_barrier, (context.Barrier(2),))
        pool.map_async(children.double, range(1000), 1).get(60)
        self.assertEqual(pool.map_async(children.meet_kept, range(20), 1).get(120), 20 * [True])
        pool.terminate()
        pool.join()

    def test_a_name_that_means_another_function_in_a_worker_is_found_anew(self):
        pool = sabir.get_context('fork').Pool(1)
        self.assertEqual(pool.apply_async(children.double, (1,)).get(60), 2)
        self.assertEqual(pool.apply_async(children.rename, (1,)).get(60), 2)
        self.assertEqual(pool.apply_async(children.double, (1,)).get(60), 100)
        pool.terminate()
        pool.join()

    def test_a_closed_pool_finishes_its_work(self):
        for pool in self.pools(2):
            result = pool.map_async(children.wait_and_double, range(10))
            pool.close()
            in_thread(pool.join).result(30)
            self.assertEqual(result.get(1), [2 * n for n in range(10)])


if __name__ == '__main__':
    unittest.main()
