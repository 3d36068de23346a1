//! Two connections in memory, every cut of the bytes between them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use bytes::Bytes;
use sabir_wire::auth::{AuthKey, AuthOptions, Challenge, Era, Handshake, Nonce, Stage};
use sabir_wire::connection::COALESCE;
use sabir_wire::error::{ApiMisuse, AuthError, EofPlace, FrameError, Phase, SendError};
use sabir_wire::frame::{FrameDialect, FrameLimits};
use sabir_wire::{Blame, Config, Connection, Error, Event};

struct Pair {
    listener: Connection,
    client: Connection,
}

impl Pair {
    fn new(listener_key: &[u8], client_key: &[u8], options: AuthOptions) -> Pair {
        let accepting = Handshake::accepting(AuthKey::from(listener_key), Nonce::new([1; 40]), options);
        let connecting =
            Handshake::connecting(AuthKey::from(client_key), Nonce::new([2; 40]), AuthOptions::default());
        Pair {
            listener: Connection::with_handshake(Config::default(), accepting),
            client: Connection::with_handshake(Config::default(), connecting),
        }
    }

    /// Carries bytes in pieces of `step` until nothing moves; the events of listener and client.
    fn drive(&mut self, step: usize) -> (Vec<Event>, Vec<Event>) {
        let (mut listener, mut client) = (Vec::new(), Vec::new());
        loop {
            let moved = carry(&mut self.listener, &mut self.client, step, &mut client)
                + carry(&mut self.client, &mut self.listener, step, &mut listener);
            if moved == 0 {
                return (listener, client);
            }
        }
    }
}

/// Carries what one end wants to send, polling the other after each piece; the number of bytes.
fn carry(from: &mut Connection, to: &mut Connection, step: usize, events: &mut Vec<Event>) -> usize {
    let mut moved = 0;
    while let Some(chunk) = from.poll_transmit() {
        moved += chunk.len();
        for piece in chunk.chunks(step) {
            to.handle_bytes(piece).unwrap();
            while let Ok(Some(event)) = to.poll_event() {
                events.push(event);
            }
        }
    }
    moved
}

fn messages(events: &[Event]) -> Vec<&[u8]> {
    events
        .iter()
        .filter_map(|event| if let Event::Message(body) = event { Some(&body[..]) } else { None })
        .collect()
}

fn failure(connection: &mut Connection) -> Error {
    connection.poll_event().unwrap_err()
}

#[test]
fn a_pair_authenticates_and_talks_however_the_bytes_are_cut() {
    let long = vec![5; COALESCE + 1];
    for step in [1, 2, 3, 4, 5, 7, 59, 1000, usize::MAX] {
        let mut pair = Pair::new(b"secret", b"secret", AuthOptions::default());
        // Before authentication: held back, then in order.
        for body in [b"first".as_slice(), b"", &long, b"last"] {
            pair.client.send(Bytes::copy_from_slice(body)).unwrap();
        }
        pair.listener.send_slice(b"welcome").unwrap();
        let (listener, client) = pair.drive(step);
        assert!(matches!(&listener[0], Event::Authenticated(peer) if peer.era() == Some(Era::From312)));
        assert!(matches!(&client[0], Event::Authenticated(_)));
        assert_eq!(messages(&listener), [b"first".as_slice(), b"", &long, b"last"], "in pieces of {step}");
        assert_eq!(messages(&client), [b"welcome"]);
        assert_eq!((pair.client.queued(), pair.listener.queued()), (0, 0));
        pair.listener.handle_eof();
        assert_eq!(pair.listener.poll_event(), Ok(Some(Event::Closed)));
        assert_eq!(pair.listener.poll_event(), Ok(None), "once");
    }
}

#[test]
fn nothing_of_the_application_leaves_before_both_are_authenticated() {
    let mut pair = Pair::new(b"secret", b"secret", AuthOptions::default());
    pair.listener.send_slice(b"payload").unwrap();
    let mut first = Vec::new();
    while let Some(chunk) = pair.listener.poll_transmit() {
        first.extend_from_slice(&chunk);
    }
    assert_eq!(first.len(), 4 + 59, "the challenge alone");
    assert_eq!(pair.listener.queued(), 4 + 7);
}

