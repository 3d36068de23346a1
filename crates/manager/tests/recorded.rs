//! What stock Pythons really said to each other: read and written again, nothing of it changes, and our own requests are
//! theirs. The recordings are the gateway's, which `crates/gateway/tests/data/record.py` wrote down.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use sabir_manager::native::Holds;
use sabir_manager::server::{CallResult, ConnectionId, Made, Outcome, Registered, Server};
use sabir_manager::{Address, Answer, Kind, Peer, RemoteException, Reply, Request, request};
use sabir_pickle::testing::{Choices, same};
use sabir_pickle::{Graph, Node, NodeId, Pythons, Translation, Version};

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
    /// The frames of clients, or of the server, each with its connection.
    fn pickles(&self, side: &str) -> impl Iterator<Item = (u64, Vec<u8>)> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
            let [connection, from, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let pickle = (0..hex.len()).step_by(2).map(byte).collect();
            (from == side).then(|| (connection.parse().unwrap(), pickle))
        })
    }

    fn frames(&self, side: &str) -> impl Iterator<Item = (u64, Graph)> {
        self.pickles(side).map(|(connection, pickle)| (connection, Graph::from_slice(&pickle).unwrap()))
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

/// Law: whatever comes, each message is answered with one reply that a client can read, or its connection is to be closed.
#[test]
fn mutated_conversations_keep_the_law() {
    let translation = Translation::default();
    let conversations: Vec<Vec<Vec<u8>>> =
        RECORDED.iter().map(|recording| recording.pickles("C").map(|(_, pickle)| pickle).collect()).collect();
    let methods = ["__getitem__", "__iter__", "__setitem__", "append", "get", "keys", "put"];
    let (mut answered, mut asked) = (0, 0);
    for seed in 0..3000_u32 {
        let seed = seed.to_le_bytes();
        let mut choices = Choices::new(&seed);
        let mut server: Server<u32> = Server::new(0, Address::Unix(b"/s".to_vec()));
        server.register("dict", Registered::new().returning("__iter__", "dict"));
        let ident = server.share("dict", 0, methods.map(Into::into).into()).unwrap();
        let id = ConnectionId(1);
        let conversation = &conversations[choices.below(3)];
        let start = choices.below(conversation.len());
        for pickle in conversation[start..].iter().take(12) {
            let pickle = mutated(pickle, &mut choices);
            if choices.below(4) == 0 {
                server.connected(id, None);
                if choices.below(4) > 0 {
                    let _ = server.request(id, &request::accept_connection("x"), Peer::UNKNOWN);
                }
            }
            let loaded = Graph::from_slice(&pickle).map(|graph| aimed_at(graph, &ident.to_string()));
            let (outcome, peer) = match &loaded {
                Ok(graph) => (server.request(id, graph, Peer::of(graph)), Peer::of(graph)),
                Err(error) => (server.unreadable(id, Peer::UNKNOWN, error), Peer::UNKNOWN),
            };
            let made = || Made::New { object: 1, public: ["keys".into()].into() };
            let outcome = match (outcome, loaded) {
                (Outcome::Create(create), _) => server.created(create.ticket, Ok(made())),
                (Outcome::Call(call), Ok(mut graph)) => {
                    asked += 1;
                    // What came as an argument goes back as a value, as lists and dicts of the program would.
                    let value = call.args.first().copied().unwrap_or(call.kwargs);
                    graph.set_root(value);
                    let result = match call.returns {
                        Some(typeid) => CallResult::Shared { typeid, made: made() },
                        None => CallResult::Returned(graph),
                    };
                    server.finished(call.ticket, result)
                }
                (Outcome::Describe { ticket, .. }, _) => server.described(ticket, &[]),
                (outcome, _) => outcome,
            };
            let message = match outcome {
                Outcome::Reply(message) | Outcome::ReplyAndClose(message) | Outcome::Shutdown(message) => {
                    message
                }
                Outcome::Close => continue,
                outcome => panic!("{outcome:?}"),
            };
            assert_eq!(message.to, peer);
            let (pickle, _) = message.encode(&translation);
            let graph = Graph::from_slice(&pickle.into_vec()).unwrap();
            assert!(graph.protocol() <= peer.protocol);
            let answer = Answer::decode(&graph).expect("a reply");
            let _ = answer.exception(&graph, translation.names());
            answered += 1;
        }
    }
    assert!(answered > 6000 && asked > 1000, "{answered}, {asked}");
}

/// A recorded message in which every ident of the recording is this one.
fn aimed_at(mut graph: Graph, ident: &str) -> Graph {
    for id in graph.ids() {
        let recorded = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if graph.text(id).is_some_and(recorded) {
            let blob = graph.store(ident.as_bytes());
            *graph.node_mut(id) = Node::Str(blob);
        }
    }
    graph
}

/// Replies that were tampered with are read, or are none.
#[test]
fn mutated_replies_are_read_or_refused() {
    let names = Translation::default().names().clone();
    let replies: Vec<Vec<u8>> =
        RECORDED.iter().flat_map(|recording| recording.pickles("S").map(|(_, pickle)| pickle)).collect();
    let mut read = 0;
    for seed in 0..20_000_u32 {
        let seed = seed.to_le_bytes();
        let mut choices = Choices::new(&seed);
        let pickle = mutated(&replies[choices.below(replies.len())], &mut choices);
        let Ok(graph) = Graph::from_slice(&pickle) else { continue };
        let Some(answer) = Answer::decode(&graph) else { continue };
        let _ = answer.exception(&graph, &names).map(|raised| raised.to_string());
        let _ = answer.created(&graph);
        for id in graph.ids() {
            let _ = RemoteException::decode(&graph, id, &names);
        }
        read += 1;
    }
    assert!(read > 1000, "{read}");
}

/// The same, but for up to three places; some hold what makes requests interesting.
fn mutated(pickle: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    const PIECES: [&[u8]; 7] =
        [b"N", b"]", b"}", b"K\x05", b"U\x06create", b"cexceptions\nKeyError\n)R", b"2"];
    let mut pickle = pickle.to_vec();
    for _ in 0..choices.below(4) {
        let at = choices.below(pickle.len());
        match choices.below(4) {
            0 => pickle.truncate(at.max(1)),
            1 => pickle[at] = choices.below(256) as u8,
            _ => drop(pickle.splice(at..at, choices.pick(&PIECES).iter().copied())),
        }
    }
    pickle
}
