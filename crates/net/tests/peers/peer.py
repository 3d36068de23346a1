# A stock Python, 2.7 or 3.x, in either role. Started by ../pythons.rs as: python peer.py ROLE ADDRESS...
# Every role prints a line when it is ready or done. SIGALRM ends it whatever it waits for.
from __future__ import print_function
import os, signal, sys
from multiprocessing import BufferTooShort
from multiprocessing import reduction
from multiprocessing.connection import Client, Listener, AuthenticationError

KEY = b'secret'
# The edges of one write and of what a socket's buffer holds.
LENGTHS = [0, 1, 16383, 16384, 16385, 65536, 3000000]

def python_address(text):
    if text.startswith('unix:@'):
        return '\0' + text[6:]
    if text.startswith('unix:'):
        return text[5:]
    host, port = text.rsplit(':', 1)
    return host, int(port)

def say(*words):
    print(*words)
    sys.stdout.flush()

def message(length):
    return bytes(bytearray(i % 251 for i in range(length)))

def connect(*addresses):
    for address in addresses:
        connection = Client(python_address(address), authkey=KEY)
        for length in LENGTHS:
            sent = message(length)
            connection.send_bytes(sent)
            assert connection.recv_bytes() == sent, length
        connection.close()
    say('done')

def listen(*addresses):
    for address in addresses:
        listener = Listener(python_address(address), authkey=KEY)
        say(listener.address[1] if isinstance(listener.address, tuple) else 0)
        connection = listener.accept()
        try:
            while True:
                connection.send_bytes(connection.recv_bytes())
        except EOFError:
            connection.close()
        try:
            listener.close()
        except (TypeError, ValueError):
            assert sys.version_info < (3, 7)  # It tries to unlink an abstract name.
    say('done')

def wrong_key(address):
    try:
        Client(python_address(address), authkey=b'wrong')
    except AuthenticationError as error:
        say(error)

def handles(address):
    # A descriptor there, one back, and a message after each, which a stray byte would spoil.
    connection = Client(python_address(address), authkey=KEY)
    reader, writer = os.pipe()
    os.write(writer, b'from python')
    os.close(writer)
    reduction.send_handle(connection, reader, os.getpid())
    connection.send_bytes(b'sent')
    received = reduction.recv_handle(connection)
    say(os.read(received, 100).decode('ascii'))
    say(connection.recv_bytes().decode('ascii'))

def receiver(address):
    # Each of CPython's ways to receive, in the order in which the test sends.
    connection = Client(python_address(address), authkey=KEY)
    assert not connection.poll()
    connection.send_bytes(b'quiet')
    assert connection.poll(20)
    assert connection.recv_bytes() == b''
    buffer = bytearray(20480)
    assert connection.recv_bytes_into(buffer) == 20480
    assert buffer == message(20480)
    try:
        connection.recv_bytes_into(bytearray(10))
        raise AssertionError('not too short')
    except BufferTooShort as error:
        assert error.args[0] == message(11)
    if sys.version_info >= (3, 3):
        from multiprocessing.connection import wait
        other = Client(python_address(address), authkey=KEY)
        assert wait([other, connection], 20) == [connection]
        other.close()
    assert connection.recv_bytes() == message(100)
    assert connection.recv_bytes() == b'ab' * (50 << 20)
    say('received')
    try:
        connection.recv_bytes()
    except EOFError:
        say('end')

def sender(address):
    connection = Client(python_address(address), authkey=KEY)
    for length in (0, 20480, 11):
        connection.send_bytes(message(length))
    assert connection.recv_bytes() == b'more'
    connection.send_bytes(b'ab' * (50 << 20))
    connection.send_bytes(b'last')
    # Half a message, and the peer dies.
    os.write(connection.fileno(), b'\0\0\0\5he')
    say('sent')

signal.alarm(60)
globals()[sys.argv[1]](*sys.argv[2:])
os._exit(0)
