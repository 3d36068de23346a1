//! What real Pythons write is read into Rust types, and what is written from Rust types they load as equal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::process::Command;

use sabir_pickle::serde::{
    ByteArray, Class, FrozenSet, Instance, Reduce, Reduction, Reductions, Set, Tuple, from_graph, from_slice,
    to_graph, to_vec, to_vec_with,
};
use sabir_pickle::{Graph, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::common::{Golden, pythons, read_goldens, run};

/// Bytes as serde has them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        struct RawVisitor;

        impl serde::de::Visitor<'_> for RawVisitor {
            type Value = Raw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(RawVisitor)
    }
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Record {
    name: String,
    sizes: Vec<i64>,
    ratio: f64,
    flag: bool,
    none: Option<u8>,
    pair: (u8, String),
    map: BTreeMap<String, u32>,
    big: i128,
    small: i128,
    raw: Raw,
}

fn record() -> Record {
    Record {
        name: "näme 😀".into(),
        sizes: vec![0, 255, 256, 65536, -1, 1 << 40, i64::MIN],
        ratio: 0.5,
        flag: true,
        none: None,
        pair: (1, "x".into()),
        map: BTreeMap::from([("a".into(), 1)]),
        big: 1 << 100,
        small: -(1 << 100),
        raw: Raw(vec![0, 0xff, 0x80]),
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point {
    x: i64,
    y: String,
}

fn point() -> Point {
    Point { x: 1, y: "two".into() }
}

#[derive(Deserialize, Debug, PartialEq)]
struct Numbers {
    x: i64,
    y: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Failure {
    args: Vec<Value>,
    code: Option<i64>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Date {
    year: u16,
    month: u8,
    day: u8,
}

#[derive(Deserialize, Debug, PartialEq)]
struct DateTime {
    year: u16,
    microsecond: u32,
    tzinfo: Option<String>,
    fold: u8,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Delta {
    days: i64,
    seconds: i64,
    microseconds: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Complex {
    real: f64,
    imag: f64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum ColorName {
    Red,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
enum ColorValue {
    Red,
}

/// Whether the pickle reads as the value, directly and as a graph.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "its many callers write a value in place")]
fn reads<T: DeserializeOwned + PartialEq + Debug>(golden: &Golden, expected: T) {
    let Golden { name, protocol, pickle } = golden;
    match from_slice::<T>(pickle) {
        Ok(value) => assert_eq!(value, expected, "{name} at protocol {protocol}"),
        Err(error) => panic!("{name} at protocol {protocol}: {error}"),
    }
    let graph = Graph::from_slice(pickle).unwrap();
    assert_eq!(from_graph::<T>(&graph).unwrap(), expected, "{name} at protocol {protocol}, from a graph");
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(golden: &Golden, message: &str) {
    let error = from_slice::<T>(&golden.pickle).expect_err("the type does not fit").to_string();
    assert!(error.contains(message), "{error}");
}

/// Reads a sample as all that it can be read as. Gives false for one that it does not know.
fn read(version: Version, golden: &Golden) -> bool {
    let text = |text: &str| text.to_string();
    match &*golden.name {
        "record" => reads(golden, record()),
        "records" => reads(golden, vec![record(); 1500]),
        "none" => {
            reads(golden, ());
            reads(golden, None::<u8>);
            reads(golden, Value::Null);
        }
        "unsigned" => {
            reads(golden, u64::MAX);
            reads(golden, json!(u64::MAX));
            reads(golden, i128::from(u64::MAX));
            refuses::<i64>(golden, "expected i64");
        }
        "huge" => {
            refuses::<u128>(golden, "does not fit into 128 bits");
            let mut bytes = vec![0; 26];
            bytes[25] = 1;
            reads(golden, Raw(bytes));
            reads(golden, 2f64.powi(200));
        }
        "native" => {
            reads(golden, text("native"));
            reads(golden, json!("native"));
            if version.major == 2 {
                reads(golden, Raw(b"native".into()));
            }
        }
        "empty" => {
            type Empty = (BTreeMap<u8, u8>, Vec<u8>, (), String, Vec<u8>);
            // An empty tuple is no unit: it is a sequence of nothing.
            refuses::<Empty>(golden, "[2]: invalid type: sequence, expected unit");
            reads(golden, (BTreeMap::<u8, u8>::new(), [0u8; 0], [0u8; 0], text(""), Vec::<u8>::new()));
        }
        "point" | "slots" | "both" | "inner" | "namespace" => {
            reads(golden, point());
            let mut attributes = BTreeMap::from([(text("x"), json!(1)), (text("y"), json!("two"))]);
            if golden.name == "both" {
                attributes.insert(text("z"), json!(3));
            }
            reads(golden, json!(attributes));
            reads(golden, attributes);
            let class = match &*golden.name {
                "namespace" => Class::new("types", "SimpleNamespace"),
                "inner" => Class::new("__main__", "Point.Inner"),
                "point" => Class::new("__main__", "Point"),
                "slots" => Class::new("__main__", "Slots"),
                _ => Class::new("__main__", "Both"),
            };
            reads(golden, Instance { class: class.clone(), state: point() });
            refuses::<u8>(golden, &format!("an instance of {class}"));
        }
        "points" => {
            let class = Class::new("__main__", "Point");
            let points = [Numbers { x: 1, y: 2 }, Numbers { x: 3, y: 4 }];
            reads(golden, points.map(|state| Instance { class: class.clone(), state }));
        }
        "old" => {
            reads(golden, Numbers { x: 1, y: 2 });
            let class = Class::new("__main__", "Old");
            reads(golden, Instance { class, state: Numbers { x: 1, y: 2 } });
        }
        "stateful" => {
            reads(golden, vec![1, 2]);
            reads(golden, json!([1, 2]));
        }
        "pair" => {
            reads(golden, point());
            reads(golden, (1, text("two")));
            reads(golden, json!([1, "two"]));
            reads(golden, Reduce::new(Class::new("__main__", "Pair"), (1, text("two"))));
        }
        "error" => {
            reads(golden, Failure { args: vec![json!("bad"), json!(3)], code: None });
            reads(golden, json!(["bad", 3]));
            reads(golden, Reduce::new(Class::new("builtins", "ValueError"), (text("bad"), 3)));
        }
        "failure" => {
            reads(golden, Failure { args: vec![json!("bad")], code: Some(7) });
            let state = BTreeMap::from([(text("code"), 7)]);
            reads(golden, Reduce { callable: Class::new("__main__", "Failure"), args: [text("bad")], state });
        }
        "names" => {
            reads(golden, vec![text("a"), text("b")]);
            reads(golden, json!(["a", "b"]));
        }
        "ages" => {
            reads(golden, BTreeMap::from([(text("ann"), 1)]));
            reads(golden, json!({"ann": 1}));
        }
        "word" => reads(golden, text("word")),
        "datetime" => {
            reads(golden, text("2020-01-02T03:04:05.000067"));
            reads(golden, json!("2020-01-02T03:04:05.000067"));
            reads(golden, (2020, 1, 2, 3, 4, 5, 67));
            reads(golden, DateTime { year: 2020, microsecond: 67, tzinfo: None, fold: 0 });
            refuses::<(i32, i32)>(golden, "more parts");
        }
        "aware" => {
            reads(golden, text("2020-01-02T03:04:05-02:30"));
            reads(golden, (2020, 1, 2, 3, 4, 5, 0, text("-02:30")));
            reads(golden, DateTime { year: 2020, microsecond: 0, tzinfo: Some(text("-02:30")), fold: 0 });
        }
        "zoned" => {
            reads(golden, text("2020-07-02T03:04:05[Europe/Paris]"));
            reads(
                golden,
                DateTime { year: 2020, microsecond: 0, tzinfo: Some(text("Europe/Paris")), fold: 0 },
            );
        }
        "date" => {
            reads(golden, text("2020-01-02"));
            reads(golden, (2020, 1, 2));
            reads(golden, Date { year: 2020, month: 1, day: 2 });
        }
        "time" => {
            reads(golden, text("01:02:03.050089"));
            reads(golden, (1, 2, 3, 50089));
        }
        "timedelta" => {
            reads(golden, json!([1, 2, 500_000]));
            reads(golden, Delta { days: 1, seconds: 2, microseconds: 500_000 });
            reads(golden, 86402.5);
        }
        "decimal" => {
            reads(golden, text("1.50"));
            reads(golden, json!("1.50"));
            reads(golden, 1.5);
        }
        "fraction" => {
            reads(golden, text("1/3"));
            reads(golden, json!("1/3"));
            reads(golden, (1, 3));
            reads(golden, 1.0 / 3.0);
        }
        "uuid" => {
            reads(golden, text("12345678-1234-5678-1234-567812345678"));
            reads(golden, json!("12345678-1234-5678-1234-567812345678"));
            reads(golden, 0x1234_5678_1234_5678_1234_5678_1234_5678u128);
            let bytes = 0x1234_5678_1234_5678_1234_5678_1234_5678u128.to_be_bytes();
            reads(golden, bytes);
            reads(golden, Raw(bytes.into()));
        }
        "ordered" => {
            reads(golden, BTreeMap::from([(text("a"), 2), (text("b"), 1)]));
            reads(golden, json!({"b": 1, "a": 2}));
        }
        "default" => reads(golden, json!({"a": [1]})),
        "counter" => reads(golden, json!({"a": 2, "b": 1})),
        "deque" => {
            reads(golden, vec![1, 2]);
            reads(golden, json!([1, 2]));
        }
        "set" | "frozenset" => {
            reads(golden, vec![1]);
            reads(golden, json!([1]));
            reads(golden, std::collections::HashSet::from([1]));
        }
        "bytearray" => {
            reads(golden, Raw(vec![0, 0xff]));
            reads(golden, vec![0u8, 0xff]);
        }
        "doubles" => {
            reads(golden, vec![1.5, -2.0]);
            reads(golden, json!([1.5, -2.0]));
        }
        "shorts" => {
            reads(golden, vec![1i16, -2]);
            reads(golden, json!([1, -2]));
        }
        "complex" => {
            reads(golden, (1.0, 2.0));
            reads(golden, Complex { real: 1.0, imag: 2.0 });
        }
        "slice" => reads(golden, (Some(1), None::<i64>, Some(2))),
        "class" => {
            reads(golden, Class::new("collections", "OrderedDict"));
            reads(golden, text("collections:OrderedDict"));
        }
        "color" => match from_slice::<String>(&golden.pickle).as_deref() {
            Ok("RED") => reads(golden, ColorName::Red),
            _ => {
                reads(golden, text("red"));
                reads(golden, ColorValue::Red);
            }
        },
        "path" => reads(golden, text("/a/b")),
        "surrogate" => {
            refuses::<String>(golden, "expected a string");
            reads(golden, Raw(b"a\xed\xa0\x80".to_vec()));
        }
        _ => return false,
    }
    true
}

fn peer() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serde_peer.py")
}

#[test]
fn every_python_is_read_at_every_protocol() {
    for (version, python) in pythons() {
        let written = run(Command::new(&python).arg(peer()).arg("write"), Vec::new());
        let goldens = read_goldens(&written);
        assert!(goldens.len() > 100, "{version} wrote {} samples", goldens.len());
        for golden in &goldens {
            assert!(read(version, golden), "{version} wrote {}, of which nothing is known", golden.name);
        }
    }
}

#[derive(Serialize)]
enum Variants {
    Unit,
    Newtype(u8),
    Tuple(u8, &'static str),
    Struct { x: u8 },
}

/// The values that `EXPECTED` has in Python, by name.
fn written(protocol: u8) -> Vec<(&'static str, Vec<u8>)> {
    fn write<T: Serialize>(name: &'static str, protocol: u8, value: &T) -> (&'static str, Vec<u8>) {
        let pickle = to_vec(value, protocol).unwrap();
        let graph = to_graph(value).unwrap();
        assert!(graph.length() > 0, "{name} loads as a graph");
        (name, pickle)
    }
    let class = |name| Class::new("__main__", name);
    let attributes = |x: u8, y: u8| BTreeMap::from([("x", x), ("y", y)]);
    let integers: Vec<i128> = vec![
        0,
        255,
        256,
        65535,
        65536,
        (1 << 31) - 1,
        1 << 31,
        -(1 << 31),
        -(1 << 31) - 1,
        i64::MAX.into(),
        i64::MIN.into(),
        1 << 63,
        u64::MAX.into(),
        i128::MAX,
        i128::MIN,
    ];
    // Python's list goes on with what only another type of Rust holds.
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Integer {
        Signed(i128),
        Unsigned(u128),
        Word(u64),
    }
    let mut integers: Vec<Integer> = integers.into_iter().map(Integer::Signed).collect();
    integers[12] = Integer::Word(u64::MAX);
    integers.extend([Integer::Unsigned(u128::MAX), Integer::Unsigned(1 << 127)]);
    integers.extend([Integer::Signed(-(1 << 63) - 1), Integer::Unsigned(1 << 64)]);
    let encode = Raw(vec![7, 0xe4, 1, 2]);
    vec![
        write("record", protocol, &record()),
        write("integers", protocol, &integers),
        write("floats", protocol, &[0.1, -0.0, 1e300, f64::INFINITY].to_vec()),
        write("texts", protocol, &vec!["", "\n\\u0041\r\x1a\0", "ä€😀", &"x".repeat(300)]),
        write("bytes", protocol, &vec![Raw(vec![]), Raw(b"\n\0\xff".to_vec()), Raw(vec![b'x'; 300])]),
        write("byte_arrays", protocol, &vec![ByteArray(Raw(vec![])), ByteArray(Raw(vec![0, 0xff]))]),
        write(
            "tuples",
            protocol,
            &vec![vec![], vec![1], vec![1, 2], vec![1, 2, 3], vec![1, 2, 3, 4]]
                .into_iter()
                .map(Tuple::<Vec<u8>>)
                .collect::<Vec<_>>(),
        ),
        write(
            "empty",
            protocol,
            &(
                [0u8; 0].to_vec(),
                BTreeMap::<u8, u8>::new(),
                (),
                [0u8; 0],
                Set([0u8; 0].to_vec()),
                FrozenSet([0u8; 0]),
            ),
        ),
        write("sets", protocol, &Sets { a: Set(vec![1, 2]), b: FrozenSet([(1, "a")]) }),
        write(
            "variants",
            protocol,
            &vec![Variants::Unit, Variants::Newtype(1), Variants::Tuple(1, "a"), Variants::Struct { x: 1 }],
        ),
        write("keys", protocol, &BTreeMap::from([(1, "a"), (2, "b")])),
        write("point", protocol, &Instance { class: class("Point"), state: point() }),
        write(
            "inner",
            protocol,
            &Instance { class: class("Point.Inner"), state: BTreeMap::from([("x", 1)]) },
        ),
        // What a class with __slots__ has: nothing for its __dict__, and its slots.
        write("slots", protocol, &Instance { class: class("Slots"), state: ((), attributes(1, 2)) }),
        write("stateful", protocol, &Instance { class: class("Stateful"), state: vec![1, 2] }),
        write("made", protocol, &Reduce::new(class("made"), [1])),
        write("ordered", protocol, &Reduce::new(Class::new("collections", "OrderedDict"), [vec![("b", 1)]])),
        write("error", protocol, &Reduce::new(Class::new("builtins", "ValueError"), ["bad"])),
        write(
            "class",
            protocol,
            &vec![
                Class::new("collections", "OrderedDict"),
                Class::new("builtins", "ValueError"),
                Class::new("builtins", "int"),
            ],
        ),
        write("decimal", protocol, &Reduce::new(Class::new("decimal", "Decimal"), ["1.50"])),
        write("date", protocol, &Reduce::new(Class::new("datetime", "date"), [encode])),
        ("reduced", reduced(protocol)),
    ]
}

/// Plain Rust types, written as the classes that a program registered.
fn reduced(protocol: u8) -> Vec<u8> {
    #[derive(Serialize)]
    struct Pair(u8, &'static str);
    #[derive(Serialize)]
    struct Decimal(&'static str);
    #[derive(Serialize)]
    struct OrderedDict;
    #[derive(Serialize)]
    struct Timedelta {
        days: i32,
        seconds: i32,
        microseconds: i32,
    }
    let mut reductions = Reductions::new();
    reductions.register("Point", Reduction::Instance(Class::new("__main__", "Point")));
    reductions.register("Pair", Reduction::Call(Class::new("__main__", "Pair")));
    reductions.register("Decimal", Reduction::Call(Class::new("decimal", "Decimal")));
    reductions.register("OrderedDict", Reduction::Call(Class::new("collections", "OrderedDict")));
    reductions.register("Timedelta", Reduction::Call(Class::new("datetime", "timedelta")));
    let delta = Timedelta { days: 1, seconds: 2, microseconds: 3 };
    // Each in a place of its own: nested, in a tuple, as the value of a variant.
    let value = (vec![point()], Pair(1, "two"), Some(Decimal("1.50")), OrderedDict, [delta]);
    to_vec_with(&value, protocol, &reductions).unwrap()
}

/// A list of two sets.
struct Sets {
    a: Set<Vec<u8>>,
    b: FrozenSet<[(u8, &'static str); 1]>,
}

impl Serialize for Sets {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element(&self.a)?;
        seq.serialize_element(&self.b)?;
        seq.end()
    }
}

#[test]
fn every_python_loads_what_is_written_at_every_protocol() {
    for (version, python) in pythons() {
        let mut records = Vec::new();
        for protocol in 0..=version.highest_protocol() {
            for (name, pickle) in written(protocol) {
                records.push(protocol);
                records.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
                records.extend(name.as_bytes());
                records.extend(u32::try_from(pickle.len()).unwrap().to_le_bytes());
                records.extend(pickle);
            }
        }
        let output = run(Command::new(&python).arg(peer()).arg("check"), records);
        assert_eq!(String::from_utf8(output).unwrap().trim(), "checked", "in {version}");
    }
}
