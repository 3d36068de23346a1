"""A stock manager's server: dicts, lists, queues and a namespace; prints its address and serves until it is ended."""

import multiprocessing
import sys
from multiprocessing.managers import SyncManager

multiprocessing.current_process().authkey = sys.argv[1].encode('ascii')
manager = SyncManager(('127.0.0.1', 0), authkey=sys.argv[1].encode('ascii'))
shared = {}
SyncManager.register('shared', callable=lambda: shared, proxytype=SyncManager._registry['dict'][-1])
server = manager.get_server()
print('%s %d' % server.address)
sys.stdout.flush()
server.serve_forever()
