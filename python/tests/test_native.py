"""Claims about sabir._native, held against the stock connection at the other end."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from multiprocessing import AuthenticationError, BufferTooShort, TimeoutError
from multiprocessing import connection as stock

import support  # noqa: F401

from sabir import _transport
from sabir._native import Connection, Handshake


def pair(**options):
    one, other = socket.socketpair()
    return Connection(one.detach(), **options), stock.Connection(other.detach())


class Choice(unittest.TestCase):
    def test_the_package_moves_bytes_by_it_unless_told_not_to(self):
        for environment, native in (({}, True), ({"SABIR_PURE": "1"}, False)):
            told = dict(support.environment(package=True), **environment)
            if native:
                told.pop("SABIR_PURE", None)
            code = "from sabir import connection, _native; print(issubclass(connection.Connection, _native.Connection))"
            said = subprocess.check_output([sys.executable, "-c", code], env=told)
            self.assertEqual(said.split(), [str(native).encode()])

    def test_the_pure_one_has_the_same_methods(self):
        for name in set(dir(Connection)) - {"_send_pickled", "_recv_pickled"}:
            self.assertTrue(hasattr(_transport.PureConnection(os.dup(0)), name), name)


class Messages(unittest.TestCase):
    def test_messages_of_any_size_come_back_from_a_stock_peer(self):
        for read_ahead in (False, True):
            ours, theirs = pair(read_ahead=read_ahead)
            for size in (0, 1, 1024, 16384, 16385, 65536, 1 << 22):
                message = os.urandom(size)
                echo = threading.Thread(target=lambda: theirs.send_bytes(theirs.recv_bytes()))
                echo.start()
                ours.send_bytes(message)
                self.assertEqual(ours.recv_bytes(timeout=20), message)
                echo.join()

    def test_select_and_stock_wait_see_every_message_that_is_there(self):
        for read_ahead in (False, True):
            ours, theirs = pair(read_ahead=read_ahead)
            for number in range(50):
                theirs.send_bytes(b"%d" % number)
            for number in range(50):
                self.assertEqual(select.select([ours], [], [], 0)[0], [ours])
                self.assertEqual(stock.wait([ours], 0), [ours])
                self.assertEqual(ours.recv_bytes(), b"%d" % number)
            self.assertEqual(stock.wait([ours], 0), [])
            self.assertFalse(ours.poll())

    def test_many_and_gathered_messages_are_ordinary_ones(self):
        ours, theirs = pair()
        ours.send_many([b"a", bytearray(b"bc"), memoryview(b"def"), b""])
        self.assertEqual([theirs.recv_bytes() for _ in range(4)], [b"a", b"bc", b"def", b""])
        ours.send_gathered([b"x" * 2000, bytearray(b"y"), b""])
        self.assertEqual(theirs.recv_bytes(), b"x" * 2000 + b"y")

    def test_all_that_has_arrived_is_received_together_and_nothing_is_left_behind(self):
        for ends in (pair(), [Connection(handle, readable=not at, writable=bool(at)) for at, handle in enumerate(os.pipe())]):
            ours, theirs = ends
            messages = [b"a", b"", b"b" * 300, b"c" * 20000]
            for message in messages:
                theirs.send_bytes(message)
            os.write(theirs.fileno(), b"\0\0\0\5hal")
            received = []
            while len(received) < 4:
                received += ours.recv_many(timeout=20)
            self.assertEqual(received, messages)
            self.assertRaises(TimeoutError, ours.recv_many, timeout=0.02)
            os.write(theirs.fileno(), b"ve" + b"\0\0\0\1x")
            self.assertEqual(ours.recv_many(timeout=20), [b"halve", b"x"])
            self.assertFalse(ours.poll())
            theirs.close()
            self.assertRaises(EOFError, ours.recv_many)

    def test_parts_of_buffers_follow_stock_rules(self):
        ours, theirs = pair()
        ours.send_bytes(b"hello", 1, 3)
        self.assertEqual(theirs.recv_bytes(), b"ell")
        for offset, size, text in ((-1, None, "offset is negative"), (6, None, "buffer length < offset"),
                                   (0, -1, "size is negative"), (1, 5, "buffer length < offset \\+ size")):
            with self.assertRaisesRegex(ValueError, text):
                ours.send_bytes(b"hello", offset, size)

    def test_a_message_is_received_into_its_place_or_comes_with_the_error(self):
        ours, theirs = pair()
        buffer = bytearray(b"......")
        theirs.send_bytes(b"abc")
        self.assertEqual(ours.recv_bytes_into(buffer, 2), 3)
        self.assertEqual(buffer, b"..abc.")
        theirs.send_bytes(b"too long")
        with self.assertRaises(BufferTooShort) as caught:
            ours.recv_bytes_into(buffer)
        self.assertEqual(caught.exception.args, (b"too long",))

    def test_a_message_beyond_maxlength_ends_the_receiving_half(self):
        ours, theirs = pair()
        theirs.send_bytes(b"12345")
        with self.assertRaisesRegex(OSError, "bad message length"):
            ours.recv_bytes(4)
        self.assertFalse(ours.readable)
        with self.assertRaisesRegex(OSError, "connection is write-only"):
            ours.recv_bytes()

    def test_a_peer_that_closes_is_the_end_and_one_that_breaks_off_is_an_error(self):
        ours, theirs = pair()
        theirs.close()
        self.assertRaises(EOFError, ours.recv_bytes)
        one, other = socket.socketpair()
        other.sendall(b"\0\0\0\5ab")
        other.close()
        with Connection(one.detach()) as broken, self.assertRaisesRegex(OSError, "got end of file during message"):
            broken.recv_bytes()

    def test_a_closed_connection_says_so(self):
        ours, _ = pair()
        ours.close()
        ours.close()
        self.assertTrue(ours.closed)
        self.assertRaisesRegex(OSError, "handle is closed", ours.fileno)
        self.assertRaisesRegex(ValueError, "invalid handle", Connection, -1)

    def test_subclasses_take_arguments_of_their_own(self):
        class Mine(Connection):
            def __init__(self, handle, reducer=None):
                super().__init__(handle)
                self.reducer = reducer

        one, other = socket.socketpair()
        with Mine(one.detach(), reducer=1) as mine:
            self.assertEqual(mine.reducer, 1)
            mine.send_bytes(b"x")
        other.close()


class Waiting(unittest.TestCase):
    def test_a_timeout_loses_nothing(self):
        one, other = socket.socketpair()
        ours = Connection(one.detach())
        into = bytearray(5)
        for piece in (b"\0\0", b"\0\5a", b"bc"):
            other.sendall(piece)
            self.assertRaises(TimeoutError, ours.recv_bytes, timeout=0.01)
            self.assertRaises(TimeoutError, ours.recv_bytes_into, into, timeout=0.01)
        other.sendall(b"de")
        self.assertEqual(ours.recv_bytes(timeout=5), b"abcde")

    def test_a_peer_that_does_not_read_does_not_hang_a_sender(self):
        ours, theirs = pair()
        self.assertRaises(TimeoutError, ours.send_bytes, bytes(1 << 22), timeout=0.05)
        reader = threading.Thread(target=theirs.recv_bytes)
        reader.start()
        ours.send_bytes(b"next", timeout=20)
        reader.join()
        self.assertEqual(theirs.recv_bytes(), b"next")

    def test_signal_handlers_run_while_a_message_is_waited_for(self):
        ours, theirs = pair()
        before = signal.signal(signal.SIGALRM, lambda *_: theirs.send_bytes(b"woken"))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            self.assertEqual(ours.recv_bytes(), b"woken")
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_one_thread_sends_while_another_waits_for_a_message(self):
        ours, theirs = pair()
        received = []
        receiver = threading.Thread(target=lambda: received.append(ours.recv_bytes()))
        receiver.start()
        time.sleep(0.05)
        ours.send_bytes(b"ping")
        theirs.send_bytes(theirs.recv_bytes())
        receiver.join()
        self.assertEqual(received, [b"ping"])

    def test_a_child_that_is_forked_during_a_wait_can_use_the_connection(self):
        ours, theirs = pair()
        receiver = threading.Thread(target=ours.recv_bytes)
        receiver.start()
        time.sleep(0.05)
        child = os.fork()
        if child == 0:
            theirs.send_bytes(b"for the thread")
            time.sleep(0.2)
            theirs.send_bytes(b"for the child")
            os._exit(0 if ours.recv_bytes(timeout=5) == b"for the child" else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        receiver.join()


class Authentication(unittest.TestCase):
    def stock_peer(self, listening, connection, key=b"key"):
        """A thread that does the other end's part of a handshake in which we listen, or do not."""
        halves = [stock.answer_challenge, stock.deliver_challenge]
        errors = []

        def shake():
            try:
                for half in halves if listening else reversed(halves):
                    half(connection, key)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=shake)
        thread.start()
        self.addCleanup(thread.join)
        return thread, errors

    def test_either_end_agrees_with_a_stock_peer(self):
        for listening in (True, False):
            ours, theirs = pair()
            peer, errors = self.stock_peer(listening, theirs)
            modern = Handshake(ours, b"key", listening).go_on(20)
            peer.join()
            self.assertEqual((modern, errors), (sys.version_info >= (3, 12), []))

    def test_a_wrong_key_is_refused_at_both_ends(self):
        for listening, text in ((True, "digest received was wrong"), (False, "digest sent was rejected")):
            ours, theirs = pair()
            peer, errors = self.stock_peer(listening, theirs, b"other")
            with self.assertRaisesRegex(AuthenticationError, text):
                Handshake(ours, b"key", listening).go_on(20)
            peer.join()
            self.assertEqual([type(error) for error in errors], [AuthenticationError])

    def test_a_peer_that_stays_silent_does_not_hang_us_and_may_speak_later(self):
        for listening in (True, False):
            ours, theirs = pair()
            handshake = Handshake(ours, b"key", listening)
            for _ in range(2):
                self.assertRaises(TimeoutError, handshake.go_on, 0.02)
            peer, errors = self.stock_peer(listening, theirs)
            handshake.go_on(20)
            peer.join()
            self.assertEqual(errors, [])

    def test_a_peer_that_trickles_bytes_has_no_more_time(self):
        ours, theirs = pair()
        began = time.monotonic()

        def trickle():
            for byte in b"\0\0\0\x32#CHALLENGE#{sha256}" + bytes(20):
                os.write(theirs.fileno(), bytes([byte]))
                time.sleep(0.05)

        peer = threading.Thread(target=trickle)
        peer.start()
        self.assertRaises(TimeoutError, Handshake(ours, b"key", False).go_on, 0.2)
        self.assertLess(time.monotonic() - began, 1.0)
        peer.join()

    def test_what_the_peer_says_after_the_handshake_stays_in_the_descriptor(self):
        ours, theirs = pair()

        def shake():
            stock.answer_challenge(theirs, b"key")
            stock.deliver_challenge(theirs, b"key")
            theirs.send_bytes(b"at once")

        peer = threading.Thread(target=shake)
        peer.start()
        handshake = Handshake(ours, b"key", True)
        handshake.go_on(20)
        peer.join()
        self.assertEqual(select.select([ours], [], [], 0)[0], [ours])
        self.assertEqual(ours.recv_bytes(), b"at once")
        self.assertRaisesRegex(RuntimeError, "the handshake is over", handshake.go_on, 1)

    def test_a_long_message_or_an_end_instead_of_a_challenge_is_an_error(self):
        ours, theirs = pair()
        theirs.send_bytes(bytes(257))
        self.assertRaisesRegex(OSError, "bad message length", Handshake(ours, b"key", False).go_on, 20)
        ours, theirs = pair()
        theirs.close()
        self.assertRaises(EOFError, Handshake(ours, b"key", False).go_on, 20)


if __name__ == "__main__":
    unittest.main()
