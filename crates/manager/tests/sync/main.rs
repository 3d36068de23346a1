//! The shared types against a model: random calls of many clients that wait, run out of patience and die. Whoever is
//! answered, with what, and who goes on waiting, agree at every step; nothing is lost and nobody waits for ever.

#![allow(unreachable_pub, reason = "each file is a module of a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod hostile;
mod limits;
mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Ask, Model, Said};
use sabir_manager::server::ConnectionId;
use sabir_manager::sync::{Step, SyncServer};
use sabir_manager::types::{Arguments, Value};
use sabir_manager::{Address, Answer, Rebuild, RemoteException, Token, request};
use sabir_pickle::{Graph, Names, Node, NodeId, Pythons, Translation};

/// Every object is there for all, under the name of its type in small letters.
const OBJECTS: [(&str, &str); 7] = [
    ("lock", "Lock"),
    ("rlock", "RLock"),
    ("semaphore", "Semaphore"),
    ("condition", "Condition"),
    ("queue", "Queue"),
    ("event", "Event"),
    ("barrier", "Barrier"),
];

#[test]
fn who_is_answered_what_and_who_waits_agree_with_a_simple_model() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let translation = Translation::default();
    for seed in 1..=100 {
        let mut world = World::new(seed, &translation);
        for _ in 0..300 {
            world.step(&mut seen);
        }
        world.end();
    }
    for (what, count) in &seen {
        println!("{count:6} {what}");
    }
    for what in ["died waiting", "died holding", "timed out", "woken", "broken", "Empty", "Full"] {
        assert!(seen.get(what).is_some_and(|&count| count > 100), "{what} is too rare");
    }
}

/// A server, its model, and clients.
struct World<'t> {
    translation: &'t Translation,
    server: SyncServer,
    model: Model,
    idents: BTreeMap<&'static str, String>,
    clients: Vec<u64>,
    last: u64,
    now: Duration,
    random: Random,
}

