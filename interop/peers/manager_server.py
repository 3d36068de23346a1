"""The server of the manager pairs: a stock SyncManager with a few registered types of the user's own."""
import threading
from multiprocessing.managers import DictProxy, SyncManager

import graphs
from describe import describe
from zoo import ZOO


class Echo(object):
    """A registered class: its methods show what the server sees, and hand out what it makes.

    What a client compares as its own step is described in neutral words, since the server is of any version.
    """

    def __init__(self, *args, **kwargs):
        self.made_with = (args, kwargs)

    def see_made_with(self):
        return describe(self.made_with[0], native=False) + ' ' + keywords(self.made_with[1])

    def see(self, value):
        return describe(value)

    def see_keywords(self, **kwargs):
        return keywords(kwargs)

    def make(self, name):
        return ZOO[str(name)]()

    def fail(self, name):
        raise ZOO[str(name)]()

    def echo(self, value=None):
        return value

    def swap(self, first, batch):
        """What the server sees in a batch of graphs, and the same graphs made anew by the server."""
        prints = [graphs.fingerprint(graph) for graph in batch]
        return [prints, [graphs.graph(seed) for seed in range(first, first + len(batch))]]

    def use_list(self, proxy):
        """A proxy that came as an argument is used by the server."""
        proxy.append(u'by the server')
        return len(proxy)

    def child(self):
        """Registered to answer with a proxy."""
        return Echo(u'child')

    def attribute_error(self):
        return self.nothing_of_this_name

    def unpicklable(self):
        return lambda: None


def keywords(kwargs):
    """Names are names, whichever type of string 2.7 holds them in."""
    return ', '.join(['%s=%s' % (name, describe(kwargs[name], native=False)) for name in sorted(kwargs)])


class Manager(SyncManager):
    pass


_echo = Echo(u'shared')
_dict = {}


def get_echo():
    return _echo


def get_dict():
    return _dict


Manager.register('Echo', Echo, method_to_typeid={'child': 'Child'})
Manager.register('Child', create_method=False)
Manager.register('get_echo', callable=get_echo)
Manager.register('get_dict', callable=get_dict, proxytype=DictProxy)


def start(address, authkey):
    """Serves in a thread, as serve_forever() does in the main one, so that the main thread can still be told to quit."""
    server = Manager(address=address, authkey=authkey).get_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.daemon = True
    thread.start()
    return server
