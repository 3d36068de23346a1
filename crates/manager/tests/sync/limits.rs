//! What a server refuses so that its memory lasts, and whose references it takes back.

use std::time::Duration;

use sabir_manager::server::{ConnectionId, Message};
use sabir_manager::sync::{Step, SyncServer};
use sabir_manager::types::{Arguments, Most, Value};
use sabir_manager::{Address, Answer, RemoteException, request};
use sabir_pickle::{Graph, Names, NodeId, Pythons, Translation};

/// A server with a few objects, and one client that calls them.
struct World {
    server: SyncServer,
    translation: Translation,
    last: u64,
}

const CALLER: ConnectionId = ConnectionId(1);

impl World {
    fn new(most: Most) -> World {
        let mut server = SyncServer::new(1, [3; 16], Address::Unix(b"/s".to_vec()));
        for (name, typeid) in [("numbers", "list"), ("table", "dict"), ("jobs", "Queue")] {
            server.share(name, typeid, &Arguments::default()).unwrap();
        }
        server.set_most(most);
        let mut world = World { server, translation: Translation::default(), last: 1 };
        world.server.connected(CALLER, None, Pythons::ANY);
        let accept = request::accept_connection("x");
        let _ = world.server.request(CALLER, Ok(world.pickled(accept)), Duration::ZERO);
        world
    }

    fn pickled(&self, graph: Graph) -> Graph {
        let peer = sabir_manager::Peer { pythons: Pythons::PY3, protocol: 4 };
        Graph::from_slice(&peer.request(graph, &self.translation).unwrap().into_vec()).unwrap()
    }

    fn reply(&self, mut steps: Vec<Step>) -> Graph {
        let Step::Send { message, .. } = steps.remove(0) else { panic!("no reply") };
        self.read(message)
    }

    fn read(&self, message: Message) -> Graph {
        Graph::from_slice(&message.encode(&self.translation).0.into_vec()).unwrap()
    }

    /// What a function of the server answers on a connection of its own; of a process, if one is given.
    fn function(&mut self, graph: Graph, process: Option<u32>) -> Graph {
        self.last += 1;
        let connection = ConnectionId(self.last);
        self.server.connected(connection, None, Pythons::ANY);
        if let Some(process) = process {
            self.server.comes_from(connection, process);
        }
        let steps = self.server.request(connection, Ok(self.pickled(graph)), Duration::ZERO);
        let reply = self.reply(steps);
        let _ = self.server.closed(connection);
        reply
    }

    fn create(&mut self, typeid: &str, process: Option<u32>) -> Result<String, String> {
        let reply = self.function(request::create(Graph::new(), typeid, &[], NodeId::NONE), process);
        match Answer::decode(&reply).unwrap() {
            Answer::Traceback(text) => Err(text),
            answer => Ok(answer.created(&reply).unwrap().0.to_string()),
        }
    }

    fn call(&mut self, ident: &str, method: &str, args: &[Value]) -> Result<Value, String> {
        self.call_at(Duration::ZERO, ident, method, args)
    }

    fn call_at(&mut self, now: Duration, ident: &str, method: &str, args: &[Value]) -> Result<Value, String> {
        let arguments = Arguments { args: args.to_vec(), kwargs: Vec::new() };
        let mut graph = Graph::new();
        graph.set_protocol(4);
        let (graph, args, kwargs) = arguments.add(graph);
        let graph = self.pickled(request::call(graph, ident, method, args, kwargs));
        let steps = self.server.request(CALLER, Ok(graph), now);
        let reply = self.reply(steps);
        match Answer::decode(&reply).unwrap() {
            Answer::Returned(_) => Ok(Value::read(reply, &Names::builtin())),
            Answer::Raised(node) => {
                Err(RemoteException::decode(&reply, node, &Names::builtin()).unwrap().to_string())
            }
            Answer::Traceback(text) => Err(text),
            other => panic!("{other:?}"),
        }
    }
}

fn long() -> Value {
    Value::bytes(&[b'x'; 10_000])
}

#[test]
fn a_full_server_says_so_and_takes_more_once_something_was_taken_out() {
    let mut world = World::new(Most { memory: 100_000, ..Most::ENDLESS });
    let (list, table, jobs) = ident3(&mut world);
    let empty = world.server.meter().used();
    let mut kept = 0;
    let refused = loop {
        let done = match kept % 3 {
            0 => world.call(&list, "append", &[long()]),
            1 => world.call(&table, "__setitem__", &[Value::int(kept), long()]),
            _ => world.call(&jobs, "put", &[long()]),
        };
        match done {
            Ok(_) => kept += 1,
            Err(refused) => break refused,
        }
    };
    assert!((7..=9).contains(&kept), "{kept} of 10,000 bytes each");
    assert!(refused.contains("MemoryError: this server has no memory left"), "{refused}");
    assert!(refused.contains("max-memory"), "{refused}");
    // What returns a little, or makes room, is let through.
    assert!(world.call(&list, "__len__", &[]).is_ok());
    assert!(world.call(&list, "__getitem__", &[Value::int(0)]).is_ok());
    assert!(world.call(&jobs, "get", &[]).is_ok());
    assert!(world.call(&list, "append", &[long()]).is_ok());
    // Nothing is counted that is not there any more.
    while world.call(&list, "pop", &[]).is_ok() {}
    assert!(world.call(&table, "clear", &[]).is_ok());
    while world.call(&jobs, "get_nowait", &[]).is_ok() {}
    assert_eq!(world.server.meter().used(), empty);
}

