//! Rust objects that Python programs share: the server of `multiprocessing.managers`.
//!
//! ```
//! use std::sync::Mutex;
//!
//! use sabir::server::{Exception, Server};
//! use sabir::Context;
//!
//! struct Account {
//!     balance: Mutex<i64>,
//! }
//!
//! #[sabir::shared]
//! impl Account {
//!     fn deposit(&self, amount: i64) -> i64 {
//!         let mut balance = self.balance.lock().expect("no panic while it was held");
//!         *balance += amount;
//!         *balance
//!     }
//!
//!     fn withdraw(&self, amount: i64) -> Result<i64, Exception> {
//!         let mut balance = self.balance.lock().expect("no panic while it was held");
//!         if amount > *balance {
//!             return Err(Exception::value_error("not so much is there"));
//!         }
//!         *balance -= amount;
//!         Ok(*balance)
//!     }
//! }
//!
//! # fn main() -> sabir::Result<()> {
//! let context = Context::new().authkey(b"secret");
//! let mut server = Server::new(&context);
//! server.register("Account", |args| {
//!     let balance = args.optional("balance")?.unwrap_or(0);
//!     Ok(Account { balance: Mutex::new(balance) })
//! });
//! let running = server.start("127.0.0.1:0")?;
//!
//! // In Python:
//! //     class Bank(BaseManager): pass
//! //     Bank.register('Account')
//! //     bank = Bank(address, b'secret'); bank.connect()
//! //     bank.Account(balance=5).deposit(2)
//! let account = context.manager(running.address())?.create("Account", &(5,))?;
//! assert_eq!(account.call::<i64>("deposit", &(2,))?, 7);
//! assert!(account.call::<i64>("withdraw", &(100,)).unwrap_err().to_string().contains("not so much"));
//! # Ok(()) }
//! ```
//!
//! A method may be `async`: while it waits no thread waits with it, and it is dropped if its caller goes away. One that is
//! not should be short, or say `spawn_blocking` itself. Objects see their methods called from many clients at once.
//!
//! | item | is |
//! |---|---|
//! | [`Server`] | the registry: which types clients can create, which objects are there for all |
//! | [`Shared`] | an object, as the server sees it; `#[sabir::shared]` writes it |
//! | [`Arguments`] | what a caller gave |
//! | [`Exception`] | what a Python caller has raised |
//! | [`Object`] | a result that stays here: the caller gets a proxy; or what a caller gives a proxy of |

mod arguments;
mod connection;
mod exception;
#[doc(hidden)]
pub mod glue;
mod object;
mod state;

use std::future::Future;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use sabir_manager::server::Registered;
use sabir_net::tokio::Listener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub use self::arguments::Arguments;
pub use self::exception::Exception;
pub use self::object::{Called, Object, Return, Shared};
use self::state::State;
use crate::address::IntoAddress;
use crate::context::Context;
use crate::error::{Error, Result};
use sabir_net::Address;

/// Makes an object of what `create` was given.
type Make = Box<dyn Fn(&mut Arguments) -> Result<Arc<dyn Shared>, Exception> + Send + Sync>;

/// What clients can find: Python's `BaseManager` before `get_server()`.
#[must_use]
pub struct Server {
    context: Context,
    types: Vec<(String, Registered, Make)>,
    needs_key: bool,
}

impl Server {
    /// A server of nothing yet, with a context's key, reducer, timeouts and limits.
    pub fn new(context: &Context) -> Server {
        Server { context: context.clone(), types: Vec::new(), needs_key: true }
    }

    /// Serves without a key as well, which is of use to clients of this library alone: `BaseManager` in Python always
    /// authenticates, with its process's own key if it was given none.
    pub fn without_authkey(mut self) -> Server {
        self.needs_key = false;
        self
    }

    /// Lets clients create objects under a name: Python's `register(typeid, callable)`. An argument that `make` does not take
    /// is the caller's mistake, and a `TypeError`.
    pub fn register<T: Shared>(
        &mut self,
        typeid: &str,
        make: impl Fn(&mut Arguments) -> Result<T, Exception> + Send + Sync + 'static,
    ) {
        let make: Make = Box::new(move |arguments| Ok(Arc::new(make(arguments)?)));
        self.types.push((typeid.to_owned(), registered::<T>(), make));
    }

    /// Gives all clients the same object under a name: what Python programs do with a callable that returns a global.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use sabir::Context;
    /// use sabir::server::Server;
    ///
    /// #[derive(Default)]
    /// struct Counter(AtomicU64);
    ///
    /// #[sabir::shared]
    /// impl Counter {
    ///     fn next(&self) -> u64 {
    ///         self.0.fetch_add(1, Ordering::Relaxed)
    ///     }
    /// }
    ///
    /// # fn main() -> sabir::Result<()> {
    /// let counter = Arc::new(Counter::default());
    /// let mut server = Server::new(&Context::new()).without_authkey();
    /// server.share("counter", Arc::clone(&counter)); // BaseManager.register('counter', lambda: counter)
    /// let running = server.start("127.0.0.1:0")?;
    /// let proxy = sabir::manager(running.address())?.create("counter", &())?;
    /// assert_eq!(proxy.call::<u64>("next", &())?, 0);
    /// assert_eq!(counter.next(), 1);
    /// # Ok(()) }
    /// ```
    pub fn share<T: Shared>(&mut self, typeid: &str, object: Arc<T>) {
        let make: Make = Box::new(move |_| Ok(Arc::clone(&object) as Arc<dyn Shared>));
        self.types.push((typeid.to_owned(), registered::<T>(), make));
    }

