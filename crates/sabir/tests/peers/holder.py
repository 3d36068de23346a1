# A stock client that uses what Rust put into a manager: python holder.py ADDRESS IDENT
# It takes the proxy out of the list whose ident it is given, and moves the robot.
from __future__ import print_function
import signal, sys
from multiprocessing import current_process
from multiprocessing.managers import ListProxy, SyncManager, Token

if __name__ == '__main__':
    signal.alarm(60)
    host, port = sys.argv[1].rsplit(':', 1)
    where = host, int(port)
    current_process().authkey = b'secret'
    manager = SyncManager(where, b'secret')
    manager.connect()
    shared = ListProxy(Token('list', where, sys.argv[2]), 'pickle', manager=manager, authkey=b'secret')
    robot = shared[0]
    print(type(robot).__name__, robot.move(1, 2))
