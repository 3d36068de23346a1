//! Rust types and pickles: round trips, errors that say where, and budgets that hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use sabir_pickle::serde::{
    Class, FrozenSet, Instance, Reduce, Set, Tuple, from_graph, from_node, from_slice, from_slice_with,
    to_graph, to_vec,
};
use sabir_pickle::{Category, ErrorKind, Graph, Limits, Node};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Everything {
    unit: (),
    flag: bool,
    small: i8,
    large: u64,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    some: Option<u16>,
    none: Option<u16>,
    list: Vec<String>,
    tuple: (u8, String, (bool,)),
    array: [u16; 4],
    map: BTreeMap<i32, String>,
    set: BTreeSet<u8>,
    shapes: Vec<Shape>,
    nested: Option<Box<Everything>>,
}

fn everything() -> Everything {
    let inner = Everything {
        unit: (),
        flag: false,
        small: -128,
        large: u64::MAX,
        single: 0.25,
        double: -1e300,
        letter: '€',
        text: "tab\tnewline\nbackslash\\ü😀".into(),
        some: Some(7),
        none: None,
        list: vec![String::new(), "x".repeat(70_000)],
        tuple: (1, "two".into(), (true,)),
        array: [0, 255, 256, 65535],
        map: BTreeMap::from([(-1, "minus".into()), (1 << 20, "much".into())]),
        set: BTreeSet::from([1, 2]),
        shapes: vec![
            Shape::Point,
            Shape::Circle(0.5),
            Shape::Line(-1, 1),
            Shape::Box { width: 1, height: 2 },
        ],
        nested: None,
    };
    Everything { nested: Some(Box::new(inner.clone())), list: vec![], shapes: vec![], ..inner }
}

#[track_caller]
fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for protocol in 0..=5 {
        let pickle = to_vec(value, protocol).unwrap();
        assert_eq!(&from_slice::<T>(&pickle).unwrap(), value, "protocol {protocol}");
        let graph = Graph::from_slice(&pickle).unwrap();
        assert_eq!(&from_graph::<T>(&graph).unwrap(), value, "protocol {protocol}, from a graph");
    }
    assert_eq!(&from_graph::<T>(&to_graph(value).unwrap()).unwrap(), value, "through a graph");
}

#[test]
fn values_come_back() {
    round_trips(&everything());
    round_trips(&[i128::MIN, i128::MAX, 1 << 64, -(1 << 64), 1 << 63, -(1 << 63) - 1]);
    round_trips(&[u128::MAX, 1 << 127, (1 << 127) - 1]);
    round_trips(&Tuple(vec![1, 2, 3]));
    round_trips(&Set(BTreeSet::from([1, 2])));
    round_trips(&FrozenSet(vec!["a".to_string()]));
    round_trips(&Class::new("os.path", "join"));
    round_trips(&Class::new("m", "Outer.Inner"));
    round_trips(&Instance { class: Class::new("m", "C"), state: everything() });
    round_trips(&Reduce::new(Class::new("m", "f"), (1, "two".to_string())));
    round_trips(&Reduce { callable: Class::new("m", "f"), args: [0; 0], state: vec![1] });
}

#[test]
fn serde_pickle_agrees_on_plain_values() {
    // It reads no integer above `i64`.
    let value = Everything { large: 1 << 40, nested: None, ..everything() };
    for protocol in 0..=4 {
        let pickle = to_vec(&value, protocol).unwrap();
        let theirs: Everything = serde_pickle::from_slice(&pickle, serde_pickle::DeOptions::new()).unwrap();
        assert_eq!(theirs, value, "protocol {protocol}");
    }
    let theirs = serde_pickle::to_vec(&value, serde_pickle::SerOptions::new()).unwrap();
    assert_eq!(from_slice::<Everything>(&theirs).unwrap(), value);
}

