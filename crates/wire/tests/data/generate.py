"""Makes handshakes.tsv: what deliver_challenge and answer_challenge of real Pythons send, with os.urandom pinned.

    python3 generate.py PYTHON... > handshakes.tsv

Each PYTHON is an interpreter of 2.7 or 3.6 and newer; without any, those under ~/.pyenv/versions. The columns:

    versions  of the interpreters that do so, major.minor, with commas
    role      challenge: deliver_challenge sends OUT first; IN is what os.urandom gave
              answer:    answer_challenge gets IN and sends OUT
              judge:     deliver_challenge (same os.urandom as in the challenge row) gets IN and sends OUT
    case      what IN is
    key       in hex
    in, out   bodies of messages in hex; OUT is the name of the exception if nothing was sent
"""
from __future__ import print_function

import binascii
import glob
import hmac
import json
import os
import subprocess
import sys

PINNED = bytes(bytearray((i * 37 + 11) % 256 for i in range(40)))
KEYS = [b"secret", b"", bytes(bytearray(range(200)))]


def hexed(data):
    return binascii.hexlify(data).decode("ascii")


class FakeConnection(object):
    """Gives one message, takes one, then hangs up."""

    def __init__(self, incoming):
        self.incoming, self.outgoing = incoming, []

    def recv_bytes(self, maxlength=None):
        if self.incoming is None:
            raise EOFError
        message, self.incoming = self.incoming, None
        return message

    def send_bytes(self, data):
        self.outgoing.append(bytes(data))


def run_one(role, key, incoming):
    """In the interpreter under test: the messages that it sends, or the name of its exception."""
    from multiprocessing import connection

    os.urandom = lambda n: PINNED[:n]
    fake = FakeConnection(incoming)
    half = connection.answer_challenge if role == "answer" else connection.deliver_challenge
    try:
        half(fake, key)
        error = None
    except Exception as exc:
        error = type(exc).__name__
    return [hexed(message) for message in fake.outgoing], error


def child():
    jobs = json.load(sys.stdin)
    results = []
    for role, key, incoming in jobs:
        incoming = None if incoming is None else binascii.unhexlify(incoming)
        results.append(run_one(role, binascii.unhexlify(key), incoming))
    json.dump({"version": "%d.%d" % sys.version_info[:2], "results": results}, sys.stdout)


def ask(python, jobs):
    command = [python, os.path.abspath(__file__), "--child"]
    out = subprocess.run(command, input=json.dumps(jobs).encode(), stdout=subprocess.PIPE, check=True, timeout=60).stdout
    answer = json.loads(out.decode())
    return answer["version"], answer["results"]


def challenges():
    """Bodies of challenges, by name."""
    noise = bytes(bytearray((i * 91 + 5) % 251 for i in range(64)))
    yield "legacy", noise[:20]
    yield "legacy that looks named", b"{sha256}" + noise[:12]
    for name in ["md5", "sha256", "sha384", "sha3_256", "sha3_384", "sha1", "sha512", "blake2b"]:
        yield "named " + name, b"{" + name.encode() + b"}" + noise[:40]
    yield "named in 21 bytes", b"{sha256}" + noise[:13]
    yield "named in 19 bytes", b"{sha256}" + noise[:11]
    for length in [0, 5, 19, 21, 32, 40]:
        yield "bare %d" % length, noise[:length]
    yield "unclosed", b"{sha256" + noise[:40]


def responses(key, message):
    """Bodies of responses to that message, by name."""
    digests = ["md5", "sha256", "sha384", "sha3_256", "sha3_384", "sha1", "sha224", "sha512", "sha3_512", "blake2b"]
    for name in digests:
        mac = hmac.new(key, message, name).digest()
        yield "raw " + name, mac
        yield "named " + name, b"{" + name.encode() + b"}" + mac
    yield "raw md5 with another key", hmac.new(key + b"!", message, "md5").digest()
    yield "named sha256 with another key", b"{sha256}" + hmac.new(key + b"!", message, "sha256").digest()
    yield "named sha256 without the prefix", b"{sha256}" + hmac.new(key, message[8:], "sha256").digest()
    yield "named sha256 cut", b"{sha256}" + hmac.new(key, message, "sha256").digest()[:-1]
    yield "named without a mac", b"{sha256}"
    yield "empty", b""
    yield "20 raw bytes", b"x" * 20


def rows(python):
    for key in KEYS:
        version, [(sent, _)] = ask(python, [("challenge", hexed(key), None)])
        body = binascii.unhexlify(sent[0])
        yield version, "challenge", "pinned", hexed(key), hexed(PINNED), sent[0]
        jobs, names = [], []
        for name, message in challenges():
            jobs.append(("answer", hexed(key), hexed(b"#CHALLENGE#" + message)))
            names.append(name)
        for name, response in responses(key, body[len(b"#CHALLENGE#") :]):
            jobs.append(("judge", hexed(key), hexed(response)))
            names.append(name)
        _, results = ask(python, jobs)
        for (role, _, incoming), name, (sent, error) in zip(jobs, names, results):
            if role == "judge":
                sent = sent[1:]  # the challenge
            yield version, role, name, hexed(key), incoming, sent[0] if sent else error


def main():
    pythons = sys.argv[1:]
    if not pythons:
        found = glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python"))
        pythons = sorted(found, key=lambda path: [int(n) for n in path.split("/")[-3].split(".")])
    print("# Generated by generate.py, which says what the columns are.")
    versions = {}
    for python in pythons:
        for row in rows(python):
            versions.setdefault(row[1:], []).append(row[0])
    for row in sorted(versions):
        print("\t".join((",".join(versions[row]),) + row))


if __name__ == "__main__":
    child() if sys.argv[1:] == ["--child"] else main()
