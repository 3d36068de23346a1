"""Long buffers of protocol 5 beside the pickle."""

import os
import pickle
import socket
import struct
import sys
import unittest

from support import TestCase, in_thread

import sabir
from sabir import _extension
from sabir.connection import Connection, Listener, Pipe, Client

MIB = 1 << 20


def _array(data):
    return Array(data)


class Array(object):
    """What an array of NumPy is to a pickler."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return (_array, (pickle.PickleBuffer(self.data),)) if protocol >= 5 else (_array, (bytes(self.data),))


def tcp(**options):
    with Listener(('127.0.0.1', 0)) as listener:
        call = in_thread(listener.accept)
        client = Client(listener.address, **options)
        return client, call.result()


@unittest.skipUnless(_extension.native, 'needs the extension module')
class Buffers(TestCase):
    def exchange(self, left, right, obj):
        call = in_thread(left.send, obj)
        got = right.recv()
        call.result()
        return got

    def test_they_arrive_with_their_sharing_and_whether_they_can_be_written(self):
        one = Array(bytearray(os.urandom(MIB)))
        two = Array(os.urandom(MIB + 1))
        apart = {'reducer': sabir.Pickle(apart=True)}
        for left, right in (Pipe(), Pipe(duplex=False)[::-1], tcp(**apart)):
            got = self.exchange(left, right, [one, two, one, 'small', Array(bytearray(b'short'))])
            self.assertEqual([bytes(it.data) for it in got[:3]], [bytes(it.data) for it in (one, two, one)])
            self.assertIs(got[0], got[2])
            self.assertEqual(bytes(got[4].data), b'short')
            got[0].data[0:3] = b'abc'
            with self.assertRaises(TypeError):
                got[1].data[0:3] = b'abc'
            # The sender's is its own.
            self.assertEqual(len(one.data), MIB)
            self.assertEqual(self.exchange(left, right, 'next'), 'next')

    def test_what_is_written_at_one_end_is_not_seen_at_the_other(self):
        left, right = Pipe()
        mine = Array(bytearray(MIB))
        theirs = self.exchange(left, right, mine)
        mine.data[0] = 1
        self.assertEqual(theirs.data[0], 0)
        theirs.data[1] = 1
        self.assertEqual(mine.data[1], 0)

    def test_who_is_not_known_to_have_the_package_gets_an_ordinary_pickle(self):
        for left, right in (tcp(), Pipe(reducer=sabir.Pickle(apart=False))):
            left.reducer = left.reducer if left.reducer.apart is False else sabir.Pickle(5)
            call = in_thread(left.send, Array(bytearray(MIB)))
            self.assertEqual(len(pickle.loads(right.recv_bytes()).data), MIB)
            call.result()

    def test_reducers_that_are_not_for_pickles_or_not_for_these_names_refuse_them(self):
        for reducer, error in ((sabir.JSON(), pickle.UnpicklingError), (sabir.Restricted(['a.b']), pickle.UnpicklingError)):
            left, right = Pipe()
            right.reducer = reducer
            call = in_thread(left.send, Array(bytearray(MIB)))
            with self.assertRaises(error):
                right.recv()
            call.result()
        right.reducer = sabir.Restricted(['test_buffers._array'])
        self.assertEqual(len(self.exchange(left, right, Array(bytearray(MIB))).data), MIB)

    def test_what_is_announced_and_does_not_come_is_an_error(self):
        for length, flags, then in ((1 << 62, 0, b''), (MIB, 0, b'\0\0\0\3abc'), (MIB, 1, b'B'), (MIB, 1, None)):
            one, other = socket.socketpair()
            ours = Connection(one.detach())
            head = struct.Struct('!2sI').pack(b'\x80\xff', 1) + struct.pack('!QB', length, flags) + pickle.dumps(None, 5)
            other.sendall(struct.pack('!i', len(head)) + head)
            if then is None:
                memory = os.memfd_create('short')
                socket.send_fds(other, [b'B'], [memory])
                os.close(memory)
            elif then:
                other.sendall(then)
            other.close()
            with self.assertRaises(OSError):
                ours.recv()
            self.assertTrue(ours.closed)

    def test_a_head_that_lies_about_its_length_is_an_error(self):
        left, right = Pipe()
        left.send_bytes(b'\x80\xff\xff\xff\xff\xff')
        with self.assertRaises(OSError):
            right.recv()

    @unittest.skipUnless(sys.platform == 'linux', 'counts descriptors')
    def test_no_descriptor_is_left_behind(self):
        left, right = Pipe()
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(20):
            self.exchange(left, right, [Array(bytearray(MIB)) for _ in range(3)])
        self.assertLessEqual(len(os.listdir('/proc/self/fd')), before)


if __name__ == '__main__':
    unittest.main()