#[test]
fn wrappers_are_plain_values_in_other_formats() {
    let instance = Instance { class: "m.C".parse().unwrap(), state: Set(vec![1]) };
    let json = serde_json::to_value(&instance).unwrap();
    assert_eq!(json, json!({"class": "m:C", "state": [1]}));
    assert_eq!(serde_json::from_value::<Instance<Set<Vec<i32>>>>(json).unwrap(), instance);
}

#[test]
fn bytes_are_the_ones_that_python_expects() {
    let value = BTreeMap::from([("a", 1)]);
    assert_eq!(to_vec(&value, 0).unwrap(), b"(dVa\nI1\ns.");
    assert_eq!(to_vec(&value, 1).unwrap(), b"}(X\x01\0\0\0aK\x01u.");
    assert_eq!(to_vec(&value, 2).unwrap(), b"\x80\x02}(X\x01\0\0\0aK\x01u.");
    assert_eq!(to_vec(&value, 4).unwrap(), b"\x80\x04}(\x8c\x01aK\x01u.");
    assert_eq!(to_vec(&[0u8; 0], 2).unwrap(), b"\x80\x02).");
    assert_eq!(to_vec(&Vec::<u8>::new(), 2).unwrap(), b"\x80\x02].");
    let class = Class::new("builtins", "ValueError");
    assert_eq!(to_vec(&class, 2).unwrap(), b"\x80\x02cexceptions\nValueError\n.");
    assert_eq!(to_vec(&class, 3).unwrap(), b"\x80\x03cbuiltins\nValueError\n.");
}

#[test]
fn names_of_python_2_are_read_as_those_of_python_3() {
    let error: Reduce<(String,)> = from_slice(b"\x80\x02cexceptions\nValueError\nU\x03bad\x85R.").unwrap();
    assert_eq!(error, Reduce::new(Class::new("builtins", "ValueError"), ("bad".into(),)));
}

#[test]
fn text_is_borrowed_from_the_pickle() {
    let pickle = to_vec(&("text", "more"), 4).unwrap();
    let (text, more): (&str, &str) = from_slice(&pickle).unwrap();
    assert_eq!((text, more), ("text", "more"));
    assert!(pickle.as_ptr_range().contains(&text.as_ptr()));
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only the error is looked at")]
struct Item {
    name: String,
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only the error is looked at")]
struct Order {
    items: Vec<Item>,
    shape: Option<Shape>,
}

#[test]
fn errors_name_the_path_and_the_offset() {
    let fails = |value: Value| from_slice::<Order>(&to_vec(&value, 4).unwrap()).unwrap_err();
    let error = fails(json!({"items": [{"name": "a"}, {"name": 5}]}));
    assert_eq!(
        error.to_string(),
        ".items[1].name: invalid type: integer `5`, expected a string at offset 33"
    );
    assert_eq!(error.category(), Category::Unrepresentable);
    let error = fails(json!({"items": [{}]}));
    assert_eq!(error.to_string(), ".items[0]: missing field `name` at offset 13");
    let error = fails(json!({"items": [], "shape": {"Line": [1, "x"]}}));
    assert_eq!(error.to_string(), ".shape.Line[1]: invalid type: string \"x\", expected i32 at offset 31");
    let error = fails(json!({"items": [], "shape": "Square"}));
    assert!(error.to_string().starts_with(".shape: unknown variant `Square`"), "{error}");
    let error = fails(json!(null));
    assert_eq!(error.to_string(), "invalid type: unit value, expected struct Order");
}

#[test]
fn errors_of_writing_name_the_path() {
    #[derive(Serialize)]
    struct Holder {
        maps: Vec<BTreeMap<Vec<u8>, u8>>,
    }
    let error = to_vec(&Holder { maps: vec![BTreeMap::from([(vec![1], 1)])] }, 4).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unrepresentable(_)), "{error}");
    let error = to_vec(&Set([vec![1]]), 0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unrepresentable(_)), "{error}");
    let error = to_vec(&Reduce::new(Class::new("m", "f"), 5), 2).unwrap_err();
    assert!(error.to_string().contains("arguments of a call"), "{error}");
    let error = to_vec(&Class::new("m\nos", "system"), 2).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unrepresentable(_)), "{error}");
    assert_eq!(to_vec(&1, 6).unwrap_err().kind(), &ErrorKind::UnsupportedProtocol(6));
}

