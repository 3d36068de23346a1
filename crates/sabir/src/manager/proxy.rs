//! One object of a manager.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sabir_manager::request;
use sabir_pickle::serde::Class;
use sabir_pickle::{Graph, NodeId};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::exchange::Reply;
use super::link::Link;
use super::{Manager, NO_KEYWORDS, Reference};
use crate::error::{Error, Result};

/// An object of a manager, and a reference to it, which ends with the last clone: to drop that tells the manager, and takes
/// as long as the manager does, 5 seconds at most. [`close`](Proxy::close) says how it went.
///
/// It can be sent like any value: whoever reads it, a stock Python included, gets a proxy of the same object.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let robot = manager.create("Robot", &("Marvin",))?;
/// println!("{} can {:?}", robot.text()?, robot.exposed());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Proxy {
    held: Arc<Held>,
}

/// One reference that the server counts.
struct Held {
    link: Arc<Link>,
    typeid: String,
    ident: String,
    exposed: Vec<String>,
}

/// A proxy with methods of its own: those of [`types`](super::types), and what `#[sabir::proxy]` makes.
///
/// ```no_run
/// use sabir::manager::Typed;
///
/// fn log_length(object: &impl Typed) -> sabir::Result<()> {
///     println!("{} items", object.proxy().call::<usize>("__len__", &())?);
///     Ok(())
/// }
/// ```
pub trait Typed: From<Proxy> {
    /// The untyped proxy.
    fn proxy(&self) -> &Proxy;
}

impl Proxy {
    /// A proxy for an object to which the server has counted one reference more already.
    pub(super) fn holding(link: &Arc<Link>, typeid: String, ident: String, exposed: Vec<String>) -> Proxy {
        Proxy { held: Arc::new(Held { link: Arc::clone(link), typeid, ident, exposed }) }
    }

    /// Calls a method. `args` are a tuple, an array or a vector, `()` for none.
    ///
    /// ```no_run
    /// # fn example(robot: &sabir::manager::Proxy) -> sabir::Result<()> {
    /// let (x, y): (i32, i32) = robot.call("move", &(1, 2))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Remote`]: what the method raised. [`Error::Dumps`], [`Error::Loads`], [`Error::Net`].
    pub fn call<R: DeserializeOwned>(&self, method: &str, args: &(impl Serialize + ?Sized)) -> Result<R> {
        self.call_with(method, args, &NO_KEYWORDS)
    }