#[test]
fn the_last_welcome_and_the_first_message_leave_in_one_chunk() {
    // A stock client writes them apart, and over TCP the second waits for a delayed acknowledgement.
    let mut pair = Pair::new(b"secret", b"secret", AuthOptions::default());
    pair.client.send_slice(b"request").unwrap();
    for _round in ["challenge", "welcome", "answer"] {
        carry(&mut pair.client, &mut pair.listener, usize::MAX, &mut Vec::new());
        carry(&mut pair.listener, &mut pair.client, usize::MAX, &mut Vec::new());
    }
    assert!(!pair.client.is_authenticating());
    let written = pair.client.poll_transmit().unwrap();
    assert_eq!(written, b"\0\0\0\x09#WELCOME#\0\0\0\x07request".as_slice());
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn a_wrong_key_fails_on_both_sides_and_the_client_hears_of_it() {
    for step in [1, usize::MAX] {
        let mut pair = Pair::new(b"secret", b"guess", AuthOptions::default());
        let (listener, client) = pair.drive(step);
        assert_eq!((listener, client), (vec![], vec![]));
        let error = failure(&mut pair.listener);
        assert!(
            matches!(
                error,
                Error::Auth {
                    source: AuthError::DigestReceivedWasWrong { .. },
                    stage: Stage::Response,
                    offset: 0
                }
            ),
            "{error}"
        );
        let error = failure(&mut pair.client);
        assert!(
            matches!(
                error,
                Error::Auth {
                    source: AuthError::DigestSentWasRejected { .. },
                    stage: Stage::Verdict,
                    offset: 63
                }
            ),
            "{error}"
        );
        assert_eq!(error.blame(), Blame::Peer);
        assert_eq!(pair.client.send_slice(b"x"), Err(Error::ApiMisuse(ApiMisuse::SendAfterError)));
    }
}

#[test]
fn a_legacy_listener_is_recognised() {
    let options = AuthOptions { challenge: Challenge::Legacy, ..AuthOptions::default() };
    let (_, client) = Pair::new(b"k", b"k", options).drive(1);
    assert!(matches!(&client[0], Event::Authenticated(peer) if peer.era() == Some(Era::UpTo311)));
}

#[test]
fn frames_before_authentication_are_limited_to_256_bytes() {
    let mut pair = Pair::new(b"k", b"k", AuthOptions::default());
    pair.client.handle_bytes(b"\0\0\x01\x01").unwrap();
    let source = FrameError::TooLong { length: 257, limit: 256 };
    assert_eq!(
        failure(&mut pair.client),
        Error::Frame { source, phase: Phase::BeforeAuthentication, offset: 0 }
    );
    // What a browser or a port scanner sends is a length of 1.2 GB.
    pair.listener.handle_bytes(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(failure(&mut pair.listener).blame(), Blame::Peer);
}

#[test]
fn a_peer_that_hangs_up_during_authentication_is_an_error() {
    let mut pair = Pair::new(b"k", b"k", AuthOptions::default());
    pair.client.handle_eof();
    let error = failure(&mut pair.client);
    assert_eq!(error, Error::Auth { source: AuthError::Closed, stage: Stage::Challenge, offset: 0 });
}

#[test]
fn end_of_file_inside_a_message_is_an_error_after_the_messages_before_it() {
    let mut connection = Connection::new(Config::default());
    connection.handle_bytes(b"\0\0\0\x02ok\0\0\0\x05he").unwrap();
    connection.handle_eof();
    assert_eq!(connection.poll_event(), Ok(Some(Event::Message(Bytes::from_static(b"ok")))));
    let source = FrameError::EndOfFile { place: EofPlace::Body { arrived: 2, length: 5 } };
    let error = Error::Frame { source, phase: Phase::Application, offset: 6 };
    assert_eq!(failure(&mut connection), error);
    assert_eq!(failure(&mut connection), error, "errors stay");
    assert!(error.to_string().starts_with("got end of file during message"), "{error}");
    assert_eq!(connection.handle_bytes(b"x"), Err(Error::ApiMisuse(ApiMisuse::BytesAfterEof)));
}

#[test]
fn a_negative_length_is_the_peers_fault_and_not_an_empty_message() {
    let mut connection = Connection::new(Config::default());
    connection.handle_bytes(b"\0\0\0\0\xff\xff\xff\xfe").unwrap();
    assert_eq!(connection.poll_event(), Ok(Some(Event::Message(Bytes::new()))));
    let error = failure(&mut connection);
    assert!(matches!(
        error,
        Error::Frame { source: FrameError::NegativeLength { length: -2 }, offset: 4, .. }
    ));
    assert_eq!(error.blame(), Blame::Peer);
}

#[test]
fn the_limit_of_messages_applies_after_authentication() {
    let limits = FrameLimits { max_message: 10 };
    let mut connection = Connection::new(Config { limits, ..Config::default() });
    connection.handle_bytes(b"\0\0\0\x0a0123456789\0\0\0\x0b").unwrap();
    assert!(matches!(connection.poll_event(), Ok(Some(Event::Message(body))) if body.len() == 10));
    assert!(failure(&mut connection).to_string().contains("11 bytes, the limit is 10"));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn two_gigabytes_are_refused_for_2_7_before_a_byte_is_written() {
    // Zeroed pages that are never touched: the length alone is looked at.
    let body = Bytes::from(vec![0; 0x8000_0000]);
    let mut connection = Connection::new(Config { dialect: FrameDialect::PY27, ..Config::default() });
    let error = connection.send(body.clone()).unwrap_err();
    assert!(matches!(error, Error::Send(SendError::TooLongForPeer { limit: 0x7fff_ffff, .. })), "{error}");
    assert_eq!(error.blame(), Blame::Us);
    assert_eq!(connection.poll_transmit(), None);
    connection.set_dialect(FrameDialect::PY38);
    connection.send(body).unwrap();
    let header = connection.poll_transmit().unwrap();
    assert!(header == b"\xff\xff\xff\xff\0\0\0\0\x80\0\0\0".as_slice(), "not to be printed");
    assert_eq!(connection.poll_transmit().map(|body| body.len()), Some(0x8000_0000), "not copied");
}

#[test]
fn small_messages_leave_together_and_long_ones_are_not_copied() {
    let mut connection = Connection::new(Config::default());
    connection.send_slice(b"a").unwrap();
    connection.send_slice(b"bc").unwrap();
    let long = Bytes::from(vec![1; COALESCE + 1]);
    connection.send(long.clone()).unwrap();
    connection.send_slice(b"d").unwrap();
    let chunks: Vec<Bytes> = std::iter::from_fn(|| connection.poll_transmit()).collect();
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[0], b"\0\0\0\x01a\0\0\0\x02bc\0\0\x40\x01".as_slice());
    assert_eq!(chunks[1].as_ptr(), long.as_ptr());
    assert_eq!(chunks[2], b"\0\0\0\x01d".as_slice());
}

#[test]
fn unframed_bytes_are_taken_between_messages() {
    let mut connection = Connection::new(Config::default());
    connection.handle_bytes(b"\0\0\0\x01aA\0\0\0\x01b").unwrap();
    assert_eq!(connection.poll_event(), Ok(Some(Event::Message(Bytes::from_static(b"a")))));
    assert_eq!(connection.take_unframed(1), Ok(Some(Bytes::from_static(b"A"))));
    assert_eq!(connection.poll_event(), Ok(Some(Event::Message(Bytes::from_static(b"b")))));
    assert_eq!(connection.take_unframed(1), Ok(None), "not yet");
}

#[test]
fn nothing_is_lost_when_the_state_machine_is_given_up() {
    let mut connection = Connection::new(Config::default());
    connection.handle_bytes(b"\0\0\0\x01a\0\0").unwrap();
    connection.send_slice(b"out").unwrap();
    connection.poll_event().unwrap();
    let (received, unsent) = connection.into_parts();
    assert_eq!((&received[..], unsent.concat()), (b"\0\0".as_slice(), b"\0\0\0\x03out".to_vec()));
}
