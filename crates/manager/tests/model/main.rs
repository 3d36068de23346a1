//! The server against a model: random clients of every Python, whose connections die and come back in every state, and a
//! driver that answers at any later time. Counts, objects and replies agree at every step.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod clients;
mod driver;
mod replies;
mod world;

use std::collections::BTreeMap;

use sabir_manager::Rebuild;
use sabir_manager::server::{ConnectionId, Registered, Server};
use sabir_pickle::{Graph, Translation};
use world::{NONCE, World, here, public};

#[test]
fn counts_objects_and_replies_agree_with_a_simple_model() {
    let translation = Translation::default();
    let mut steps = Steps::default();
    for seed in 0..150_u32 {
        let seed = seed.to_le_bytes();
        let mut world = World::new(&seed, &translation);
        for _ in 0..400 {
            world.step();
            world.check();
        }
        world.end();
        steps.add(&world.steps);
    }
    // What never happens is not tested.
    for (name, count) in &steps.0 {
        println!("{count:6} {name}");
    }
    for name in [
        "dies while New",
        "dies while Accepted",
        "dies while Waiting",
        "made for nobody",
        "shared for nobody",
        "dropped",
        "undelivered",
        "revived",
        "skipped decref",
    ] {
        assert!(steps.0.get(name).is_some_and(|&count| count > 20), "{name} is too rare");
    }
}

/// What happened how often.
#[derive(Default)]
struct Steps(BTreeMap<&'static str, u32>);

impl Steps {
    fn note(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    fn add(&mut self, other: &Steps) {
        other.0.iter().for_each(|(name, count)| *self.0.entry(name).or_default() += count);
    }
}

#[test]
fn proxies_that_are_values_are_recognised_by_their_start() {
    let mut server: Server<u32> = Server::new(NONCE, here());
    server.register("dict", Registered::new().proxied_by("multiprocessing.managers", "DictProxy"));
    let ident = server.share("dict", 1, public()).unwrap();
    let mut graph = Graph::new();
    let node = server.proxy(ConnectionId(1), &mut graph, ident).unwrap();
    assert_eq!(server.own_reference(&graph, node), Some(ident));
    let rebuild = Rebuild::at(&graph, node).unwrap();
    assert_eq!(graph.global(rebuild.function), Some(("multiprocessing.managers", "DictProxy")));

    let mut later: Server<u32> = Server::new(NONCE + 1, here());
    later.register("dict", Registered::new());
    later.share("dict", 1, public()).unwrap();
    assert_eq!(later.own_reference(&graph, node), None, "of an earlier start");
    server.release(ident).unwrap();
    assert_eq!(server.own_reference(&graph, node), None, "its object is gone");
    assert!(server.proxy(ConnectionId(1), &mut graph, ident).is_err());
}
