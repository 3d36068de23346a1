"""What the clients of `sabir serve` have in common."""
import multiprocessing
import os
import sys
from multiprocessing import managers

KEY = os.environ['PEER_AUTHKEY'].encode()
NAMES = {'config': managers.DictProxy, 'big': managers.ListProxy, 'done': managers.ListProxy, 'jobs': None,
         'lock': managers.AcquirerProxy, 'rlock': managers.AcquirerProxy, 'guard': managers.AcquirerProxy,
         'semaphore': managers.AcquirerProxy, 'condition': managers.ConditionProxy, 'total': managers.ValueProxy}


class Manager(managers.SyncManager):
    pass


for name, proxytype in NAMES.items():
    Manager.register(name, proxytype=proxytype)
Manager.register('UserClass')


def connect():
    multiprocessing.current_process().authkey = KEY
    where = sys.argv[1]
    if '/' not in where:
        host, port = where.rsplit(':', 1)
        where = (host, int(port))
    manager = Manager(address=where, authkey=KEY)
    manager.connect()
    return manager
