//! Python's `multiprocessing` wire for Rust: Python 2.7 and 3.6 to 3.15, in either role, at any pickle protocol.
//!
//! It deliberately runs no Python: what a pickle names stays a name.
//!
//! ```
//! use sabir::Context;
//!
//! // In Python: Listener(('127.0.0.1', 0)).accept().send(['ahoy', 3])
//! let context = Context::new();
//! let listener = context.listener("127.0.0.1:0")?;
//! let address = listener.address().clone();
//! std::thread::spawn(move || listener.accept()?.send(&("ahoy", 3)));
//!
//! let mut connection = context.client(&address)?;
//! let (greeting, count): (String, u32) = connection.recv()?;
//! assert_eq!((&*greeting, count), ("ahoy", 3));
//! # Ok::<(), sabir::Error>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`Context`] | the one thing to configure; it makes listeners, clients, pipes |
//! | [`reducer`] | how a value becomes a message and back: pickle at any protocol, other formats, your own |
//! | [`Connection`], [`Listener`], [`wait`](wait()) | values and bytes between two processes |
//! | [`manager`](mod@manager) | objects that live in another process |
//! | `server` | objects of yours for Python clients (feature `server`) |
//! | `sync` | the running server of the types that every `SyncManager` shares (feature `sync`) |
//! | `tokio` | connections, listeners and clients of managers for async programs (feature `tokio`) |
//! | `gateway` | the running gateway (feature `gateway`) |
//! | `pythons` | the interpreters of this machine (feature `pythons`) |
//! | [`pickle`], [`wire`], [`net`] | the crates beneath: the codec; frames and authentication; sockets |
//!
//! What becomes of which type, in either direction: [`pickle::serde`](sabir_pickle::serde#what-is-written). Bytes are
//! the one to know beforehand: a `Vec<u8>` is a list of numbers to serde, and so to Python; `serde_bytes` makes it `bytes`.
//!
//! | feature | adds |
//! |---|---|
//! | `cbor`, `json`, `msgpack` | these formats as reducers |
//! | `macros` | [`#[sabir::proxy]`](macro@proxy): a type for the objects of a manager |
//! | `server` | objects of yours for Python clients, with [`#[sabir::shared]`](macro@shared), on tokio |
//! | `tokio` | the async twins |
//! | `sync`, `gateway` | what the program `sabir` runs, to be run inside of yours |
//! | `pythons` | the interpreters of this machine, for tests with real ones |
//!
//! None is on by default: blocking connections, listeners and clients of managers need no runtime.
//!
//! Sockets need a Unix system, and are tested on Linux; elsewhere there are the codec, the formats and the addresses.
//!
//! Processes, queues, pools and shared memory have their place on [`Context`] and are not there yet.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[cfg(unix)]
mod channel;
#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod context;
#[cfg(all(unix, any(feature = "gateway", feature = "sync")))]
mod door;
mod error;
#[cfg(all(unix, feature = "gateway"))]
pub mod gateway;
#[cfg(unix)]
mod halves;
#[cfg(unix)]
mod known;
#[cfg(unix)]
mod listener;
#[cfg(unix)]
pub mod manager;
mod peer;
#[cfg(all(unix, any(feature = "gateway", feature = "sync")))]
#[cfg_attr(
    not(all(feature = "gateway", feature = "sync")),
    allow(dead_code, reason = "each of the two takes what it needs")
)]
mod pending;
#[cfg(feature = "pythons")]
pub mod pythons;
pub mod reducer;
#[cfg(unix)]
mod secure;
#[cfg(all(unix, feature = "server"))]
pub mod server;
#[cfg(all(unix, feature = "sync"))]
pub mod sync;
mod timeouts;
#[cfg(all(unix, feature = "tokio"))]
pub mod tokio;
#[cfg(unix)]
mod turn;
#[cfg(unix)]
mod wait;

