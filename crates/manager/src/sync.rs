//! A server of the types that every `SyncManager` shares, without Python: [`Server`] and [`types`](crate::types) put
//! together, still as a state machine.
//!
//! Messages, the time, and the ends of connections come in; [`Step`]s come out: what to send to whom, and whom to close.
//!
//! ```
//! use core::time::Duration;
//! use sabir_manager::server::ConnectionId;
//! use sabir_manager::sync::{Step, SyncServer};
//! use sabir_manager::{Address, Answer, request};
//! use sabir_pickle::{Graph, NodeId, Pythons, Translation};
//!
//! // Nonce and seed are random in a real one.
//! let address = Address::Inet { host: "127.0.0.1".into(), port: 5000 };
//! let mut server = SyncServer::new(0x7f0e_686d, [7; 16], address);
//! let client = ConnectionId(1);
//! server.connected(client, None, Pythons::ANY);
//!
//! // A client's manager.list()
//! let graph = request::create(Graph::new(), "list", &[], NodeId::NONE);
//! let Step::Send { message, .. } = server.request(client, Ok(graph), Duration::ZERO).remove(0) else { panic!() };
//! let (pickle, _) = message.encode(&Translation::default());
//! let reply = Graph::from_slice(&pickle.into_vec())?;
//! let (ident, exposed) = Answer::decode(&reply).unwrap().created(&reply).unwrap();
//! assert_eq!(&*ident, "000000007f0e686d000001");
//! assert!(exposed.iter().any(|method| method == "append"));
//! # Ok::<(), sabir_pickle::Error>(())
//! ```

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;

use sabir_pickle::{Graph, Names, Node, NodeId, Pythons};

use crate::exposed::Vocabulary;
use crate::server::{
    Call, CallResult, ConnectionId, Create, Ident, Made, Message, MethodNames, Outcome, Registered, Server,
    Ticket,
};
use crate::types::{Arguments, Caller, Came, Era, Key, Keys, Objects, Raised, Value, canonical, registered};
use crate::{Address, Peer, Rebuild, Token};

/// What is to be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Send a message.
    Send {
        /// To the connection that it names.
        message: Message,
        /// What comes after it.
        then: Then,
    },
    /// Close a connection.
    Close(ConnectionId),
}

/// What comes after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection's next message.
    Stay,
    /// The connection is closed.
    Close,
    /// The server ends.
    Shutdown,
}

/// A server of shared dicts, lists, queues, locks and the like.
#[derive(Debug)]
pub struct SyncServer {
    server: Server<Key>,
    objects: Objects,
    names: Names,
    types: BTreeMap<Arc<str>, Registered>,
    /// Objects that all clients have under one name.
    shared: BTreeMap<Arc<str>, Ident>,
    /// What a connection's handshake told of its client.
    hints: BTreeMap<ConnectionId, Pythons>,
    /// Who waits with which call.
    waiting: BTreeMap<Ticket, ConnectionId>,
    /// Messages with proxies in them that are kept, and the objects that they keep.
    keeping: Vec<(Weak<Graph>, Vec<Ident>)>,
    /// When `keeping` is looked through again.
    sweep_at: usize,
}

/// Why an object cannot be shared under a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// There is no such type.
    #[error("there is no type {0}: the types are those of SyncManager, such as dict, list and Queue")]
    UnknownType(String),
    /// The type's constructor raised this.
    #[error("{0}")]
    Raised(String),
    /// The name is one that clients know already.
    #[error("{0} is taken: it is a type, or shared already")]
    Taken(String),
}

