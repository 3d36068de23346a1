"""A stock client: connects, sends a value, prints the protocol and the value of the echo."""

import sys
from multiprocessing.connection import Client

host, port, key = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode('ascii')
connection = Client((host, port), authkey=key)
connection.send({'from': 'client', 'items': [1, 2.5, None, (1, 2)]})
data = connection.recv_bytes()
print(ord(data[1:2]))
connection.send('go on')
value = connection.recv()
print(sorted(value.items()) == sorted({'from': 'client', 'items': [1, 2.5, None, (1, 2)]}.items()))
connection.close()
