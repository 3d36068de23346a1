"""The gateway and the server of shared objects, started from Python. Each is the program `sabir` in a process of its own."""

from ._program import Program, flags_of, key_of, text_of

__all__ = ['Gateway', 'serve']


class Gateway(Program):
    """Stands between programs of different Pythons, which stay as they are, until `stop` or the end of a `with` block.

        with sabir.Gateway(('127.0.0.1', 0), ('127.0.0.1', 5000)) as gateway:
            connection = Client(gateway.address, authkey=key)

    Clients connect to `listen`, the server is at `to`; `routes` are more such pairs, as tuples. Addresses are those of
    `Client`, or texts as the program takes them. Without a key the two ends authenticate with each other; with `authkey`,
    bytes, the gateway is a peer to both, and `to_authkey` is the server's if it is another. Other options are the flags of
    `sabir gateway`: `client_protocol=2`, `policy='strict', allow=['shop.orders.Order']`. `timeout` is how long to wait for
    the listeners, in seconds.
    """

    def __init__(self, listen, to, routes=(), authkey=None, to_authkey=None, timeout=20.0, **options):
        arguments = ['gateway', '--listen', text_of(listen), '--to', text_of(to)]
        for here, there in routes:
            arguments += ['--route', '%s=%s' % (text_of(here), text_of(there))]
        keys = [key_of(flag, key) for flag, key in (('--authkey-file', authkey), ('--to-authkey-file', to_authkey))
                if key is not None]
        super(Gateway, self).__init__(arguments + flags_of(options), 1 + len(routes), keys, timeout)


def serve(listen=('127.0.0.1', 0), authkey=None, timeout=20.0, **options):
    """A server of dicts, lists, queues, locks and the rest of `SyncManager`, which is no Python; a `Program`.

        with sabir.serve(authkey=key) as server:
            manager = sabir.SyncManager(server.address, authkey=key)
            manager.connect()

    Other options are the flags of `sabir serve`.
    """
    arguments = ['serve', '--listen', text_of(listen)]
    keys = [] if authkey is None else [key_of('--authkey-file', authkey)]
    return Program(arguments + flags_of(options), 1, keys, timeout)