    /// Calls a method, with keyword arguments too: a struct or a map.
    ///
    /// ```no_run
    /// # fn example(robot: &sabir::manager::Proxy) -> sabir::Result<()> {
    /// #[derive(serde::Serialize)]
    /// struct By {
    ///     dx: i32,
    /// }
    /// let (x, y): (i32, i32) = robot.call_with("move", &(), &By { dx: 1 })?; // robot.move(dx=1)
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub fn call_with<R: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl Serialize + ?Sized),
        kwargs: &(impl Serialize + ?Sized),
    ) -> Result<R> {
        let reply = self.ask(method, args, kwargs, Duration::ZERO)?;
        self.returned(&reply)
    }

    /// Calls a method that waits for something, for `wait` at the most: only then begins the time that a call may take.
    pub(super) fn call_waiting<R, A>(&self, method: &str, args: &A, wait: Duration) -> Result<R>
    where
        R: DeserializeOwned,
        A: ?Sized + Serialize,
    {
        let reply = self.ask(method, args, &NO_KEYWORDS, wait)?;
        self.returned(&reply)
    }

    /// Calls a method with arguments that are nodes of a graph; `kwargs` is a dict, or [`NodeId::NONE`] for none. The root
    /// of the graph is what it returned.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub fn call_of(&self, method: &str, graph: Graph, args: &[NodeId], kwargs: NodeId) -> Result<Graph> {
        let reply = self
            .held
            .link
            .call(request::call(graph, &self.held.ident, method, args, kwargs), Duration::ZERO)?;
        match self.taken(&reply)? {
            Some(_) => Err(Error::Protocol("the manager answered with a proxy: the result stays with it")),
            None => reply.into_graph(),
        }
    }

    /// Calls a method whose result stays with the manager, as `method_to_typeid` has it registered.
    ///
    /// ```no_run
    /// # fn example(robot: &sabir::manager::Proxy) -> sabir::Result<()> {
    /// let companion = robot.call_proxy("companion", &())?;
    /// companion.call::<(i32, i32)>("move", &(1, 2))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Proxy::call); [`Error::Protocol`] if the result came as a value.
    pub fn call_proxy<A: ?Sized + Serialize>(&self, method: &str, args: &A) -> Result<Proxy> {
        self.kept(&self.ask(method, args, &NO_KEYWORDS, Duration::ZERO)?)
    }

    /// The object itself, pickled: what Python's `proxy._getvalue()` gives.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub fn value<R: DeserializeOwned>(&self) -> Result<R> {
        self.call("#GETVALUE", &())
    }

    /// What Python's `str` gives of the object.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub fn text(&self) -> Result<String> {
        self.call("__str__", &())
    }

    /// The name under which its type is registered.
    #[must_use]
    pub fn typeid(&self) -> &str {
        &self.held.typeid
    }

    /// Which of the manager's objects it is.
    #[must_use]
    pub fn ident(&self) -> &str {
        &self.held.ident
    }

    /// The methods that the manager lets callers call, as it said when the proxy was made; empty if it did not say.
    #[must_use]
    pub fn exposed(&self) -> &[String] {
        &self.held.exposed
    }

    /// The manager that it is of.
    #[must_use]
    pub fn manager(&self) -> Manager {
        Manager { link: Arc::clone(&self.held.link) }
    }

    /// The proxy as a value.
    #[must_use]
    pub fn reference(&self) -> Reference {
        Reference::new(self.held.link.address(), &self.held.typeid, &self.held.ident, &self.held.exposed)
    }

    /// Gives the reference back and says whether the manager took it. To drop the last clone does the same and says
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Net`], [`Error::Remote`]. Nothing if there are other clones.
    pub fn close(self) -> Result<()> {
        match Arc::try_unwrap(self.held) {
            Ok(held) => held.release(),
            Err(_) => Ok(()),
        }
    }

    /// Calls a method that calls a function of Python's in turn: its arguments are one tuple, of whatever they are.
    pub(super) fn call_function<A, K>(
        &self,
        method: &str,
        function: &Class,
        args: &A,
        kwargs: &K,
    ) -> Result<Reply>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let (mut graph, args, kwargs) = self.held.link.arguments(args, kwargs)?;
        let mut given = vec![graph.add_global(&function.module, &function.name), graph.add_tuple(args)];
        given.extend((kwargs != NodeId::NONE).then_some(kwargs));
        let request = request::call(graph, &self.held.ident, method, given, NodeId::NONE);
        self.held.link.call(request, Duration::ZERO)
    }

    /// The proxy that a reply must be.
    pub(super) fn kept(&self, reply: &Reply) -> Result<Proxy> {
        match self.taken(reply)? {
            Some(proxy) => Ok(proxy),
            None => {
                reply.returned()?;
                Err(Error::Protocol(
                    "the method's result is a value, and does not stay with the manager: use call",
                ))
            }
        }
    }

    /// The value that a reply must be.
    fn returned<R: DeserializeOwned>(&self, reply: &Reply) -> Result<R> {
        // A reference that nobody takes is given back here.
        match self.taken(reply)? {
            Some(_) => Err(Error::Protocol("the method's result stays with the manager: use call_proxy")),
            None => reply.value(),
        }
    }

    /// The proxy that a reply is, if it is one.
    fn taken(&self, reply: &Reply) -> Result<Option<Proxy>> {
        let Some((typeid, ident, exposed)) = reply.stays()? else { return Ok(None) };
        Ok(Some(Proxy::holding(&self.held.link, typeid, ident, exposed)))
    }

    fn ask<A, K>(&self, method: &str, args: &A, kwargs: &K, longer: Duration) -> Result<Reply>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let (graph, args, kwargs) = self.held.link.arguments(args, kwargs)?;
        self.held.link.call(request::call(graph, &self.held.ident, method, args, kwargs), longer)
    }
}

impl Held {
    /// Gives the reference back.
    fn release(mut self) -> Result<()> {
        let ident = std::mem::take(&mut self.ident);
        self.link.function(request::decref(&ident))?.returned()?;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.ident.is_empty() {
            self.link.let_go(&self.ident);
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { link, typeid, ident, .. } = &*self.held;
        write!(f, "<{typeid} {ident} at {}>", link.address())
    }
}

impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reference().serialize(serializer)
    }
}
