"""Asks for much, and does not read it: slow.py ADDRESS"""
from __future__ import print_function

import sys
import time
from multiprocessing.connection import Client

import common

manager = common.connect()
big = manager.big()
big.extend([b'x' * 1000000] * 64)
host, port = sys.argv[1].rsplit(':', 1)
connection = Client((host, int(port)), authkey=common.KEY)
connection.send((None, 'accept_connection', ('slow',), {}))
connection.recv()
connection.send((big._token.id, '__getitem__', (slice(None),), {}))
print('ready')
sys.stdout.flush()
time.sleep(600)
