//! Python's `multiprocessing` wire for Rust: Python 2.7 and 3.6 to 3.15, in either role, at any pickle protocol.
//!
//! It deliberately runs no Python: what a pickle names stays a name.
//!
//! ```
//! use sabir::pickle::Graph;
//! use sabir::net::Address;
//!
//! let address: Address = "127.0.0.1:5000".parse()?;
//! assert!(address.is_loopback());
//! let graph = Graph::from_slice(b"\x80\x04\x8c\x05hello\x94.")?;
//! assert_eq!(graph.text(graph.root()), Some("hello"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`pickle`] | the codec: opcodes, graphs, serde, translation between versions |
//! | [`wire`] | frames and authentication, without sockets |
//! | [`net`] | addresses, listeners, connections |
//! | `gateway` | the running gateway (feature `gateway`) |
//! | [`pythons`] | the interpreters of this machine |

#[cfg(all(unix, feature = "gateway"))]
pub mod gateway;
pub mod pythons;

pub use sabir_net as net;
pub use sabir_pickle as pickle;
pub use sabir_wire as wire;
