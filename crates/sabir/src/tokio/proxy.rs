//! One object of a manager, for tasks.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sabir_manager::request;
use sabir_net::{Deadline, Doing};
use sabir_pickle::Graph;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use tokio::sync::{Mutex, oneshot};

use super::link::{Link, has_ended};
use super::manager::RUNTIME_ENDED;
use super::{Connection, Manager};
use crate::error::{Error, Result};
use crate::manager::exchange::{self, Reply};
use crate::manager::{NO_KEYWORDS, Reference};

/// An object of a manager, and a reference to it, which ends with the last clone; the async sister of
/// [`sabir::manager::Proxy`](crate::manager::Proxy).
///
/// It can be sent like any value: whoever reads it, a stock Python included, gets a proxy of the same object. Dropped, it
/// blocks nobody: the reference is given back in the background, see [`Manager::settled`].
#[derive(Clone)]
pub struct Proxy {
    held: Arc<Held>,
    session: Option<Session>,
}

/// A proxy with async methods of its own, as `#[sabir::proxy]` makes them of a trait of `async` methods.
///
/// ```no_run
/// use sabir::tokio::{Manager, Proxy, Typed};
///
/// #[sabir::proxy]
/// trait Robot {
///     #[sabir(name = "move")]
///     async fn walk(&self, dx: i32, dy: i32) -> sabir::Result<(i32, i32)>;
/// }
///
/// # async fn example(manager: &Manager) -> sabir::Result<()> {
/// let robot = RobotProxy::create(manager, &("Marvin",)).await?;
/// let (x, y) = robot.walk(1, 2).await?;
/// let untyped: &Proxy = robot.proxy();
/// # Ok(()) }
/// ```
pub trait Typed: From<Proxy> {
    /// The untyped proxy.
    fn proxy(&self) -> &Proxy;
}

/// One reference that the server counts.
struct Held {
    link: Arc<Link>,
    typeid: String,
    ident: String,
    exposed: Vec<String>,
}

/// What a thread is to Python: one connection, on which calls wait for each other. What the manager's threads own, as an
/// `RLock` or a `Condition` that was acquired, belongs to the session that acquired it.
///
/// ```no_run
/// # async fn example(manager: sabir::tokio::Manager) -> sabir::Result<()> {
/// use sabir::tokio::Session;
///
/// let session = Session::new();
/// let lock = manager.create("RLock", &()).await?.in_session(&session);
/// assert!(lock.call("acquire", &()).await?);
/// lock.call::<()>("release", &()).await?; // From any task.
/// # Ok(()) }
/// ```
///
/// A call that is cancelled or fails ends its connection, and with it whatever the manager ties to that.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// With the link that the connection is of: a session may be used with proxies of several managers, but is one
    /// thread of one of them at a time.
    connection: Arc<Mutex<Option<Used>>>,
}

type Used = (Arc<Link>, Connection);

impl Session {
    /// One that is not connected yet.
    #[must_use]
    pub fn new() -> Session {
        Session::default()
    }

    async fn call(&self, link: &Arc<Link>, request: Graph) -> Result<Reply> {
        let place = &link.place;
        let deadline = place.deadline();
        let mut slot = by(deadline, self.connection.lock()).await?;
        let mut connection = match slot.take() {
            Some((of, idle)) if Arc::ptr_eq(&of, link) && !has_ended(&idle)? => idle,
            _ => place.serving(deadline).await?,
        };
        let message = place.exchange(&mut connection, request, deadline).await?;
        *slot = Some((Arc::clone(link), connection));
        place.read(message)
    }
}

impl Proxy {
    /// A proxy for an object to which the server has counted one reference more already.
    pub(super) fn holding(link: &Arc<Link>, typeid: String, ident: String, exposed: Vec<String>) -> Proxy {
        let held = Arc::new(Held { link: Arc::clone(link), typeid, ident, exposed });
        Proxy { held, session: None }
    }

    /// A proxy of the same object whose calls are made in a session.
    #[must_use]
    pub fn in_session(&self, session: &Session) -> Proxy {
        Proxy { held: Arc::clone(&self.held), session: Some(session.clone()) }
    }

