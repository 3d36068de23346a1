"""One end of a pair: a stock Python that does what it is told, line by line, on standard input.

A command is a word and its arguments, parted by spaces. Its answer is any number of lines, each a name, a tab and a
text, and then a line that says `done`; what was a mistake of the command itself ends with `failed` and the reason.
Nothing here knows whether the other end is reached directly or through a gateway.
"""
from __future__ import print_function

import itertools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import sys
import threading
import traceback
import warnings

warnings.simplefilter('ignore')  # 2.7 warns when text and bytes are compared in a dict

import graphs  # noqa: E402
import manager_client  # noqa: E402
import manager_server  # noqa: E402
from describe import describe, describe_error  # noqa: E402
from zoo import PY2, ZOO  # noqa: E402

if PY2:
    from cPickle import dumps as _dumps

    def wire_dumps(value):
        return _dumps(value, 2)
else:
    wire_dumps = multiprocessing.reduction.ForkingPickler.dumps

AUTHKEY = b'interop'
BATCH = 10
COUNTER = itertools.count()


class Peer(object):
    def __init__(self):
        self.listener = self.connection = self.server = None
        self.graphs = {}

    # Who is there.

    def version(self):
        yield 'version', '%d.%d.%d' % sys.version_info[:3]
        yield 'highest', pickle.HIGHEST_PROTOCOL

    def names(self, protocol=None):
        """The zoo's values that this version can pickle: as a Connection does, or at a protocol."""
        for name, make in ZOO.items():
            try:
                wire_dumps(make()) if protocol is None else pickle.dumps(make(), int(protocol))
            except Exception as error:
                yield '-' + name, describe_error(error)
            else:
                yield name, ''

    # Connections.

    def listen(self, address):
        self.listener = multiprocessing.connection.Listener(parse(address), authkey=AUTHKEY)
        yield 'address', unparse(self.listener.address)

    def accept(self):
        self.connection = self.listener.accept()
        self.listener.close()
        return ()

    def connect(self, address):
        self.connection = multiprocessing.connection.Client(parse(address), authkey=AUTHKEY)
        return ()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        return ()

    def greet(self, role):
        """An exchange in both directions of what programs mostly write, native text: now each end has been seen to write."""
        for _ in range(2):
            if role == 'first':
                self.connection.send('hello')
            assert self.connection.recv() == 'hello'
            if role != 'first':
                self.connection.send('hello')
        return ()

    def send_zoo(self, *names):
        for name in names:
            self.connection.send(ZOO[name]())
        return ()

    def recv_zoo(self, *names):
        for name in names:
            yield name, attempt(lambda: describe(self.connection.recv()))

    def send_pickles(self, protocol, *names):
        """Pickles made by the program itself, at a protocol of its own, sent as bytes."""
        for name in names:
            data = pickle.dumps(ZOO[name](), int(protocol))
            self.connection.send_bytes(data)
            yield name, describe(data, native=False)

    def recv_pickles(self, *names):
        for name in names:
            yield name, attempt(lambda: describe(pickle.loads(self.connection.recv_bytes())))

    def recv_raw(self, *names):
        for name in names:
            yield name, attempt(lambda: describe(self.connection.recv_bytes(), native=False))

    # Graphs.

    def batches(self, first, count):
        first, count = int(first), int(count)
        if (first, count) not in self.graphs:
            made = [graphs.graph(seed) for seed in range(first, first + count)]
            self.graphs[first, count] = [made[start:start + BATCH] for start in range(0, count, BATCH)]
        return self.graphs[first, count]

    def send_graphs(self, first, count):
        for batch in self.batches(first, count):
            self.connection.send(batch)
        return ()

    def recv_graphs(self, first, count):
        first, count = int(first), int(count)
        for start in range(first, first + count, BATCH):
            seeds = range(start, min(start + BATCH, first + count))
            for line in fingerprints(seeds, self.connection.recv):
                yield line

    def own_graphs(self, first, count):
        """What each graph is to the version that made it."""
        seeds = iter(range(int(first), int(first) + int(count)))
        for batch in self.batches(first, count):
            for graph in batch:
                yield 'graph_%d' % next(seeds), graphs.fingerprint(graph)

    def show_graph(self, seed):
        yield 'graph_%s' % seed, describe(graphs.graph(int(seed)), native=False)

    # Managers.

    def serve(self, address):
        """Starts the manager server, or says where it is: one process can be one server only."""
        if self.server is None:
            self.server = manager_server.start(parse(address), AUTHKEY)
        yield 'address', unparse(self.server.address)

    def manage(self, address, ours, theirs):
        return manager_client.steps(parse(address), AUTHKEY, ours.split(','), theirs.split(','))

    def manage_graphs(self, address, first, count):
        return manager_client.graphs(parse(address), AUTHKEY, int(first), self.batches(first, count))


def attempt(what):
    try:
        return what()
    except Exception as error:
        return describe_error(error)


def fingerprints(seeds, receive):
    try:
        batch = receive()
        prints = [graphs.fingerprint(graph) for graph in batch]
    except Exception as error:
        prints = [describe_error(error)] * len(seeds)
    return [('graph_%d' % seed, text) for seed, text in zip(seeds, prints)]


def parse(address):
    """`host:port`, `unix:/path` or `unix:@abstract`, as the program `sabir` writes them; `*` is something of our own."""
    if '*' in address:
        address = address.replace('*', '%d-%d' % (os.getpid(), next(COUNTER)))
    if address.startswith('unix:@'):
        return '\0' + address[6:]
    if address.startswith('unix:'):
        return address[5:]
    host, port = address.rsplit(':', 1)
    return (host, int(port))


def unparse(address):
    if isinstance(address, tuple):
        return '%s:%d' % address[:2]
    if not PY2 and isinstance(address, bytes):
        address = address.decode()
    return 'unix:' + address.replace('\0', '@')


def main():
    multiprocessing.current_process().authkey = AUTHKEY
    # Answers go to the standard output that we were given; whatever a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), 'w', 1)
    os.dup2(2, 1)
    peer = Peer()
    while True:
        line = sys.stdin.readline()
        if not line or line == 'quit\n':
            answers.close()
            os._exit(0)
        words = line.split()
        try:
            for name, text in getattr(peer, words[0])(*words[1:]):
                answers.write('%s\t%s\n' % (name, text))
            answers.write('done\n')
        except Exception as error:
            traceback.print_exc()
            answers.write('failed %s\n' % describe_error(error))
        answers.flush()


if __name__ == '__main__':
    assert threading.current_thread().name == 'MainThread'
    main()
