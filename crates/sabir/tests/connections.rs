//! Values and bytes between Rust and stock Pythons of every version, in both roles.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use sabir::net::handles::HandleRules;
use sabir::pickle::serde::{Class, Instance, Reduction};
use sabir::pickle::{AllowList, Graph, Version};
use sabir::reducer::Pickle;
use sabir::{Connection, Context, Error, Reducer, Timeouts};
use serde::{Deserialize, Serialize};
use support::{Peer, context, few_pythons, pythons};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point {
    x: i64,
    y: String,
}

fn point() -> Point {
    Point { x: 1, y: "two".into() }
}

#[test]
fn every_python_listener_is_sent_what_it_reads_and_answers() {
    for python in pythons() {
        for address in ["127.0.0.1:0".to_owned(), socket(&format!("listener-{}", python.version))] {
            let mut peer = Peer::start(&python, "connection.py", &["listen", &address]);
            let address = peer.line();
            let mut connection = context().client(&address).unwrap();
            connection.send(&("ahoy", 3)).unwrap();
            assert_eq!(connection.recv::<(String, u32)>().unwrap(), ("ahoy".into(), 3));
            assert!(peer.line().starts_with("tuple"));
            // Whatever a graph can say comes back from a Python that loaded it.
            let shared = Graph::from_slice(b"\x80\x04]\x94(h\0K\x01e.").unwrap();
            connection.send_graph(shared).unwrap();
            let back = connection.recv_graph().unwrap();
            assert_eq!(
                back.items(back.root()).unwrap()[0],
                back.root(),
                "{}: a list in itself",
                python.version
            );
            assert!(peer.line().starts_with("list"));
        }
    }
}

#[test]
fn every_python_client_is_read_and_answered() {
    for python in pythons() {
        let listener = context().listener("127.0.0.1:0").unwrap();
        let mut peer = Peer::start(&python, "connection.py", &["client", &listener.address().to_string()]);
        let mut connection = listener.accept().unwrap();
        // What Rust reads and writes by its types.
        assert_eq!(connection.recv::<Option<u8>>().unwrap(), None);
        connection.send(&()).unwrap();
        assert!(connection.recv::<bool>().unwrap());
        connection.send(&true).unwrap();
        assert_eq!(connection.recv::<u8>().unwrap(), 7);
        connection.send(&7).unwrap();
        assert_eq!(connection.recv::<u64>().unwrap(), 1 << 40);
        connection.send(&(1u64 << 40)).unwrap();
        // The others are as many graphs: -3 to Decimal('1.50').
        for _ in 0..10 {
            let graph = connection.recv_graph().unwrap();
            connection.send_graph(graph).unwrap();
        }
        let class = Class::new("geometry", "Point");
        let instance: Instance<Point> = connection.recv().unwrap();
        assert_eq!(instance, Instance { class, state: point() }, "{}", python.version);
        connection.send(&instance).unwrap();
        // Bytes as they are, empty and large.
        for length in [0, 10_000_000] {
            let message = connection.recv_bytes().unwrap();
            assert_eq!(message.len(), length);
            connection.send_bytes(&message).unwrap();
        }
        for value in 0..15 {
            assert_eq!(peer.line(), "same", "{}: value {value}", python.version);
        }
        assert_eq!(peer.line(), "done");
        assert!(matches!(connection.recv_bytes(), Err(Error::Eof)));
    }
}

#[test]
fn a_descriptor_goes_to_each_kind_of_python_and_one_comes_back_in_both_roles() {
    // 2.7, counted, counted with the handshake of 3.12 and newer, acknowledged.
    let kinds = [Version::new(2, 7), Version::new(3, 6), Version::new(3, 13), Version::new(3, 14)];
    for python in pythons().into_iter().filter(|python| kinds.contains(&python.version)) {
        let rules = HandleRules::of_python(python.version.major, python.version.minor);
        let address = socket(&format!("handles-listen-{}", python.version));
        let mut peer = Peer::start(&python, "connection.py", &["listen_handles", &address]);
        let mut connection = context().client(peer.line()).unwrap();
        trade_descriptors(&mut connection, &mut peer, rules);

        let listener = context().listener(socket(&format!("handles-{}", python.version))).unwrap();
        let address = listener.address().to_string();
        let mut peer = Peer::start(&python, "connection.py", &["client_handles", &address]);
        let mut connection = listener.accept().unwrap();
        trade_descriptors(&mut connection, &mut peer, rules);
    }
}

