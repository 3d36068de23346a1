//! What the driver of a server is to do, and what it has to say in return.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Graph, NodeId, Pythons, Segments, Translation};

use super::objects::Ident;
use super::registry::MethodNames;
use super::traceback::{Fault, traceback};
use crate::native::Holds;
use crate::types::Many;
use crate::{Kind, Peer, Reply};

/// A connection, by a number that its driver picks; it may be given again once it was [`closed`](super::Server::closed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something that the driver was asked to do. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// Nobody's: what the server's own program does.
    pub const NONE: Ticket = Ticket(0);
}

/// What a message, or the end of a call, comes to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<O> {
    /// Send this; the connection goes on.
    Reply(Message),
    /// Send this, then close the connection, as after every function of the server itself but `accept_connection`.
    ReplyAndClose(Message),
    /// Make an object, then say so with [`Server::created`](super::Server::created).
    Create(Create),
    /// Call an object, then say so with [`Server::finished`](super::Server::finished): at any later time, for nothing
    /// waits for it but its connection.
    Call(Call<O>),
    /// Say what each of these objects is as text (`str`), then hand the texts, in this order, to
    /// [`Server::described`](super::Server::described): `debug_info`.
    Describe {
        /// To be given back.
        ticket: Ticket,
        /// The objects.
        objects: Vec<O>,
    },
    /// Send this, then end the server: `shutdown`.
    Shutdown(Message),
    /// Close the connection: it is not known, its reply is still due, or it was to be closed before.
    Close,
    /// Nothing: who asked is gone.
    Nothing,
}

/// A request for a new object. The nodes are those of the request's graph.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Create {
    /// To be given back.
    pub ticket: Ticket,
    /// The type.
    pub typeid: Arc<str>,
    /// The arguments of its callable.
    pub args: Vec<NodeId>,
    /// A dict whose keys are texts.
    pub kwargs: NodeId,
    /// Whether the type has no callable: the one argument is itself what is to be shared.
    pub given: bool,
}

/// A call of an object. The nodes are those of the request's graph.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call<O> {
    /// To be given back.
    pub ticket: Ticket,
    /// Which object.
    pub ident: Ident,
    /// Its handle.
    pub object: O,
    /// The method, which the object exposes, or the name of the fallback.
    pub method: Arc<str>,
    /// Set if the object does not expose the method, and the server answers in its stead.
    pub fallback: Option<Fallback>,
    /// The type under which what the method returns is to stay with the server (`method_to_typeid`): answer
    /// [`CallResult::Shared`] with it.
    pub returns: Option<Arc<str>>,
    /// The arguments.
    pub args: Vec<NodeId>,
    /// A dict whose keys are texts.
    pub kwargs: NodeId,
}

/// What a server answers for any object: CPython's `Server.fallback_mapping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// `__str__`: a text.
    Str,
    /// `__repr__`: a text.
    Repr,
    /// `#GETVALUE`: the object itself, as a value.
    GetValue,
}

impl Fallback {
    pub(super) fn of(method: &str) -> Option<Fallback> {
        Some(match method {
            "__str__" => Fallback::Str,
            "__repr__" => Fallback::Repr,
            "#GETVALUE" => Fallback::GetValue,
            _ => return None,
        })
    }

    /// The method of CPython's server, for texts of its errors.
    pub(super) fn function(self) -> &'static str {
        match self {
            Fallback::Str => "fallback_str",
            Fallback::Repr => "fallback_repr",
            Fallback::GetValue => "fallback_getvalue",
        }
    }
}

/// An object that is to be shared.
#[derive(Clone, Debug)]
pub enum Made<O> {
    /// A new one.
    New {
        /// Its handle.
        object: O,
        /// Its public methods, sorted: what it exposes if its type does not say.
        public: MethodNames,
    },
    /// One that is shared already: it keeps its ident, type and methods, and the counts add up.
    Again(Ident),
}

/// How a call ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallResult<O> {
    /// With this value, the graph's root.
    Returned(Graph),
    /// With a value that is written where the reply is.
    Many(Many),
    /// With an object that stays with the server.
    Shared {
        /// The type under which it is registered.
        typeid: Arc<str>,
        /// The object.
        made: Made<O>,
    },
    /// With this exception, the graph's root: see [`exception::raised`](crate::exception::raised).
    Raised(Graph),
    /// The object has no such method, although its type exposes it.
    NoMethod,
    /// What it returned or raised cannot be pickled: the exception that says so, as the last line of a traceback.
    Unserializable(alloc::string::String),
}

/// A reply on its way to a client.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where to send it.
    pub connection: ConnectionId,
    /// The reply.
    pub graph: Graph,
    /// Who reads it. May be changed, for a driver that knows more or has a protocol pinned.
    pub to: Peer,
    /// The object that the reply hands over one reference to. If the reply cannot be sent, give that to
    /// [`Server::undelivered`](super::Server::undelivered), for nobody will ever give it back.
    pub grants: Option<Ident>,
    /// Which Pythons its values come from: what only Python 2 has, such as a short `long`, is kept for another.
    pub from: Pythons,
    pub(super) holds: Holds,
    /// What is returned, instead of what the graph says.
    pub(super) many: Option<Many>,
    /// Whether it answers a function of the server itself.
    pub(super) function: bool,
}

impl Message {
    /// The pickle of the reply, in the protocol and with the names, strings and forms of its reader.
    ///
    /// What has no form there becomes what CPython's server says instead: `#UNSERIALIZABLE`, or `#TRACEBACK` if a function
    /// was asked for. The second item is set then: the reply that was due does not arrive, so that
    /// [`grants`](Message::grants) is to be given back.
    pub fn encode(self, translation: &Translation) -> (Segments, Option<sabir_pickle::Error>) {
        let Message { to, from, holds, function, graph, many, .. } = self;
        let graph = match many {
            Some(many) => {
                let graph = many.into_value().into_graph();
                let root = graph.root();
                reply(graph, Kind::Return, root)
            }
            None => graph,
        };
        match to.reply_of(from, graph, holds, translation) {
            Ok(segments) => (segments, None),
            Err(error) => {
                let graph = unserializable(function, &format!("_pickle.PicklingError: {error}"));
                (to.reply(graph, Holds::Text, translation).unwrap_or_default(), Some(error))
            }
        }
    }
}

/// The reply of this kind whose result is a node of the graph.
pub(super) fn reply(mut graph: Graph, kind: Kind, result: NodeId) -> Graph {
    let reply = Reply { kind, name: graph.add_str(kind.name()), result };
    let root = reply.encode(&mut graph);
    graph.set_root(root);
    graph
}

/// The reply of this kind whose result is a text.
pub(super) fn text(kind: Kind, text: &str) -> Graph {
    let mut graph = own();
    let result = graph.add_str(text);
    reply(graph, kind, result)
}

/// A graph whose names are Python 3's.
pub(super) fn own() -> Graph {
    let mut graph = Graph::new();
    graph.set_protocol(4);
    graph
}

pub(super) fn unserializable(function: bool, why: &str) -> Graph {
    let fault = Fault(why.into());
    if function {
        text(Kind::Traceback, &traceback("_handle_request", &fault))
    } else {
        text(Kind::Unserializable, &traceback("serve_client", &fault))
    }
}
