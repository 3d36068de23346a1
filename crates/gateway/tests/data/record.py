"""Records what a stock manager and a stock client of one version say to each other: `python3 record.py PYTHON > frames-X.Y.txt`.

The two are ../peers/server.py and ../peers/client.py, with this program between them on TCP. A line is one frame after
authentication: the connection, counted from 1, who sent it (C or S), and its body in hexadecimal. Idents and ports
differ from run to run, and so do the files.
"""
import os
import socket
import struct
import subprocess
import sys
import threading

HANDSHAKE = 3  # Frames that each end sends before the application's: challenge, response, verdict.
PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peers')


def pump(source, target, connection, sender, frames):
    count = 0
    try:
        while True:
            header = source.recv(4, socket.MSG_WAITALL)
            if len(header) < 4:
                break
            body = source.recv(struct.unpack('!i', header)[0], socket.MSG_WAITALL)
            count += 1
            if count > HANDSHAKE:
                frames.append((connection, sender, body))
            target.sendall(header + body)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener, port, frames):
    connection = 0
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(('127.0.0.1', port))
        connection += 1
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for ends in ((client, server, connection, 'C'), (server, client, connection, 'S')):
            threading.Thread(target=pump, args=ends + (frames,), daemon=True).start()


def main(python):
    version = subprocess.check_output([python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).decode().strip()
    server = subprocess.Popen([python, os.path.join(PEERS, 'server.py')], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(server.stdout.readline())
    listener = socket.create_server(('127.0.0.1', 0))
    frames = []
    threading.Thread(target=serve, args=(listener, port, frames), daemon=True).start()
    client = [python, os.path.join(PEERS, 'client.py'), str(listener.getsockname()[1]), version]
    output = subprocess.check_output(client, timeout=120).decode()
    server.kill()
    assert output == 'fine\n', output
    print('# Recorded by record.py with Python %s: gateway at port %d, manager at port %d.'
          % (version, listener.getsockname()[1], port))
    for connection, sender, body in sorted(frames, key=lambda frame: frame[0]):
        print(connection, sender, body.hex())


main(sys.argv[1])