/// `count` lists, each the only item of the next.
fn nested(count: usize) -> Vec<u8> {
    [b"\x80\x04".to_vec(), b"]".repeat(count), b"a".repeat(count - 1), b".".to_vec()].concat()
}

#[test]
fn depth_is_limited() {
    let error = from_slice::<Value>(&nested(200_000)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Limit("nested objects"));
    assert!(error.offset().is_some());
    assert!(from_slice::<IgnoredAny>(&nested(200_000)).is_ok(), "what is ignored is not walked into");
    let limits = Limits { max_depth: 3, ..Limits::DEFAULT };
    assert!(from_slice_with::<Value>(&nested(3), &limits).is_ok());
    assert!(from_slice_with::<Value>(&nested(4), &limits).is_err());
}

#[test]
fn calls_of_calls_are_limited_as_well() {
    // bytearray(bytearray(...)), set([set(...)]), f(f(...)), and an object that is its own state many times over.
    for callable in ["builtins\nbytearray", "builtins\nset", "m\nf", "builtins\ndict", "datetime\ndatetime"] {
        let pickle = [
            b"\x80\x03".to_vec(),
            format!("c{callable}\n").repeat(50_000).into_bytes(),
            b")R".to_vec(),
            b"\x85R".repeat(49_999),
            b".".to_vec(),
        ]
        .concat();
        assert!(from_slice::<IgnoredAny>(&pickle).is_ok());
        assert!(from_slice::<Value>(&pickle).is_err(), "{callable}");
        assert!(from_slice::<u8>(&pickle).is_err(), "{callable}");
        assert!(from_slice::<Vec<u8>>(&pickle).is_err(), "{callable}");
        assert!(from_slice::<HashMap<String, String>>(&pickle).is_err(), "{callable}");
        assert!(from_slice::<Shape>(&pickle).is_err(), "{callable}");
        assert!(from_slice::<Class>(&pickle).is_err(), "{callable}");
    }
}

#[test]
fn expansion_is_limited() {
    // A list of two references to a list of two references to a list ... thirty levels deep: a billion values.
    let mut pickle = b"\x80\x04]\x94K\x01a".to_vec();
    for level in 0..30 {
        pickle.extend([b']', 0x94, b'(', b'h', level, b'h', level, b'e']);
    }
    pickle.push(b'.');
    let limits = Limits { max_nodes: 100_000, ..Limits::DEFAULT };
    let error = from_slice_with::<Value>(&pickle, &limits).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Limit("expanded references to shared objects"));
    let graph = Graph::from_slice(&pickle).unwrap();
    let error = from_node::<Value>(&graph, graph.root(), &limits).unwrap_err();
    assert_eq!(error.category(), Category::Limit);
}

#[test]
fn what_is_spelled_out_needs_no_budget() {
    let pickle = to_vec(&vec![None::<u8>; 10_000], 4).unwrap();
    let limits = Limits { max_nodes: 10, ..Limits::DEFAULT };
    assert_eq!(from_slice_with::<Vec<()>>(&pickle, &limits).unwrap().len(), 10_000);
}

#[test]
fn an_object_that_contains_itself_is_an_error_that_says_so() {
    for pickle in
        [&b"\x80\x04]\x94h\0a."[..], b"\x80\x04}\x94\x8c\x01ah\0s.", b"\x80\x02cm\nC\n)\x81q\0h\0b."]
    {
        let error = from_slice::<Value>(pickle).unwrap_err();
        assert!(error.to_string().contains("an object that contains itself"), "{error}");
        assert!(error.offset().is_some());
        let graph = Graph::from_slice(pickle).unwrap();
        assert!(from_graph::<Value>(&graph).is_err());
        assert!(from_slice::<IgnoredAny>(pickle).is_ok());
    }
}

