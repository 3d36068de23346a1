//! Connections of `Listener` and `Client`, without a manager.

use super::policies::strict;
use super::*;

const RAW: [&[u8]; 6] = [
    b"",
    b"hello",
    b"\x80\x04",
    b"\x80\x09N.",
    // A pickle and more, and two pickles.
    b"\x80\x02N.x",
    b"\x80\x02N.\x80\x02N.",
];

#[test]
fn what_is_no_pickle_passes_byte_for_byte() {
    for from in [Side::Client, Side::Server] {
        let mut pair = Pair::new(Config { client_protocol: Some(0), ..Config::default() });
        for body in RAW {
            assert!(matches!(pair.says(from, body), Outcome::Pass), "{}", body.escape_ascii());
        }
        // Opcodes that no unpickler gets through.
        assert!(matches!(pair.says(from, b"\x80\x04ee."), Outcome::Pass));
        assert!(matches!(pair.says(from, b"\x80\x04hello."), Outcome::Pass));
    }
}

#[test]
fn bytes_that_ask_for_a_buffer_beside_them_are_no_pickle_of_a_frame() {
    // `send_bytes(b'\x80\x05\x97.')` once closed the connection.
    let mut pair = Pair::new(Config::default());
    assert!(matches!(pair.says(Side::Client, b"\x80\x05\x97."), Outcome::Pass));
    for config in [strict(), Config { mode: Mode::Pickle, ..Config::default() }] {
        let outcome = Pair::new(config).says(Side::Client, b"\x80\x05\x97.");
        assert!(matches!(outcome, Outcome::Close(RelayError::Untranslatable { .. })), "{outcome:?}");
    }
}

#[test]
fn in_mode_pickle_everything_must_be_one() {
    let mut pair = Pair::new(Config { mode: Mode::Pickle, ..Config::default() });
    assert!(matches!(pair.says(Side::Client, b"hello"), Outcome::Close(RelayError::Malformed { .. })));
    assert!(matches!(pair.says(Side::Client, b"\x80\x04ee."), Outcome::Close(RelayError::Malformed { .. })));
    assert_eq!(pair.gives(Side::Client, b"(I1\nI2\nt."), b"(I1\nI2\nt.", "protocol 0 is read by everybody");
    assert_eq!(pair.gives(Side::Client, b"\x80\x04\x8c\x01a."), b"\x80\x02X\x01\0\0\0a.");
}

#[test]
fn in_mode_raw_everything_passes() {
    let config =
        Config { mode: Mode::Raw, client_protocol: Some(2), server_protocol: Some(2), ..Config::default() };
    let mut pair = Pair::new(config);
    let hello = PY313.request(None, "dummy", |_| vec![]);
    assert!(matches!(pair.says(Side::Client, &hello), Outcome::Pass));
    assert_eq!(pair.events(), []);
}

#[test]
fn an_unknown_reader_gets_protocol_2_and_a_known_one_what_it_reads() {
    let mut pair = Pair::new(Config::default());
    let pickle = PY313.pickle(|g| g.text("hello"));
    assert_eq!(pair.gives(Side::Client, &pickle), b"\x80\x02X\x05\0\0\0hello.");
    // The server turns out to be 3.6, which reads protocol 4, then 2.7.
    pair.says(Side::Server, b"\x80\x03N.");
    assert!(matches!(pair.says(Side::Client, &pickle), Outcome::Pass));
    pair.says(Side::Server, b"\x80\x02U\x01a.");
    assert_eq!(pair.gives(Side::Client, &pickle), b"\x80\x02X\x05\0\0\0hello.");
}

#[test]
fn protocol_5_is_written_as_4_for_3_6() {
    let mut pair = Pair::new(Config::default());
    pair.says(Side::Server, b"\x80\x03N.");
    let pickle = PY314.pickle(|g| {
        let blob = g.graph.store(b"abc");
        g.graph.add(Node::ByteArray(blob))
    });
    assert_eq!(show(&pair.gives(Side::Client, &pickle)), "4 builtins.bytearray(b'abc')");
}

#[test]
fn a_handshake_of_3_12_is_enough_for_protocol_4() {
    let mut pair = Pair::new(Config::default());
    let from_312 = Pythons::between(Version::new(3, 12), Version::new(3, 255));
    pair.relay.learn(Side::Server, from_312, &mut pair.server);
    let pickle = PY313.pickle(|g| g.text("hello"));
    assert!(matches!(pair.says(Side::Client, &pickle), Outcome::Pass));
    assert!(pair.events().contains(&Event::Pythons { side: Side::Server, pythons: from_312 }));
}

