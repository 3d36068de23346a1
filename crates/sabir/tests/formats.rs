//! MessagePack, CBOR and JSON between Rust and Python's own packages, in both roles: the tables of the reducers' docs.
#![cfg(all(unix, feature = "cbor", feature = "json", feature = "msgpack"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use sabir::pickle::Version;
use sabir::pickle::serde::{ByteArray, Set};
use sabir::{Connection, Reducer};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{Peer, context, pythons};

/// A Python that packs and unpacks, and our end of the connection to it.
struct Talk {
    peer: Peer,
    connection: Connection,
}

/// A talk in either role; none if the packages are not here.
fn each(module: &str, reducer: &Reducer, test: impl Fn(&mut Talk)) {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let packages = checkout.join(".pythons/formats/3.13");
    let python = pythons().into_iter().find(|python| python.version == Version::new(3, 13));
    let Some(python) = python.filter(|_| module == "json" || packages.is_dir()) else {
        let message =
            format!("left out: {module} for Python 3.13 is absent; `cargo xtask pythons` installs it");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        println!("{message}");
        return;
    };
    let context = context().reducer(reducer.clone());
    let folder = packages.to_str().unwrap();
    let mut peer = Peer::start(&python, "formats.py", &["listen", "127.0.0.1:0", module, folder]);
    let connection = context.client(peer.line()).unwrap();
    test(&mut Talk { peer, connection });
    let listener = context.listener("127.0.0.1:0").unwrap();
    let address = listener.address().to_string();
    let peer = Peer::start(&python, "formats.py", &["client", &address, module, folder]);
    test(&mut Talk { peer, connection: listener.accept().unwrap() });
}

