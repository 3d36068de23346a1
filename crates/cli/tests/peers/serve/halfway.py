"""Gets as far as it is told, says so, and goes no further: halfway.py ADDRESS STATE"""
from __future__ import print_function

import ctypes
import socket
import struct
import sys
import time
from multiprocessing.connection import Client

import common


def ready():
    print('ready')
    sys.stdout.flush()


def authenticated():
    host, port = sys.argv[1].rsplit(':', 1)
    return Client((host, int(port)), authkey=common.KEY)


state = sys.argv[2]
host, port = sys.argv[1].rsplit(':', 1)
if state in ('connected', 'challenged'):
    connection = socket.create_connection((host, int(port)))
    if state == 'challenged':
        connection.recv(4)
        connection.sendall(struct.pack('!i', 16) + b'half')
elif state in ('header', 'body'):
    manager = common.connect()
    lock = manager.lock()
    lock.acquire()
    # The connection on which the lock is held is cut inside of a message.
    connection = lock._tls.connection
    raw = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    raw.sendall(struct.pack('!i', 1000000)[:2 if state == 'header' else 4])
    if state == 'body':
        raw.sendall(b'\x80\x02(' + b'x' * 5000)
elif state in ('vanished', 'vanished before the reply'):
    manager = common.connect()
    lock = manager.lock()
    lock.acquire()
    connection = lock._tls.connection
    raw = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    # A filter of one instruction, "take 0 bytes": what arrives is dropped before TCP sees it, so that nothing is ever
    # acknowledged any more, nor told.
    take_nothing = ctypes.create_string_buffer(struct.pack('HBBI', 0x06, 0, 0, 0))
    SO_ATTACH_FILTER = 26
    # By then the kernel has acknowledged the last reply, 40 ms late at most: nothing is under way, unless it is asked for.
    time.sleep(0.2)
    raw.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HL', 1, ctypes.addressof(take_nothing)))
    if state == 'vanished before the reply':
        connection.send((lock._token.id, '__str__', (), {}))
elif state == 'acquiring':
    manager = common.connect()
    first = manager.lock()
    first.acquire()
    # Another connection waits for what this one holds: both die.
    second = authenticated()
    second.send((None, 'accept_connection', ('second',), {}))
    second.recv()
    second.send((first._token.id, 'acquire', (), {}))
elif state == 'putting':
    manager = common.connect()
    jobs = manager.jobs()
    jobs.put('fills it')
    second = authenticated()
    second.send((None, 'accept_connection', ('second',), {}))
    second.recv()
    second.send((jobs._token.id, 'put', ('never',), {}))
    # So that others find it empty once this process is dead.
    third = authenticated()
    third.send((None, 'accept_connection', ('third',), {}))
    third.recv()
    # Nobody else can tell that the second waits, nor that its end was noticed.
    time.sleep(0.1)
    second.close()
    time.sleep(0.1)
    assert jobs.get() == 'fills it'
elif state == 'getting':
    manager = common.connect()
    jobs = manager.jobs()
    second = authenticated()
    second.send((None, 'accept_connection', ('second',), {}))
    second.recv()
    second.send((jobs._token.id, 'get', (), {}))
elif state == 'unread':
    manager = common.connect()
    big = manager.big()
    big.extend([b'x' * 100000] * 100)
    lock = manager.lock()
    lock.acquire()
    lock._tls.connection.send((big._token.id, '__getitem__', (slice(None),), {}))
ready()
time.sleep(600)
