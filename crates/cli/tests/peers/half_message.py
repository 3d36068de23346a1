"""A Client that announces a message, sends half of it and waits to be killed."""
import os
import struct
import sys
import time
from multiprocessing.connection import Client

from wire import AUTHKEY, address, tell

connection = Client(address(sys.argv[1]), authkey=AUTHKEY)
os.write(connection.fileno(), struct.pack('!i', 100000) + b'\x80\x02' + b'x' * 50000)
tell('sent half')
time.sleep(60)
