"""What the programs of these tests share: where to go, and with which key. Runs on 2.7 and 3.6 to 3.15."""
import os
import sys


def address(text):
    if text.startswith('unix:@'):
        return '\0' + text[6:]
    if text.startswith('unix:'):
        return text[5:]
    host, port = text.rsplit(':', 1)
    return host, int(port)


def tell(*words):
    """Prints one line at once, in UTF-8 whatever the locale."""
    line = u' '.join(word if isinstance(word, type(u'')) else str(word) for word in words)
    out = getattr(sys.stdout, 'buffer', sys.stdout)
    out.write(line.encode('utf-8') + b'\n')
    out.flush()


def spell(address):
    if isinstance(address, tuple):
        return '%s:%d' % address[:2]
    if isinstance(address, bytes) and not isinstance(address, str):
        address = address.decode()
    return 'unix:' + (address if address[0] != '\0' else '@' + address[1:])


AUTHKEY = os.environ.get('PEER_AUTHKEY')
if AUTHKEY is not None:
    AUTHKEY = AUTHKEY.encode()
