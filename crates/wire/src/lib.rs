//! Frames and authentication of Python's `multiprocessing` connections, 2.7 to 3.15, as state machines.
//!
//! There is no socket, clock or randomness here, and nothing looks inside a message: bytes come in, messages go out.
//!
//! ```
//! use sabir_wire::auth::{AuthKey, AuthOptions, Handshake, Nonce};
//! use sabir_wire::{Config, Connection, Event};
//!
//! // Two ends in memory. Real nonces come from the operating system.
//! let key = AuthKey::new(*b"secret");
//! let accepting = Handshake::accepting(key.clone(), Nonce::new([1; 40]), AuthOptions::default());
//! let connecting = Handshake::connecting(key, Nonce::new([2; 40]), AuthOptions::default());
//! let mut listener = Connection::with_handshake(Config::default(), accepting);
//! let mut client = Connection::with_handshake(Config::default(), connecting);
//!
//! client.send_slice(b"hello")?; // held back until both are authenticated
//! let message = loop {
//!     while let Some(bytes) = listener.poll_transmit() {
//!         client.handle_bytes(&bytes)?;
//!     }
//!     while client.poll_event()?.is_some() {}
//!     while let Some(bytes) = client.poll_transmit() {
//!         listener.handle_bytes(&bytes)?;
//!     }
//!     match listener.poll_event()? {
//!         Some(Event::Message(message)) => break message,
//!         _ => continue,
//!     }
//! };
//! assert_eq!(message, "hello");
//! # Ok::<(), sabir_wire::Error>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | headers, their limits, what each Python version can be sent; [`Deframer`](frame::Deframer) |
//! | [`auth`] | `deliver_challenge`, `answer_challenge`, whole handshakes, and an observer for relays |
//! | [`connection`] | [`Connection`]: one end, from the first byte to the last |
//! | [`error`] | what can go wrong, by blame |
//! | `testing` | bodies of fuzz targets (feature `testing`) |
#![no_std]
extern crate alloc;

pub mod auth;
pub mod connection;
pub mod error;
pub mod frame;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use connection::{Config, Connection, Event};
pub use error::{Blame, Error};
