"""What is known of the process at the other end: which pickle protocols it reads."""

import collections
import threading

from ._stock import pickle

# The protocol a peer writes by itself tells what it reads: 2.7 writes 2; 3.6 and 3.7 write 3 and read 4; 3.8 and newer
# write 4 or 5 and read 5.
_READS = {2: 2, 3: 4, 4: 5, 5: 5}
# How many addresses are remembered.
_REMEMBERED = 1024


class Peer(object):
    """The other end of a connection. `reads` is the highest protocol it is known to read, 2 if nothing is known."""

    __slots__ = ('reads', 'python2', 'own', '_modern')

    def __init__(self, reads=2):
        self.reads = reads
        # Whether it was seen to write as 2.7 does.
        self.python2 = False
        # Whether it is a process of a context of ours, and so has this package.
        self.own = False
        self._modern = None

    def challenged(self, modern):
        """Notes the peer's challenge: a modern one comes from 3.12 or newer. Another than before is another program."""
        if self._modern is not None and self._modern != modern:
            self.reads = 2
        self._modern = modern
        if modern and self.reads < 4:
            self.reads = 4

    def wrote(self, data):
        """Notes the protocol of a pickle that came from the peer, and whether a request of a manager is in 2.7's strings."""
        head = bytes(data[:5])
        if len(head) > 1 and head[:1] == b'\x80':
            # `(ident, ...` or `(None, ...`, with the opcode of a str, which no 3.x writes.
            if head[1:4] == b'\x02(U' or head[1:5] == b'\x02(NU':
                self.python2 = True
            reads = _READS.get(ord(head[1:2]), 2)
            if reads > self.reads:
                self.reads = reads

    def protocol(self):
        """The highest protocol that both ends know."""
        return min(self.reads, pickle.HIGHEST_PROTOCOL)


def own():
    """A process that this one starts itself: the same Python."""
    peer = Peer(pickle.HIGHEST_PROTOCOL)
    peer.own = True
    return peer


def at(address):
    """The peer that listens at `address`, as it was known before: calls of managers use fresh connections."""
    with _lock:
        peer = _known.pop(address, None) or Peer()
        _known[address] = peer
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
        return peer


_known = collections.OrderedDict()
_lock = threading.Lock()
