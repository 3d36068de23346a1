"""The client of the manager pairs: a stock program, in steps that each say what it saw."""
from multiprocessing.managers import DictProxy, SyncManager

import steps_calls
import steps_shared
from describe import describe, describe_error
from graphs import fingerprint
from seen import caught, plain, tried
from zoo import ZOO


class Manager(SyncManager):
    pass


Manager.register('Echo', method_to_typeid={'child': 'Child'})
Manager.register('Child', create_method=False)
Manager.register('get_echo')
Manager.register('get_dict', proxytype=DictProxy)
Manager.register('no_such_type')

FATAL = ('exc_exit', 'exc_interrupt')  # no Exception: a server that raises one loses its thread, and its client waits


def connect(address, authkey):
    manager = Manager(address=address, authkey=authkey)
    manager.connect()
    return manager


def steps(address, authkey, ours, theirs):
    """Every step, then the zoo by name: what the server sees of ours, and what we see of theirs."""
    try:
        manager = connect(address, authkey)
    except Exception as error:
        yield 'step_connect', describe_error(error)
        return
    yield 'step_connect', 'True'
    for name, function in steps_calls.STEPS + steps_shared.STEPS:
        yield 'step_' + name, tried(lambda: describe(function(manager)))
    echo = manager.Echo()
    for name in ours:
        yield 'see:' + name, tried(lambda: plain(echo.see(ZOO[name]())))
    for name in theirs:
        yield 'make:' + name, tried(lambda: describe(echo.make(name)))
    for name in theirs:
        if name.startswith('exc_') and name not in FATAL:
            yield 'fail:' + name, tried(lambda: describe(caught(lambda: echo.fail(name))))


def graphs(address, authkey, first, batches):
    """Each batch goes to the server, which says what it sees and answers with its own."""
    echo = connect(address, authkey).Echo()
    for batch in batches:
        seeds = range(first, first + len(batch))
        try:
            seen, theirs = echo.swap(first, batch)
            seen, theirs = [plain(text) for text in seen], [fingerprint(graph) for graph in theirs]
        except Exception as error:
            seen = theirs = [describe_error(error)] * len(batch)
        for seed, there, here in zip(seeds, seen, theirs):
            yield 'see:graph_%d' % seed, there
            yield 'make:graph_%d' % seed, here
        first += len(batch)
