//! The server of a manager as a state machine: messages and the ends of calls come in, what to do comes out.
//!
//! It holds handles of shared objects and never calls them. What a client asks of an object is handed to the driver with
//! a [`Ticket`], and the driver says how it ended at any later time, in any order between connections: a queue that is
//! empty keeps nobody waiting but who asked it.
//!
//! ```
//! use sabir_manager::server::{ConnectionId, Made, Outcome, Registered, Server};
//! use sabir_manager::{Address, Answer, Peer, request};
//! use sabir_pickle::{Graph, NodeId, Translation};
//!
//! // The driver's objects are whatever it likes. The nonce is random in a real one.
//! let address = Address::Inet { host: "127.0.0.1".into(), port: 5000 };
//! let mut server: Server<&str> = Server::new(0x7f0e_686d, address);
//! server.register("counter", Registered::new());
//! let client = ConnectionId(1);
//! server.connected(client, None);
//!
//! // A client's manager.counter(5)
//! let mut graph = Graph::new();
//! let five = graph.add_int(5);
//! let graph = request::create(graph, "counter", &[five], NodeId::NONE);
//! let Outcome::Create(create) = server.request(client, &graph, Peer::of(&graph)) else { panic!() };
//! assert_eq!((&*create.typeid, graph.int(create.args[0])), ("counter", Some(5)));
//! let made = Made::New { object: "the counter", public: ["add".into()].into() };
//! let Outcome::ReplyAndClose(message) = server.created(create.ticket, Ok(made)) else { panic!() };
//! let (pickle, _) = message.encode(&Translation::default());
//! server.closed(client);
//!
//! let reply = Graph::from_slice(&pickle.into_vec())?;
//! let (ident, exposed) = Answer::decode(&reply).unwrap().created(&reply).unwrap();
//! assert_eq!((&*ident, &*exposed), ("000000007f0e686d000001", &["add".to_string()][..]));
//! # Ok::<(), sabir_pickle::Error>(())
//! ```

mod calls;
mod functions;
mod objects;
mod outcome;
mod references;
mod registry;
mod tickets;
mod traceback;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Node, NodeId};

use self::calls::Asked;
use self::objects::{Count, Objects};
pub use self::objects::{Gone, Ident};
pub use self::outcome::{Call, CallResult, ConnectionId, Create, Fallback, Made, Message, Outcome, Ticket};
pub use self::registry::{MethodNames, Registered};
use self::tickets::Tickets;
use self::traceback::Fault;
use crate::native::Holds;
use crate::{Address, Peer, Rebuild, Token};

/// A manager's server, generic over the handle of a shared object.
///
/// Every method takes time in proportion to the message it is given and to the logarithm of the number of objects, but
/// for `debug_info` and `number_of_objects`, which look at all objects.
#[derive(Debug)]
pub struct Server<O> {
    address: Address,
    registry: BTreeMap<Arc<str>, Arc<Registered>>,
    objects: Objects<O>,
    connections: BTreeMap<ConnectionId, Connection>,
    tickets: Tickets,
    last_ticket: u64,
    /// What to do about a type that is not registered.
    remedy: Option<&'static str>,
}

#[derive(Debug)]
struct Connection {
    /// Where its client found the server, if not at the server's own address.
    here: Option<Address>,
    /// The process at its other end, if that is known.
    process: Option<u32>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Its next request is for a function of the server.
    New,
    /// Its requests are calls of objects, until its end.
    Accepted,
    /// A reply is due.
    Waiting { ticket: Ticket, accepted: bool },
    /// The last reply was given: it is to be closed.
    Done,
}

/// What the driver was asked to do.
#[derive(Debug)]
struct Pending {
    /// Who waits for it; `None` if that is gone.
    connection: Option<ConnectionId>,
    peer: Peer,
    waiting: Waiting,
}

#[derive(Debug)]
enum Waiting {
    Create(Arc<str>, Arc<Registered>),
    Call(Asked),
    Describe(Vec<(Ident, u64)>),
}

/// The four things that a request is; of no certain type yet.
struct Parts {
    ident: NodeId,
    method: NodeId,
    args: NodeId,
    kwargs: NodeId,
}

impl<O: Clone> Server<O> {
    /// A server without types, objects and connections.
    ///
    /// `nonce` must differ from one start to the next: it is what tells proxies of an earlier start apart. `address` is
    /// what the server calls itself in tokens.
    pub fn new(nonce: u64, address: Address) -> Server<O> {
        Server {
            address,
            registry: BTreeMap::new(),
            objects: Objects::new(nonce),
            connections: BTreeMap::new(),
            tickets: Tickets::default(),
            last_ticket: 0,
            remedy: None,
        }
    }

    /// Registers a type; one of the same name is replaced, for objects to come.
    pub fn register(&mut self, typeid: &str, registered: Registered) {
        self.registry.insert(typeid.into(), Arc::new(registered));
    }

    /// What a client is told that asks for a type which is not registered, beside that. CPython says `KeyError` alone.
    pub fn set_remedy(&mut self, remedy: &'static str) {
        self.remedy = Some(remedy);
    }

