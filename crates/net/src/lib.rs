//! The only sockets: addresses, listeners and connections of the `multiprocessing` wire.
//!
//! It deliberately knows nothing of what messages say, and nothing of the wire but how to feed the
//! state machines of `sabir-wire`.
//!
//! ```
//! use std::thread;
//! use std::time::Duration;
//!
//! use sabir_net::Deadline;
//! use sabir_net::blocking::{Connection, Listener, Stream};
//! use sabir_wire::Config;
//! use sabir_wire::auth::{AuthKey, AuthOptions};
//!
//! let deadline = Deadline::from(Duration::from_secs(10));
//! let key = AuthKey::new(*b"secret");
//! let listener = Listener::bind(&"127.0.0.1:0".parse()?)?;
//! let address = listener.local_address().clone();
//!
//! // In Python: Client(address, authkey=b'secret').send_bytes(b'hello')
//! let client = thread::spawn({
//!     let key = key.clone();
//!     move || {
//!         let stream = Stream::connect(&address, deadline)?;
//!         let options = AuthOptions::default();
//!         Connection::connecting(stream, Config::default(), key, options, deadline)?
//!             .send_bytes(b"hello", deadline)
//!     }
//! });
//!
//! let stream = listener.accept(deadline)?;
//! let options = AuthOptions::default();
//! let mut connection = Connection::accepting(stream, Config::default(), key, options, deadline)?;
//! assert_eq!(connection.recv_bytes(deadline)?.as_deref(), Some(&b"hello"[..]));
//! client.join().expect("the client does not panic")?;
//! # Ok::<(), sabir_net::Error>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`address`] | where a peer is, in text and in Python |
//! | [`deadline`] | until when to wait |
//! | [`error`] | what can go wrong, by whose fault |
//! | [`blocking`] | listener, stream and connection for a thread per peer |
//! | `tokio` | the same for many peers at once (feature `tokio`) |
//! | [`handles`] | descriptors over Unix sockets, by the rules of each Python |
//! | `tls` | the same connections over TLS (feature `tls`) |
//!
//! TCP, Unix sockets and Linux's abstract names are served, on Unix systems; tested on Linux alone.
//! On Windows only addresses and errors exist so far.

pub mod address;
#[cfg(unix)]
mod bind;
#[cfg(unix)]
pub mod blocking;
pub mod deadline;
pub mod error;
#[cfg(unix)]
pub mod handles;
#[cfg(unix)]
mod inbox;
#[cfg(unix)]
mod nonce;
#[cfg(unix)]
mod outbox;
#[cfg(unix)]
mod receive;
#[cfg(unix)]
mod socket;
#[cfg(all(unix, feature = "tls"))]
pub mod tls;
#[cfg(all(unix, feature = "tokio"))]
pub mod tokio;

pub use self::address::{Address, AddressError, PythonAddress};
pub use self::deadline::Deadline;
pub use self::error::{Doing, Error};
#[cfg(unix)]
pub use self::nonce::{nonce, random};