    /// Listens. Port 0 picks a free one.
    ///
    /// # Errors
    /// [`Error::Net`] if the address is none, is taken, or is not of this machine; [`Error::NoKey`].
    pub async fn bind(self, address: impl IntoAddress) -> Result<Bound> {
        if self.needs_key && self.context.settings().authkey.is_none() {
            return Err(Error::NoKey);
        }
        let listener = Listener::bind(&address.into_address()?).await?;
        let state = State::new(self.context, listener.local_address(), self.types)?;
        Ok(Bound { listener, state: Arc::new(state) })
    }

    /// Listens and serves in the background, with as many threads as there are processors. It ends when what is returned
    /// is dropped, or when a client calls `shutdown`. It may be called inside of a runtime too, and blocks until it listens.
    ///
    /// # Errors
    /// As [`bind`](Server::bind), and if no thread can be started.
    pub fn start(self, address: impl IntoAddress) -> Result<Running> {
        let address = address.into_address()?;
        let (started, starting) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        // All of it on that thread: a runtime can neither be entered nor dropped inside of another.
        let serving = thread::Builder::new()
            .name("sabir server".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
                let bound = runtime.map_err(broken).and_then(|runtime| {
                    let bound = runtime.block_on(self.bind(address))?;
                    Ok((runtime, bound))
                });
                let (runtime, bound) = match bound {
                    Ok(bound) => bound,
                    Err(error) => {
                        // Whoever started it waits for this.
                        let _ = started.send(Err(error));
                        return Ok(());
                    }
                };
                let _ = started.send(Ok(bound.address().clone()));
                runtime.block_on(bound.serve(async {
                    // Also if `Running` is dropped.
                    let _ = stopped.await;
                }))
            })
            .map_err(broken)?;
        match starting.recv() {
            Ok(address) => Ok(Running { address: address?, stop: Some(stop), serving: Some(serving) }),
            // It panicked, and said so.
            Err(_) => Err(broken(io::ErrorKind::Other.into())),
        }
    }
}

/// The system let us have no thread or no runtime.
fn broken(source: io::Error) -> Error {
    sabir_net::Error::Io { doing: sabir_net::Doing::Accepting, source }.into()
}

fn registered<T: Shared>() -> Registered {
    T::returns().iter().fold(Registered::new(), |all, (method, typeid)| all.returning(method, typeid))
}

/// A server that listens.
///
/// ```
/// use sabir::Context;
/// use sabir::server::Server;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let bound = Server::new(&Context::new()).without_authkey().bind("127.0.0.1:0").await?;
/// println!("listening on {}", bound.address());
/// let shutdown = async { /* a signal has come */ };
/// bound.serve(shutdown).await
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bound {
    listener: Listener,
    state: Arc<State>,
}

impl Bound {
    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.listener.local_address()
    }

    /// Serves until `shutdown` is done or a client calls the protocol's own `shutdown`; connections end with it.
    ///
    /// # Errors
    /// [`Error::Net`] if the listener breaks. What goes wrong with one connection ends that one.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Bound { listener, state } = self;
        let (end, mut ended) = watch::channel(false);
        let end = Arc::new(end);
        let mut connections = JoinSet::new();
        let mut number = 0;
        tokio::pin!(shutdown);
        let outcome = loop {
            tokio::select! {
                () = &mut shutdown => break Ok(()),
                _ = ended.changed() => break Ok(()),
                accepted = listener.accept() => match accepted {
                    Ok(stream) => {
                        number += 1;
                        let serving = connection::serve(Arc::clone(&state), number, stream, Arc::clone(&end));
                        connections.spawn(serving);
                    }
                    Err(error) => break Err(Error::from(error)),
                },
                // So that those that have ended take no room.
                Some(_) = connections.join_next() => {}
            }
        };
        connections.shutdown().await;
        outcome
    }
}

/// A server in the background. Dropped, it ends.
#[derive(Debug)]
pub struct Running {
    address: Address,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<thread::JoinHandle<Result<()>>>,
}

impl Running {
    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it, and says how that went.
    ///
    /// # Errors
    /// [`Error::Net`] if its listener had broken.
    pub fn shutdown(mut self) -> Result<()> {
        self.stop.take();
        self.wait()
    }

    /// Waits until a client calls `shutdown`: Python's `serve_forever()`.
    ///
    /// # Errors
    /// [`Error::Net`] if its listener breaks.
    pub fn join(mut self) -> Result<()> {
        let stop = self.stop.take();
        let outcome = self.wait();
        drop(stop);
        outcome
    }

    fn wait(&mut self) -> Result<()> {
        match self.serving.take().map(thread::JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            Some(Ok(outcome)) => outcome,
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(serving) = self.serving.take() {
            // A panic of its thread has been reported by then.
            let _ = serving.join();
        }
    }
}
