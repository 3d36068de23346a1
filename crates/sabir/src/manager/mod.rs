//! Objects that live in another process: `multiprocessing.managers`, as a client.
//!
//! ```no_run
//! use sabir::Context;
//!
//! // In Python: m = BaseManager(('127.0.0.1', 5000), b'secret'); m.get_server().serve_forever()
//! let manager = Context::new().authkey(b"secret").manager("127.0.0.1:5000")?;
//!
//! // A type of the program's own, which it registered as `Robot`.
//! let robot = manager.create("Robot", &("Marvin",))?;
//! let place: (i32, i32) = robot.call("move", &(1, 2))?;
//!
//! // What every SyncManager has, as Rust types.
//! let scores = manager.dict::<String, f64>()?;
//! scores.insert("Marvin", &0.5)?;
//! # Ok::<(), sabir::Error>(())
//! ```
//!
//! | item | is |
//! |---|---|
//! | [`Manager`] | a server of objects: creates them, counts them, ends it |
//! | [`Proxy`] | one object: any method by its name |
//! | [`Reference`] | a proxy as a value, in a message or inside another object |
//! | [`types`] | the types of `SyncManager`, with the names that Rust has for what they do |
//!
//! As in Python each thread has a connection of its own to a manager, on which its calls wait: locks belong to it.
//! A connection that has ended is replaced by the next call. References are counted exactly: an object lives until
//! the last [`Proxy`] of it is dropped here and everywhere else.

pub(crate) mod exchange;
mod link;
mod proxy;
mod reference;
pub mod types;

use std::sync::Arc;

use sabir_manager::request;
use sabir_net::Address;
use sabir_pickle::{Graph, NodeId};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::proxy::{Proxy, Typed};
pub use self::reference::Reference;
pub use sabir_manager::RemoteException;

use self::link::Link;
use crate::context::Context;
use crate::error::Result;

/// A manager's server, seen from a client: Python's `BaseManager` after `connect()`. Cheap to clone.
///
/// ```no_run
/// use sabir::Context;
///
/// let manager = Context::new().authkey(b"secret").manager("127.0.0.1:5000")?;
/// let events = manager.list::<String>()?;
/// events.push(&"started".to_owned())?;
/// println!("{} objects:\n{}", manager.number_of_objects()?, manager.debug_info()?);
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Manager {
    link: Arc<Link>,
}

/// No keyword arguments.
pub(crate) const NO_KEYWORDS: () = ();

impl Manager {
    pub(crate) fn connect(context: &Context, address: &Address) -> Result<Manager> {
        let manager = Manager { link: Arc::new(Link::new(context.clone(), address.clone())) };
        manager.link.function(request::dummy())?.returned()?;
        Ok(manager)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.link.address()
    }

    /// Creates an object of a registered type. `args` are a tuple, an array or a vector, `()` for none.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) if the type is not registered or cannot be made of these arguments;
    /// [`Error::Dumps`](crate::Error::Dumps), [`Error::Net`](crate::Error::Net).
    pub fn create<A: ?Sized + Serialize>(&self, typeid: &str, args: &A) -> Result<Proxy> {
        self.create_with(typeid, args, &NO_KEYWORDS)
    }

    /// Creates an object, with keyword arguments too: a struct or a map.
    ///
    /// ```no_run
    /// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
    /// use std::collections::BTreeMap;
    ///
    /// let robot = manager.create_with("Robot", &("Bender",), &BTreeMap::from([("speed", 10)]))?; // manager.Robot('Bender', speed=10)
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`create`](Manager::create).
    pub fn create_with<A, K>(&self, typeid: &str, args: &A, kwargs: &K) -> Result<Proxy>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let (graph, args, kwargs) = self.link.arguments(args, kwargs)?;
        self.create_of(typeid, graph, &args, kwargs)
    }

    /// Creates an object with arguments that are nodes of a graph; `kwargs` is a dict, or [`NodeId::NONE`] for none.
    ///
    /// # Errors
    /// As [`create`](Manager::create).
    pub fn create_of(&self, typeid: &str, graph: Graph, args: &[NodeId], kwargs: NodeId) -> Result<Proxy> {
        let reply = self.link.function(request::create(graph, typeid, args, kwargs))?;
        let (ident, exposed) = reply.created()?;
        Ok(Proxy::holding(&self.link, typeid.to_owned(), ident, exposed))
    }

    /// Calls a function of the server itself, such as `debug_info`. The root of the graph is what it returned.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote): what it raised; [`Error::Net`](crate::Error::Net).
    pub fn function(&self, name: &str, graph: Graph, args: &[NodeId], kwargs: NodeId) -> Result<Graph> {
        self.link.function(request::function(graph, name, args, kwargs))?.into_graph()
    }

    /// Makes a proxy of a reference that came as a value, if it is one to this manager's objects; the server's own
    /// name for itself does not count, only that it knows the object. Nothing is dialled but this manager's address.
    ///
    /// ```no_run
    /// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
    /// use sabir::manager::Reference;
    ///
    /// // One of the items of a list is a proxy of another object of the manager.
    /// let list = manager.list::<Reference>()?;
    /// if let Some(reference) = list.get(0)? {
    ///     let robot = manager.attach(&reference)?;
    ///     robot.call::<(i32, i32)>("move", &(1, 2))?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) if the object is no more.
    pub fn attach(&self, reference: &Reference) -> Result<Proxy> {
        self.link.function(request::incref(reference.ident()))?.returned()?;
        let exposed = reference.exposed().map(<[String]>::to_vec).unwrap_or_default();
        Ok(Proxy::holding(&self.link, reference.typeid().to_owned(), reference.ident().to_owned(), exposed))
    }

    /// How many objects it holds.
    ///
    /// # Errors
    /// [`Error::Net`](crate::Error::Net).
    pub fn number_of_objects(&self) -> Result<u64> {
        self.answer(request::number_of_objects())
    }

    /// What it holds, in its own words: a few lines an object, with its count of references.
    ///
    /// # Errors
    /// [`Error::Net`](crate::Error::Net).
    pub fn debug_info(&self) -> Result<String> {
        self.answer(request::debug_info())
    }

    /// Ends the server, with all its objects.
    ///
    /// # Errors
    /// [`Error::Net`](crate::Error::Net).
    pub fn shutdown(&self) -> Result<()> {
        self.link.function(request::shutdown())?.returned()?;
        Ok(())
    }

    fn answer<R: DeserializeOwned>(&self, request: Graph) -> Result<R> {
        self.link.function(request)?.value()
    }
}
