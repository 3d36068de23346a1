//! Conditions of a lock that others have too.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use sabir_pickle::Pythons;

use crate::server::{ConnectionId, Ticket};
use crate::types::{Arguments, Caller, Came, Era, Key, Keys, Objects, Value};

struct World {
    objects: Objects,
    lock: Key,
    condition: Key,
    calls: u64,
}

impl World {
    fn new(lock: &str) -> World {
        let mut objects = Objects::new(Keys::new([7; 16]));
        let lock = objects.create(lock, &caller(1, 0), &Arguments::default()).unwrap();
        // In the place of the proxy, which is no lock by itself.
        let given = Arguments { args: vec![Value::text("a proxy")], kwargs: Vec::new() };
        let condition = objects.create_over(Some(lock), "Condition", &caller(1, 0), &given).unwrap();
        World { objects, lock, condition, calls: 0 }
    }

    fn call(&mut self, connection: u64, key: Key, method: &str) -> Came {
        self.calls += 1;
        self.objects.call(key, caller(connection, self.calls), method, &Arguments::default())
    }

    /// Whether a connection that is new gets the lock at once, and gives it back.
    fn is_free(&mut self) -> bool {
        let lock = self.lock;
        let got = !matches!(self.call(99, lock, "acquire"), Came::Parked);
        if got {
            self.call(99, lock, "release");
        }
        got
    }
}

fn caller(connection: u64, ticket: u64) -> Caller {
    let era = Era::of(Pythons::PY3);
    Caller { connection: ConnectionId(connection), era, ticket: Ticket(ticket), now: Duration::ZERO }
}

#[test]
fn a_lock_taken_by_way_of_a_condition_is_the_lock_and_ends_with_the_connection() {
    for lock in ["Lock", "RLock"] {
        let mut world = World::new(lock);
        let (lock, condition) = (world.lock, world.condition);
        assert!(matches!(world.call(1, condition, "acquire"), Came::Value(_)));
        assert!(matches!(world.call(2, lock, "acquire"), Came::Parked));
        world.objects.release(condition);
        world.objects.gone(ConnectionId(1), None);
        assert_eq!(world.objects.take_woken().len(), 1, "the second has it");
        world.objects.gone(ConnectionId(2), None);
        assert!(world.is_free());
    }
}

#[test]
fn who_was_notified_and_dies_before_its_turn_does_not_keep_the_lock() {
    for lock in ["Lock", "RLock"] {
        let mut world = World::new(lock);
        let (lock, condition) = (world.lock, world.condition);
        world.call(1, condition, "acquire");
        assert!(matches!(world.call(1, condition, "wait"), Came::Parked));
        let waits = Ticket(world.calls);
        world.call(2, lock, "acquire");
        world.call(2, condition, "notify");
        assert!(world.objects.take_woken().is_empty(), "it has its turn when the lock is free");
        // Nobody has a proxy of the condition any more, but the call has its place for the lock.
        world.objects.release(condition);
        world.objects.gone(ConnectionId(1), Some(waits));
        world.call(2, lock, "release");
        assert!(world.is_free());
    }
}

#[test]
fn the_lock_stays_while_a_condition_of_it_does() {
    let mut world = World::new("Lock");
    let (lock, condition) = (world.lock, world.condition);
    world.objects.release(lock);
    assert!(matches!(world.call(1, condition, "acquire"), Came::Value(_)));
    assert_eq!(world.objects.len(), 2);
    world.objects.release(condition);
    assert!(world.objects.is_empty());
}

#[test]
fn what_is_no_lock_is_refused() {
    let mut world = World::new("Lock");
    let dict = world.objects.create("dict", &caller(1, 0), &Arguments::default()).unwrap();
    let given = Arguments { args: vec![Value::text("a proxy")], kwargs: Vec::new() };
    let refused = world.objects.create_over(Some(dict), "Condition", &caller(1, 0), &given).unwrap_err();
    assert!(refused.describe().contains("takes a Lock or an RLock of this server"), "{refused:?}");
}
