//! What stock Pythons really said to each other: read and written again, nothing of it changes, and our own requests are
//! theirs. The recordings are the gateway's, which `crates/gateway/tests/data/record.py` wrote down.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use sabir_manager::native::Holds;
use sabir_manager::server::{ConnectionId, Outcome, Server};
use sabir_manager::{Address, Answer, Kind, Peer, RemoteException, Reply, Request, request};
use sabir_pickle::testing::same;
use sabir_pickle::{Graph, NodeId, Pythons, Translation, Version};

struct Recording {
    text: &'static str,
    pythons: Pythons,
}

const RECORDED: [Recording; 3] = [
    Recording { text: include_str!("../../gateway/tests/data/frames-2.7.txt"), pythons: Pythons::PY2 },
    Recording {
        text: include_str!("../../gateway/tests/data/frames-3.6.txt"),
        pythons: Pythons::exactly(Version::new(3, 6)),
    },
    Recording {
        text: include_str!("../../gateway/tests/data/frames-3.13.txt"),
        pythons: Pythons::exactly(Version::new(3, 13)),
    },
];

impl Recording {
    /// The frames of clients, or of the server: the connection, and the graph.
    fn frames(&self, side: &str) -> impl Iterator<Item = (u64, Graph)> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
            let [connection, from, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let pickle: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            (from == side).then(|| (connection.parse().unwrap(), Graph::from_slice(&pickle).unwrap()))
        })
    }

    /// Its own version, in its own protocol.
    fn peer(&self) -> Peer {
        Peer { pythons: self.pythons, protocol: self.pythons.min.default_protocol() }
    }
}

fn assert_same(pickle: &[u8], graph: &Graph) {
    let read = Graph::from_slice(pickle).unwrap();
    if let Err(difference) = same(&read, graph) {
        panic!("{difference:?} in {}", pickle.escape_ascii());
    }
}

#[test]
fn every_message_tells_who_wrote_it() {
    for recording in &RECORDED {
        for (_, graph) in recording.frames("C").chain(recording.frames("S")) {
            let peer = Peer::of(&graph);
            assert!(peer.pythons != Pythons::ANY && recording.pythons.within(peer.pythons));
            assert_eq!(peer.protocol, Peer::answers(recording.peer().protocol));
        }
    }
}

#[test]
fn our_requests_are_those_of_stock_clients() {
    let translation = Translation::default();
    for recording in &RECORDED {
        let mut count = 0;
        for (_, graph) in recording.frames("C") {
            let read = Request::decode(&graph, graph.root()).unwrap();
            let args = graph.items(read.args).unwrap().to_vec();
            let method = graph.text(read.method).unwrap().to_owned();
            let first = args.first().and_then(|&arg| graph.text(arg)).unwrap_or_default().to_owned();
            let ours = match (graph.text(read.ident), &*method) {
                (Some(ident), _) => {
                    let ident = ident.to_owned();
                    request::call(graph.clone(), &ident, &method, args, read.kwargs)
                }
                (None, "dummy") => request::dummy(),
                (None, "create") => request::create(graph.clone(), &first, &args[1..], read.kwargs),
                (None, "incref") => request::incref(&first),
                (None, "decref") => request::decref(&first),
                (None, "accept_connection") => request::accept_connection(&first),
                (None, "debug_info") => request::debug_info(),
                (None, "number_of_objects") => request::number_of_objects(),
                (None, "shutdown") => request::shutdown(),
                (None, "get_methods") => request::get_methods(graph.clone(), args[0]),
                (None, other) => panic!("{other}"),
            };
            let pickle = recording.peer().request(ours, &translation).unwrap().into_vec();
            assert_same(&pickle, &graph);
            count += 1;
        }
        assert!(count > 150, "{count}");
    }
}

#[test]
fn replies_are_read_whole_and_written_as_they_were() {
    let translation = Translation::default();
    for recording in &RECORDED {
        let mut kinds = [0; 5];
        for (_, graph) in recording.frames("S") {
            let reply = Reply::decode(&graph, graph.root()).unwrap();
            kinds[reply.kind as usize] += 1;
            match Answer::decode(&graph).unwrap() {
                Answer::Raised(id) => {
                    let raised = RemoteException::decode(&graph, id, translation.names()).unwrap();
                    assert!(matches!(&*raised.module, "builtins" | "queue"), "{raised}");
                }
                Answer::Proxy { exposed, .. } => assert!(!exposed.is_empty()),
                Answer::Traceback(text) => {
                    let raised = RemoteException::from_traceback(&text);
                    assert!(raised.is("builtins", "KeyError"), "{raised}");
                }
                Answer::Returned(_) | Answer::Unserializable(_) => {}
                other => panic!("{other:?}"),
            }
            let pickle = recording.peer().reply(graph.clone(), Holds::Value, &translation);
            assert_same(&pickle.unwrap().into_vec(), &graph);
        }
        for kind in [Kind::Return, Kind::Error, Kind::Proxy] {
            assert!(kinds[kind as usize] > 0, "{kind:?}");
        }
    }
}

/// All objects are of another server: what stock clients ask for is understood all the same, and answered in their way.
#[test]
fn a_server_that_knows_no_object_answers_every_request_of_stock_clients() {
    let translation = Translation::default();
    for recording in &RECORDED {
        let mut server: Server<()> = Server::new(1, Address::Unix(b"/s".to_vec()));
        let mut connections = Vec::new();
        for (connection, graph) in recording.frames("C") {
            let id = ConnectionId(connection);
            if !connections.contains(&connection) {
                connections.push(connection);
                server.connected(id, None);
            }
            let function = graph.items(graph.root()).unwrap()[0] == NodeId::NONE;
            let message = match server.request(id, &graph, Peer::of(&graph)) {
                Outcome::Reply(message) | Outcome::ReplyAndClose(message) | Outcome::Shutdown(message) => {
                    message
                }
                Outcome::Describe { ticket, .. } => match server.described(ticket, &[]) {
                    Outcome::ReplyAndClose(message) => message,
                    outcome => panic!("{outcome:?}"),
                },
                outcome => panic!("{outcome:?}"),
            };
            let (pickle, error) = message.encode(&translation);
            assert_eq!(error, None);
            let reply = Graph::from_slice(&pickle.into_vec()).unwrap();
            assert_eq!(reply.protocol(), Peer::answers(graph.protocol()));
            match Answer::decode(&reply).unwrap() {
                Answer::Traceback(text) => {
                    let raised = RemoteException::from_traceback(&text);
                    assert!(raised.is("builtins", "KeyError"), "{raised}");
                }
                Answer::Returned(_) => assert!(function),
                answer => panic!("{answer:?}"),
            }
        }
        assert!(connections.len() > 50);
    }
}
