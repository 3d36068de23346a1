"""The program `sabir` from Python: the gateway and the server of shared objects as children."""

import os
import signal
import subprocess
import sys
import time
import unittest

import support
from support import KEY, Peer, TestCase, in_thread, peers

import sabir
from sabir import _program
from sabir.connection import Client, Listener

try:
    _program._command()
    MISSING = None
except OSError as error:
    MISSING = str(error)


@unittest.skipIf(MISSING, MISSING)
class Programs(TestCase):
    def test_a_gateway_stands_between_two_pythons_while_its_block_lasts(self):
        for _, python in peers((2, 7)):
            with Peer(python, 'stock_listener.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                with sabir.Gateway((host, 0), (host, int(port)), log='error') as gateway:
                    connection = Client(gateway.address, authkey=KEY, reducer=sabir.Pickle())
                    for _ in range(2):
                        connection.send([1, u'h\xe9'])
                        self.assertEqual(connection.recv(), [1, u'h\xe9'])
                    self.assertEqual(peer.rest().split(), ['2', '2'])
                    connection.close()
                self.assertFalse(gateway.is_alive())

    def test_keys_of_any_bytes_reach_the_gateway(self):
        for key in (b'plain', b'\xff\x01 \r', b'line\n', b'both\r\n'):
            listener = Listener(('127.0.0.1', 0), authkey=key + b'!')
            call = in_thread(listener.accept)
            with sabir.Gateway(('127.0.0.1', 0), listener.address, authkey=key, to_authkey=key + b'!',
                               log='error') as gateway:
                client = Client(gateway.address, authkey=key)
                client.send('through')
                self.assertEqual(call.result().recv(), 'through')
                client.close()
            listener.close()

    def test_each_route_has_an_address(self):
        with sabir.Gateway(('127.0.0.1', 0), ('127.0.0.1', 1), routes=[(('127.0.0.1', 0), ('127.0.0.1', 2))],
                           log='error') as gateway:
            self.assertEqual(len(set(gateway.addresses)), 2)

    def test_a_server_without_python_has_a_managers_objects(self):
        with sabir.serve(authkey=KEY, log='error') as server:
            manager = sabir.SyncManager(server.address, authkey=KEY)
            manager.connect()
            shared = manager.dict()
            shared['a'] = [1]
            self.assertEqual(shared.copy(), {'a': [1]})

    def test_what_cannot_start_says_so(self):
        with self.assertRaises(OSError) as caught:
            sabir.Gateway('nowhere', ('127.0.0.1', 1))
        self.assertIn('exit code 2', str(caught.exception))

    def test_the_program_ends_with_the_process_that_started_it(self):
        code = ('import os, sys, sabir; it = sabir.Gateway(("127.0.0.1", 0), ("127.0.0.1", 1), log="error"); '
                'print(it._process.pid); sys.stdout.flush(); os._exit(0)')
        pid = int(subprocess.check_output([sys.executable, '-c', code], env=support.environment(package=True)))
        limit = time.time() + 20
        while self.lives(pid) and time.time() < limit:
            time.sleep(0.05)
        self.assertFalse(self.lives(pid))

    def test_the_console_script_is_the_program(self):
        code = 'import sys; from sabir._program import main; sys.exit(main())'

        def run(*arguments):
            return subprocess.Popen([sys.executable, '-c', code] + list(arguments), stdout=subprocess.PIPE,
                                    env=support.environment(package=True))
        told = run('--version')
        self.assertTrue(told.communicate()[0].startswith(b'sabir '))
        wrong = run('gateway')
        wrong.communicate()
        self.assertEqual(wrong.returncode, 2)
        waits = run('gateway', '--listen', '127.0.0.1:0', '--to', '127.0.0.1:1', '--log', 'error')
        waits.stdout.readline()
        waits.send_signal(signal.SIGINT)
        waits.communicate()
        self.assertEqual(waits.returncode, 0)

    @staticmethod
    def lives(pid):
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'


class Texts(TestCase):
    def test_addresses_become_texts_and_texts_addresses(self):
        for address, text in ((('127.0.0.1', 5), '127.0.0.1:5'), (('::1', 5), '[::1]:5'), ('/tmp/x', 'unix:/tmp/x'),
                              ('\0x', 'unix:@x')):
            self.assertEqual(_program.text_of(address), text)
            self.assertEqual(_program._address(text), address)
        self.assertEqual(_program.text_of('tls:host:1'), 'tls:host:1')

    def test_options_become_flags(self):
        self.assertEqual(_program.flags_of({'client_protocol': 2, 'allow': ['a.b', 'c.d'], 'allow_raw': True, 'log': None}),
                         ['--allow', 'a.b', '--allow', 'c.d', '--allow-raw', '--client-protocol', '2'])


if __name__ == '__main__':
    unittest.main()
