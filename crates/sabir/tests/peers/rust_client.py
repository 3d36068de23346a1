# A stock client of a manager in Rust: python rust_client.py use|wait|hang ADDRESS
from __future__ import print_function
import signal, sys, threading
from multiprocessing import current_process
from multiprocessing.managers import BaseManager, RemoteError

KEY = b'secret'


class Manager(BaseManager):
    pass


for typeid in ('Account', 'Owner', 'bank', 'mailbox'):
    Manager.register(typeid)


def connect(at):
    if at.startswith('unix:'):
        where = at[5:]
    else:
        host, port = at.rsplit(':', 1)
        where = host, int(port)
    current_process().authkey = KEY
    manager = Manager(where, KEY)
    manager.connect()
    return manager


def say(*words):
    print(*words)
    sys.stdout.flush()


def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError('%s was not raised' % kind.__name__)


def use(at):
    manager = connect(at)
    account = manager.Account(balance=5)
    assert account.deposit(2) == 7
    assert account.deposit(amount=3) == 10
    assert account.transfer(4, note=u'gr\xf6\xdfe') == ([6], u'gr\xf6\xdfe')
    assert account.transfer(1) == ([5], None)
    error = raises(ValueError, account.withdraw, 100)
    assert error.args == ('not so much is there',), error.args
    assert raises(KeyError, account.lookup, 'x').args == ('x',)
    assert raises(TypeError, account.deposit).args == (
        "deposit() missing 1 required positional argument: 'amount'",)
    raises(TypeError, account.deposit, 1, 2)
    raises(TypeError, account.deposit, 1, other=2)
    raises(TypeError, account.deposit, 'much')
    assert 'Boom' in str(raises(RuntimeError, account.panic))
    raises(RemoteError, account._callmethod, '_hidden')
    assert account.deposit(0) == 5  # and none of it disturbs the connection
    assert 'object' in str(account)
    # What stays with the server.
    owner = account.owner()
    assert owner.name() == u'Ann', owner.name()
    again = account.owner()
    assert again._token.id == owner._token.id, 'the same object'
    # Proxies as arguments are the objects that they stand for.
    other = manager.Account(balance=30)
    assert account.take_from(other) == (30, None)
    assert other.deposit(1) == 1
    assert account.take_from(other=other, witness=owner) == (1, u'Ann')
    assert account.take_from(other, None) == (0, None)
    assert raises(TypeError, account.take_from, owner).args == (
        "take_from() argument 'other': expected a proxy of type Account",)
    assert raises(TypeError, account.take_from, 7).args == (
        "take_from() argument 'other': expected a proxy of an object of this manager",)
    raises(TypeError, account.take_from)
    assert account.deposit(-31) == 5
    del other
    # The same for all clients.
    bank = manager.bank()
    assert bank.deposit(1) >= 1
    assert manager.bank()._token.id == bank._token.id
    del account, owner, again, bank
    say('done')


def wait(at):
    # One thread waits in a method that returns only when another calls.
    manager = connect(at)
    mailbox = manager.mailbox()
    got = []
    thread = threading.Thread(target=lambda: got.append(manager.mailbox().receive()))
    thread.start()
    mailbox.send(u'ahoy')
    thread.join()
    assert got == [u'ahoy'], got
    say('done')


def hang(at):
    manager = connect(at)
    mailbox = manager.mailbox()
    say('waiting')
    mailbox.receive()


if __name__ == '__main__':
    signal.alarm(60)
    globals()[sys.argv[1]](sys.argv[2])
