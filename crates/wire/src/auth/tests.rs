use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::error::{AuthError, Blame};

fn key() -> AuthKey {
    AuthKey::new(*b"secret")
}

fn nonce(seed: u8) -> Nonce {
    Nonce::new(core::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u8)))
}

/// A peer of 3.11 or older: 20 bytes, raw digests over whatever it is challenged with. A vendor's takes SHA-256.
fn old_peer(legacy_digest: LegacyDigest) -> AuthOptions {
    AuthOptions { challenge: Challenge::Legacy, legacy_digest, ..AuthOptions::default() }
}

struct Outcome {
    listener: Next,
    client: Next,
    /// Every message on the wire, in order.
    wire: Vec<(Sender, Bytes)>,
}

/// Runs two handshakes against each other, to the end of both.
fn run(mut listener: Handshake, mut client: Handshake) -> Outcome {
    let mut outcome = Outcome { listener: Next::Read, client: Next::Read, wire: Vec::new() };
    let mut in_flight: Vec<(Sender, Bytes)> =
        listener.start().send.into_iter().map(|body| (Sender::Listener, body)).collect();
    assert_eq!(client.start().send, Vec::<Bytes>::new(), "the listener challenges first");
    while !in_flight.is_empty() {
        let (from, body) = in_flight.remove(0);
        let (receiver, next, me) = match from {
            Sender::Listener => (&mut client, &mut outcome.client, Sender::Client),
            Sender::Client => (&mut listener, &mut outcome.listener, Sender::Listener),
        };
        let step = receiver.handle_message(&body);
        *next = step.next;
        in_flight.extend(step.send.into_iter().map(|body| (me, body)));
        outcome.wire.push((from, body));
    }
    outcome
}

fn hints(next: &Next) -> PeerHints {
    match next {
        Next::Done(hints) => *hints,
        other => panic!("not authenticated: {other:?}"),
    }
}

#[test]
fn modern_ends_authenticate_with_sha256() {
    let both = AuthOptions { min_auth: MinAuth::Sha256, ..AuthOptions::default() };
    let outcome =
        run(Handshake::accepting(key(), nonce(1), both), Handshake::connecting(key(), nonce(2), both));
    let lengths: Vec<usize> = outcome.wire.iter().map(|(_, body)| body.len()).collect();
    assert_eq!(lengths, [59, 40, 9, 59, 40, 9]);
    for next in [&outcome.listener, &outcome.client] {
        assert_eq!(hints(next).era(), Some(Era::From312));
        assert_eq!(hints(next).response, Some(ResponseStyle::Named(Digest::Sha256)));
    }
}

#[test]
fn a_vendor_client_is_recognised_and_answered_in_its_own_dialect() {
    // It answers our {sha256} challenge in raw SHA-256 over all of it, then expects the same of us; no option set.
    let mut listener = Handshake::accepting(key(), nonce(1), AuthOptions::default());
    let challenge = listener.start().send.remove(0);
    let response = Digest::Sha256.mac(&key(), &challenge[CHALLENGE.len()..]);
    let step = listener.handle_message(&response);
    assert_eq!((step.send, step.next), (vec![Bytes::from_static(WELCOME)], Next::Read));
    let theirs: [u8; 20] = [9; 20];
    let step = listener.handle_message(&[CHALLENGE, &theirs].concat());
    assert_eq!(step.send, [Bytes::copy_from_slice(&Digest::Sha256.mac(&key(), &theirs))]);
    let peer = hints(&listener.handle_message(WELCOME).next);
    assert!(peer.is_vendor_build());
    assert_eq!(peer.era(), Some(Era::UpTo311));
}

#[test]
fn a_vendor_listener_needs_the_option() {
    let vendor = || Handshake::accepting(key(), nonce(1), old_peer(LegacyDigest::Sha256Raw));
    let told = AuthOptions { legacy_digest: LegacyDigest::Sha256Raw, ..AuthOptions::default() };
    let outcome = run(vendor(), Handshake::connecting(key(), nonce(2), told));
    assert_eq!(outcome.wire[1].1.len(), 32);
    assert_eq!(hints(&outcome.listener).response, Some(ResponseStyle::RawSha256));
    // Also when md5 is refused, since sha256 is what is sent.
    let strict = AuthOptions { min_auth: MinAuth::Sha256, ..told };
    hints(&run(vendor(), Handshake::connecting(key(), nonce(2), strict)).client);
}

#[test]
fn an_old_client_is_answered_in_md5() {
    let outcome = run(
        Handshake::accepting(key(), nonce(1), AuthOptions::default()),
        Handshake::connecting(key(), nonce(2), old_peer(LegacyDigest::Md5)),
    );
    let lengths: Vec<usize> = outcome.wire.iter().map(|(_, body)| body.len()).collect();
    // Our own answerer follows the {sha256} of the challenge; golden.rs has what 2.7 to 3.11 do.
    assert_eq!(lengths, [59, 40, 9, 31, 16, 9]);
    assert_eq!(hints(&outcome.listener).era(), Some(Era::UpTo311));
}

