# Stock multiprocessing, nothing of Sabir's.
import sys
from multiprocessing.connection import Client
from multiprocessing.managers import BaseManager, NamespaceProxy

class Bank(BaseManager): pass
Bank.register('Account')
Bank.register('branch', proxytype=NamespaceProxy)

host, port = sys.argv[2].split(':')
if sys.argv[1] == 'listener':
    connection = Client((host, int(port)), authkey=b'tour')
    connection.send({'cargo': ['pepper', 'cloves'], 'crates': 41})
    answer = connection.recv()
    print('received %d crates of %s' % (answer['crates'], ' and '.join(answer['cargo'])))
else:
    bank = Bank((host, int(port)), authkey=b'tour')
    bank.connect()
    account = bank.Account()
    print('withdraw(30) leaves %d' % account.withdraw(30))
    try:
        account.withdraw(1000)
    except ValueError as error:
        print('withdraw(1000) raises ValueError: %s' % error)
    branch = bank.branch()
    branch.open = True
    print('the branch in %s is open: %s' % (branch.town, branch.open))
