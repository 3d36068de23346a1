"""A Client that sends some objects and prints what comes back."""
import sys
from multiprocessing.connection import Client

from wire import AUTHKEY, address, tell

try:
    connection = Client(address(sys.argv[1]), authkey=AUTHKEY)
except Exception as error:
    tell('not connected:', type(error).__name__)
    sys.exit(0)
for value in (None, True, 2 ** 70, 1.5, u'text', u'na\xefve', [1, (2, 3)], {u'key': set([4])}, u'x' * 40000):
    connection.send(value)
    name, echo = connection.recv()
    tell(name, echo == value and type(echo) is type(value))
connection.send(b'\xff\x00')
tell(connection.recv()[1] == b'\xff\x00')
connection.close()
tell('done')
