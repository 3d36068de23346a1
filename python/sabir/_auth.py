"""The handshake, in every dialect: both ends prove that they know the key.

2.7 to 3.11 challenge with 20 random bytes and answer with 16 bytes of HMAC-MD5, whatever the challenge says; 3.12 and newer
challenge with `{sha256}` and 40 bytes and answer with `{digest}` and the code. Some vendors' builds answer with 32 raw
bytes of HMAC-SHA-256. All are understood; what is sent is what the oldest peer can answer.
"""

import hashlib
import hmac
import os

from ._stock import PY2, AuthenticationError

CHALLENGE = b'#CHALLENGE#'
WELCOME = b'#WELCOME#'
FAILURE = b'#FAILURE#'
# The longest frame before the peer is known.
_MAX_FRAME = 256
_DIGESTS = [name for name in ('md5', 'sha256', 'sha384', 'sha3_256', 'sha3_384') if hasattr(hashlib, name)]
# Answers without a name, by their length.
_RAW_DIGESTS = {16: 'md5', 32: 'sha256'}

# A `{sha256}` challenge tells an adaptive peer that protocol 4 can be read here, which 2.7 could not.
_PREFIX = b'' if PY2 else b'{sha256}'
_RANDOM = 20 if PY2 else 40


def deliver_challenge(connection, authkey, digest_name='sha256'):
    """Challenge the peer and welcome it if it knows `authkey`, else raise `AuthenticationError`."""
    _check_key(authkey)
    prefix = b'{' + digest_name.encode('ascii') + b'}' if _PREFIX else b''
    message = prefix + os.urandom(_RANDOM)
    connection.send_bytes(CHALLENGE + message)
    answer = connection.recv_bytes(_MAX_FRAME)
    if _answers(answer, authkey, message):
        connection.send_bytes(WELCOME)
    else:
        connection.send_bytes(FAILURE)
        raise AuthenticationError('digest received was wrong')


def answer_challenge(connection, authkey, raw_digest='md5'):
    """Answer the peer's challenge; raises `AuthenticationError` if it does not take the answer.

    A challenge without a digest's name is answered with `raw_digest`. What the challenge tells of the peer is noted on
    `connection.peer`, if there is one.
    """
    _check_key(authkey)
    frame = connection.recv_bytes(_MAX_FRAME)
    if not frame.startswith(CHALLENGE):
        raise AuthenticationError('Protocol error, expected challenge: %r (has the listener no key?)' % (frame,))
    message = frame[len(CHALLENGE):]
    name = _digest_name(message)
    peer = getattr(connection, 'peer', None)
    if peer is not None:
        peer.challenged(modern=name is not None)
    if name is None:
        connection.send_bytes(_code(authkey, message, raw_digest))
    else:
        connection.send_bytes(b'{' + name.encode('ascii') + b'}' + _code(authkey, message, name))
    if connection.recv_bytes(_MAX_FRAME) != WELCOME:
        raise AuthenticationError('digest sent was rejected')


def handshake(connection, authkey, listening, timeout):
    """Both halves within `timeout` seconds (None: without limit); the listening end challenges first."""
    # A wrapper of the standard library, that of XML-RPC, has what moves bytes inside.
    within = getattr(getattr(connection, '_conn', connection), '_within', None) or (lambda seconds: None)
    within(timeout)
    try:
        first, second = (deliver_challenge, answer_challenge) if listening else (answer_challenge, deliver_challenge)
        first(connection, authkey)
        second(connection, authkey)
    finally:
        within(None)


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
