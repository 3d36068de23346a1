//! Bodies of the fuzz targets; each begins with the law that it holds, and panics where the law is broken.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::auth::{
    AuthKey, AuthOptions, Challenge, Digest, Ended, Handshake, LegacyDigest, MinAuth, Next, Nonce, Observer,
    Part, Sender, Step,
};
use crate::error::{Blame, Error, FrameError};
use crate::frame::{Deframer, FrameDialect, FrameLimits, header, peek};
use crate::{Config, Connection, Event};

/// Any cut of the stream gives the same messages and the same end, which together account for every byte, in memory
/// bounded by what has arrived.
///
/// `data`: dialect, limit, seed of the cut, then the stream.
pub fn fuzz_deframe(data: &[u8]) {
    let [dialect, limit, seed, stream @ ..] = data else { return };
    let dialect = [FrameDialect::PY27, FrameDialect::PY36, FrameDialect::PY38][usize::from(dialect % 3)];
    let limits = match limit % 4 {
        0 => FrameLimits::UNLIMITED,
        1 => FrameLimits::BEFORE_AUTHENTICATION,
        2 => FrameLimits::DEFAULT,
        _ => FrameLimits { max_message: u64::from(*limit) },
    };
    let whole = deframe([stream].into_iter(), dialect, limits);
    assert_eq!(deframe(stream.chunks(1), dialect, limits), whole, "byte at a time");
    assert_eq!(deframe(cuts(stream, *seed), dialect, limits), whole, "cut by {seed}");

    // The same by hand: peek and skip.
    let (messages, end) = whole;
    let mut rest = stream;
    for message in &messages {
        let Ok(Some(frame)) = peek(rest, dialect, limits) else { panic!("a message without a header") };
        let (head, tail) = rest.split_at(frame.header_len);
        let (body, tail) = tail.split_at(message.len());
        assert_eq!((message, frame.body_len), (&Bytes::copy_from_slice(body), message.len() as u64));
        if frame.header_len == 4 {
            assert_eq!(*header(frame.body_len), *head, "encode beside decode");
        }
        rest = tail;
    }
    match end {
        Ok(()) => assert!(rest.is_empty(), "bytes after the end"),
        Err(FrameError::EndOfFile { .. }) => assert!(!rest.is_empty(), "a message that nothing began"),
        Err(error) => assert_eq!(peek(rest, dialect, limits), Err(error)),
    }
}

/// Whatever a peer without the key says, in either role, it is never authenticated, every failure is blamed on it,
/// and an observer that has let go never takes hold again.
///
/// `data`: role and options, then messages: a length byte and so many bytes each; 0xff stands for `#CHALLENGE#` before
/// what follows in the next 30.
pub fn fuzz_auth(data: &[u8]) {
    let [options, rest @ ..] = data else { return };
    let mut handshake = keyless(*options, data);
    let mut observer = Observer::new();
    let (us, peer) = if options & 1 == 0 {
        (Sender::Listener, Sender::Client)
    } else {
        (Sender::Client, Sender::Listener)
    };
    let mut observe = |from, body: &[u8]| {
        let before = observer.ended();
        let part = observer.observe(from, body);
        match (before, observer.ended()) {
            (Some(before), after) => assert_eq!((part, after), (Part::Application, Some(before))),
            (None, None | Some(Ended::Authenticated | Ended::Failed(_))) => assert_eq!(part, Part::Handshake),
            (None, Some(Ended::Unfinished)) => assert_eq!(part, Part::Application),
        }
    };
    for body in handshake.start().send {
        observe(us, &body);
    }
    for body in script(rest) {
        observe(peer, &body);
        let Step { send, next } = handshake.handle_message(&body);
        for body in send {
            assert!(body.len() <= 256, "a message that the peer would refuse");
            observe(us, &body);
        }
        match next {
            Next::Read => {}
            Next::Done(_) => panic!("authenticated without the key"),
            Next::Fail(error) => {
                assert_eq!(error.blame(), Blame::Peer);
                break;
            }
        }
    }
    // From here on both directions at random, as a relay might see it.
    for (n, body) in script(rest).into_iter().enumerate() {
        observe(if n % 2 == 0 { peer } else { us }, &body);
    }
}

/// Any bytes give events or an error blamed on the peer, the same however they are cut; and what an honest pair sends
/// arrives, in order, whatever the cut and the interleaving.
///
/// `data`: options, seed of the cut, then the peer's stream, which is also the script of the honest pair.
pub fn fuzz_connection(data: &[u8]) {
    let [options, seed, stream @ ..] = data else { return };
    let connection = || {
        let config = Config { limits: FrameLimits { max_message: 1000 }, ..Config::default() };
        match options >> 6 {
            0 | 1 => Connection::with_handshake(config, keyless(*options, data)),
            _ => Connection::new(config),
        }
    };
    let whole = receive(connection(), [stream].into_iter());
    assert_eq!(receive(connection(), stream.chunks(1)), whole, "byte at a time");
    assert_eq!(receive(connection(), cuts(stream, *seed)), whole, "cut by {seed}");
    if let Some(error) = &whole.2 {
        assert_eq!(error.blame(), Blame::Peer, "{error}");
    }
    honest_pair(*options, stream);
}

type Deframed = (Vec<Bytes>, Result<(), FrameError>);