impl Talk {
    /// What Rust reads of what Python writes.
    #[track_caller]
    fn read<T: DeserializeOwned>(&mut self, expression: &str) -> T {
        self.peer.tell(&format!("send {expression}"));
        assert_eq!(self.peer.line(), "sent", "{expression}");
        self.connection.recv().unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Why Rust does not read what Python writes.
    #[track_caller]
    fn unreadable<T: DeserializeOwned + Debug>(&mut self, expression: &str) -> String {
        self.peer.tell(&format!("send {expression}"));
        assert_eq!(self.peer.line(), "sent", "{expression}");
        self.connection.recv::<T>().unwrap_err().to_string()
    }

    /// Why Python does not write this.
    #[track_caller]
    fn refused(&mut self, expression: &str) -> String {
        self.peer.tell(&format!("send {expression}"));
        self.peer.line()
    }

    /// What Python reads of what Rust writes, or its error.
    #[track_caller]
    fn written<T: ?Sized + Serialize>(&mut self, value: &T) -> String {
        self.connection.send(value).unwrap();
        self.peer.tell("recv");
        self.peer.line()
    }

    /// Why Rust does not write this.
    #[track_caller]
    fn unwritable<T: ?Sized + Serialize>(&mut self, value: &T) -> String {
        self.connection.send(value).unwrap_err().to_string()
    }
}

/// Bytes, as `serde_bytes` has them.
#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point {
    x: i32,
    y: Option<f64>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Shape {
    Dot,
    Circle(f64),
    Box { w: u8 },
}

/// What every format has, and both sides mean the same by.
fn common(talk: &mut Talk) {
    assert_eq!(talk.read::<Option<u8>>("None"), None);
    talk.read::<()>("None");
    assert!(talk.read::<bool>("True"));
    assert_eq!(talk.read::<i64>("-2**63"), i64::MIN);
    assert_eq!(talk.read::<u64>("2**64 - 1"), u64::MAX);
    assert_eq!(talk.read::<i128>("2**64 - 1"), i128::from(u64::MAX));
    assert_eq!(talk.read::<f64>("0.1"), 0.1);
    assert_eq!(talk.read::<f32>("0.5"), 0.5);
    assert_eq!(talk.read::<f64>("7"), 7.0, "a whole number is a float too");
    assert_eq!(talk.read::<String>("'gr\\xf6\\xdfe \\U0001f600'"), "größe 😀");
    assert_eq!(talk.read::<char>("'\\xe4'"), 'ä');
    assert_eq!(talk.read::<(u8, String)>("(1, 'two')"), (1, "two".into()));
    assert_eq!(talk.read::<Vec<u8>>("[1, 2]"), [1, 2]);
    assert_eq!(talk.read::<BTreeMap<u8, u8>>("{1: 2}"), BTreeMap::from([(1, 2)]));
    assert_eq!(talk.read::<BTreeMap<bool, u8>>("{True: 2}"), BTreeMap::from([(true, 2)]));
    assert_eq!(talk.read::<Point>("{'x': 1, 'y': 2.5, 'z': [1]}"), Point { x: 1, y: Some(2.5) });
    assert_eq!(talk.read::<Point>("{'x': 1}"), Point { x: 1, y: None });
    assert_eq!(talk.read::<Shape>("'Dot'"), Shape::Dot);
    assert_eq!(talk.read::<Shape>("{'Circle': 1.5}"), Shape::Circle(1.5));
    assert_eq!(talk.read::<Shape>("{'Box': {'w': 1}}"), Shape::Box { w: 1 });
    for expression in ["300", "7.0", "-1", "'7'", "[]"] {
        let error = talk.unreadable::<u8>(expression);
        assert!(error.starts_with("cannot read what the peer sent: "), "{error}");
    }
    assert!(talk.unreadable::<u128>("-1").contains("cannot read"));
    assert!(talk.unreadable::<()>("7").contains("cannot read"));
    assert!(talk.unreadable::<(u8, u8)>("[1, 2, 3]").contains("cannot read"));

    assert_eq!(talk.written(&()), "None");
    assert_eq!(talk.written(&None::<u8>), "None");
    assert_eq!(talk.written(&Some(true)), "True");
    assert_eq!(talk.written(&i64::MIN), "-9223372036854775808");
    assert_eq!(talk.written(&u64::MAX), "18446744073709551615");
    assert_eq!(talk.written(&7_i128), "7");
    assert_eq!(talk.written(&0.1), "0.1");
    assert_eq!(talk.written("größe 😀"), "'größe 😀'");
    assert_eq!(talk.written(&'ä'), "'ä'");
    assert_eq!(talk.written(&vec![0_u8, 255]), "[0, 255]");
    assert_eq!(talk.written(&(1, "two")), "[1, 'two']", "there are no tuples");
    assert_eq!(talk.written(&Set([1, 2])), "[1, 2]", "there are no sets");
    assert_eq!(talk.written(&Point { x: 1, y: None }), "{'x': 1, 'y': None}");
    assert_eq!(talk.written(&Shape::Dot), "'Dot'");
    assert_eq!(talk.written(&Shape::Circle(1.5)), "{'Circle': 1.5}");
    assert_eq!(talk.written(&Shape::Box { w: 1 }), "{'Box': {'w': 1}}");
}

/// What Python's package does not write without being taught to.
fn classes_are_refused(talk: &mut Talk, expressions: &[&str]) {
    for expression in expressions {
        let said = talk.refused(expression);
        assert!(said.starts_with("TypeError: "), "{expression}: {said}");
    }
}

const CLASSES: [&str; 8] = [
    "{1, 2}",
    "frozenset([1])",
    "datetime(2020, 1, 2)",
    "datetime.now(timezone.utc)",
    "date(2020, 1, 2)",
    "Decimal('1.50')",
    "UUID(int=1)",
    "1 + 2j",
];

#[test]
fn json_is_what_pythons_json_has() {
    each("json", &Reducer::Json, |talk| {
        common(talk);
        classes_are_refused(talk, &CLASSES);
        classes_are_refused(talk, &["b'ab'", "bytearray(b'ab')", "{(1, 2): 3}", "{b'k': 1}"]);
        // Integers of any length, of which Rust has 128 bits.
        assert_eq!(talk.read::<u128>("2**128 - 1"), u128::MAX);
        assert_eq!(talk.read::<i128>("-2**127"), i128::MIN);
        assert_eq!(talk.read::<f64>("2**128"), 2f64.powi(128));
        assert!(talk.unreadable::<u128>("2**128").contains("number out of range"));
        assert_eq!(talk.written(&u128::MAX), (u128::MAX).to_string());
        assert_eq!(talk.written(&i128::MIN), (i128::MIN).to_string());
        // What Python writes of these is no JSON; and `null`, which serde_json would write, is another value.
        assert!(talk.unreadable::<f64>("float('nan')").contains("JSON: expected value"));
        assert!(talk.unreadable::<Vec<f64>>("[-float('inf')]").contains("JSON: invalid number"));
        assert_eq!(talk.unwritable(&f64::NAN), "cannot send: JSON: it has no number NaN");
        let deep = BTreeMap::from([("a", [Some(f32::INFINITY)])]);
        assert_eq!(talk.unwritable(&deep), "cannot send: JSON: it has no number inf");
        assert!(talk.unreadable::<String>("'\\ud800'").contains("hex escape"));
        assert_eq!(talk.written(&Bytes(vec![0, 255])), "[0, 255]");
        assert_eq!(talk.written(&ByteArray(Bytes(vec![1]))), "[1]");
        // Keys are text.
        assert_eq!(talk.read::<BTreeMap<String, u8>>("{1.5: 2, None: 3, True: 4}")["null"], 3);
        assert_eq!(talk.written(&BTreeMap::from([(1, 2)])), "{'1': 2}");
        assert_eq!(talk.written(&BTreeMap::from([(true, 2)])), "{'true': 2}");
        for error in [
            talk.unwritable(&BTreeMap::from([((1, 2), 3)])),
            talk.unwritable(&BTreeMap::from([(None::<u8>, 3)])),
        ] {
            assert_eq!(error, "cannot send: JSON: key must be a string");
        }
    });
}

#[test]
fn message_pack_is_what_pythons_msgpack_has() {
    each("msgpack", &Reducer::MessagePack, |talk| {
        common(talk);
        classes_are_refused(talk, &CLASSES);
        for expression in ["2**64", "-2**63 - 1", "2**128"] {
            assert_eq!(talk.refused(expression), "OverflowError: Integer value out of range");
        }
        assert_eq!(
            talk.unwritable(&[1_u128 << 64]),
            "cannot send: MessagePack: it has no integers beyond 64 bits, such as 18446744073709551616"
        );
        assert!(talk.unwritable(&Some(-1_i128 << 64)).contains("no integers beyond 64 bits"));
        assert!(talk.read::<f64>("float('nan')").is_nan());
        assert_eq!(talk.read::<f64>("float('-inf')"), f64::NEG_INFINITY);
        assert_eq!(talk.written(&[f64::NAN, f64::INFINITY]), "[nan, inf]");
        assert_eq!(talk.written(&0.1_f32), "0.10000000149011612");
        assert!(talk.refused("'\\ud800'").starts_with("UnicodeEncodeError: "));
        assert_eq!(talk.read::<Bytes>("b'\\x00\\xff'"), Bytes(vec![0, 255]));
        assert_eq!(talk.read::<Bytes>("bytearray(b'ab')"), Bytes(b"ab".to_vec()));
        assert_eq!(talk.read::<Vec<u8>>("b'\\x00\\xff'"), [0, 255]);
        assert_eq!(talk.read::<String>("b'ab'"), "ab");
        assert!(talk.unreadable::<Bytes>("'ab'").contains("expected bytes"));
        assert_eq!(talk.written(&Bytes(vec![0, 255])), r"b'\x00\xff'");
        assert_eq!(talk.written(&ByteArray(Bytes(vec![1]))), r"b'\x01'");
        for expression in ["ExtType(5, b'ab')", "Timestamp(1)"] {
            let expression = format!("__import__('msgpack').{expression}");
            assert!(talk.unreadable::<String>(&expression).contains("invalid type: newtype struct"));
            assert!(talk.unreadable::<Vec<u8>>(&expression).contains("invalid type: newtype struct"));
        }
        // Keys of any kind, of which Python cannot hash a list.
        assert_eq!(talk.read::<BTreeMap<Option<u8>, u8>>("{None: 2}"), BTreeMap::from([(None, 2)]));
        assert_eq!(talk.read::<BTreeMap<(u8, u8), u8>>("{(1, 2): 3}"), BTreeMap::from([((1, 2), 3)]));
        assert_eq!(talk.written(&BTreeMap::from([(1, 2)])), "{1: 2}");
        assert_eq!(talk.written(&BTreeMap::from([((1, 2), 3)])), "TypeError: unhashable type: 'list'");
    });
}

#[test]
fn cbor_is_what_pythons_cbor2_has() {
    each("cbor2", &Reducer::Cbor, |talk| {
        common(talk);
        assert_eq!(talk.read::<u128>("2**128 - 1"), u128::MAX);
        assert_eq!(talk.read::<u128>("2**64"), 1 << 64);
        assert_eq!(talk.read::<i128>("-2**127"), i128::MIN);
        assert!(talk.unreadable::<u128>("2**128").contains("bignum exceeds 128 bits"));
        assert!(talk.unreadable::<f64>("2**64").contains("expected f64"));
        assert_eq!(talk.written(&u128::MAX), (u128::MAX).to_string());
        assert_eq!(talk.written(&i128::MIN), (i128::MIN).to_string());
        assert!(talk.read::<f64>("float('nan')").is_nan());
        assert_eq!(talk.read::<f64>("float('-inf')"), f64::NEG_INFINITY);
        assert_eq!(talk.written(&[f64::NAN, f64::INFINITY]), "[nan, inf]");
        assert_eq!(talk.written(&0.1_f32), "0.10000000149011612");
        assert!(talk.refused("'\\ud800'").starts_with("UnicodeEncodeError: "));
        assert_eq!(talk.read::<Bytes>("b'\\x00\\xff'"), Bytes(vec![0, 255]));
        assert_eq!(talk.read::<Bytes>("bytearray(b'ab')"), Bytes(b"ab".to_vec()));
        assert!(talk.unreadable::<Vec<u8>>("b'ab'").contains("unexpected type bytes"));
        assert!(talk.unreadable::<String>("b'ab'").contains("unexpected type bytes"));
        assert!(talk.unreadable::<Bytes>("'ab'").contains("unexpected type string"));
        assert_eq!(talk.written(&Bytes(vec![0, 255])), r"b'\x00\xff'");
        assert_eq!(talk.written(&ByteArray(Bytes(vec![1]))), r"b'\x01'");
        assert_eq!(talk.read::<BTreeMap<Option<u8>, u8>>("{None: 2}"), BTreeMap::from([(None, 2)]));
        assert_eq!(talk.read::<BTreeMap<(u8, u8), u8>>("{(1, 2): 3}"), BTreeMap::from([((1, 2), 3)]));
        assert_eq!(talk.written(&BTreeMap::from([(1, 2)])), "{1: 2}");
        assert_eq!(talk.written(&BTreeMap::from([((1, 2), 3)])), "{(1, 2): 3}");
        // What it tags, Rust refuses: a tag says that the value is not what it looks like.
        assert!(talk.refused("datetime(2020, 1, 2)").starts_with("CBOREncodeError: naive datetime"));
        for expression in CLASSES.iter().filter(|it| !it.contains("datetime(2020")) {
            for error in [
                talk.unreadable::<serde_json::Value>(expression),
                talk.unreadable::<Vec<f64>>(expression),
                talk.unreadable::<String>(expression),
            ] {
                assert!(error.contains(" tag "), "{expression}: {error}");
            }
        }
        // In a field that nobody asks for it is passed over.
        assert_eq!(talk.read::<Point>("{'x': 1, 'z': [UUID(int=1), {2}]}"), Point { x: 1, y: None });
    });
}
