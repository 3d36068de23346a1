use serde::{Deserialize, Serialize};

use super::*;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Job {
    name: String,
    sizes: Vec<u32>,
    note: Option<f64>,
}

fn job() -> Job {
    Job { name: "größe".into(), sizes: vec![640, 70_000], note: None }
}

/// Every reducer that this build has.
fn all() -> Vec<Reducer> {
    let mut all: Vec<Reducer> = (0..=5).map(|protocol| Pickle::protocol(protocol).into()).collect();
    all.push(Reducer::default());
    #[cfg(feature = "json")]
    all.push(Reducer::Json);
    #[cfg(feature = "msgpack")]
    all.push(Reducer::MessagePack);
    #[cfg(feature = "cbor")]
    all.push(Reducer::Cbor);
    all
}

#[test]
fn every_reducer_reads_what_it_writes() {
    for reducer in all() {
        let message = reducer.dumps(&job(), Peer::STRANGER).unwrap();
        assert_eq!(reducer.loads::<Job>(&message).unwrap(), job(), "{reducer:?}");
    }
}

#[test]
fn every_reducer_refuses_a_message_that_is_cut_or_goes_on() {
    for reducer in all() {
        let message = reducer.dumps(&job(), Peer::STRANGER).unwrap();
        let cut = &message[..message.len() - 1];
        assert!(reducer.loads::<Job>(cut).is_err(), "{reducer:?}");
        let longer = [&message[..], b"\x01"].concat();
        // Python's unpickler stops at STOP, whatever follows.
        assert!(
            matches!(reducer, Reducer::Pickle(_)) || reducer.loads::<Job>(&longer).is_err(),
            "{reducer:?}"
        );
    }
}

#[test]
fn a_stranger_gets_protocol_2_and_others_what_they_read() {
    let reducer = Reducer::default();
    for (peer, start) in
        [(Peer::STRANGER, b"\x80\x02"), (Peer::reading(4), b"\x80\x04"), (Peer::EQUAL, b"\x80\x05")]
    {
        assert!(reducer.dumps("ahoy", peer).unwrap().starts_with(start));
    }
}

#[test]
fn a_pinned_protocol_does_not_follow_the_peer() {
    for protocol in 2..=5 {
        let pinned = Reducer::from(Pickle::protocol(protocol));
        assert!(pinned.dumps("ahoy", Peer::EQUAL).unwrap().starts_with(&[0x80, protocol]));
    }
    assert!(Reducer::from(Pickle::protocol(6)).dumps("ahoy", Peer::EQUAL).is_err());
}

#[cfg(all(feature = "cbor", feature = "msgpack"))]
#[test]
fn a_message_of_nothing_but_brackets_ends_no_stack() {
    /// Lists in lists, however deep.
    #[derive(Deserialize, Debug)]
    struct Lists(#[expect(dead_code, reason = "only that it is read")] Vec<Lists>);

    for (reducer, bracket) in
        [(Reducer::MessagePack, 0x91), (Reducer::Cbor, 0x81), (Reducer::default(), b']')]
    {
        let message = vec![bracket; 1_000_000];
        let error = reducer.loads::<Lists>(&message).unwrap_err().to_string();
        assert!(!error.is_empty(), "{reducer:?}");
        assert!(reducer.loads::<serde::de::IgnoredAny>(&message).is_err(), "{reducer:?}");
    }
}
