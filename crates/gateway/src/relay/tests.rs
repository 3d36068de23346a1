use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use sabir_manager::{Address, Exposed, Methods, Reply, Token};
use sabir_pickle::{DumpOptions, Make, Names, Node, NodeId, Py2Str, Py2Text, Step, Translation, Version};

use super::*;
use crate::config::Route;
use crate::policy::AllowList;

mod addresses;
mod managers;
mod plain;
mod policies;
mod uses;

/// A gateway at port 5000 of a server at port 6000, and one of its connections.
struct Pair {
    relay: Relay,
    server: ServerKnowledge,
}

impl Pair {
    fn new(config: Config) -> Pair {
        Pair::at(config, Addresses::new(inet("127.0.0.1", 5000), inet("127.0.0.1", 6000)))
    }

    fn at(config: Config, addresses: Addresses) -> Pair {
        Pair { relay: Relay::new(Arc::new(config), addresses), server: ServerKnowledge::new(None) }
    }

    /// A manager's connection, of a client and a server whose versions are known.
    fn manager(config: Config, client: &Dialect, server: &Dialect) -> Pair {
        let mut pair = Pair::new(config);
        pair.server
            .saw(Evidence::of(&scan(&server.reply(|g| (g.text("#RETURN"), NodeId::NONE))).unwrap(), true));
        pair.says(Side::Client, &client.request(None, "dummy", |_| vec![]));
        pair.says(Side::Server, &server.reply(|g| (g.text("#RETURN"), NodeId::NONE)));
        while pair.relay.poll_event().is_some() {}
        pair
    }

    fn says(&mut self, from: Side, body: &[u8]) -> Outcome {
        self.relay.handle_frame(from, &Bytes::copy_from_slice(body), &mut self.server)
    }

    /// What the other end gets.
    fn gives(&mut self, from: Side, body: &[u8]) -> Vec<u8> {
        match self.says(from, body) {
            Outcome::Pass => body.to_vec(),
            Outcome::Replace(pickle) => pickle.into_vec(),
            outcome => panic!("{outcome:?}"),
        }
    }

    /// The text that the client gets instead of what `from` sent, and how it is written.
    fn told(&mut self, from: Side, body: &[u8]) -> (&'static str, String, Vec<u8>) {
        let pickle = match (from, self.says(from, body)) {
            (Side::Client, Outcome::Answer(pickle)) => pickle,
            (Side::Server, Outcome::Replace(pickle)) => pickle.into_vec(),
            (_, outcome) => panic!("{outcome:?}"),
        };
        let graph = Graph::from_slice(&pickle).unwrap();
        let reply = Reply::decode(&graph, graph.root()).unwrap();
        assert!(reply.kind.has_text());
        (reply.kind.name(), graph.text(reply.result).unwrap().to_string(), pickle)
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.relay.poll_event()).collect()
    }
}

/// How one version writes.
struct Dialect {
    protocol: u8,
    pythons: Pythons,
}

const PY27: Dialect = Dialect { protocol: 2, pythons: Pythons::PY2 };
const PY36: Dialect = Dialect { protocol: 3, pythons: Pythons::exactly(Version::new(3, 6)) };
const PY313: Dialect = Dialect { protocol: 4, pythons: Pythons::exactly(Version::new(3, 13)) };
const PY314: Dialect = Dialect { protocol: 5, pythons: Pythons::exactly(Version::new(3, 14)) };

/// A graph to which texts are added as one version's `str`.
struct Writer<'d> {
    graph: Graph,
    dialect: &'d Dialect,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) -> NodeId {
        let blob = self.graph.store(text.as_bytes());
        let py2 = self.dialect.pythons == Pythons::PY2;
        self.graph.add(if py2 { Node::String(blob) } else { Node::Str(blob) })
    }

    fn texts(&mut self, texts: &[&str]) -> NodeId {
        let items: Vec<NodeId> = texts.iter().map(|text| self.text(text)).collect();
        self.graph.add_tuple(items)
    }

    fn address(&mut self, address: &Address) -> NodeId {
        address.encode(&mut self.graph, self.dialect.pythons)
    }

    fn token(&mut self, typeid: &str, address: &Address, ident: &str) -> NodeId {
        let (typeid, ident) = (self.text(typeid), self.text(ident));
        let address = self.address(address);
        Token::encode(&mut self.graph, typeid, address, ident)
    }
}