fn trade_descriptors(connection: &mut Connection, peer: &mut Peer, rules: HandleRules) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"from rust").unwrap();
    connection.send_handle(reader, rules).unwrap();
    assert_eq!(peer.line(), "from rust", "{}", peer.name);

    // The descriptor stands between two messages and takes nothing of either.
    assert_eq!(connection.recv::<String>().unwrap(), "here it comes", "{}", peer.name);
    connection.send(&std::process::id()).unwrap();
    let handle = connection.recv_handle(rules).unwrap();
    let mut text = String::new();
    File::from(handle).read_to_string(&mut text).unwrap();
    assert_eq!(text, "from python", "{}", peer.name);
    assert_eq!(connection.recv::<String>().unwrap(), "that was it", "{}", peer.name);
    connection.send("ahoy").unwrap();
    assert_eq!(peer.line(), "ahoy", "{}", peer.name);
}

/// What is on the wire, by its bytes: a reducer is a setting of each object, and of nothing else.
#[test]
fn two_contexts_of_one_process_write_by_their_own_reducers() {
    let protocol = |number| Context::new().reducer(Pickle::protocol(number));
    for (context, start) in [(protocol(2), &b"\x80\x02"[..]), (protocol(4), b"\x80\x04"), (protocol(0), b"V")]
    {
        let (mut one, mut other) = context.pipe().unwrap();
        one.send("ahoy").unwrap();
        assert!(other.recv_bytes().unwrap().starts_with(start), "{context:?}");
    }
}

#[test]
fn one_connection_can_be_given_another_reducer() {
    let context = Context::new().reducer(Pickle::protocol(2));
    let (mut one, mut other) = context.pipe().unwrap();
    one.set_reducer(Pickle::protocol(5));
    one.send("ahoy").unwrap();
    other.send("ahoy").unwrap();
    assert!(other.recv_bytes().unwrap().starts_with(b"\x80\x05"));
    assert!(one.recv_bytes().unwrap().starts_with(b"\x80\x02"));
}

#[test]
fn what_a_listener_accepts_has_its_reducer_whatever_the_context_says_later() {
    let context = Context::new().reducer(Pickle::protocol(3));
    let listener = context.listener("127.0.0.1:0").unwrap();
    let _other = context.clone().reducer(Pickle::protocol(1));
    let mut client = Context::new().client(listener.address()).unwrap();
    let mut accepted = listener.accept().unwrap();
    accepted.send("ahoy").unwrap();
    assert!(client.recv_bytes().unwrap().starts_with(b"\x80\x03"));
    // The client goes by what it has seen: whoever writes 3 reads 4.
    client.send("ahoy").unwrap();
    assert!(accepted.recv_bytes().unwrap().starts_with(b"\x80\x04"));
}

#[test]
fn a_reduction_is_known_to_the_context_that_has_it_and_to_no_other() {
    let class = Class::new("geometry", "Point");
    let plain = Context::new();
    let with =
        plain.clone().reducer(Pickle::adaptive().register("Point", Reduction::Instance(class.clone())));
    let (mut one, mut other) = with.pipe().unwrap();
    one.send(&point()).unwrap();
    assert_eq!(other.recv::<Instance<Point>>().unwrap().class, class);
    let (mut one, mut other) = plain.pipe().unwrap();
    one.send(&point()).unwrap();
    assert!(matches!(other.recv::<Instance<Point>>(), Err(Error::Loads { .. })));
}

#[test]
fn a_python_has_an_instance_of_its_class_of_a_registered_struct() {
    let reduction = Reduction::Instance(Class::new("geometry", "Point"));
    let context = context().reducer(Pickle::adaptive().register("Point", reduction));
    for python in pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["listen", "127.0.0.1:0"]);
        let mut connection = context.client(peer.line()).unwrap();
        connection.send(&point()).unwrap();
        let shown = peer.line();
        // Attributes have native names in 2.7 too; text is its `unicode`.
        assert!(shown.starts_with("Point [('x', 1), ('y', "), "{}: {shown}", python.version);
        assert_eq!(connection.recv::<Instance<Point>>().unwrap().state, point());
    }
}

