//! What all connections of a server have in common.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sabir_manager::server::{Ident, Made, MethodNames, Outcome, Registered};
use sabir_manager::{Address as Place, server};
use sabir_net::Address;
use sabir_pickle::{Graph, Limits, NodeId, Translation};

use super::object::Kept;
use super::{Make, Shared};
use crate::channel::load_graph;
use crate::context::Context;
use crate::error::Result;
use crate::reducer::Pickle;

pub(super) struct State {
    pub(super) context: Context,
    pub(super) pickle: Pickle,
    makers: HashMap<String, Make>,
    objects: Mutex<Objects>,
}

/// The server, and which of its objects is which of ours.
pub(super) struct Objects {
    pub(super) server: server::Server<Arc<dyn Shared>>,
    /// By the address of each living object.
    idents: HashMap<usize, Ident>,
}

impl State {
    pub(super) fn new(
        context: Context,
        address: &Address,
        types: Vec<(String, Registered, Make)>,
    ) -> Result<State> {
        let nonce = u64::from_le_bytes(sabir_net::random()?);
        let mut server = server::Server::new(nonce, place(address));
        for typeid in types.iter().flat_map(|(_, registered, _)| registered.typeids()) {
            server.register(typeid, Registered::new().without_callable());
        }
        let mut makers = HashMap::new();
        for (typeid, registered, make) in types {
            server.register(&typeid, registered);
            makers.insert(typeid, make);
        }
        let pickle = context.settings().reducer.pickle();
        Ok(State { context, pickle, makers, objects: Mutex::new(Objects { server, idents: HashMap::new() }) })
    }

    pub(super) fn maker(&self, typeid: &str) -> Option<&Make> {
        self.makers.get(typeid)
    }

    pub(super) fn limits(&self) -> Limits {
        *self.pickle.limits_of()
    }

    /// Loads a request, if it names nothing but what the context allows.
    pub(super) fn load(&self, message: &Bytes) -> sabir_pickle::Result<Graph> {
        load_graph(&self.pickle, self.context.settings().allow.as_deref(), message)
    }

    /// The object of this server that a node is a proxy of.
    pub(super) fn object(&self, graph: &Graph, node: NodeId) -> Option<Arc<dyn Shared>> {
        let objects = self.lock();
        let ident = objects.server.own_reference(graph, node)?;
        objects.server.object(ident).cloned()
    }

    pub(super) fn translation(&self) -> &Translation {
        self.pickle.translation_of()
    }

    /// Does something with the server, and then drops what nobody counts on any more: outside of the lock, for what an
    /// object does when it is dropped is its own affair.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Objects) -> T) -> T {
        let mut objects = self.lock();
        let result = act(&mut objects);
        let dropped = objects.server.take_dropped();
        for object in &dropped {
            let Objects { idents, .. } = &mut *objects;
            idents.remove(&identity(object));
        }
        drop(objects);
        drop(dropped);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        // The pure server does not panic; if it did, what it holds would still be whole enough to end with.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects {
    /// An object as the server takes it: a new one, or the one that it has already.
    pub(super) fn made(&mut self, object: Arc<dyn Shared>) -> Made<Arc<dyn Shared>> {
        match self.idents.get(&identity(&object)) {
            Some(ident) => Made::Again(*ident),
            None => {
                let public: MethodNames = object.exposed().iter().map(|name| Arc::from(*name)).collect();
                Made::New { object, public }
            }
        }
    }

    /// The same for what a method returned, whose type is made known if it is not.
    pub(super) fn kept(&mut self, kept: Kept) -> (Arc<str>, Made<Arc<dyn Shared>>) {
        (kept.typeid.into(), self.made(kept.object))
    }

    /// Takes note of the ident of an object that a reply hands over.
    pub(super) fn note_granted(&mut self, object: &Arc<dyn Shared>, outcome: &Outcome<Arc<dyn Shared>>) {
        if let Outcome::Reply(message) | Outcome::ReplyAndClose(message) = outcome
            && let Some(ident) = message.grants
        {
            self.idents.insert(identity(object), ident);
        }
    }
}

/// What tells one living object from another.
pub(super) fn identity(object: &Arc<dyn Shared>) -> usize {
    Arc::as_ptr(object).cast::<()>() as usize
}

/// As a token has it.
pub(super) fn place(address: &Address) -> Place {
    match address {
        Address::Tcp { host, port } => Place::Inet { host: host.clone(), port: *port },
        other => match other.to_python() {
            Some(sabir_net::PythonAddress::Unix(name)) => Place::Unix(name),
            _ => Place::Unix(Vec::new()),
        },
    }
}