fn deframe<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    dialect: FrameDialect,
    limits: FrameLimits,
) -> Deframed {
    let (mut deframer, mut messages) = (Deframer::new(), Vec::new());
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        // As a driver does that reads straight into the buffer.
        let size = deframer.read_size(piece.len(), dialect, limits);
        let buffer = deframer.buffer(size);
        assert!(buffer.capacity() <= 4 * arrived + SLACK, "{} for {arrived} bytes", buffer.capacity());
        buffer.extend_from_slice(piece);
        loop {
            match deframer.next_message(dialect, limits) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    let end = deframer.end(dialect, limits);
    (messages, end)
}

/// Events, all that was sent, and the error that ended it.
type Received = (Vec<Event>, Vec<u8>, Option<Error>);

fn receive<'a>(mut connection: Connection, pieces: impl Iterator<Item = &'a [u8]>) -> Received {
    let mut received: Received = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        connection.handle_bytes(piece).expect("not at the end yet");
        poll(&mut connection, &mut received);
    }
    connection.handle_eof();
    poll(&mut connection, &mut received);
    received
}

fn poll(connection: &mut Connection, received: &mut Received) {
    loop {
        match connection.poll_event() {
            Ok(Some(event)) => {
                assert_ne!(received.0.last(), Some(&Event::Closed), "nothing follows");
                received.0.push(event);
            }
            Ok(None) => break,
            Err(error) => {
                received.2 = Some(error);
                break;
            }
        }
    }
    while let Some(chunk) = connection.poll_transmit() {
        received.1.extend_from_slice(&chunk);
    }
}

/// Each byte of the script is a step: send a message from one end, or carry some bytes to the other.
fn honest_pair(options: u8, script: &[u8]) {
    let key = AuthKey::new(*b"shared");
    let (accepting, connecting) = (auth_options(options), auth_options(options.rotate_left(3)));
    // Ends that refuse each other's dialect are no honest pair.
    let fair = |options| AuthOptions { min_auth: MinAuth::Md5, legacy_digest: LegacyDigest::Md5, ..options };
    let mut ends = [
        Handshake::accepting(key.clone(), Nonce::new([1; 40]), fair(accepting)),
        Handshake::connecting(key, Nonce::new([2; 40]), fair(connecting)),
    ]
    .map(|handshake| Connection::with_handshake(Config::default(), handshake));
    let mut wires = [Vec::new(), Vec::new()];
    let (mut sent, mut got) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let drain = script.iter().copied().map(Some).chain([None; 16]);
    for (n, step) in drain.enumerate() {
        let from = step.map_or(n % 2, |step| usize::from(step & 1));
        if let Some(step) = step.filter(|step| step & 2 != 0) {
            let length = usize::from(step >> 2) * if step & 4 == 0 { 1 } else { 700 };
            let body = Bytes::from(alloc::vec![step; length]);
            ends[from].send(body.clone()).expect("a connection that works");
            sent[from].push(body);
            continue;
        }
        while let Some(chunk) = ends[from].poll_transmit() {
            wires[from].extend_from_slice(&chunk);
        }
        let take = step.map_or(usize::MAX, |step| usize::from(step >> 2)).min(wires[from].len());
        let piece: Vec<u8> = wires[from].drain(..take).collect();
        let to = 1 - from;
        ends[to].handle_bytes(&piece).expect("not at the end yet");
        while let Some(event) = ends[to].poll_event().expect("an honest peer") {
            if let Event::Message(body) = event {
                got[from].push(body);
            }
        }
    }
    assert_eq!(got, sent);
}

/// A handshake whose key hangs on all of `data`, so that no `data` can hold a proof.
fn keyless(options: u8, data: &[u8]) -> Handshake {
    let key = AuthKey::new(Digest::Sha3_384.mac(&AuthKey::new(*b"fuzz"), data).to_vec());
    let nonce = Nonce::new([options; 40]);
    if options & 1 == 0 {
        Handshake::accepting(key, nonce, auth_options(options))
    } else {
        Handshake::connecting(key, nonce, auth_options(options))
    }
}

fn auth_options(bits: u8) -> AuthOptions {
    AuthOptions {
        challenge: if bits & 2 == 0 { Challenge::Sha256 } else { Challenge::Legacy },
        min_auth: if bits & 4 == 0 { MinAuth::Md5 } else { MinAuth::Sha256 },
        legacy_digest: if bits & 8 == 0 { LegacyDigest::Md5 } else { LegacyDigest::Sha256Raw },
    }
}

fn script(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let [length, rest @ ..] = data {
        let (mut body, length) = match length {
            0xff => (crate::auth::CHALLENGE.to_vec(), 30),
            length => (Vec::new(), usize::from(*length)),
        };
        let (taken, rest) = rest.split_at(length.min(rest.len()));
        body.extend_from_slice(taken);
        messages.push(body);
        data = rest;
    }
    messages
}

/// Pieces of 1 to 64 bytes, drawn by xorshift.
fn cuts(mut data: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut random = XorShift::new(u64::from(seed));
    core::iter::from_fn(move || {
        let length = (1 + random.below(64)).min(data.len());
        let (piece, rest) = data.split_at(length);
        data = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Marsaglia's xorshift64: repeatable, and enough to draw cuts and mutations from.
#[derive(Debug)]
pub struct XorShift(u64);

impl XorShift {
    /// Any seed will do.
    pub fn new(seed: u64) -> XorShift {
        XorShift(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number from 0 to `n`, `n` excluded; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n.max(1)
    }
}

/// What a buffer may hold beyond four times what arrived: the `bytes` crate reuses up to 128 KiB.
const SLACK: usize = 128 * 1024 + 64;

#[cfg(test)]
mod tests;