#[test]
fn the_process_default_can_be_changed_late_and_holds_for_what_is_made_after() {
    // No other test of this process looks at it.
    let (mut before, mut reader) = Context::current().pipe().unwrap();
    Context::new().reducer(Pickle::protocol(1)).set_current();
    before.send(&[1]).unwrap();
    assert!(reader.recv_bytes().unwrap().starts_with(b"\x80\x05"));
    let (mut after, mut reader) = sabir::pipe().unwrap();
    after.send(&[1]).unwrap();
    assert_eq!(reader.recv_bytes().unwrap(), &b"(K\x01t."[..]);
    Context::new().set_current();
}

#[test]
fn a_peer_is_written_to_in_the_highest_protocol_that_it_is_known_to_read() {
    for python in pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["listen", "127.0.0.1:0"]);
        let address = peer.line();
        let context = context();
        let mut connection = context.client(&address).unwrap();
        let first = if python.version >= Version::new(3, 12) { 4 } else { 2 };
        assert_eq!(connection.peer().protocol(), first, "{}, by its challenge", python.version);
        connection.send("ahoy").unwrap();
        connection.recv::<String>().unwrap();
        let highest = python.version.highest_protocol();
        assert_eq!(connection.peer().protocol(), highest, "{}, by what it wrote", python.version);
        drop(connection);
        let again = context.client(&address).unwrap();
        assert_eq!(again.peer().protocol(), highest, "{}, remembered", python.version);
    }
}

#[test]
fn two_of_us_without_a_key_learn_of_each_other_and_every_stock_python_reads_what_tells_them() {
    // In the other tests a key tells more; here it does not.
    let open = || Context::new().timeouts(Timeouts::all(Duration::from_secs(30)));
    for python in pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["listen_open", "127.0.0.1:0"]);
        let mut connection = open().client(peer.line()).unwrap();
        for value in ["ahoy", "again"] {
            connection.send(value).unwrap();
            assert_eq!(connection.recv::<String>().unwrap(), value, "{}", python.version);
        }
        // A stock peer is known by its own words alone.
        let highest = python.version.highest_protocol();
        assert_eq!(connection.peer().protocol(), highest, "{}", python.version);
    }
    let listener = open().listener("127.0.0.1:0").unwrap();
    let mut one = open().client(listener.address()).unwrap();
    let mut other = listener.accept().unwrap();
    one.send(&[1]).unwrap();
    let first = other.recv_bytes().unwrap();
    assert!(first.starts_with(b"\x80\x02\x80\x02"), "{first:?}");
    assert_eq!(Reducer::default().loads::<[u8; 1]>(&first).unwrap(), [1]);
    other.send(&[1]).unwrap();
    assert!(one.recv_bytes().unwrap().starts_with(b"\x80\x05"));
    one.send(&[1]).unwrap();
    assert!(other.recv_bytes().unwrap().starts_with(b"\x80\x05"));
}

#[test]
fn half_a_message_and_silence_end_at_the_deadline() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["mute", "127.0.0.1:0"]);
        let mut connection = context().client(peer.line()).unwrap();
        assert_eq!(peer.line(), "silent");
        connection.set_timeouts(connection.timeouts().recv(Duration::from_millis(100)));
        let started = Instant::now();
        let error = connection.recv::<u8>().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        peer.kill();
        connection.set_timeouts(connection.timeouts().recv(Duration::from_secs(20)));
        let error = connection.recv::<u8>().unwrap_err();
        assert!(!error.is_timeout(), "it died in mid-message: {error}");
        assert!(started.elapsed() < Duration::from_secs(15));
    }
}