    /// A client has connected and is authenticated. `here` is where it found the server, the local address of its
    /// socket: tokens that are sent to it say so. `None` stands for the server's own address.
    ///
    /// A connection of the same number is taken to be [`closed`](Server::closed).
    pub fn connected(&mut self, connection: ConnectionId, here: Option<Address>) {
        self.closed(connection);
        self.connections.insert(connection, Connection { here, process: None, state: State::New });
    }

    /// A message has come from a connection: its graph, and who wrote it ([`Peer::of`]).
    ///
    /// The driver reads the next message of a connection when this one is answered, as stock clients send it. The nodes
    /// of what is asked for are those of `graph`.
    pub fn request(&mut self, connection: ConnectionId, graph: &Graph, peer: Peer) -> Outcome<O> {
        match self.connections.get(&connection).map(|connection| connection.state) {
            Some(State::New) => self.function(connection, graph, peer),
            Some(State::Accepted) => self.call(connection, graph, peer),
            Some(State::Waiting { .. } | State::Done) | None => Outcome::Close,
        }
    }

    /// A message has come that is no pickle, or one that the limits forbid: its client is told so.
    pub fn unreadable(
        &mut self,
        connection: ConnectionId,
        peer: Peer,
        error: &sabir_pickle::Error,
    ) -> Outcome<O> {
        let fault = Fault(format!("_pickle.UnpicklingError: {error}"));
        match self.connections.get(&connection).map(|connection| connection.state) {
            Some(State::New) => self.fault(connection, peer, "_handle_request", &fault),
            Some(State::Accepted) => self.fault(connection, peer, "serve_client", &fault),
            Some(State::Waiting { .. } | State::Done) | None => Outcome::Close,
        }
    }

    /// A connection has ended, whoever ended it. Gives the ticket of what it was waiting for, so that the driver can give
    /// up: whatever becomes of it, nothing will be sent.
    pub fn closed(&mut self, connection: ConnectionId) -> Option<Ticket> {
        let State::Waiting { ticket, .. } = self.connections.remove(&connection)?.state else { return None };
        self.tickets.get_mut(ticket)?.connection = None;
        Some(ticket)
    }

    /// A reply that grants a reference could not be sent to a connection: takes the reference back.
    pub fn undelivered(&mut self, connection: ConnectionId, granted: Ident) {
        // If it is gone, a client has known it after all.
        let _ = self.objects.discount(granted, Count::Reference(self.process(connection)));
    }

    /// The objects that nobody counts on any more. The driver drops them where it likes; what they hold of other objects
    /// it must [`release`](Server::release).
    #[must_use]
    pub fn take_dropped(&mut self) -> Vec<O> {
        self.objects.take_dropped()
    }

    /// Shares an object that no client asked for, with one hold: for a function that returns the same object to all.
    ///
    /// # Errors
    /// No type has that name. The object is then among those to be dropped.
    pub fn share(&mut self, typeid: &str, object: O, public: MethodNames) -> Result<Ident, UnknownTypeid> {
        let Some((typeid, registered)) = self.registry.get_key_value(typeid) else {
            self.objects.drop_later(object);
            return Err(UnknownTypeid(typeid.into()));
        };
        let (typeid, registered) = (typeid.clone(), registered.clone());
        Ok(self.objects.add(object, typeid, registered, public, Count::Hold))
    }

    /// Keeps an object for the server's own program, such as another shared object that it was put into, whatever
    /// clients give back.
    ///
    /// # Errors
    /// There is no such object.
    pub fn hold(&mut self, ident: Ident) -> Result<(), Gone> {
        self.objects.count(ident, Count::Hold)
    }

    /// Ends one hold.
    ///
    /// # Errors
    /// There is no such object.
    pub fn release(&mut self, ident: Ident) -> Result<(), Gone> {
        self.objects.discount(ident, Count::Hold)
    }

    /// The object of an ident.
    pub fn object(&self, ident: Ident) -> Option<&O> {
        self.objects.get(ident).map(|entry| &entry.object)
    }

    /// How many references clients have to an object; `None` if there is no such object.
    pub fn references(&self, ident: Ident) -> Option<u64> {
        self.objects.get(ident).map(|entry| entry.references)
    }

    /// How many objects clients count on: those that only holds keep alive are not among them.
    pub fn number_of_objects(&self) -> usize {
        self.objects.counted().count()
    }

    /// How many proxies clients count with, all objects together.
    pub fn number_of_references(&self) -> u64 {
        self.objects.counted().map(|(_, entry)| entry.references).sum()
    }

    /// Which of this server's objects a node is a proxy of: a call of `RebuildProxy`, or a token. `None` if it is something
    /// else, or of another server or an earlier start.
    ///
    /// Idents tell: they hold this start's nonce. The address in the token does not matter, for a client may reach the
    /// server under a name that the server has never heard of.
    pub fn own_reference(&self, graph: &Graph, node: NodeId) -> Option<Ident> {
        let token = match Rebuild::at(graph, node) {
            Some(rebuild) => Token::at(graph, rebuild.token)?,
            None => Token::at(graph, node)?,
        };
        let ident = Ident::parse(graph.text(token.ident)?)?;
        self.objects.get(ident).map(|_| ident)
    }

