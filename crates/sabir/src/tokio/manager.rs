//! Managers and their objects, for tasks.

use std::sync::Arc;

use sabir_manager::request;
use sabir_net::Address;
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::Proxy;
use super::link::Link;
use crate::address::IntoAddress;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::manager::exchange::{self, Reply};
use crate::manager::{NO_KEYWORDS, Reference};

/// A manager's server, seen from a client; the async sister of [`sabir::manager::Manager`](crate::manager::Manager).
/// Cheap to clone.
///
/// Calls that wait at the same time have a connection each, and one that is idle serves the next call, whichever task
/// makes it. What belongs to a thread in Python, as an `RLock` does, belongs to a [`Session`](super::Session) here.
///
/// ```no_run
/// # async fn example() -> sabir::Result<()> {
/// use sabir::tokio::Manager;
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let manager = Manager::connect(&context, "127.0.0.1:5000").await?;
/// let jobs = manager.create("Queue", &()).await?;
/// jobs.call::<()>("put", &("ahoy",)).await?;
/// tokio::select! {
///     job = jobs.call::<String>("get", &()) => println!("{}", job?),
///     () = tokio::time::sleep(std::time::Duration::from_secs(5)) => println!("nothing to do"),
/// }
/// drop(jobs); // Given back in the background;
/// manager.settled().await; // by now it is.
/// # Ok(()) }
/// ```
///
/// # Cancellation
///
/// Any future may be dropped at any point. A call that is given up closes its connection: a server in Rust drops the
/// method, a stock one goes on with it, and throws away what it returns (an item that `Queue.get` took is lost there,
/// as it is if a Python client dies). References are counted exactly all the same: `create`, `attach` and
/// [`call_proxy`](Proxy::call_proxy) are carried to their end in the background, and what they bring is given back.
#[derive(Clone, Debug)]
pub struct Manager {
    pub(super) link: Arc<Link>,
}

impl Manager {
    /// Connects to a manager. What outlives a caller goes on on the runtime of this call: once that has shut down,
    /// nothing is given back any more.
    ///
    /// # Errors
    /// Nobody listens there, the key is wrong, or the peer is too slow or no manager.
    pub async fn connect(context: &Context, address: impl IntoAddress) -> Result<Manager> {
        let link = Arc::new(Link::new(context.clone(), address.into_address()?));
        link.place.function(request::dummy()).await?.returned()?;
        Ok(Manager { link })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.link.place.address
    }

    /// Creates an object of a registered type. `args` are a tuple, an array or a vector, `()` for none.
    ///
    /// # Errors
    /// [`Error::Remote`] if the type is not registered or cannot be made of these arguments; [`Error::Dumps`],
    /// [`Error::Net`].
    pub async fn create<A: ?Sized + Serialize>(&self, typeid: &str, args: &A) -> Result<Proxy> {
        self.create_with(typeid, args, &NO_KEYWORDS).await
    }

    /// Creates an object, with keyword arguments too: a struct or a map.
    ///
    /// # Errors
    /// As [`create`](Manager::create).
    pub async fn create_with<A, K>(&self, typeid: &str, args: &A, kwargs: &K) -> Result<Proxy>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let (graph, args, kwargs) = exchange::arguments(&self.link.place.context, args, kwargs)?;
        let typeid = typeid.to_owned();
        let request = request::create(graph, &typeid, &args, kwargs);
        self.to_the_end(request, |link, reply| {
            let (ident, exposed) = reply.created()?;
            Ok(Proxy::holding(link, typeid, ident, exposed))
        })
        .await
    }

    /// Makes a proxy of a reference that came as a value, if it is one to this manager's objects; see
    /// [`sabir::manager::Manager::attach`](crate::manager::Manager::attach).
    ///
    /// # Errors
    /// [`Error::Remote`] if the object is no more.
    pub async fn attach(&self, reference: &Reference) -> Result<Proxy> {
        let exposed = reference.exposed().map(<[String]>::to_vec).unwrap_or_default();
        let (typeid, ident) = (reference.typeid().to_owned(), reference.ident().to_owned());
        self.to_the_end(request::incref(reference.ident()), |link, reply| {
            reply.returned()?;
            Ok(Proxy::holding(link, typeid, ident, exposed))
        })
        .await
    }

    /// How many objects it holds.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn number_of_objects(&self) -> Result<u64> {
        self.value(request::number_of_objects()).await
    }

    /// What it holds, in its own words: a few lines an object, with its count of references.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn debug_info(&self) -> Result<String> {
        self.value(request::debug_info()).await
    }

    /// Ends the server, with all its objects.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn shutdown(&self) -> Result<()> {
        self.link.place.function(request::shutdown()).await?.returned()?;
        Ok(())
    }

    /// Waits until every reference that was dropped before this call has been given back. Worth its while before the
    /// runtime shuts down.
    pub async fn settled(&self) {
        self.link.settled().await;
    }

    async fn value<R: DeserializeOwned>(&self, request: Graph) -> Result<R> {
        self.link.place.function(request).await?.value()
    }

    /// Asks for a function that leaves us a reference: if the caller goes, it is dropped in the background.
    async fn to_the_end(
        &self,
        request: Graph,
        make: impl FnOnce(&Arc<Link>, &Reply) -> Result<Proxy> + Send + 'static,
    ) -> Result<Proxy> {
        let (give, take) = oneshot::channel();
        let link = Arc::clone(&self.link);
        self.link.runtime.spawn(async move {
            let reply = link.place.function(request).await;
            // To nobody: then it is given back as it is dropped.
            let _ = give.send(reply.and_then(|reply| make(&link, &reply)));
        });
        take.await.unwrap_or(Err(RUNTIME_ENDED))
    }
}

/// What a caller on another runtime is told.
pub(super) const RUNTIME_ENDED: Error =
    Error::Protocol("the runtime that the manager was connected on has ended");
