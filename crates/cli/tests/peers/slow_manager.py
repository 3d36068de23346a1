"""A manager with one slow method."""
import sys
import time
from multiprocessing.managers import BaseManager

from wire import AUTHKEY, address, spell, tell


class Slow(object):
    def answer(self):
        tell('asked')
        time.sleep(1)
        return u'answered'


class Shared(BaseManager):
    pass


Shared.register('Slow', Slow)
server = Shared(address=address(sys.argv[1]), authkey=AUTHKEY).get_server()
tell('listening on', spell(server.address))
server.serve_forever()