/// ```no_run
/// #[sabir::proxy]
/// pub trait Robot {
///     #[sabir(name = "move")]
///     fn walk(&self, dx: i32, dy: i32) -> sabir::Result<(i32, i32)>;
///     #[sabir(proxy)]
///     fn companion(&self) -> sabir::Result<RobotProxy>;
/// }
///
/// # fn main() -> sabir::Result<()> {
/// let manager = sabir::manager("127.0.0.1:5000")?;
/// let robot = RobotProxy::create(&manager, &("Marvin",))?;
/// let (x, y) = robot.companion()?.walk(1, 2)?;
/// # Ok(()) }
/// ```
///
#[cfg(all(unix, feature = "macros"))]
pub use sabir_macros::proxy;
/// ```
/// use std::sync::Mutex;
///
/// struct Log(Mutex<Vec<String>>);
///
/// #[sabir::shared(typeid = "log")]
/// impl Log {
///     fn add(&self, line: String, times: Option<usize>) {
///         let mut lines = self.0.lock().expect("no panic while it was held");
///         lines.extend(vec![line; times.unwrap_or(1)]);
///     }
///
///     #[sabir(name = "__len__")]
///     fn len(&self) -> usize {
///         self.0.lock().expect("no panic while it was held").len()
///     }
/// }
///
/// # fn main() -> sabir::Result<()> {
/// let mut server = sabir::server::Server::new(&sabir::Context::new()).without_authkey();
/// server.share("log", std::sync::Arc::new(Log(Mutex::default())));
/// let running = server.start("127.0.0.1:0")?;
/// let log = sabir::manager(running.address())?.create("log", &())?;
/// log.call::<()>("add", &("ahoy", 3))?;
/// assert_eq!(log.call::<usize>("__len__", &())?, 3);
/// # Ok(()) }
/// ```
///
#[cfg(all(unix, feature = "server"))]
pub use sabir_macros::shared;
pub use sabir_net as net;
pub use sabir_net::{Address, Deadline};
pub use sabir_pickle as pickle;
pub use sabir_wire as wire;
pub use sabir_wire::auth::AuthKey;
/// For what the attributes write.
#[doc(hidden)]
pub use serde;

pub use self::address::IntoAddress;
#[cfg(unix)]
pub use self::connection::Connection;
#[cfg(unix)]
pub use self::context::Context;
pub use self::error::{Error, Result};
#[cfg(unix)]
pub use self::halves::{ReadHalf, WriteHalf};
#[cfg(unix)]
pub use self::listener::Listener;
pub use self::peer::Peer;
pub use self::reducer::Reducer;
pub use self::timeouts::Timeouts;
#[cfg(unix)]
pub use self::wait::{Source, Waitable, wait};

/// Listens, with the process's own context; see [`Context::listener`].
///
/// ```no_run
/// let mut connection = sabir::listener("/run/robots")?.accept()?; // Listener('/run/robots').accept()
/// # Ok::<(), sabir::Error>(())
/// ```
///
/// # Errors
/// As there.
#[cfg(unix)]
pub fn listener(address: impl IntoAddress) -> Result<Listener> {
    Context::current().listener(address)
}

/// Connects to a listener, with the process's own context; see [`Context::client`].
///
/// ```no_run
/// let mut connection = sabir::client(("localhost", 5000))?; // Client(('localhost', 5000))
/// # Ok::<(), sabir::Error>(())
/// ```
///
/// # Errors
/// As there.
#[cfg(unix)]
pub fn client(address: impl IntoAddress) -> Result<Connection> {
    Context::current().client(address)
}

/// Connects to a manager, with the process's own context; see [`Context::manager`].
///
/// ```no_run
/// sabir::Context::new().authkey(b"secret").set_current();
/// let jobs = sabir::manager("localhost:5000")?.queue::<String>(0)?;
/// # Ok::<(), sabir::Error>(())
/// ```
///
/// # Errors
/// As there.
#[cfg(unix)]
pub fn manager(address: impl IntoAddress) -> Result<manager::Manager> {
    Context::current().manager(address)
}

/// The two ends of a connection, with the process's own context; see [`Context::pipe`].
///
/// ```
/// let (mut one, mut other) = sabir::pipe()?; // Pipe()
/// one.send(&[1, 2, 3])?;
/// assert_eq!(other.recv::<Vec<u8>>()?, [1, 2, 3]);
/// # Ok::<(), sabir::Error>(())
/// ```
///
/// # Errors
/// As there.
#[cfg(unix)]
pub fn pipe() -> Result<(Connection, Connection)> {
    Context::current().pipe()
}
