//! Our requests to a stock server, and what it answers.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sabir_manager::{Address, Answer, Peer, RemoteException, Token, request};
use sabir_net::Address as Socket;
use sabir_net::blocking::{Connection, Stream};
use sabir_pickle::{Graph, Node, NodeId, Translation};
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions};

use super::driver::far;

/// A stock server, which ends with this, and what is known of it.
struct Stock {
    process: Child,
    port: u16,
    peer: Peer,
    translation: Translation,
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Stock {
    fn start(python: &Path) -> Stock {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/server.py");
        let mut process = Command::new(python).arg(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Stock { process, port, peer: Peer::UNKNOWN, translation: Translation::default() }
    }

    fn connect(&self) -> Connection {
        let stream = Stream::connect(&Socket::Tcp { host: "127.0.0.1".into(), port: self.port }, far());
        let (key, options) = (AuthKey::new(*b"secret"), AuthOptions::default());
        Connection::connecting(stream.unwrap(), Config::default(), key, options, far()).unwrap()
    }

    fn ask(&mut self, connection: &mut Connection, request: Graph) -> (Graph, Answer) {
        let pickle = self.peer.request(request, &self.translation).unwrap().into_vec();
        connection.send_bytes(&pickle, far()).unwrap();
        let reply = connection.recv_bytes(far()).unwrap().expect("a reply");
        let graph = Graph::from_slice(&reply).unwrap();
        self.peer = Peer::of(&graph);
        let answer = Answer::decode(&graph).unwrap();
        (graph, answer)
    }

    /// On a connection of its own.
    fn function(&mut self, request: Graph) -> (Graph, Answer) {
        let mut connection = self.connect();
        self.ask(&mut connection, request)
    }

    fn nothing(&mut self, request: Graph) {
        assert_eq!(self.function(request).1, Answer::Returned(NodeId::NONE));
    }

    fn objects(&mut self) -> i64 {
        let (graph, answer) = self.function(request::number_of_objects());
        let Answer::Returned(count) = answer else { panic!("{answer:?}") };
        graph.int(count).unwrap()
    }

    fn exception(&self, (graph, answer): &(Graph, Answer)) -> RemoteException {
        answer.exception(graph, self.translation.names()).expect("an exception")
    }
}

pub(super) fn uses(python: &Path) {
    let mut stock = Stock::start(python);
    stock.nothing(request::dummy());
    assert_ne!(stock.peer, Peer::UNKNOWN, "it has shown what it reads");
    let start = stock.objects();

    let mut graph = Graph::new();
    let five = graph.add_int(5);
    let (graph, answer) = stock.function(request::create(graph, "Counter", &[five], NodeId::NONE));
    let (ident, exposed) = answer.created(&graph).unwrap();
    assert_eq!(exposed, ["add", "child", "echo", "fail", "open", "unserializable", "child"]);
    stock.nothing(request::incref(&ident));
    stock.nothing(request::decref(&ident));
    assert_eq!(stock.objects(), start + 1);

    let mut calls = stock.connect();
    let (_, answer) = stock.ask(&mut calls, request::accept_connection("a thread"));
    assert_eq!(answer, Answer::Returned(NodeId::NONE));
    let mut call = |stock: &mut Stock, ident: &str, method: &str, arg: Option<&str>| {
        let mut graph = Graph::new();
        let args: Vec<NodeId> = arg.map(|arg| graph.add_str(arg)).into_iter().collect();
        stock.ask(&mut calls, request::call(graph, ident, method, args, NodeId::NONE))
    };
    let error = stock_error(&mut stock, |stock| call(stock, &ident, "fail", Some("h\u{e9}")));
    assert_eq!(error.to_string(), "ValueError: h\u{e9}");
    let error = stock_error(&mut stock, |stock| call(stock, &ident, "open", Some("/nonexistent")));
    assert_eq!(error.text, "[Errno 2] No such file or directory: '/nonexistent'");
    let error = stock_error(&mut stock, |stock| call(stock, &ident, "nope", None));
    assert_eq!(error.to_string(), "KeyError: 'nope'");
    assert!(error.traceback.is_some_and(|text| text.contains("serve_client")));
    let unserializable = call(&mut stock, &ident, "unserializable", None);
    assert!(matches!(unserializable.1, Answer::Unserializable(_)), "{unserializable:?}");
    let (graph, answer) = call(&mut stock, &ident, "__str__", None);
    assert!(matches!(answer, Answer::Returned(text) if graph.text(text) == Some("Counter(5)")));

    let (graph, answer) = call(&mut stock, &ident, "child", None);
    let Answer::Proxy { exposed, token } = answer else { panic!("{answer:?}") };
    assert_eq!(exposed, ["add", "fail", "echo", "child"]);
    let child = graph.text(token.ident).unwrap().to_owned();
    let error = stock_error(&mut stock, |stock| call(stock, &child, "fail", Some("x")));
    assert_eq!(error.to_string(), "ValueError: x");

    // The functions that take a token, and keyword arguments.
    let mut graph = Graph::new();
    let (typeid, text) = (graph.add_str("Same"), graph.add_str(&child));
    let address = Address::Inet { host: "127.0.0.1".into(), port: stock.port };
    let address = address.encode(&mut graph, stock.peer.pythons);
    let token = Token::encode(&mut graph, typeid, address, text);
    let (graph, answer) = stock.function(request::get_methods(graph, token));
    let Answer::Returned(methods) = answer else { panic!("{answer:?}") };
    assert_eq!(graph.items(methods).unwrap().len(), 4);
    let mut graph = Graph::new();
    let (key, bytes) = (graph.add_str("key"), graph.store(b"\xff"));
    let bytes = graph.add(Node::Bytes(bytes));
    let kwargs = graph.add(Node::Dict(vec![(key, bytes)]));
    let (graph, answer) = stock.ask(&mut calls, request::call(graph, &ident, "echo", [], kwargs));
    let Answer::Returned(pair) = answer else { panic!("{answer:?}") };
    let Node::Dict(pairs) = &graph[graph.items(pair).unwrap()[1]] else { panic!("no dict") };
    assert_eq!(graph.text(pairs[0].0), Some("key"));

    stock.nothing(request::decref(&child));
    stock.nothing(request::decref(&ident));
    assert_eq!(stock.objects(), start);
    let error = stock_error(&mut stock, |stock| stock.function(request::decref(&ident)));
    assert_eq!(error.to_string(), format!("KeyError: '{ident}'"));
    stock.nothing(request::shutdown());
    assert!(stock.process.wait().unwrap().success());
}

fn stock_error(stock: &mut Stock, ask: impl FnOnce(&mut Stock) -> (Graph, Answer)) -> RemoteException {
    let reply = ask(stock);
    stock.exception(&reply)
}