#[test]
fn a_back_reference_that_no_field_asks_for_does_no_harm() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Child {
        name: String,
    }
    // child.parent = child; child.name = 'x'
    let pickle = b"\x80\x02cm\nC\n)\x81q\0}(X\x06\0\0\0parenth\0X\x04\0\0\0nameX\x01\0\0\0xub.";
    assert_eq!(from_slice::<Child>(pickle).unwrap(), Child { name: "x".into() });
}

#[test]
fn what_only_its_program_can_resolve_is_an_error() {
    for pickle in [&b"\x80\x02U\x01xQ."[..], b"Px\n.", b"\x80\x02\x82\x01.", b"\x80\x05\x97."] {
        let error = from_slice::<Value>(pickle).unwrap_err();
        assert!(error.to_string().contains("no form as a serde type"), "{error}");
    }
}

#[test]
fn lists_that_grow_item_by_item_keep_their_items() {
    // Two lists that grow in turn, as no list does that is written in one piece.
    let mut pickle = b"\x80\x02](](]".to_vec();
    pickle = [&pickle[..2], b"]q\0]q\x01"].concat();
    for value in 0..200u8 {
        pickle.extend([b'h', 0, b'K', value, b'a', b'0', b'K', value, b'a']);
    }
    pickle.extend(b"h\0\x86.");
    let (second, first): (Vec<u8>, Vec<u8>) = from_slice(&pickle).unwrap();
    assert_eq!(first, (0..200).collect::<Vec<u8>>());
    assert_eq!(second, first);
}

/// The tape's machine and the graph's accept the same pickles, and refuse the others for the same reason at the same
/// place; and a tape made of the graph says the same as one made of the pickle.
fn both_machines_agree(pickle: &[u8]) {
    let limits = Limits { max_nodes: 10_000, ..Limits::DEFAULT };
    let of_graph = Graph::load(pickle.to_vec().into(), &limits);
    let of_tape = from_slice_with::<IgnoredAny>(pickle, &limits);
    match (of_graph, of_tape) {
        (Ok(graph), Ok(_)) => {
            let direct = from_slice_with::<Value>(pickle, &limits).map_err(|error| error.kind().clone());
            let through =
                from_node::<Value>(&graph, graph.root(), &limits).map_err(|error| error.kind().clone());
            assert_eq!(direct, through, "{pickle:?}");
        }
        (Err(of_graph), Err(of_tape)) => assert_eq!(of_graph, of_tape, "{pickle:?}"),
        (of_graph, of_tape) => panic!("{:?} but {of_tape:?}: {pickle:?}", of_graph.map(|_| ())),
    }
}

#[test]
fn both_machines_agree_on_what_pythons_wrote_and_on_broken_copies_of_it() {
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for golden in common::goldens().into_values().flatten() {
        both_machines_agree(&golden.pickle);
        if golden.pickle.len() > 2000 {
            continue;
        }
        for _ in 0..5 {
            let mut broken = golden.pickle.clone();
            let place = random(broken.len());
            match random(3) {
                0 => broken.truncate(place),
                1 => broken[place] = random(256) as u8,
                _ => drop(broken.remove(place)),
            }
            both_machines_agree(&broken);
        }
    }
}

#[test]
fn a_node_reads_what_it_refers_to_and_nothing_else() {
    let mut graph = Graph::from_slice(&to_vec(&(1, "two"), 4).unwrap()).unwrap();
    let Node::Tuple(items) = graph[graph.root()].clone() else { panic!("not a tuple") };
    let limits = Limits::DEFAULT;
    assert_eq!(from_node::<&str>(&graph, items[1], &limits).unwrap(), "two");
    let list = graph.add(Node::List(vec![items[1]; 3]));
    assert_eq!(from_node::<Vec<&str>>(&graph, list, &limits).unwrap(), ["two"; 3]);
}