    /// Adds a proxy of an object to a reply for a connection, as CPython's servers send a proxy that is a value. It grants
    /// no reference: its reader asks for one, until when something must [`hold`](Server::hold) the object.
    ///
    /// # Errors
    /// There is no such object.
    pub fn proxy(&self, connection: ConnectionId, graph: &mut Graph, ident: Ident) -> Result<NodeId, Gone> {
        let entry = self.objects.get(ident).ok_or(Gone)?;
        let (typeid, text) = (graph.add_str(&entry.typeid), graph.add_str(&format!("{ident}")));
        let address = self.address(connection).encode(graph, self.waits(connection).pythons);
        let token = Token::encode(graph, typeid, address, text);
        let (function, kwargs) = match &entry.registered.proxy {
            Some((module, name)) => (graph.add_global(module, name), Vec::new()),
            None => {
                let exposed = self.exposed_tuple(graph, ident, self.waits(connection));
                let key = graph.add_str("exposed");
                (graph.add_global("multiprocessing.managers", "AutoProxy"), alloc::vec![(key, exposed)])
            }
        };
        let kwargs = graph.add(Node::Dict(kwargs));
        let serializer = graph.add_str("pickle");
        Ok(Rebuild::encode(graph, function, token, serializer, kwargs))
    }
}

/// No type is registered under this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no type is registered as {0}")]
pub struct UnknownTypeid(
    /// The name.
    pub String,
);

impl<O: Clone> Server<O> {
    /// Hands something to the driver. The connection is one that is ready.
    fn wait(&mut self, connection: ConnectionId, peer: Peer, waiting: Waiting) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        if let Some(connection) = self.connections.get_mut(&connection) {
            let accepted = matches!(connection.state, State::Accepted);
            connection.state = State::Waiting { ticket, accepted };
        }
        self.tickets.insert(ticket, Pending { connection: Some(connection), peer, waiting });
        ticket
    }

    /// Gives a connection its reply.
    fn answer(
        &mut self,
        connection: ConnectionId,
        to: Peer,
        graph: Graph,
        holds: Holds,
        grants: Option<Ident>,
    ) -> Outcome<O> {
        let Some(Connection { state, .. }) = self.connections.get_mut(&connection) else {
            return Outcome::Nothing;
        };
        let accepted = matches!(state, State::Accepted | State::Waiting { accepted: true, .. });
        *state = if accepted { State::Accepted } else { State::Done };
        let from = crate::peer::written_by(&graph);
        let message = Message { connection, graph, to, grants, from, holds, many: None, function: !accepted };
        if accepted { Outcome::Reply(message) } else { Outcome::ReplyAndClose(message) }
    }

    /// `accept_connection`.
    fn accept(&mut self, connection: ConnectionId, peer: Peer) -> Outcome<O> {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.state = State::Accepted;
        }
        let reply = outcome::reply(outcome::own(), crate::Kind::Return, NodeId::NONE);
        self.answer(connection, peer, reply, Holds::Value, None)
    }

    /// Puts an object into the table, with one reference, or adds one.
    fn register_object(
        &mut self,
        connection: ConnectionId,
        made: Made<O>,
        typeid: Arc<str>,
        registered: Arc<Registered>,
    ) -> Result<Ident, Fault> {
        let count = Count::Reference(self.process(connection));
        match made {
            Made::New { object, public } => Ok(self.objects.add(object, typeid, registered, public, count)),
            Made::Again(ident) => match self.objects.count(ident, count) {
                Ok(()) => Ok(ident),
                Err(Gone) => Err(Fault(format!("KeyError: '{ident}'"))),
            },
        }
    }

    /// Nobody will ever know what was made.
    fn discard(&mut self, made: Option<Made<O>>) {
        if let Some(Made::New { object, .. }) = made {
            self.objects.drop_later(object);
        }
    }

    /// Where a connection's client found the server, which is what tokens for it say.
    pub fn address(&self, connection: ConnectionId) -> &Address {
        let here = self.connections.get(&connection).and_then(|connection| connection.here.as_ref());
        here.unwrap_or(&self.address)
    }

    /// Who waits for a reply on a connection.
    fn waits(&self, connection: ConnectionId) -> Peer {
        let state = self.connections.get(&connection).map(|connection| connection.state);
        let Some(State::Waiting { ticket, .. }) = state else { return Peer::UNKNOWN };
        self.tickets.get(ticket).map_or(Peer::UNKNOWN, |pending| pending.peer)
    }

    fn exposed_tuple(&self, graph: &mut Graph, ident: Ident, peer: Peer) -> NodeId {
        let Some(entry) = self.objects.get(ident) else { return graph.add_tuple([]) };
        let shown = entry.exposed.iter().filter(|method| entry.registered.shows(method, peer.pythons));
        let exposed: Vec<NodeId> = shown.map(|method| graph.add_str(method)).collect();
        graph.add_tuple(exposed)
    }
}
