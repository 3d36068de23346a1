# A stock Python, 2.7 or 3.x, in either role: python connection.py listen|listen_open|client|mute|listen_handles|client_handles ADDRESS
# It prints a line when it is ready or done, and is ended by SIGALRM whatever it waits for.
from __future__ import print_function
import collections, datetime, decimal, os, signal, sys
from multiprocessing.connection import Client, Listener

KEY = b'secret'


class Point(object):
    def __init__(self, x, y):
        self.x, self.y = x, y


# Pickled by name: what receives it in Rust sees this module's.
Point.__module__ = 'geometry'
sys.modules['geometry'] = sys.modules[__name__]


def values():
    return [
        None, True, 7, 2 ** 40, -3, 0.5, u'gr\xf6\xdfe', b'\x00\xff', [1, [2]], (1, u'two'), {u'a': [1]},
        set([1, 2]), datetime.date(2020, 1, 2), decimal.Decimal('1.50'), Point(1, u'two'),
    ]


def say(*words):
    print(*words)
    sys.stdout.flush()


def address(text):
    if text.startswith('unix:'):
        return text[5:]
    host, port = text.rsplit(':', 1)
    return host, int(port)


def listen_open(at):
    listen(at, None)


def listen(at, key=KEY):
    # Says what kind of object came, and sends it back.
    listener = Listener(address(at), authkey=key)
    say('unix:' + listener.address if isinstance(listener.address, str) else '%s:%d' % listener.address)
    while True:
        connection = listener.accept()
        try:
            while True:
                value = connection.recv()
                say(type(value).__name__, sorted(vars(value).items()) if isinstance(value, Point) else value)
                connection.send(value)
        except EOFError:
            connection.close()


def client(at):
    # Sends all values, one by one, and says whether what came back is the same.
    connection = Client(address(at), authkey=KEY)
    for value in values():
        connection.send(value)
        back = connection.recv()
        if isinstance(value, Point):
            value, back = vars(value), vars(back)
        say('same' if back == value else 'sent %r, got %r' % (value, back))
    connection.send_bytes(b'')
    assert connection.recv_bytes() == b''
    large = os.urandom(10 ** 7)
    connection.send_bytes(large)
    assert connection.recv_bytes() == large
    connection.close()
    say('done')


def handles(connection):
    # Takes a descriptor, says what it reads from it, and sends one between two messages.
    from multiprocessing import reduction
    received = reduction.recv_handle(connection)
    say(os.read(received, 100).decode('ascii'))
    os.close(received)
    reader, writer = os.pipe()
    os.write(writer, b'from python')
    os.close(writer)
    connection.send('here it comes')
    reduction.send_handle(connection, reader, connection.recv())
    connection.send('that was it')
    os.close(reader)
    say(connection.recv())


def listen_handles(at):
    listener = Listener(address(at), authkey=KEY)
    say('unix:' + listener.address)
    handles(listener.accept())


def client_handles(at):
    handles(Client(address(at), authkey=KEY))


def mute(at):
    # Accepts and authenticates, then sends half a message and nothing more.
    listener = Listener(address(at), authkey=KEY)
    say('%s:%d' % listener.address)
    connection = listener.accept()
    os.write(connection.fileno(), b'\x00\x00\x00\x10half')
    say('silent')
    signal.pause()


if __name__ == '__main__':
    signal.alarm(120)
    globals()[sys.argv[1]](*sys.argv[2:])
