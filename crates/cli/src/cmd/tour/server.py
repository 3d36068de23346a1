# Stock multiprocessing, nothing of Sabir's.
import sys
from multiprocessing.connection import Listener
from multiprocessing.managers import BaseManager, Namespace, NamespaceProxy

class Account(object):
    def __init__(self): self.balance = 100
    def withdraw(self, amount):
        if amount > self.balance: raise ValueError('only %d left' % self.balance)
        self.balance -= amount
        return self.balance

class Bank(BaseManager): pass
branch = Namespace(town=u'Zanzibar')
Bank.register('Account', Account)
Bank.register('branch', callable=lambda: branch, proxytype=NamespaceProxy)

if sys.argv[1] == 'listener':
    listener = Listener(('127.0.0.1', 0), authkey=b'tour')
    print('%s:%d' % listener.address); sys.stdout.flush()
    connection = listener.accept()
    order = connection.recv()
    connection.send({'cargo': order['cargo'][::-1], 'crates': order['crates'] + 1})
else:
    server = Bank(('127.0.0.1', 0), authkey=b'tour').get_server()
    print('%s:%d' % server.address); sys.stdout.flush()
    server.serve_forever()
