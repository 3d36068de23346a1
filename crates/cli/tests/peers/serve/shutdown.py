"""Ends the server: shutdown.py ADDRESS"""
from multiprocessing.connection import Client

import common

manager = common.connect()
connection = Client(manager.address, authkey=common.KEY)
connection.send((None, 'shutdown', (), {}))
assert connection.recv() == ('#RETURN', None)
print('fine')
