//! What is refused is refused in the words of a stock 3.13: `data/faults.py` asked one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use sabir_manager::server::{CallResult, ConnectionId, Outcome, Registered, Server};
use sabir_manager::{Address, Answer, Peer, RemoteException, request};
use sabir_pickle::{Error, Graph, Node, NodeId, Translation};

const RECORDED: &str = include_str!("data/faults.txt");
const PEER: Peer = Peer { pythons: sabir_pickle::Pythons::writing(4), protocol: 5 };

/// A server as the one of `faults.py`, and the ident of its object.
fn server() -> (Server<()>, String) {
    let mut server = Server::new(1, Address::Inet { host: "127.0.0.1".into(), port: 1 });
    let thing = Registered::new().exposing(["add", "absent"]).returning("make", "thing");
    server.register("thing", thing);
    server.register("bare", Registered::new().without_callable());
    let ident = server.share("thing", (), [].into()).unwrap().to_string();
    (server, ident)
}

fn text(server: &mut Server<()>, outcome: Outcome<()>) -> String {
    let message = match outcome {
        Outcome::Reply(message) | Outcome::ReplyAndClose(message) => message,
        Outcome::Call(call) if &*call.method == "absent" => {
            let outcome = server.finished(call.ticket, CallResult::NoMethod);
            return text(server, outcome);
        }
        outcome => panic!("{outcome:?}"),
    };
    let (pickle, _) = message.encode(&Translation::default());
    let graph = Graph::from_slice(&pickle.into_vec()).unwrap();
    match Answer::decode(&graph) {
        Some(Answer::Traceback(text)) => text,
        answer => panic!("{answer:?}"),
    }
}

#[test]
fn refusals_end_with_the_line_of_a_stock_server() {
    let (mut server, ident) = server();
    let mut count = 0;
    for row in RECORDED.lines().filter(|row| !row.starts_with('#')) {
        let [connection, hex, line] = row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let pickle: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let mut graph = Graph::from_slice(&pickle).unwrap();
        for id in graph.ids() {
            if graph.text(id) == Some("IDENT") {
                let blob = graph.store(ident.as_bytes());
                *graph.node_mut(id) = Node::Str(blob);
            }
        }
        count += 1;
        let id = ConnectionId(count);
        server.connected(id, None);
        if connection == "accepted" {
            let accept = request::accept_connection("x");
            assert!(matches!(server.request(id, &accept, PEER), Outcome::Reply(_)));
        }
        let outcome = server.request(id, &graph, PEER);
        let text = text(&mut server, outcome);
        assert!(text.starts_with("Traceback (most recent call last):\n  File "), "{text}");
        assert_eq!(text.lines().last(), Some(line), "{}", pickle.escape_ascii());
        assert_eq!(RemoteException::from_traceback(&text).to_string(), line);
    }
    assert!(count > 60, "{count}");
}

#[test]
fn arguments_that_cannot_be_handed_over_are_errors_of_the_call() {
    let (mut server, ident) = server();
    let id = ConnectionId(1);
    server.connected(id, None);
    let _ = server.request(id, &request::accept_connection("x"), PEER);
    type Add = fn(&mut Graph) -> NodeId;
    let number: Add = |graph| graph.add_int(5);
    let keys: Add = |graph| {
        let five = graph.add_int(5);
        graph.add(Node::Dict(vec![(five, five)]))
    };
    let cases: [(bool, Add, &str); 3] = [
        (true, number, "add() argument after * must be an iterable, not int"),
        (false, number, "add() argument after ** must be a mapping, not int"),
        (false, keys, "keywords must be strings"),
    ];
    for (is_args, odd, wanted) in cases {
        let mut graph = Graph::new();
        let odd = odd(&mut graph);
        let (ident, method) = (graph.add_str(&ident), graph.add_str("add"));
        let (args, kwargs) = (graph.add_tuple([]), graph.add(Node::Dict(Vec::new())));
        let root =
            graph.add_tuple(if is_args { [ident, method, odd, kwargs] } else { [ident, method, args, odd] });
        graph.set_root(root);
        let Outcome::Reply(message) = server.request(id, &graph, PEER) else { panic!("no reply") };
        let translation = Translation::default();
        let (pickle, _) = message.encode(&translation);
        let graph = Graph::from_slice(&pickle.into_vec()).unwrap();
        let Some(Answer::Raised(raised)) = Answer::decode(&graph) else { panic!("nothing raised") };
        let raised = RemoteException::decode(&graph, raised, translation.names()).unwrap();
        assert_eq!(raised.to_string(), format!("TypeError: {wanted}"));
    }
}

#[test]
fn what_has_no_form_for_its_reader_is_unserializable() {
    let (mut server, ident) = server();
    let id = ConnectionId(1);
    server.connected(id, None);
    let _ = server.request(id, &request::accept_connection("x"), PEER);
    let call = request::call(Graph::new(), &ident, "add", [], NodeId::NONE);
    let Outcome::Call(call) = server.request(id, &call, PEER) else { panic!("no call") };
    // A buffer that stood beside the pickle, and was not given.
    let mut graph = Graph::new();
    let root = graph.add(Node::Buffer { index: 0, readonly: false });
    graph.set_root(root);
    let Outcome::Reply(mut message) = server.finished(call.ticket, CallResult::Returned(graph)) else {
        panic!("no reply")
    };
    message.to.protocol = 4;
    let (pickle, error) = message.encode(&Translation::default());
    assert!(error.as_ref().is_some_and(is_missing_buffer));
    let graph = Graph::from_slice(&pickle.into_vec()).unwrap();
    let Some(Answer::Unserializable(text)) = Answer::decode(&graph) else { panic!("it was written") };
    assert!(RemoteException::from_traceback(&text).is("_pickle", "PicklingError"), "{text}");
}

fn is_missing_buffer(error: &Error) -> bool {
    matches!(error.kind(), sabir_pickle::ErrorKind::MissingBuffer(0))
}

/// A list around itself as deep as a message allows, in every place of a request.
#[test]
fn deep_and_cyclic_requests_are_refused_in_bounded_words() {
    let (mut server, _) = server();
    let mut pickle = b"\x80\x04(".to_vec();
    for _ in 0..4 {
        pickle.extend_from_slice(&[b']'; 100_000]);
        pickle.extend_from_slice(&[b'a'; 99_999]);
    }
    pickle.extend_from_slice(b"t.");
    let deep = Graph::from_slice(&pickle).unwrap();
    let cyclic = Graph::from_slice(b"\x80\x04(]q\0h\0ah\0h\0h\0t.").unwrap();
    for (number, graph) in [deep, cyclic].into_iter().enumerate() {
        for accepted in [false, true] {
            let id = ConnectionId(10 + 2 * number as u64 + u64::from(accepted));
            server.connected(id, None);
            if accepted {
                let _ = server.request(id, &request::accept_connection("x"), PEER);
            }
            let outcome = server.request(id, &graph, PEER);
            assert!(text(&mut server, outcome).len() < 4096);
        }
    }
}
