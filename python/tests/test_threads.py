"""Claims about one connection that several threads use at a time."""

import unittest
from collections import Counter

from support import TestCase, in_thread

from sabir._extension import native
from sabir.connection import Pipe

# Bodies that leave in one write with their header, in writes of their own, and in many.
SIZES = (0, 1, 1000, 16384, 16385, 70000, 1 << 20)
ROUNDS = 40


def messages(sender):
    """What one thread sends; each message is told from every other, from its first byte to its last."""
    for number in range(ROUNDS):
        text = b'%d,%d;' % (sender, number)
        for size in SIZES:
            yield sender, number, (text * (size // len(text) + 1))[:size]


def send_all(connection, sender):
    for message in messages(sender):
        connection.send(message)


class Threads(TestCase):
    def setUp(self):
        self.ends = Pipe()

    def tearDown(self):
        for end in self.ends:
            end.close()

    def test_one_thread_sends_while_another_receives(self):
        def receive_all(connection, sender):
            for message in messages(sender):
                self.assertEqual(connection.recv(), message)

        calls = []
        for name, end in enumerate(self.ends):
            calls += [in_thread(send_all, end, name), in_thread(receive_all, end, 1 - name)]
        for call in calls:
            call.result(120)

    @unittest.skipUnless(native, 'as in the standard library, one thread may send and one receive')
    def test_messages_of_several_threads_do_not_mix(self):
        def receive(connection):
            return [connection.recv() for _ in range(ROUNDS * len(SIZES))]

        ours, theirs = self.ends
        senders = [in_thread(send_all, ours, sender) for sender in range(3)]
        receivers = [in_thread(receive, theirs) for _ in range(3)]
        for call in senders:
            call.result(120)
        received = Counter(message for call in receivers for message in call.result(120))
        self.assertEqual(received, Counter(message for sender in range(3) for message in messages(sender)))
        self.assertFalse(theirs.poll())


if __name__ == '__main__':
    unittest.main()