impl Dialect {
    fn pickle(&self, root: impl FnOnce(&mut Writer<'_>) -> NodeId) -> Vec<u8> {
        let mut writer = Writer { graph: Graph::new(), dialect: self };
        let root = root(&mut writer);
        writer.graph.set_root(root);
        let options = DumpOptions { python: self.pythons, ..DumpOptions::protocol(self.protocol) };
        writer.graph.dump(&options).unwrap()
    }

    fn request(
        &self,
        ident: Option<&str>,
        method: &str,
        args: impl FnOnce(&mut Writer<'_>) -> Vec<NodeId>,
    ) -> Vec<u8> {
        self.pickle(|g| {
            let args = args(g);
            let ident = ident.map_or(NodeId::NONE, |ident| g.text(ident));
            let request = Request {
                ident,
                method: g.text(method),
                args: g.graph.add_tuple(args),
                kwargs: g.graph.add(Node::Dict(vec![])),
            };
            request.encode(&mut g.graph)
        })
    }

    fn reply(&self, parts: impl FnOnce(&mut Writer<'_>) -> (NodeId, NodeId)) -> Vec<u8> {
        self.pickle(|g| {
            let (kind, result) = parts(g);
            g.graph.add_tuple([kind, result])
        })
    }
}

fn inet(host: &str, port: u16) -> Address {
    Address::Inet { host: host.into(), port }
}

/// The addresses of all tokens in a pickle.
fn addresses(pickle: &[u8]) -> Vec<String> {
    let graph = Graph::from_slice(pickle).unwrap();
    let decode = |token: Token| Address::decode(&graph, token.address).unwrap().to_string();
    Token::find(&graph).into_iter().map(decode).collect()
}

/// A pickle as text, to compare what two versions wrote: texts of Python 2 are marked `s`, of Python 3 `u`.
fn show(pickle: &[u8]) -> String {
    fn node(graph: &Graph, id: NodeId) -> String {
        let all =
            |items: &[NodeId]| items.iter().map(|&item| node(graph, item)).collect::<Vec<_>>().join(" ");
        match &graph[id] {
            Node::None => "None".into(),
            Node::Bool(value) => format!("{value}"),
            Node::Int(value) => format!("{value}"),
            Node::Float(value) => format!("{value}"),
            Node::Str(blob) => format!("u'{}'", graph.blob(*blob).escape_ascii()),
            Node::String(blob) => format!("s'{}'", graph.blob(*blob).escape_ascii()),
            Node::Bytes(blob) => format!("b'{}'", graph.blob(*blob).escape_ascii()),
            Node::Tuple(items) => format!("({})", all(items)),
            Node::List(items) => format!("[{}]", all(items)),
            Node::Dict(pairs) => {
                let pair =
                    |&(key, value): &(NodeId, NodeId)| format!("{}:{}", node(graph, key), node(graph, value));
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
            }
            Node::Global(_) => {
                let (module, name) = graph.global(id).unwrap();
                format!("{module}.{name}")
            }
            Node::Object(object) => {
                let (callable, args) = object.call().unwrap();
                let state = object.state().map_or(String::new(), |state| node(graph, state));
                format!("{}{}{state}", node(graph, callable), node(graph, args))
            }
            other => format!("{other:?}"),
        }
    }
    let graph = Graph::from_slice(pickle).unwrap();
    format!("{} {}", graph.protocol(), node(&graph, graph.root()))
}