#[test]
fn peers_that_say_nothing_or_know_no_key_keep_nobody_waiting() {
    let listener = context().listener("127.0.0.1:0").unwrap();
    let address = listener.address().clone();
    let silent: Vec<_> = (0..50).map(|_| Context::new().client(&address).unwrap()).collect();
    let stranger = std::thread::spawn({
        let address = address.clone();
        move || Context::new().authkey(b"wrong").client(&address).unwrap_err()
    });
    let client = std::thread::spawn(move || context().client(&address).unwrap().send("ahoy"));
    assert_eq!(listener.accept().unwrap().recv::<String>().unwrap(), "ahoy");
    client.join().unwrap().unwrap();
    // The stranger is answered by whoever waits next.
    let next = std::thread::spawn(move || {
        let accepted = listener.accept();
        (accepted, listener.refused())
    });
    let error = stranger.join().unwrap();
    assert!(error.to_string().contains("digest"), "{error}");
    drop(silent);
    let (accepted, refused) = {
        // Nobody else comes: it gives up at its deadline, and says who was turned away.
        next.join().unwrap()
    };
    assert!(accepted.unwrap_err().is_timeout());
    assert!(refused.iter().any(|error| error.to_string().contains("digest")), "{refused:?}");
}

#[test]
fn a_message_that_is_no_such_value_leaves_the_connection_whole() {
    let (mut one, mut other) = Context::new().pipe().unwrap();
    one.send("text").unwrap();
    one.send_bytes(b"no pickle").unwrap();
    one.send(&5).unwrap();
    let Err(Error::Loads { message, .. }) = other.recv::<u8>() else { panic!("text was read as a number") };
    assert_eq!(Reducer::default().loads::<String>(&message).unwrap(), "text");
    assert!(matches!(other.recv::<u8>(), Err(Error::Loads { .. })));
    assert_eq!(other.recv::<u8>().unwrap(), 5);
}

/// The peers send a date as the 13th of their values: nothing else of the first 14 names anything that is not allowed here.
#[test]
fn a_name_that_is_not_allowed_is_an_error_with_its_place_and_the_connection_goes_on() {
    for python in pythons() {
        let mut allow = AllowList::builtin();
        allow.add("geometry.Point").unwrap();
        let no_dates = {
            let mut list = AllowList::empty();
            for name in ["builtins.set", "_codecs.encode", "decimal.Decimal", "geometry.Point"] {
                list.add(name).unwrap();
            }
            list
        };
        for (list, dates) in [(allow, true), (no_dates, false)] {
            let listener = context().allow(list).listener("127.0.0.1:0").unwrap();
            let address = listener.address().to_string();
            let _peer = Peer::start(&python, "connection.py", &["client", &address]);
            let mut connection = listener.accept().unwrap();
            for place in 0..15 {
                // As a graph and as a value, in turn.
                let error = if place % 2 == 0 {
                    let message = connection.recv_graph();
                    message.and_then(|graph| connection.send_graph(graph)).err()
                } else {
                    connection.recv::<serde::de::IgnoredAny>().and_then(|_| connection.send(&())).err()
                };
                let Some(error) = error else {
                    assert!(dates || place != 12, "{}", python.version);
                    continue;
                };
                assert!(!dates && place == 12, "{}: value {place}: {error}", python.version);
                let text = error.to_string();
                assert!(
                    text.contains("datetime.date is not allowed at offset "),
                    "{}: {text}",
                    python.version
                );
                let Error::Loads { message, .. } = error else { panic!("{error}") };
                assert!(Reducer::default().loads::<String>(&message).is_ok(), "it is data all the same");
                connection.send(&()).unwrap();
            }
            for _ in 0..2 {
                let message = connection.recv_bytes().unwrap();
                connection.send_bytes(&message).unwrap();
            }
        }
    }
}

#[test]
fn a_peer_that_does_not_read_ends_a_send_at_the_deadline() {
    let context = Context::new().timeouts(Timeouts::all(Duration::from_millis(200)));
    let (mut one, _other) = context.pipe().unwrap();
    let error = one.send_bytes(&vec![0; 50_000_000]).unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

/// The address of a Unix socket that nobody else uses.
fn socket(name: &str) -> String {
    format!("unix:{}/sabir-{name}-{}", std::env::temp_dir().display(), std::process::id())
}
