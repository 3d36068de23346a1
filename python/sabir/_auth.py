"""The handshake, in every dialect: both ends prove that they know the key.

2.7 to 3.11 challenge with 20 random bytes and answer with 16 bytes of HMAC-MD5, whatever the challenge says; 3.12 and newer
challenge with `{sha256}` and 40 bytes and answer with `{digest}` and the code. Some vendors' builds answer with 32 raw
bytes of HMAC-SHA-256. All are understood; what is sent is what the oldest peer can answer.
"""

import hashlib
import hmac
import os

from ._extension import native
from ._stock import PY2, AuthenticationError

CHALLENGE = b'#CHALLENGE#'
WELCOME = b'#WELCOME#'
FAILURE = b'#FAILURE#'
# The longest frame before the peer is known.
MAX_FRAME = 256
_DIGESTS = [name for name in ('md5', 'sha256', 'sha384', 'sha3_256', 'sha3_384') if hasattr(hashlib, name)]
# Answers without a name, by their length.
_RAW_DIGESTS = {16: 'md5', 32: 'sha256'}

# A `{sha256}` challenge tells an adaptive peer that protocol 4 can be read here, which 2.7 could not.
_PREFIX = b'' if PY2 else b'{sha256}'
_RANDOM = 20 if PY2 else 40
_OVER = object()


def deliver_challenge(connection, authkey, digest_name='sha256'):
    """Challenge the peer and welcome it if it knows `authkey`, else raise `AuthenticationError`."""
    _Steps(connection, _deliver(authkey, digest_name)).go_on(None)


def answer_challenge(connection, authkey, raw_digest='md5'):
    """Answer the peer's challenge; raises `AuthenticationError` if it does not take the answer.

    A challenge without a digest's name is answered with `raw_digest`. What the challenge tells of the peer is noted on
    `connection.peer`, if there is one.
    """
    _Steps(connection, _answer(authkey, raw_digest, getattr(connection, 'peer', None))).go_on(None)


def handshake(connection, authkey, listening, timeout):
    """Both halves within `timeout` seconds (None: without limit); the listening end challenges first."""
    Handshake(connection, authkey, listening).go_on(timeout)


class _Steps(object):
    """Steps that say what to send, or None to receive. If they run out of time they go on where they were."""

    def __init__(self, connection, steps):
        self.connection = connection
        self._steps = steps
        self._next = next(steps, _OVER)

    def go_on(self, seconds):
        """Take steps until all are done; raises `TimeoutError` if `seconds`, None for no limit, are over before."""
        connection = self.connection
        within = getattr(_inner(connection), '_within', None) if seconds is not None else None
        if within is not None:
            within(seconds)
        try:
            while self._next is not _OVER:
                said = connection.recv_bytes(MAX_FRAME) if self._next is None else connection.send_bytes(self._next)
                try:
                    self._next = self._steps.send(said)
                except StopIteration:
                    self._next = _OVER
        finally:
            if within is not None:
                within(None)


class Handshake(_Steps):
    """Both halves of the handshake; the listening end challenges first."""

    def __init__(self, connection, authkey, listening):
        inner = _inner(connection)
        if _is_native(inner):
            _check_key(authkey)
            self.connection = connection
            self._native = native.Handshake(inner, authkey, listening)
        else:
            self._native = None
            _Steps.__init__(self, connection, steps(connection, authkey, listening))

    def go_on(self, seconds):
        """Go on to the end; raises `TimeoutError` if `seconds`, None for no limit, are over before."""
        if self._native is None:
            _Steps.go_on(self, seconds)
            return
        modern = self._native.go_on(seconds)
        peer = getattr(self.connection, 'peer', None)
        if peer is not None:
            peer.challenged(modern=modern)


def _inner(connection):
    """What moves the bytes: a wrapper of the standard library, that of XML-RPC, has it inside."""
    return getattr(connection, '_conn', connection)


def _is_native(connection):
    """Whether its messages are moved by the extension module, and by no method that a subclass has of its own."""
    if native is None or not isinstance(connection, native.Connection):
        return False
    cls, base = type(connection), native.Connection
    return cls.send_bytes is base.send_bytes and cls.recv_bytes is base.recv_bytes


def steps(connection, authkey, listening):
    """Both halves of the handshake as a generator: it gives what to send, or None, and then is sent what was received."""
    halves = [_deliver(authkey, 'sha256'), _answer(authkey, 'md5', getattr(connection, 'peer', None))]
    for steps in halves if listening else reversed(halves):
        wanted = next(steps, _OVER)
        while wanted is not _OVER:
            said = yield wanted
            try:
                wanted = steps.send(said)
            except StopIteration:
                wanted = _OVER


def _deliver(authkey, digest_name):
    _check_key(authkey)
    prefix = b'{' + digest_name.encode('ascii') + b'}' if _PREFIX else b''
    message = prefix + os.urandom(_RANDOM)
    yield CHALLENGE + message
    answer = yield
    if _answers(answer, authkey, message):
        yield WELCOME
    else:
        yield FAILURE
        raise AuthenticationError('digest received was wrong')


def _answer(authkey, raw_digest, peer):
    _check_key(authkey)
    frame = yield
    if not frame.startswith(CHALLENGE):
        raise AuthenticationError('Protocol error, expected challenge: %r (has the listener no key?)' % (frame,))
    message = frame[len(CHALLENGE):]
    name = _digest_name(message)
    if peer is not None:
        peer.challenged(modern=name is not None)
    if name is None:
        yield _code(authkey, message, raw_digest)
    else:
        yield b'{' + name.encode('ascii') + b'}' + _code(authkey, message, name)
    verdict = yield
    if verdict != WELCOME:
        raise AuthenticationError('digest sent was rejected')


def _check_key(authkey):
    if not isinstance(authkey, bytes):
        raise ValueError('Authkey must be bytes, not {0!s}'.format(type(authkey)))


def _digest_name(message):
    """The digest that the challenge asks for, None for a challenge of 2.7 to 3.11."""
    if len(message) <= 20 or not message.startswith(b'{'):
        return None
    end = message.find(b'}')
    name = message[1:end].decode('ascii', 'replace') if end > 0 else ''
    if name not in _DIGESTS:
        raise AuthenticationError('the peer asks for the digest %r; known are %s' % (name, ', '.join(_DIGESTS)))
    return str(name)


def _answers(answer, authkey, message):
    name = None
    if answer.startswith(b'{'):
        for known in _DIGESTS:
            prefix = b'{' + known.encode('ascii') + b'}'
            if answer.startswith(prefix):
                name, code = known, answer[len(prefix):]
    if name is None:
        name, code = _RAW_DIGESTS.get(len(answer)), answer
    return name is not None and hmac.compare_digest(code, _code(authkey, message, name))


def _code(authkey, message, name):
    return hmac.new(authkey, message, getattr(hashlib, name)).digest()