fn ident3(world: &mut World) -> (String, String, String) {
    let mut named = |name| world.create(name, None).unwrap();
    (named("numbers"), named("table"), named("jobs"))
}

#[test]
fn a_few_bytes_do_not_make_a_list_that_fills_the_memory() {
    let mut world = World::new(Most { memory: 1 << 20, ..Most::ENDLESS });
    let (list, ..) = ident3(&mut world);
    world.call(&list, "append", &[Value::int(1)]).unwrap();
    let refused = world.call(&list, "__imul__", &[Value::int(1 << 25)]).unwrap_err();
    assert!(refused.contains("MemoryError: this server has no memory left"), "{refused}");
    assert!(world.call(&list, "__mul__", &[Value::int(1 << 25)]).is_err());
    assert!(world.call(&list, "__imul__", &[Value::int(1 << 10)]).is_ok());
    assert!(world.server.meter().used() >= 24 << 10, "the places are counted");
}

#[test]
fn one_object_too_many_is_refused_and_the_next_is_not() {
    let mut world = World::new(Most { objects: 5, ..Most::ENDLESS });
    let first = world.create("dict", None).unwrap();
    world.create("Lock", None).unwrap();
    let refused = world.create("dict", None).unwrap_err();
    assert!(refused.contains("MemoryError: this server has 5 objects"), "{refused}");
    let refused = world.call(&first, "__iter__", &[]).unwrap_err();
    assert!(refused.contains("max-objects"), "an iterator is one too: {refused}");
    world.function(request::decref(&first), None);
    world.create("dict", None).unwrap();
}

#[test]
fn what_a_process_has_not_given_back_goes_with_it_and_nothing_else() {
    let mut world = World::new(Most::ENDLESS);
    let own = world.create("dict", Some(10)).unwrap();
    let given_back = world.create("dict", Some(10)).unwrap();
    let shared = world.create("dict", Some(10)).unwrap();
    world.function(request::incref(&shared), Some(11));
    world.function(request::decref(&given_back), Some(10));
    let unknown = world.create("dict", None).unwrap();
    world.call(&shared, "__setitem__", &[Value::int(1), Value::int(2)]).unwrap();
    assert_eq!(world.server.number_of_objects(), 3);
    let _ = world.server.process_ended(10);
    assert_eq!(world.server.number_of_objects(), 2);
    assert!(world.call(&own, "__len__", &[]).is_err());
    assert!(world.call(&shared, "__len__", &[]).is_ok());
    assert!(world.call(&unknown, "__len__", &[]).is_ok());
    let _ = world.server.process_ended(10);
    let _ = world.server.process_ended(11);
    assert_eq!(world.server.number_of_objects(), 1);
}

#[test]
fn what_nobody_calls_goes_when_its_time_is_up_but_not_what_is_waited_for_or_owned() {
    let mut world = World::new(Most::ENDLESS);
    world.server.set_reference_ttl(Some(Duration::from_secs(60)));
    let idle = world.create("dict", None).unwrap();
    let called = world.create("dict", None).unwrap();
    let owned = world.create("dict", Some(7)).unwrap();
    let waited_for = world.create("Queue", None).unwrap();
    let waiter = ConnectionId(1000);
    world.server.connected(waiter, None, Pythons::ANY);
    let accept = request::accept_connection("x");
    let _ = world.server.request(waiter, Ok(world.pickled(accept)), Duration::ZERO);
    let get = request::call(Graph::new(), &waited_for, "get", [], NodeId::NONE);
    assert!(world.server.request(waiter, Ok(world.pickled(get)), Duration::ZERO).is_empty());
    for second in 0..120 {
        let now = Duration::from_secs(second);
        assert!(world.call_at(now, &called, "__len__", &[]).is_ok());
        let _ = world.server.expire(now);
        if second == 55 {
            assert_eq!(world.server.number_of_objects(), 4, "it is too early");
        }
    }
    let now = Duration::from_secs(121);
    assert!(world.call_at(now, &idle, "__len__", &[]).is_err());
    for kept in [&called, &owned] {
        assert!(world.call_at(now, kept, "__len__", &[]).is_ok());
    }
    assert!(world.call_at(now, &waited_for, "qsize", &[]).is_ok());
    // An object with a name is no client's.
    assert!(world.create("table", None).is_ok());
}
