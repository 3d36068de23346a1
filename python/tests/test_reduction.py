"""What other versions write is read: strings of 2.7, protocols that 2.7 lacks, names that moved."""

import base64
import datetime
import subprocess
import sys
import unittest

from support import TestCase, peers

import sabir

MODERN = sys.version_info[0] > 2

WRITE = r'''
import base64, pickle, sys, datetime, decimal, collections
try:
    import queue
except ImportError:
    import Queue as queue
class Thing(object):
    pass
thing = collections.OrderedDict([(u'a', 1)])
shared = ['x' * 300]
values = [
    ('ascii', 'abc'), ('text', u'h\xe9'), ('utf8', u'h\xe9'.encode('utf-8')), ('raw', b'\xff\x00\xfe'),
    ('date', datetime.date(2020, 2, 3)), ('time', datetime.time(1, 2, 3, 50089)),
    ('when', datetime.datetime(2011, 12, 13, 14, 15, 16, 171819)), ('ordered', thing), ('set', set([1, 2])),
    ('frozen', frozenset([(1, 2)])), ('decimal', decimal.Decimal('1.5')), ('shared', [shared, shared]),
    ('error', ValueError('no', 1)), ('empty', queue.Empty()), ('big', 2 ** 80), ('float', 0.1), ('none', None),
    ('array', bytearray(b'ab')), ('keys', {b'h\xc3\xa9': [b'\xff', {u'k': b'\xe9'}]}), ('type', int), ('range', range(3)),
]
for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
    sys.stdout.write(base64.b64encode(pickle.dumps(dict(values), protocol)).decode('ascii') + '\n')
'''


class Strings(TestCase):
    def written_by(self, python):
        out = subprocess.check_output([python, '-c', WRITE])
        return [base64.b64decode(line) for line in out.split()]

    @unittest.skipUnless(MODERN, '2.7 reads its own strings')
    def test_strings_of_27_are_text_if_they_can_be_and_bytes_else(self):
        for _, python in peers((2, 7)):
            for data in self.written_by(python):
                found = sabir.Adaptive().loads(data)
                self.assertEqual(found['ascii'], 'abc')
                self.assertEqual(found['text'], u'h\xe9')
                self.assertEqual(found['utf8'], u'h\xe9')
                self.assertEqual(found['raw'], b'\xff\x00\xfe')
                self.assertIs(type(found['raw']), bytes)
                self.assertEqual(found['keys'], {u'h\xe9': [b'\xff', {u'k': b'\xe9'}]})
                self.assertEqual([type(key) for key in found], [str] * len(found))
                self.check_rest(found)
                self.assertIs(found['type'], int)

    def test_every_protocol_of_every_python_is_read(self):
        for version, python in peers((2, 7), (3, 6), (3, 8), (3, 13), (3, 15)):
            if version == (2, 7) and MODERN:
                continue
            for data in self.written_by(python):
                found = sabir.Adaptive().loads(data)
                self.assertEqual(found['text'], u'h\xe9')
                self.assertEqual(found['raw'], b'\xff\x00\xfe')
                self.check_rest(found)

    def check_rest(self, found):
        self.assertEqual(found['date'], datetime.date(2020, 2, 3))
        self.assertEqual(found['time'], datetime.time(1, 2, 3, 50089))
        self.assertEqual(found['when'], datetime.datetime(2011, 12, 13, 14, 15, 16, 171819))
        self.assertEqual(list(found['ordered'].items()), [('a', 1)])
        self.assertEqual(found['set'], set([1, 2]))
        self.assertEqual(found['frozen'], frozenset([(1, 2)]))
        self.assertEqual(str(found['decimal']), '1.5')
        self.assertIs(found['shared'][0], found['shared'][1])
        self.assertEqual(found['error'].args, ('no', 1))
        self.assertIs(type(found['error']), ValueError)
        self.assertIsInstance(found['empty'], sabir.queues.Empty)
        self.assertEqual(found['big'], 2 ** 80)
        self.assertEqual(found['array'], bytearray(b'ab'))
        self.assertEqual(list(found['range']), [0, 1, 2])
        # What 3.x writes for `int` at protocol 2 is 2.7's `long`.
        self.assertIn(found['type'].__name__, ('int', 'long'))

    @unittest.skipUnless(MODERN, 'this Python writes as 2.7 by nature')
    def test_what_is_written_at_protocol_2_is_read_by_27(self):
        for _, python in peers((2, 7)):
            value = {u'a': [1, u'h\xe9', b'\xff', None, (1.5, True)], 'when': datetime.date(2020, 2, 3),
                     'empty': sabir.queues.Empty(), 'error': KeyError('k')}
            data = base64.b64encode(bytes(sabir.Pickle(2).dumps(value)))
            program = ("import base64, cPickle, sys\nv = cPickle.loads(base64.b64decode(sys.argv[1]))\n"
                       "print(sorted(v) == ['a', 'empty', 'error', 'when'] and v['a'][1] == u'h\\xe9' and v['a'][2] == '\\xff' "
                       "and type(v['empty']).__module__ == 'Queue' and v['when'].year == 2020)")
            out = subprocess.check_output([python, '-c', program, data.decode('ascii')])
            self.assertEqual(out.strip(), b'True')


class Formats(TestCase):
    def test_plain_values_travel_in_other_formats(self):
        value = {'a': [1, 2.5, None, True, u'h\xe9']}
        for make in (sabir.JSON, sabir.MessagePack, sabir.CBOR):
            try:
                reducer = make()
            except ImportError as error:
                self.assertIn('needs the package', str(error))
                continue
            left, right = sabir.Pipe(reducer=reducer)
            left.send(value)
            self.assertEqual(right.recv(), value)

    def test_a_package_that_is_missing_is_named_at_once(self):
        import sabir.reducers

        class Missing(sabir.reducers._Other):
            _module = 'no_such_package_anywhere'

        with self.assertRaises(ImportError) as caught:
            Missing()
        self.assertIn('no_such_package_anywhere', str(caught.exception))


if __name__ == '__main__':
    unittest.main()
