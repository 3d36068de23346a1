"""A Listener that answers each object with a description of it and the object itself, for as many connections as it is
told, after as many seconds as it is told."""
import sys
import time
from multiprocessing.connection import Listener

from wire import AUTHKEY, address, spell, tell

listener = Listener(address(sys.argv[1]), authkey=AUTHKEY)
tell('listening on', spell(listener.address))
time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)
for _ in range(int(sys.argv[2])):
    try:
        connection = listener.accept()
    except Exception as error:
        tell('not accepted:', type(error).__name__)
        continue
    try:
        while True:
            got = connection.recv()
            connection.send((type(got).__name__, got))
    except EOFError:
        tell('end')
    except Exception as error:
        tell('broken:', type(error).__name__)
    connection.close()