#[test]
fn a_wrong_key_is_told_to_the_peer_before_the_error() {
    let other = AuthKey::new(*b"Secret");
    let outcome = run(
        Handshake::accepting(key(), nonce(1), AuthOptions::default()),
        Handshake::connecting(other, nonce(2), AuthOptions::default()),
    );
    let style = ResponseStyle::Named(Digest::Sha256);
    assert_eq!(outcome.wire.last(), Some(&(Sender::Listener, Bytes::from_static(FAILURE))));
    assert_eq!(outcome.listener, Next::Fail(AuthError::DigestReceivedWasWrong { style }));
    assert_eq!(outcome.client, Next::Fail(AuthError::DigestSentWasRejected { style }));
}

#[test]
fn min_auth_refuses_md5_in_both_directions() {
    let strict = AuthOptions { min_auth: MinAuth::Sha256, ..AuthOptions::default() };
    let listener = Handshake::accepting(key(), nonce(1), strict);
    let challenge = listener.start().send.remove(0);
    let message = &challenge[CHALLENGE.len()..];
    // The MACs are right: the dialect is what is refused, raw and named.
    for response in [
        Digest::Md5.mac(&key(), message).to_vec(),
        [b"{md5}".as_slice(), &Digest::Md5.mac(&key(), message)].concat(),
    ] {
        let mut listener = Handshake::accepting(key(), nonce(1), strict);
        let step = listener.handle_message(&response);
        assert_eq!(step.send, [Bytes::from_static(FAILURE)]);
        assert!(matches!(step.next, Next::Fail(AuthError::TooWeak { .. })));
    }
    for challenge in
        [b"#CHALLENGE#01234567890123456789".as_slice(), b"#CHALLENGE#{md5}0123456789012345678901"]
    {
        let step = Handshake::connecting(key(), nonce(2), strict).handle_message(challenge);
        assert_eq!(step.send, Vec::<Bytes>::new(), "nothing is given away");
        assert!(matches!(step.next, Next::Fail(AuthError::TooWeak { .. })));
    }
}

#[test]
fn an_empty_key_still_authenticates() {
    let empty = || AuthKey::new(*b"");
    let connect = |key| Handshake::connecting(key, nonce(2), AuthOptions::default());
    let accept = |key| Handshake::accepting(key, nonce(1), AuthOptions::default());
    hints(&run(accept(empty()), connect(empty())).client);
    assert!(matches!(run(accept(empty()), connect(key())).listener, Next::Fail(_)));
}

#[test]
fn messages_above_256_bytes_are_refused_in_both_roles() {
    let long = [CHALLENGE, &[0; 246]].concat();
    assert_eq!(long.len(), 257);
    let refused = Next::Fail(AuthError::TooLong { length: 257 });
    assert_eq!(
        Handshake::accepting(key(), nonce(1), AuthOptions::default()).handle_message(&long).next,
        refused
    );
    assert_eq!(
        Handshake::connecting(key(), nonce(1), AuthOptions::default()).handle_message(&long).next,
        refused
    );
    let at_the_limit = &long[..256];
    let step = Handshake::connecting(key(), nonce(1), AuthOptions::default()).handle_message(at_the_limit);
    assert_eq!(step.next, Next::Read);
}

#[test]
fn a_handshake_that_is_over_stays_over() {
    let mut client = Handshake::connecting(key(), nonce(2), AuthOptions::default());
    assert!(matches!(
        client.handle_message(b"hello").next,
        Next::Fail(AuthError::NotAChallenge { length: 5 })
    ));
    let step = client.handle_message(b"#CHALLENGE#01234567890123456789");
    assert_eq!((step.send.len(), &step.next), (0, &Next::Fail(AuthError::Over)));
    assert_eq!(AuthError::Over.blame(), Blame::ApiMisuse);
}

#[test]
fn a_challenge_with_another_name_is_refused_by_that_name() {
    let mut client = Handshake::connecting(key(), nonce(2), AuthOptions::default());
    let Next::Fail(error) = client.handle_message(b"#CHALLENGE#{sha512}0123456789012345678901").next else {
        panic!("answered")
    };
    assert_eq!(error.to_string(), "unsupported digest {sha512} in the challenge");
}

#[test]
fn a_response_has_the_length_of_its_digest() {
    let style = |name: &[u8], length: usize| {
        ResponseStyle::parse(&[name, &vec![7; length]].concat()).map(|(_, style)| style)
    };
    assert_eq!(style(b"", 16), Some(ResponseStyle::RawMd5));
    assert_eq!(style(b"", 32), Some(ResponseStyle::RawSha256));
    for digest in Digest::ALL {
        let name = alloc::format!("{{{digest}}}");
        assert_eq!(style(name.as_bytes(), digest.mac_len()), Some(ResponseStyle::Named(digest)));
        assert_eq!(style(name.as_bytes(), digest.mac_len() + 1), None);
    }
    for length in [0, 15, 17, 20, 33, 40] {
        assert_eq!(style(b"", length), None, "{length} raw bytes");
    }
    assert_eq!(style(b"{sha1}", 20), None);
}