    /// Calls a method. `args` are a tuple, an array or a vector, `()` for none.
    ///
    /// ```no_run
    /// # async fn example(robot: &sabir::tokio::Proxy) -> sabir::Result<()> {
    /// let (x, y): (i32, i32) = robot.call("move", &(1, 2)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Remote`]: what the method raised. [`Error::Dumps`], [`Error::Loads`], [`Error::Net`].
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<R> {
        self.call_with(method, args, &NO_KEYWORDS).await
    }

    /// Calls a method, with keyword arguments too: a struct or a map.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub async fn call_with<R: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl Serialize + ?Sized),
        kwargs: &(impl Serialize + ?Sized),
    ) -> Result<R> {
        let request = self.request(method, args, kwargs)?;
        let link = &self.held.link;
        let reply = match &self.session {
            Some(session) => session.call(link, request).await?,
            None => link.call(request).await?,
        };
        // A reference that nobody takes is given back here.
        match taken(link, &reply)? {
            Some(_) => Err(Error::Protocol("the method's result stays with the manager: use call_proxy")),
            None => reply.value(),
        }
    }

    /// Calls a method whose result stays with the manager, as `method_to_typeid` has it registered. It is not called in
    /// a session.
    ///
    /// # Errors
    /// As [`call`](Proxy::call); [`Error::Protocol`] if the result came as a value.
    pub async fn call_proxy<A: ?Sized + Serialize>(&self, method: &str, args: &A) -> Result<Proxy> {
        let request = self.request(method, args, &NO_KEYWORDS)?;
        let (mut give, take) = oneshot::channel();
        let held = Arc::clone(&self.held);
        // Whoever gives up waiting does not know yet whether there is a reference to give back.
        self.held.link.runtime.spawn(async move {
            let reply = held.link.call_to_the_end(request, &mut give).await;
            let _ = give.send(reply.and_then(|reply| match taken(&held.link, &reply)? {
                Some(proxy) => Ok(proxy),
                None => {
                    reply.returned()?;
                    Err(Error::Protocol(
                        "the method's result is a value, and does not stay with the manager: use call",
                    ))
                }
            }));
        });
        take.await.unwrap_or(Err(RUNTIME_ENDED))
    }

    /// The object itself, pickled: what Python's `proxy._getvalue()` gives.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub async fn value<R: DeserializeOwned>(&self) -> Result<R> {
        self.call("#GETVALUE", &()).await
    }

    /// What Python's `str` gives of the object.
    ///
    /// # Errors
    /// As [`call`](Proxy::call).
    pub async fn text(&self) -> Result<String> {
        self.call("__str__", &()).await
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
        let Held { link, typeid, ident, exposed } = &*self.held;
        Reference::new(&link.place.address, typeid, ident, exposed)
    }

    fn request<A, K>(&self, method: &str, args: &A, kwargs: &K) -> Result<Graph>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let (graph, args, kwargs) = exchange::arguments(&self.held.link.place.context, args, kwargs)?;
        Ok(request::call(graph, &self.held.ident, method, args, kwargs))
    }
}

/// Waits for something, but not beyond the deadline of a call that has not begun.
async fn by<T>(deadline: Deadline, future: impl Future<Output = T>) -> Result<T> {
    match deadline.instant() {
        None => Ok(future.await),
        Some(at) => tokio::time::timeout_at(at.into(), future)
            .await
            .map_err(|_| sabir_net::Error::Timeout { doing: Doing::WaitingToSend }.into()),
    }
}

/// The proxy that a reply is, if it is one.
fn taken(link: &Arc<Link>, reply: &Reply) -> Result<Option<Proxy>> {
    let Some((typeid, ident, exposed)) = reply.stays()? else { return Ok(None) };
    Ok(Some(Proxy::holding(link, typeid, ident, exposed)))
}

impl Drop for Held {
    fn drop(&mut self) {
        self.link.release(std::mem::take(&mut self.ident));
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { link, typeid, ident, .. } = &*self.held;
        write!(f, "<{typeid} {ident} at {}>", link.place.address)
    }
}

impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reference().serialize(serializer)
    }
}
