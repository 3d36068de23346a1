"""The question's program: a 2.7 server and a 3.x client that cannot talk, in each of the ways that make them."""

import os
import sys
import unittest

from support import HERE, KEY, PEERS, Peer, TestCase, peers

FOLDER = os.path.join(PEERS, 'question')
EXPECTED = ['1', 'True', 'object', 'True', 'AttributeError', 'True']
SHAPED = ['setting-module', 'setting-context', 'setting-default', 'two-install']
WAYS = SHAPED + [way + '-late' for way in SHAPED] + [
    'pickle', 'adaptive', 'install', 'install-late', 'adaptive-install', 'adaptive-install-late']


@unittest.skipIf(sys.version_info[0] == 2, 'the other side is 2.7 already')
class Question(TestCase):
    def run_pair(self, server, client, server_way='stock', client_way='stock'):
        """What the client prints."""
        with Peer(server, os.path.join(FOLDER, 'server.py'), KEY.decode(), server_way, package=server_way != 'stock') as one:
            line = one.line()
            try:
                manager, listener = line.split()
            except ValueError:
                self.fail(line + '\n' + one.rest())
            with Peer(client, os.path.join(FOLDER, 'client.py'), KEY.decode(), manager, listener, client_way,
                      package=client_way != 'stock') as other:
                return other.rest().split('\n')

    def test_stock_programs_fail(self):
        for _, python in peers((2, 7)):
            self.assertNotEqual(self.run_pair(python, sys.executable), EXPECTED)

    def test_a_client_here_talks_to_a_stock_27_server_in_each_way(self):
        for _, python in peers((2, 7)):
            for way in WAYS:
                self.assertEqual(self.run_pair(python, sys.executable, 'stock', way), EXPECTED, way)

    def test_a_server_here_serves_a_stock_27_client_in_each_way(self):
        for _, python in peers((2, 7)):
            for way in WAYS:
                self.assertEqual(self.run_pair(sys.executable, python, way, 'stock'), EXPECTED, way)

    def test_newer_stock_programs_are_talked_to_as_well(self):
        for _, python in peers((3, 6), (3, 13)):
            for way in ('setting-default', 'adaptive', 'install'):
                self.assertEqual(self.run_pair(python, sys.executable, 'stock', way), EXPECTED, (python, way))
                self.assertEqual(self.run_pair(sys.executable, python, way, 'stock'), EXPECTED, (python, way))

    def test_a_program_that_stays_as_it_is_runs_under_the_package(self):
        for _, python in peers((2, 7)):
            with Peer(python, os.path.join(FOLDER, 'server.py'), KEY.decode()) as one:
                manager, listener = one.line().split()
                runner = os.path.join(HERE, 'peers', 'run_module.py')
                with Peer(sys.executable, runner, 'run', '--protocol', '2', os.path.join(FOLDER, 'client.py'), KEY.decode(),
                          manager, listener, package=True) as other:
                    self.assertEqual(other.rest().split('\n'), EXPECTED)


if __name__ == '__main__':
    unittest.main()