#[test]
fn a_key_is_never_printed() {
    let handshake = Handshake::accepting(key(), nonce(1), AuthOptions::default());
    for text in [alloc::format!("{:?}", key()), alloc::format!("{handshake:?}")] {
        assert!(!text.contains("secret") && !text.contains("115, 101, 99"), "{text}");
    }
}

mod observer {
    use super::*;

    /// Observes a whole handshake between the two.
    fn watch(listener: Handshake, client: Handshake) -> (Observer, Outcome) {
        let outcome = run(listener, client);
        let mut observer = Observer::new();
        for (n, (from, body)) in outcome.wire.iter().enumerate() {
            assert_eq!(observer.ended(), None, "before message {n}");
            assert_eq!(observer.observe(*from, body), Part::Handshake, "message {n}");
        }
        (observer, outcome)
    }

    #[test]
    fn sees_what_the_ends_see() {
        let old = old_peer(LegacyDigest::Md5);
        let vendor = old_peer(LegacyDigest::Sha256Raw);
        let new = AuthOptions::default();
        for (listening, connecting) in [(new, new), (old, new), (new, old), (old, old), (vendor, vendor)] {
            let (observer, outcome) = watch(
                Handshake::accepting(key(), nonce(1), listening),
                Handshake::connecting(key(), nonce(2), connecting),
            );
            assert_eq!(observer.ended(), Some(Ended::Authenticated));
            assert_eq!(observer.hints(Sender::Client), hints(&outcome.listener));
            assert_eq!(observer.hints(Sender::Listener), hints(&outcome.client));
        }
    }

    #[test]
    fn sees_who_refused() {
        let (observer, _) = watch(
            Handshake::accepting(key(), nonce(1), AuthOptions::default()),
            Handshake::connecting(AuthKey::new(*b"other"), nonce(2), AuthOptions::default()),
        );
        assert_eq!(observer.ended(), Some(Ended::Failed(Sender::Listener)));
    }

    #[test]
    fn lets_go_at_once_where_there_is_no_handshake() {
        for from in [Sender::Client, Sender::Listener] {
            for body in [b"".as_slice(), b"\x80\x04N.", b"#CHALLENG", b"#WELCOME#"] {
                let mut observer = Observer::new();
                assert_eq!(observer.observe(from, body), Part::Application);
                assert_eq!(observer.ended(), Some(Ended::Unfinished));
            }
        }
        // A client that challenges first is no client of a Listener.
        let mut observer = Observer::new();
        assert_eq!(observer.observe(Sender::Client, b"#CHALLENGE#01234567890123456789"), Part::Application);
    }

    #[test]
    fn takes_no_message_after_the_phase_for_a_handshake() {
        let (authenticated, outcome) = watch(
            Handshake::accepting(key(), nonce(1), AuthOptions::default()),
            Handshake::connecting(key(), nonce(2), AuthOptions::default()),
        );
        for from in [Sender::Client, Sender::Listener] {
            for (_, body) in &outcome.wire {
                let mut observer = authenticated.clone();
                assert_eq!(observer.observe(from, body), Part::Application);
                assert_eq!(observer.ended(), Some(Ended::Authenticated));
            }
        }
    }

    #[test]
    fn the_first_request_right_behind_the_last_welcome_is_the_applications() {
        let (mut observer, _) = watch(
            Handshake::accepting(key(), nonce(1), AuthOptions::default()),
            Handshake::connecting(key(), nonce(2), AuthOptions::default()),
        );
        assert_eq!(observer.observe(Sender::Client, &[0x80; 16]), Part::Application);
    }

    #[test]
    fn one_sided_authentication_ends_with_the_first_other_message() {
        let mut observer = Observer::new();
        assert_eq!(observer.observe(Sender::Listener, b"#CHALLENGE#01234567890123456789"), Part::Handshake);
        assert_eq!(observer.observe(Sender::Client, &[1; 16]), Part::Handshake);
        assert_eq!(observer.observe(Sender::Listener, WELCOME), Part::Handshake);
        assert_eq!(observer.observe(Sender::Listener, b"\x80\x02N."), Part::Application);
        assert_eq!(observer.ended(), Some(Ended::Unfinished));
        assert_eq!(observer.hints(Sender::Client).response, Some(ResponseStyle::RawMd5));
    }

    #[test]
    fn a_client_without_a_key_is_let_go_with_its_first_request() {
        let mut observer = Observer::new();
        let request = b"\x80\x04\x95\x09\0\0\0\0\0\0\0\x8c\x02hi\x94N\x86\x94.";
        assert_eq!(observer.observe(Sender::Listener, b"#CHALLENGE#01234567890123456789"), Part::Handshake);
        assert_eq!(observer.observe(Sender::Client, request), Part::Application);
        assert_eq!(observer.observe(Sender::Listener, FAILURE), Part::Application);
    }
}
