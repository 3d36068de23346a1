//! Values that are chosen to cost much: none costs more than its size.

use std::time::Instant;

use sabir_manager::server::{ConnectionId, Ticket};
use sabir_manager::types::{Arguments, Caller, Came, Era, Keys, Objects, Value};
use sabir_pickle::{Graph, Names, Pythons};

/// The seconds that so many calls take, each with one argument.
fn seconds(keys: &[Value], method: &str) -> f64 {
    let mut objects = Objects::new(Keys::new([9; 16]));
    let caller = Caller {
        connection: ConnectionId(1),
        era: Era::of(Pythons::PY3),
        ticket: Ticket::NONE,
        now: std::time::Duration::ZERO,
    };
    let dict = objects.create("dict", &caller, &Arguments::default()).unwrap();
    let begun = Instant::now();
    for key in keys {
        let args = if method == "__setitem__" { vec![key.clone(), Value::NONE] } else { vec![key.clone()] };
        let came = objects.call(dict, caller, method, &Arguments { args, kwargs: Vec::new() });
        assert!(matches!(came, Came::Value(_)), "{came:?}");
    }
    begun.elapsed().as_secs_f64()
}

fn read(pickle: &[u8]) -> Value {
    Value::read(Graph::from_slice(pickle).unwrap(), &Names::builtin())
}

#[test]
fn keys_that_collide_in_cpython_cost_what_others_cost() {
    // Multiples of 2**61 - 1 all have the hash 0 there.
    let step = (1_u128 << 61) - 1;
    let number = |value: u128| Value::big(&value.to_string()).unwrap();
    let colliding: Vec<Value> = (1..=20_000).map(|n| number(n * step)).collect();
    let ordinary: Vec<Value> = (1..=20_000).map(|n| number(n * step + n * n)).collect();
    let (colliding, ordinary) = (seconds(&colliding, "__setitem__"), seconds(&ordinary, "__setitem__"));
    // A table that degenerates takes hundreds of times as long.
    assert!(colliding < 20.0 * ordinary + 0.1, "{colliding} s against {ordinary} s");
}

#[test]
fn deep_and_shared_keys_are_looked_at_once() {
    let mut shared = b"\x80\x02)".to_vec();
    for _ in 0..200 {
        shared.extend_from_slice(b"2\x86");
    }
    shared.push(b'.');
    let mut deep = b"\x80\x02)".to_vec();
    deep.extend_from_slice(&[0x85; 200_000]);
    deep.push(b'.');
    let keys = [read(&shared), read(&deep)];
    assert!(seconds(&keys, "__setitem__") < 60.0);
    assert!(seconds(&keys, "get") < 60.0);
}

#[test]
fn numbers_of_very_many_digits_are_keys_and_have_an_order() {
    let long = format!("{}.5", "7".repeat(2_000_000));
    let decimal = |text: &str| {
        let mut pickle = b"\x80\x02cdecimal\nDecimal\nX".to_vec();
        pickle.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
        pickle.extend_from_slice(text.as_bytes());
        pickle.extend_from_slice(b"\x85R.");
        read(&pickle)
    };
    let far = decimal("1E+999999999999");
    let items = Value::list(&[far.clone(), decimal(&long), Value::int(3), decimal("-1E-999999999999")]);
    let mut objects = Objects::new(Keys::new([9; 16]));
    let caller = Caller {
        connection: ConnectionId(1),
        era: Era::of(Pythons::PY3),
        ticket: Ticket::NONE,
        now: std::time::Duration::ZERO,
    };
    let args = |args: Vec<Value>| Arguments { args, kwargs: Vec::new() };
    let list = objects.create("list", &caller, &args(vec![items])).unwrap();
    assert!(matches!(objects.call(list, caller, "sort", &args(vec![])), Came::Value(_)));
    let Came::Value(place) = objects.call(list, caller, "index", &args(vec![far])) else {
        panic!("it is there")
    };
    assert_eq!(place.repr(), "3");
    assert!(seconds(&[decimal(&long)], "__setitem__") < 60.0);
}
