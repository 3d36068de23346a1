//! What a relay between two Pythons rewrites, and for whom.
//!
//! It deliberately has no socket and no clock: frames of one pair of connections go in, outcomes come out.
//!
//! ```
//! use std::sync::Arc;
//!
//! use sabir_gateway::{Address, Addresses, Config, Outcome, Relay, ServerKnowledge, Side};
//!
//! let at = |port| Address::Inet { host: "127.0.0.1".into(), port };
//! let mut server = ServerKnowledge::new(None);
//! let mut relay = Relay::new(Arc::new(Config::default()), Addresses::new(at(5000), at(6000)));
//!
//! // 3.13 says hello to a listener of which nothing is known: protocol 2, which everybody reads.
//! let hello = b"\x80\x04\x95\x09\0\0\0\0\0\0\0\x8c\x05hello\x94.".to_vec().into();
//! let Outcome::Replace(body) = relay.handle_frame(Side::Client, &hello, &mut server) else { panic!() };
//! assert_eq!(body.into_vec(), b"\x80\x02X\x05\0\0\0hello.");
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`relay`] | [`Relay`]: one pair of connections, frame by frame |
//! | [`config`] | what the user decides: modes, protocols, addresses and routes |
//! | [`policy`] | which names may pass |
//! | [`knowledge`] | what is known of a peer, and of one upstream address |
//! | [`error`] | why a connection ends, by side |
//! | [`event`] | what happened, for the log |
//! | `testing` | bodies of fuzz targets (feature `testing`) |
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "testing"))]
extern crate std;

pub mod config;
pub mod error;
pub mod event;
pub mod knowledge;
pub mod policy;
pub mod relay;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::{Addresses, Config, Mode, Route};
pub use error::RelayError;
pub use event::Event;
pub use knowledge::ServerKnowledge;
pub use policy::{AllowList, Policy};
pub use relay::{Outcome, Relay};
pub use sabir_manager::Address;

/// An end of the pair, seen from the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The program that connected to us.
    Client,
    /// The program that we connected to.
    Server,
}

impl Side {
    /// The other end.
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

impl core::fmt::Display for Side {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Side::Client => "client",
            Side::Server => "server",
        })
    }
}
