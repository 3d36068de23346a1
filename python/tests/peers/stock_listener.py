"""A stock listener: echoes twice; prints its address, then the protocol that each message had."""

import pickle
import sys
from multiprocessing.connection import Listener

listener = Listener(('127.0.0.1', 0), authkey=sys.argv[1].encode('ascii'))
print('%s %d' % listener.address)
connection = listener.accept()
for _ in range(2):
    data = connection.recv_bytes()
    print(ord(data[1:2]))
    connection.send(pickle.loads(data))