impl SyncServer {
    /// A server of the stock types, with no objects yet.
    ///
    /// `nonce` must differ from one start to the next; `seed` must be a secret: it keeps keys from being made to
    /// collide. `address` is what the server calls itself.
    pub fn new(nonce: u64, seed: [u8; 16], address: Address) -> SyncServer {
        let mut server = Server::new(nonce, address);
        server.set_remedy(
            "its types are those of SyncManager, since it runs no Python, and the names that objects were given when it \
             started; serve a class of your own from a manager in a program",
        );
        let mut types = BTreeMap::new();
        for (typeid, registered) in registered(&Vocabulary::builtin()) {
            server.register(typeid, registered.clone());
            types.insert(Arc::from(typeid), registered);
        }
        SyncServer {
            server,
            objects: Objects::new(Keys::new(seed)),
            names: Names::builtin(),
            types,
            shared: BTreeMap::new(),
            hints: BTreeMap::new(),
            waiting: BTreeMap::new(),
            keeping: Vec::new(),
            sweep_at: FIRST_SWEEP,
        }
    }

    /// Gives all clients one object under a name: each of them gets it by `manager.name()`, if its manager has
    /// `register(name)`. It is there until the server ends.
    ///
    /// # Errors
    /// See [`ShareError`].
    pub fn share(&mut self, name: &str, typeid: &str, arguments: &Arguments) -> Result<(), ShareError> {
        if self.types.contains_key(name) || self.shared.contains_key(name) {
            return Err(ShareError::Taken(name.to_string()));
        }
        let registered = self.types.get(typeid).cloned();
        let Some(registered) = registered else { return Err(ShareError::UnknownType(typeid.to_string())) };
        let caller = Caller {
            connection: ConnectionId(0),
            era: Era::of(Pythons::PY3),
            ticket: Ticket::NONE,
            now: Duration::ZERO,
        };
        let key = self
            .objects
            .create(typeid, &caller, arguments)
            .map_err(|raised| ShareError::Raised(raised.describe()))?;
        self.server.register(name, registered);
        if let Ok(ident) = self.server.share(name, key, MethodNames::from([])) {
            self.shared.insert(name.into(), ident);
        }
        Ok(())
    }

    /// A client has connected and is authenticated. `here` is where it found the server, if not at the server's own
    /// address; `hint` is what the handshake told of its version.
    pub fn connected(&mut self, connection: ConnectionId, here: Option<Address>, hint: Pythons) {
        self.server.connected(connection, here);
        self.hints.insert(connection, hint);
    }

    /// A message has come, or something that is no pickle.
    pub fn request(
        &mut self,
        connection: ConnectionId,
        message: Result<Graph, sabir_pickle::Error>,
        now: Duration,
    ) -> Vec<Step> {
        let mut steps = self.expire(now);
        let graph = match message {
            Ok(graph) => graph,
            Err(error) => {
                let outcome = self.server.unreadable(connection, Peer::UNKNOWN, &error);
                self.follow(connection, outcome, None, Peer::UNKNOWN, now, &mut steps);
                return steps;
            }
        };
        let mut peer = Peer::of(&graph);
        let hint = self.hints.get(&connection).copied().unwrap_or(Pythons::ANY);
        peer.pythons = peer.pythons.intersect(hint).unwrap_or(peer.pythons);
        let graph = Arc::new(canonical(graph, &self.names));
        let outcome = self.server.request(connection, &graph, peer);
        self.follow(connection, outcome, Some(&graph), peer, now, &mut steps);
        self.settle(&mut steps);
        steps
    }

    /// A connection has ended: its locks and waits end with it.
    pub fn closed(&mut self, connection: ConnectionId) -> Vec<Step> {
        let mut steps = Vec::new();
        self.hints.remove(&connection);
        let waited = self.server.closed(connection);
        self.objects.gone(connection, waited);
        if let Some(ticket) = waited {
            self.waiting.remove(&ticket);
            // So that the server forgets it.
            self.server.finished(ticket, CallResult::NoMethod);
        }
        self.settle(&mut steps);
        steps
    }

    /// A reply could not be sent: what it hands over is taken back.
    pub fn undelivered(&mut self, granted: Ident) -> Vec<Step> {
        let mut steps = Vec::new();
        self.server.undelivered(granted);
        self.settle(&mut steps);
        steps
    }

