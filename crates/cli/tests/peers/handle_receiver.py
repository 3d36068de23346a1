"""A Listener that is sent a descriptor, between two messages."""
import os
import sys
from multiprocessing import reduction
from multiprocessing.connection import Listener

from wire import AUTHKEY, address, spell, tell

listener = Listener(address(sys.argv[1]), authkey=AUTHKEY)
tell('listening on', spell(listener.address))
connection = listener.accept()
try:
    tell(connection.recv())
    connection.send(u'go on')
    handle = reduction.recv_handle(connection)
    tell(os.read(handle, 100).decode())
    tell(connection.recv())
    connection.send(u'done')
except EOFError:
    tell('EOFError')
