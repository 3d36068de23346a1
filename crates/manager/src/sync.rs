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

mod calls;
mod keeping;
mod reading;
mod references;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use sabir_pickle::{Graph, Names, Pythons};

use self::keeping::Keeping;
pub use self::reading::{Incoming, Reader};
use self::references::Expiry;
use crate::exposed::Vocabulary;
use crate::server::{
    CallResult, ConnectionId, Ident, Message, MethodNames, Outcome, Registered, Server, Ticket,
};
use crate::types::{Arguments, Caller, Era, Key, Keys, Meter, Most, Objects, Tally, registered};
use crate::{Address, Peer};

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
    reader: Reader,
    types: BTreeMap<Arc<str>, Registered>,
    /// Objects that all clients have under one name.
    shared: BTreeMap<Arc<str>, Ident>,
    /// What a connection's handshake told of its client.
    hints: BTreeMap<ConnectionId, Pythons>,
    /// Who waits with which call.
    waiting: BTreeMap<Ticket, ConnectionId>,
    keeping: Keeping,
    /// Whether a client has ever put a token into a message, so that there may be some in values.
    has_tokens: bool,
    expiry: Option<Expiry>,
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
        let objects = Objects::new(Keys::new(seed));
        SyncServer {
            server,
            reader: Reader::new(Names::builtin(), objects.meter().clone()),
            objects,
            types,
            shared: BTreeMap::new(),
            hints: BTreeMap::new(),
            waiting: BTreeMap::new(),
            keeping: Keeping::default(),
            has_tokens: false,
            expiry: None,
        }
    }

    /// How much it takes before it refuses more; without this as much as there is. A call that is refused raises
    /// `MemoryError`, and says so.
    pub fn set_most(&mut self, most: Most) {
        self.objects.set_most(most);
    }

    /// What reads messages for this server.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Counts the memory that values take; replies on their way may be counted with them.
    pub fn meter(&self) -> &Meter {
        self.objects.meter()
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
        let incoming = self.reader.read(message);
        self.incoming(connection, incoming, now)
    }

    /// The same for a message that was read before.
    pub fn incoming(&mut self, connection: ConnectionId, incoming: Incoming, now: Duration) -> Vec<Step> {
        let mut steps = self.expire(now);
        let mut read = match incoming.0 {
            Ok(read) => read,
            Err(error) => {
                let outcome = self.server.unreadable(connection, Peer::UNKNOWN, &error);
                self.follow(connection, outcome, None, Peer::UNKNOWN, now, &mut steps);
                return steps;
            }
        };
        self.has_tokens |= read.has_tokens;
        let hint = self.hints.get(&connection).copied().unwrap_or(Pythons::ANY);
        read.peer.pythons = read.peer.pythons.intersect(hint).unwrap_or(read.peer.pythons);
        let peer = read.peer;
        let outcome = self.server.request(connection, &read.graph, peer);
        self.follow(connection, outcome, Some(&read), peer, now, &mut steps);
        // What is not kept is no longer counted.
        drop(read);
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

    /// A reply could not be sent to a connection: what it hands over is taken back.
    pub fn undelivered(&mut self, connection: ConnectionId, granted: Ident) -> Vec<Step> {
        let mut steps = Vec::new();
        self.server.undelivered(connection, granted);
        self.settle(&mut steps);
        steps
    }

    /// When [`expire`](SyncServer::expire) has something to do, at the earliest.
    pub fn next_deadline(&self) -> Option<Duration> {
        let expiry = self.expiry.as_ref().map(|expiry| expiry.next);
        self.objects.next_deadline().into_iter().chain(expiry).min()
    }

    /// Answers those who have waited long enough.
    pub fn expire(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.objects.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.objects.expire(now);
            self.settle(&mut steps);
        }
        if self.expiry.as_ref().is_some_and(|expiry| expiry.next <= now) {
            self.expire_references(now);
            self.settle(&mut steps);
        }
        steps
    }

    /// How many objects clients count on.
    pub fn number_of_objects(&self) -> usize {
        self.server.number_of_objects()
    }

    /// How many proxies clients count with. It takes a look at each object.
    pub fn number_of_references(&self) -> u64 {
        self.server.number_of_references()
    }

    /// How many objects of each type there are, and what was called.
    pub fn tally(&self) -> &Tally {
        self.objects.tally()
    }

    /// How many objects there are, those included that only other objects or the server itself need.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.objects.waiting()
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
}

/// What is kept is of any Python, under Python 3's names.
fn send(mut message: Message, then: Then) -> Step {
    message.from = Pythons::ANY;
    Step::Send { message, then }
}
