"""A Client that sends the end of a pipe, between two messages."""
import os
import sys
from multiprocessing import reduction
from multiprocessing.connection import Client

from wire import AUTHKEY, address, tell

connection = Client(address(sys.argv[1]), authkey=AUTHKEY)
read, write = os.pipe()
os.write(write, b'through the pipe')
connection.send(u'a handle follows')
tell(connection.recv())
reduction.send_handle(connection, read, os.getpid())
try:
    connection.send(u'after it')
    tell(connection.recv())
except (EOFError, IOError) as error:
    tell('closed')
