//! The vocabulary of `multiprocessing.managers`: requests, replies, tokens, proxies and the methods of each typeid.
//!
//! It deliberately serves nothing yet: it tells in a pickle's graph what a manager and its clients say, and writes it.
//!
//! ```
//! use sabir_manager::Address;
//!
//! let token = Address::Inet { host: "127.0.0.1".into(), port: 5000 };
//! assert!(token.may_be(&Address::Inet { host: "localhost".into(), port: 5000 }));
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`address`] | where a manager listens, as a token says it |
#![no_std]
extern crate alloc;

pub mod address;

pub use address::Address;
