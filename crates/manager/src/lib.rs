//! The vocabulary of `multiprocessing.managers`: requests, replies, tokens, proxies, the methods of each typeid, and a
//! server that is a state machine.
//!
//! It deliberately calls nothing: it finds in the graph of a pickle what a manager and its clients say to each other,
//! writes it, and counts who holds what; what objects are and do is for whoever drives the server.
//!
//! ```
//! use sabir_manager::{Address, Request, Token};
//! use sabir_pickle::{Graph, Pythons};
//!
//! // What BaseManager.connect() sends, from a 2.7.
//! let pickle = b"\x80\x02(NU\x05dummyq\x01)}t.";
//! let graph = Graph::from_slice(pickle)?;
//! let request = Request::decode(&graph, graph.root()).expect("a request");
//! assert_eq!(graph.text(request.method), Some("dummy"));
//!
//! // A token to put into a reply.
//! let mut graph = Graph::new();
//! let address = Address::Inet { host: "127.0.0.1".into(), port: 5000 }.encode(&mut graph, Pythons::PY3);
//! let (typeid, ident) = (graph.add_str("dict"), graph.add_str("7f0012ab"));
//! let node = Token::encode(&mut graph, typeid, address, ident);
//! assert_eq!(Token::find(&graph)[0].node, node);
//! # Ok::<(), sabir_pickle::Error>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | [`Request`] and [`Reply`], also seen from afar ([`Head`]) |
//! | [`token`] | [`Token`] and [`Rebuild`] in all their forms |
//! | [`address`] | where a manager listens, as a token says it |
//! | [`native`] | the texts that Python 2 and 3 take as their own `str` only |
//! | [`exposed`] | what each stock typeid exposes, in which Pythons |
//! | [`methods`] | what to ask a server for that lacks what its client calls |
//! | [`request`], [`Answer`] | a client's side: what it asks, what it is answered |
//! | [`exception`], [`repr`] | exceptions as values and as text |
//! | [`Peer`] | what a peer reads; whatever is written for one is made ready there |
//! | [`server`] | the server |
//! | [`sync`] | the server of the types that every `SyncManager` shares |
//! | [`types`] | what it serves without Python: dicts, lists, queues, locks and the like, as state machines |
#![no_std]
extern crate alloc;

pub mod address;
mod answer;
pub mod exception;
pub mod exposed;
mod kind;
pub mod message;
pub mod methods;
pub mod native;
mod peer;
pub mod repr;
pub mod request;
pub mod server;
pub mod sync;
mod table;
pub mod token;
pub mod types;

pub use address::Address;
pub use answer::Answer;
pub use exception::RemoteException;
pub use exposed::Vocabulary;
pub use kind::Kind;
pub use message::{Head, Reply, Request};
pub use methods::{Exposed, Methods, Rewriting};
pub use peer::Peer;
pub use server::Server;
pub use token::{Rebuild, Token};
