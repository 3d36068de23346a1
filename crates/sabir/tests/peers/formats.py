# A stock Python with a format of its own: python formats.py listen|client ADDRESS json|msgpack|cbor2 FOLDER
# It packs what it is told (`send EXPRESSION`), and says what it unpacks (`recv`); FOLDER holds msgpack and cbor2.
import importlib, json, signal, sys
from datetime import date, datetime, timezone
from decimal import Decimal
from multiprocessing.connection import Client, Listener
from uuid import UUID

KEY = b'secret'


def codec(name):
    module = json if name == 'json' else importlib.import_module(name)
    if name == 'json':
        return lambda value: json.dumps(value).encode(), json.loads
    if name == 'msgpack':
        # What `pip install msgpack` does without options, but that any key may stand in a dict.
        return module.packb, lambda message: module.unpackb(message, strict_map_key=False)
    return module.dumps, module.loads


def address(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)


def connect(role, at):
    if role == 'client':
        return Client(address(at), authkey=KEY)
    listener = Listener(address(at), authkey=KEY)
    print('%s:%d' % listener.address, flush=True)
    return listener.accept()


def main(role, at, name, folder):
    sys.path.insert(0, folder)
    pack, unpack = codec(name)
    connection = connect(role, at)
    for line in sys.stdin:
        verb, _, expression = line.strip().partition(' ')
        try:
            if verb == 'send':
                connection.send_bytes(pack(eval(expression)))
                said = 'sent'
            else:
                said = repr(unpack(connection.recv_bytes()))
        except Exception as error:
            said = '%s: %s' % (type(error).__name__, error)
        print(said.replace('\n', ' '), flush=True)


if __name__ == '__main__':
    signal.alarm(120)
    main(*sys.argv[1:])