#[test]
fn what_is_known_of_a_server_serves_its_next_connections() {
    let mut pair = Pair::new(Config::default());
    pair.says(Side::Server, b"\x80\x04N.");
    let next = Pair::new(Config::default());
    let mut next = Pair { server: pair.server, ..next };
    assert!(matches!(next.says(Side::Client, b"\x80\x05\x8c\x01a."), Outcome::Pass));
}

#[test]
fn a_pinned_protocol_is_not_exceeded() {
    let mut pair = Pair::new(Config { server_protocol: Some(3), ..Config::default() });
    pair.says(Side::Server, b"\x80\x04N.");
    assert_eq!(pair.gives(Side::Client, b"\x80\x04\x8c\x01a."), b"\x80\x03X\x01\0\0\0a.");
    assert!(matches!(pair.says(Side::Client, b"\x80\x02X\x01\0\0\0a."), Outcome::Pass));
}

#[test]
fn names_are_those_of_the_reader() {
    let mut pair = Pair::new(Config::default());
    pair.says(Side::Server, b"\x80\x02U\x01a.");
    let empty = b"\x80\x04\x8c\x06_queue\x94\x8c\x05Empty\x94\x93\x94)R\x94.";
    assert_eq!(show(&pair.gives(Side::Client, empty)), "2 Queue.Empty()");
    // Between versions that have the name it stays, and so does the pickle.
    pair.says(Side::Server, b"\x80\x04N.");
    assert!(matches!(pair.says(Side::Client, empty), Outcome::Pass));
}

#[test]
fn strings_of_2_7_become_text_or_bytes_by_policy() {
    let strings = b"\x80\x02U\x01aU\x02\xc3\xa9U\x02\xff\xfe\x87.";
    let cases = [
        (Py2Str::Utf8ElseBytes, "5 (s'a' u'\\xc3\\xa9' b'\\xff\\xfe')"),
        (Py2Str::Latin1, "5 (s'a' u'\\xc3\\x83\\xc2\\xa9' u'\\xc3\\xbf\\xc3\\xbe')"),
        (Py2Str::Bytes, "5 (b'a' b'\\xc3\\xa9' b'\\xff\\xfe')"),
    ];
    for (policy, wanted) in cases {
        let translation = Translation::new(Names::builtin(), policy, Py2Text::Unicode);
        let mut pair = Pair::new(Config { translation, ..Config::default() });
        pair.says(Side::Server, b"\x80\x04N.");
        assert_eq!(show(&pair.gives(Side::Client, strings)), wanted);
    }
}

#[test]
fn what_a_policy_forbids_closes_a_connection_that_has_no_word_for_it() {
    let translation = Translation::new(Names::builtin(), Py2Str::Strict, Py2Text::Unicode);
    let mut pair = Pair::new(Config { translation, ..Config::default() });
    pair.says(Side::Server, b"\x80\x04N.");
    let Outcome::Close(error) = pair.says(Side::Client, b"\x80\x02U\x01\xff.") else { panic!("not closed") };
    assert_eq!(
        error.to_string(),
        "what the client sent cannot be written for the server: cannot be written: a str that is not ASCII, and the \
         policy for str is strict"
    );
}

#[test]
fn what_grows_beyond_the_limit_is_an_error() {
    let mut pair = Pair::new(Config { max_message: Some(10), ..Config::default() });
    let long = PY313.pickle(|g| g.text("hello world"));
    assert!(matches!(pair.says(Side::Client, &long), Outcome::Close(RelayError::TooLong { limit: 10, .. })));
}

#[test]
fn the_first_frame_tells_what_a_connection_is_for() {
    let request = PY313.request(None, "dummy", |_| vec![]);
    let cases: [(Side, &[u8], bool); 5] = [
        (Side::Client, &request, true),
        (Side::Client, b"(NS'dummy'\n(t(dt.", true),
        (Side::Server, &request, false),
        (Side::Client, b"\x80\x02(U\x01aU\x01b)}t.", false),
        (Side::Client, b"<?xml version='1.0'?>", false),
    ];
    for (from, body, manager) in cases {
        let mut pair = Pair::new(Config::default());
        pair.says(from, body);
        assert_eq!(pair.events()[0], Event::Recognised { manager });
        assert_eq!(pair.relay.is_manager(), manager);
    }
}

#[test]
fn unpolled_events_are_counted_and_dropped() {
    let mut pair = Pair::new(Config::default());
    let foreign = PY313.pickle(|g| g.token("dict", &inet("10.0.0.9", 1), "7f"));
    for _ in 0..300 {
        pair.says(Side::Client, &foreign);
    }
    let events = pair.events();
    assert_eq!(events.len(), 257);
    assert!(matches!(events[256], Event::Dropped(46..)), "{:?}", events[256]);
}