impl<'t> World<'t> {
    fn new(seed: u64, translation: &'t Translation) -> World<'t> {
        let address = Address::Inet { host: "127.0.0.1".into(), port: 5000 };
        let mut server = SyncServer::new(1, [3; 16], address);
        let two = Arguments { args: vec![Value::int(2)], kwargs: Vec::new() };
        let three = Arguments { args: vec![Value::int(3)], kwargs: Vec::new() };
        for (name, typeid) in OBJECTS {
            let arguments = match name {
                "semaphore" | "queue" => two.clone(),
                "barrier" => three.clone(),
                _ => Arguments::default(),
            };
            server.share(name, typeid, &arguments).unwrap();
        }
        let mut world = World {
            translation,
            server,
            model: Model::default(),
            idents: BTreeMap::new(),
            clients: Vec::new(),
            last: 0,
            now: Duration::ZERO,
            random: Random(seed),
        };
        for (name, _) in OBJECTS {
            let id = world.connect();
            let graph = request::create(Graph::new(), name, &[], NodeId::NONE);
            let steps = world.server.request(ConnectionId(id), Ok(graph), Duration::ZERO);
            let reply = reply(steps, translation).remove(0).1;
            let (ident, _) = Answer::decode(&reply).unwrap().created(&reply).unwrap();
            world.idents.insert(name, ident);
            world.server.closed(ConnectionId(id));
        }
        for (condition, lock) in [("gathering", "rlock"), ("meeting", "lock")] {
            let ident = world.condition_of(lock);
            world.idents.insert(condition, ident);
        }
        for _ in 0..6 {
            world.join();
        }
        world
    }

    /// A condition of a lock that is there: `manager.Condition(lock)`.
    fn condition_of(&mut self, lock: &str) -> String {
        let mut graph = Graph::new();
        let (typeid, ident) = (graph.add_str(lock), graph.add_str(&self.idents[lock]));
        let address = Address::Inet { host: "127.0.0.1".into(), port: 5000 }.encode(&mut graph, Pythons::PY3);
        let token = Token::encode(&mut graph, typeid, address, ident);
        let class = graph.add_global("multiprocessing.managers", "AcquirerProxy");
        let (serializer, kwargs) = (graph.add_str("pickle"), graph.add(Node::Dict(Vec::new())));
        let proxy = Rebuild::encode(&mut graph, class, token, serializer, kwargs);
        let graph = pickled(request::create(graph, "Condition", &[proxy], NodeId::NONE), self.translation);
        let id = self.connect();
        let steps = self.server.request(ConnectionId(id), Ok(graph), Duration::ZERO);
        let reply = reply(steps, self.translation).remove(0).1;
        let (ident, _) = Answer::decode(&reply).unwrap().created(&reply).unwrap();
        self.server.closed(ConnectionId(id));
        ident
    }

    fn connect(&mut self) -> u64 {
        self.last += 1;
        let newer = Pythons { min: sabir_pickle::Version::new(3, 12), ..Pythons::ANY };
        self.server.connected(ConnectionId(self.last), None, newer);
        self.last
    }

    /// A client that makes calls.
    fn join(&mut self) {
        let id = self.connect();
        let graph = pickled(request::accept_connection("test"), self.translation);
        self.server.request(ConnectionId(id), Ok(graph), self.now);
        self.clients.push(id);
    }

    fn step(&mut self, seen: &mut BTreeMap<&str, u32>) {
        let (mut expected, steps) = match self.random.below(12) {
            0 => {
                let at = self.random.below(self.clients.len());
                let id = self.clients.swap_remove(at);
                if self.model.waits(id) {
                    *seen.entry("died waiting").or_default() += 1;
                }
                if self.model.holds(id) {
                    *seen.entry("died holding").or_default() += 1;
                }
                let expected = self.model.dies(id);
                let steps = self.server.closed(ConnectionId(id));
                self.join();
                (expected, steps)
            }
            1 | 2 => {
                self.now += Duration::from_millis(1 + self.random.below(30) as u64);
                let expected = self.model.expire(self.now);
                *seen.entry("timed out").or_default() += expected.len() as u32;
                assert_eq!(
                    self.server.next_deadline().is_some_and(|deadline| deadline <= self.now),
                    self.model.expired,
                    "the deadline that the server tells"
                );
                (expected, self.server.expire(self.now))
            }
            _ => {
                let idle: Vec<u64> =
                    self.clients.iter().copied().filter(|&id| !self.model.waits(id)).collect();
                if idle.is_empty() {
                    return;
                }
                let id = idle[self.random.below(idle.len())];
                let ask = Ask::random(&mut self.random);
                let expected = self.model.ask(id, &ask, self.now);
                let graph = self.request(&ask);
                (expected, self.server.request(ConnectionId(id), Ok(graph), self.now))
            }
        };
        let mut said: Vec<(u64, Said)> =
            reply(steps, self.translation).into_iter().map(|(id, graph)| (id, Said::of(&graph))).collect();
        for (_, said) in &said {
            match said {
                Said::Raised(name) if name == "BrokenBarrierError" => *seen.entry("broken").or_default() += 1,
                Said::Raised(name) if name == "Empty" => *seen.entry("Empty").or_default() += 1,
                Said::Raised(name) if name == "Full" => *seen.entry("Full").or_default() += 1,
                _ => {}
            }
        }
        *seen.entry("woken").or_default() += said.len().saturating_sub(1) as u32;
        said.sort();
        expected.sort();
        assert_eq!(said, expected, "at {:?}", self.now);
        assert_eq!(self.server.waiting(), self.model.pending(), "who waits");
    }

    /// Everybody dies: nothing is held, and whoever comes gets all.
    fn end(&mut self) {
        for id in std::mem::take(&mut self.clients) {
            self.model.dies(id);
            self.server.closed(ConnectionId(id));
        }
        assert_eq!(self.server.waiting(), 0);
        self.join();
        let id = self.clients[0];
        for object in ["lock", "rlock", "semaphore", "condition"] {
            let graph = self.request(&Ask::Acquire(object, None));
            let steps = self.server.request(ConnectionId(id), Ok(graph), self.now);
            assert_eq!(
                Said::of(&reply(steps, self.translation)[0].1),
                Said::Value("True".into()),
                "{object} is free"
            );
        }
    }

    fn request(&self, ask: &Ask) -> Graph {
        let (object, method, args) = ask.call();
        let mut graph = Graph::new();
        graph.set_protocol(4);
        let args: Vec<NodeId> = args.iter().map(|arg| arg.add(&mut graph)).collect();
        pickled(request::call(graph, &self.idents[object], method, args, NodeId::NONE), self.translation)
    }
}

/// As it comes from the wire, of a 3.13.
fn pickled(graph: Graph, translation: &Translation) -> Graph {
    let peer = sabir_manager::Peer { pythons: sabir_pickle::Version::new(3, 13).into(), protocol: 4 };
    let pickle = peer.request(graph, translation).unwrap().into_vec();
    Graph::from_slice(&pickle).unwrap()
}

/// Whom a step answers, and what.
fn reply(steps: Vec<Step>, translation: &Translation) -> Vec<(u64, Graph)> {
    let sent = steps.into_iter().map(|step| {
        let Step::Send { message, .. } = step else { panic!("nobody is closed") };
        let id = message.connection.0;
        let (pickle, broken) = message.encode(translation);
        assert!(broken.is_none());
        (id, Graph::from_slice(&pickle.into_vec()).unwrap())
    });
    sent.collect()
}

impl Said {
    fn of(graph: &Graph) -> Said {
        match Answer::decode(graph).unwrap() {
            Answer::Returned(value) => Said::Value(sabir_manager::repr::repr(graph, value, 100)),
            Answer::Raised(error) => {
                Said::Raised(RemoteException::decode(graph, error, &Names::builtin()).unwrap().name)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Numbers that look random, from a seed: xorshift64.
pub struct Random(u64);

impl Random {
    /// Below `most`, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most
    }
}
