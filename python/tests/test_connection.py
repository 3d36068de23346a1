"""Connections: framing, handshakes in every dialect, stock peers, deadlines."""

import hashlib
import hmac
import os
import socket
import struct
import sys
import time
import unittest

from support import KEY, Peer, TestCase, in_thread, peers

import sabir
from sabir import _auth
from sabir.connection import Client, Connection, Listener, Pipe, wait

MODERN = sys.version_info[:2] >= (3, 6)
PEERS = ((2, 7), (3, 6), (3, 13))


def protocol_of(data):
    return ord(bytes(data)[1:2])


class Stock(TestCase):
    def echo(self, connection):
        value = connection.recv()
        connection.send(value)
        connection.recv()
        connection.send(value)

    def test_stock_clients_are_served_at_a_protocol_that_they_read(self):
        for version, python in peers(*PEERS):
            listener = Listener(('127.0.0.1', 0), authkey=KEY)
            with Peer(python, 'stock_client.py', '127.0.0.1', listener.address[1], KEY.decode()) as peer:
                connection = listener.accept(timeout=30)
                self.echo(connection)
                protocol, same = peer.rest().split()
                self.assertEqual(same, 'True')
                reads = 2 if version == (2, 7) or not MODERN else 4
                self.assertLessEqual(int(protocol), 5 if version >= (3, 8) else reads)
                self.assertGreaterEqual(int(protocol), reads)
            listener.close()

    def test_stock_listeners_are_spoken_to_at_a_protocol_that_they_read(self):
        for version, python in peers(*PEERS):
            with Peer(python, 'stock_listener.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                connection = Client((host, int(port)), authkey=KEY)
                for _ in range(2):
                    connection.send([1, u'h\xe9', {'a': None}])
                    self.assertEqual(connection.recv(), [1, u'h\xe9', {'a': None}])
                first, second = [int(line) for line in peer.rest().split()]
                if MODERN:
                    self.assertEqual(first, {(2, 7): 2, (3, 6): 2, (3, 13): 4}[version])
                    self.assertEqual(second, {(2, 7): 2, (3, 6): 4, (3, 13): min(5, sys.version_info[1] >= 8 and 5 or 4)}[version])
                else:
                    self.assertEqual((first, second), (2, 2))

    def test_a_pinned_protocol_is_what_stock_peers_get(self):
        for version, python in peers(*PEERS):
            with Peer(python, 'stock_listener.py', KEY.decode()) as peer:
                host, port = peer.line().split()
                connection = Client((host, int(port)), authkey=KEY, reducer=sabir.Pickle(protocol=2))
                for _ in range(2):
                    connection.send('x')
                    connection.recv()
                self.assertEqual(peer.rest().split(), ['2', '2'])


class Handshake(TestCase):
    def serve(self, answer):
        """What a listener makes of a peer that answers its challenge by `answer(message)`."""
        listener = Listener(('127.0.0.1', 0), authkey=KEY)
        call = in_thread(listener.accept)
        connection = Client(listener.address)
        challenge = connection.recv_bytes()
        self.assertTrue(challenge.startswith(b'#CHALLENGE#'))
        connection.send_bytes(answer(challenge[len(b'#CHALLENGE#'):]))
        verdict = connection.recv_bytes()
        if verdict == b'#WELCOME#':
            _auth.deliver_challenge(connection, KEY)
            call.result().close()
        else:
            with self.assertRaises(sabir.AuthenticationError):
                call.result()
        listener.close()
        return verdict

    def test_md5_of_old_pythons_is_welcome(self):
        self.assertEqual(self.serve(lambda m: hmac.new(KEY, m, hashlib.md5).digest()), b'#WELCOME#')

    def test_raw_sha256_of_vendor_builds_is_welcome(self):
        self.assertEqual(self.serve(lambda m: hmac.new(KEY, m, hashlib.sha256).digest()), b'#WELCOME#')

    def test_named_digests_are_welcome(self):
        for name in ('md5', 'sha256', 'sha384'):
            self.assertEqual(self.serve(lambda m: b'{' + name.encode() + b'}' + hmac.new(
                KEY, m, getattr(hashlib, name)).digest()), b'#WELCOME#')

    def test_wrong_codes_are_refused(self):
        for answer in (b'', b'x' * 16, b'x' * 20, b'x' * 32, b'{sha256}' + b'x' * 32, b'{sha1}' + b'x' * 20, b'{', b'{}'):
            self.assertEqual(self.serve(lambda m: answer), b'#FAILURE#')

    def test_a_client_with_the_wrong_key_is_told_so(self):
        listener = Listener(('127.0.0.1', 0), authkey=KEY)
        call = in_thread(listener.accept)
        with self.assertRaises(sabir.AuthenticationError):
            Client(listener.address, authkey=b'another')
        with self.assertRaises(sabir.AuthenticationError):
            call.result()
        listener.close()

    def test_a_peer_that_never_answers_blocks_nobody_cpython_84220_prpl_89(self):
        listener = Listener(('127.0.0.1', 0), authkey=KEY, backlog=8)
        silent = [socket.create_connection(listener.address) for _ in range(3)]
        call = in_thread(listener.accept)
        client = Client(listener.address, authkey=KEY, timeout=10)
        server = call.result(10)
        client.send('here')
        self.assertEqual(server.recv(), 'here')
        for sock in silent:
            sock.close()
        listener.close()

    def test_a_silent_peer_is_dropped_in_time(self):
        listener = Listener(('127.0.0.1', 0), authkey=KEY, handshake_timeout=0.3)
        sock = socket.create_connection(listener.address)
        with self.assertRaises(sabir.TimeoutError):
            listener.accept(timeout=1.0)
        sock.settimeout(5)
        while sock.recv(4096):
            pass
        sock.close()
        listener.close()

    def test_a_port_scanner_does_not_end_accept(self):
        listener = Listener(('127.0.0.1', 0), authkey=KEY)
        call = in_thread(listener.accept)
        for _ in range(3):
            sock = socket.create_connection(listener.address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            sock.close()
        client = Client(listener.address, authkey=KEY, timeout=10)
        call.result(10).close()
        client.close()
        listener.close()

    def test_a_listener_without_a_key_is_named_to_a_client_with_one_cpython_123736(self):
        listener = Listener(('127.0.0.1', 0))
        with self.assertRaises(sabir.TimeoutError) as caught:
            Client(listener.address, authkey=KEY, timeout=0.3)
        self.assertIn('has the listener a key', str(caught.exception))
        listener.close()


class Deadlines(TestCase):
    def test_accept_ends_in_time_and_close_wakes_it_cpython_76425(self):
        listener = Listener(('127.0.0.1', 0), timeout=0.2)
        with self.assertRaises(sabir.TimeoutError):
            listener.accept()
        other = Listener(('127.0.0.1', 0))
        call = in_thread(other.accept)
        time.sleep(0.2)
        other.close()
        with self.assertRaises(IOError):
            call.result(5)
        listener.close()

    def test_receiving_ends_in_time_and_the_connection_stays_usable(self):
        left, right = Pipe()
        left.recv_timeout = 0.2
        with self.assertRaises(sabir.TimeoutError):
            left.recv()
        right.send('late')
        self.assertEqual(left.recv(), 'late')

    def test_a_message_that_stops_in_the_middle_ends_in_time_and_goes_on(self):
        left, right = Pipe()
        left.recv_timeout = 0.1
        message = struct.pack('!i', -1) + struct.pack('!Q', 100000) + b'x' * 100000
        for start, stop in ((0, 2), (2, 9), (9, 12), (12, 50000), (50000, 60000)):
            os.write(right.fileno(), message[start:stop])
            with self.assertRaises(sabir.TimeoutError):
                left.recv_bytes()
        os.write(right.fileno(), message[60000:])
        right.send('next')
        self.assertEqual(left.recv_bytes(), b'x' * 100000)
        self.assertEqual(left.recv(), 'next')

    def test_sending_to_who_does_not_read_ends_in_time(self):
        for duplex in (True, False):
            right, left = Pipe(duplex)
            left.send_timeout = 0.3
            with self.assertRaises(sabir.TimeoutError):
                left.send_bytes(b'x' * (32 << 20))
            # Nothing is lost: what had begun to leave is whole before the next is.
            left.send_timeout = None
            call = in_thread(left.send_bytes, b'next')
            self.assertEqual(right.recv_bytes(), b'x' * (32 << 20))
            self.assertEqual(right.recv_bytes(), b'next')
            call.result()
            right.close()


class Framing(TestCase):
    def test_messages_of_every_size_arrive_whole(self):
        left, right = Pipe()
        for size in (0, 1, 16383, 16384, 16385, 70000, 3 << 20):
            message = os.urandom(size)
            call = in_thread(left.send_bytes, message)
            self.assertEqual(right.recv_bytes(), message)
            call.result()

    def test_the_long_header_is_read(self):
        left, right = Pipe()
        os.write(left.fileno(), struct.pack('!iQ', -1, 3) + b'abc')
        self.assertEqual(right.recv_bytes(), b'abc')

    def test_a_negative_length_is_an_error_and_not_an_empty_message(self):
        left, right = Pipe()
        os.write(left.fileno(), struct.pack('!i', -2) + b'abc')
        with self.assertRaises(IOError):
            right.recv_bytes()
        self.assertTrue(right.closed)

    def test_an_announced_length_is_not_allocated(self):
        left, right = Pipe()
        os.write(left.fileno(), struct.pack('!iQ', -1, 1 << 62) + b'abc')
        left.close()
        with self.assertRaises(IOError):
            right.recv_bytes()

    def test_the_end_of_the_stream_is_told_from_an_end_within_a_message(self):
        for data, error in ((b'', EOFError), (b'\0\0', IOError), (b'\0\0\0\x05abc', IOError)):
            left, right = Pipe()
            os.write(left.fileno(), data)
            left.close()
            with self.assertRaises(error):
                right.recv_bytes()

    def test_arguments_are_checked_as_the_standard_library_does(self):
        left, right = Pipe()
        for arguments in ((b'abc', -1), (b'abc', 4), (b'abc', 0, -1), (b'abc', 2, 2)):
            with self.assertRaises(ValueError):
                left.send_bytes(*arguments)
        left.send_bytes(b'abcdef', 1, 3)
        self.assertEqual(right.recv_bytes(), b'bcd')
        left.send_bytes(b'abcdef')
        buffer = bytearray(8)
        self.assertEqual(right.recv_bytes_into(buffer, 2), 6)
        self.assertEqual(bytes(buffer), b'\0\0abcdef')
        left.send_bytes(b'abcdef')
        with self.assertRaises(sabir.BufferTooShort) as caught:
            right.recv_bytes_into(bytearray(4))
        self.assertEqual(caught.exception.args[0], b'abcdef')
        left.send_bytes(b'abcdef')
        with self.assertRaises(IOError):
            right.recv_bytes(5)
        self.assertFalse(right.readable)

    def test_one_way_ends_refuse_the_other_way(self):
        reader, writer = Pipe(duplex=False)
        with self.assertRaises(IOError):
            reader.send(1)
        with self.assertRaises(IOError):
            writer.recv()
        writer.send(1)
        self.assertEqual(wait([reader], 5), [reader])
        self.assertTrue(reader.poll())
        self.assertEqual(reader.recv(), 1)
        self.assertFalse(reader.poll())
        self.assertIsInstance(reader, Connection)


class Dialect(TestCase):
    @unittest.skipUnless(MODERN, '2.7 reads no protocol but 2')
    def test_the_adaptive_rule(self):
        from sabir._peer import Peer as Known
        adaptive = sabir.Adaptive()
        known = Known()
        self.assertEqual(protocol_of(adaptive.dumps([], known)), 2)
        known.challenged(modern=True)
        self.assertEqual(protocol_of(adaptive.dumps([], known)), 4)
        for wrote, then in ((2, 2), (3, 4), (4, 5), (5, 5)):
            known = Known()
            known.wrote(b'\x80' + bytes(bytearray([wrote])) + b'.')
            self.assertEqual(protocol_of(adaptive.dumps([], known)), min(then, sabir.Pickle().protocol))

    @unittest.skipUnless(MODERN, '2.7 reads no protocol but 2')
    def test_another_challenge_than_before_is_another_program(self):
        from sabir._peer import Peer as Known
        known = Known()
        known.challenged(modern=True)
        known.challenged(modern=False)
        self.assertEqual(known.reads, 2)


if __name__ == '__main__':
    unittest.main()