    /// When [`expire`](SyncServer::expire) has something to do, at the earliest.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.objects.next_deadline()
    }

    /// Answers those who have waited long enough.
    pub fn expire(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.objects.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.objects.expire(now);
            self.settle(&mut steps);
        }
        steps
    }

    /// How many objects clients count on.
    pub fn number_of_objects(&self) -> usize {
        self.server.number_of_objects()
    }

    /// How many objects there are, those included that only other objects or the server itself need.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.objects.waiting()
    }

    /// Does what the server asks for, until there is something to send or to wait for.
    fn follow(
        &mut self,
        connection: ConnectionId,
        outcome: Outcome<Key>,
        graph: Option<&Arc<Graph>>,
        peer: Peer,
        now: Duration,
        steps: &mut Vec<Step>,
    ) {
        let mut outcome = outcome;
        loop {
            outcome = match outcome {
                Outcome::Create(create) => self.create(connection, &create, graph, peer, now),
                Outcome::Call(call) => match self.call(connection, &call, graph, peer, now) {
                    Some(outcome) => outcome,
                    None => return,
                },
                Outcome::Describe { ticket, objects } => {
                    let era = Era::of(peer.pythons);
                    let texts: Vec<String> = objects.iter().map(|&key| self.objects.text(key, era)).collect();
                    self.server.described(ticket, &texts)
                }
                Outcome::Reply(message) => return steps.push(send(message, Then::Stay)),
                Outcome::ReplyAndClose(message) => return steps.push(send(message, Then::Close)),
                Outcome::Shutdown(message) => return steps.push(send(message, Then::Shutdown)),
                Outcome::Close => return steps.push(Step::Close(connection)),
                Outcome::Nothing => return,
            };
        }
    }

    fn create(
        &mut self,
        connection: ConnectionId,
        create: &Create,
        graph: Option<&Arc<Graph>>,
        peer: Peer,
        now: Duration,
    ) -> Outcome<Key> {
        let arguments = arguments(graph, &create.args, create.kwargs);
        if let Some(&ident) = self.shared.get(&create.typeid) {
            let made = if arguments.args.is_empty() && arguments.kwargs.is_empty() {
                Ok(Made::Again(ident))
            } else {
                let typeid = &create.typeid;
                Err(Raised::type_error(alloc::format!(
                    "{typeid} is one object for all, which was made when the server started: ask for it without arguments"
                ))
                .into_graph())
            };
            return self.server.created(create.ticket, made);
        }
        if let Some(graph) = graph {
            self.keep(graph);
        }
        let caller = Caller { connection, era: Era::of(peer.pythons), ticket: create.ticket, now };
        let made = match self.objects.create(&create.typeid, &caller, &arguments) {
            Ok(object) => Ok(Made::New { object, public: MethodNames::from([]) }),
            Err(raised) => Err(raised.into_graph()),
        };
        self.server.created(create.ticket, made)
    }

    /// Calls an object; nothing if the call waits.
    fn call(
        &mut self,
        connection: ConnectionId,
        call: &Call<Key>,
        graph: Option<&Arc<Graph>>,
        peer: Peer,
        now: Duration,
    ) -> Option<Outcome<Key>> {
        let era = Era::of(peer.pythons);
        let came = match call.fallback {
            Some(fallback) => self.objects.fallback(call.object, era, fallback),
            None => {
                if let Some(graph) = graph {
                    self.keep(graph);
                }
                let arguments = arguments(graph, &call.args, call.kwargs);
                let caller = Caller { connection, era, ticket: call.ticket, now };
                self.objects.call(call.object, caller, &call.method, &arguments)
            }
        };
        let result = match came {
            Came::Value(value) => CallResult::Returned(self.addressed(connection, value.into_graph())),
            Came::Raised(raised) => CallResult::Raised(self.addressed(connection, raised.into_graph())),
            Came::Object(typeid, object) => CallResult::Shared {
                typeid: typeid.into(),
                made: Made::New { object, public: MethodNames::from([]) },
            },
            Came::NoMethod => CallResult::NoMethod,
            Came::Unserializable(why) => CallResult::Unserializable(why),
            Came::Parked => {
                self.waiting.insert(call.ticket, connection);
                return None;
            }
        };
        Some(self.server.finished(call.ticket, result))
    }

    /// Answers those who wait no longer, and lets go of what nobody counts on.
    fn settle(&mut self, steps: &mut Vec<Step>) {
        loop {
            for woken in self.objects.take_woken() {
                let to = self.waiting.remove(&woken.ticket).unwrap_or(ConnectionId(0));
                let result = match woken.result {
                    Ok(value) => CallResult::Returned(self.addressed(to, value.into_graph())),
                    Err(raised) => CallResult::Raised(self.addressed(to, raised.into_graph())),
                };
                match self.server.finished(woken.ticket, result) {
                    Outcome::Reply(message) => steps.push(send(message, Then::Stay)),
                    Outcome::ReplyAndClose(message) => steps.push(send(message, Then::Close)),
                    _ => {}
                }
            }
            let dropped = self.server.take_dropped();
            if dropped.is_empty() {
                break;
            }
            for key in dropped {
                self.objects.release(key);
            }
        }
    }

    /// Tokens of this server's objects that are in a reply say where its reader finds the server.
    fn addressed(&self, connection: ConnectionId, mut graph: Graph) -> Graph {
        for mut token in Token::find(&graph) {
            if self.server.own_reference(&graph, token.node).is_some() {
                let address = self.server.address(connection).clone().encode(&mut graph, Pythons::PY3);
                let (typeid, ident) = (token.typeid, token.ident);
                token.replace(&mut graph, typeid, address, ident);
            }
        }
        graph
    }

    /// A message that may be kept, with proxies of this server's objects in it, keeps those objects.
    fn keep(&mut self, graph: &Arc<Graph>) {
        let names_any = graph.ids().any(|id| matches!(graph[id], Node::Global(_)));
        if !names_any {
            return;
        }
        let idents: Vec<Ident> = Rebuild::find(graph)
            .iter()
            .filter_map(|rebuild| {
                let ident = self.server.own_reference(graph, rebuild.token)?;
                self.server.hold(ident).ok().map(|()| ident)
            })
            .collect();
        if idents.is_empty() {
            return;
        }
        self.keeping.push((Arc::downgrade(graph), idents));
        if self.keeping.len() >= self.sweep_at {
            self.sweep();
        }
    }

    /// Lets go of the objects whose proxies were kept, and are no longer.
    fn sweep(&mut self) {
        let mut released = Vec::new();
        self.keeping.retain_mut(|(graph, idents)| {
            let alive = graph.strong_count() > 0;
            if !alive {
                released.append(idents);
            }
            alive
        });
        for ident in released {
            // It was held by this alone.
            let _ = self.server.release(ident);
        }
        self.sweep_at = (2 * self.keeping.len()).max(FIRST_SWEEP);
    }
}

const FIRST_SWEEP: usize = 64;

/// What is kept is of any Python, under Python 3's names.
fn send(mut message: Message, then: Then) -> Step {
    message.from = Pythons::ANY;
    Step::Send { message, then }
}

fn arguments(graph: Option<&Arc<Graph>>, args: &[NodeId], kwargs: NodeId) -> Arguments {
    let Some(graph) = graph else { return Arguments::default() };
    let kwargs = match &graph[kwargs] {
        Node::Dict(pairs) => {
            let named = pairs
                .iter()
                .map(|&(key, value)| Some((graph.text(key)?.to_string(), Value::of(graph, value))));
            named.flatten().collect()
        }
        _ => Vec::new(),
    };
    Arguments { args: args.iter().map(|&id| Value::of(graph, id)).collect(), kwargs }
}
