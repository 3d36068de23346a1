//! Real Pythons: every pair of versions trades values, directly and through the gateway, and what each end saw is compared.
//!
//! It does not judge by what Sabir says of itself: the expectation of every case is what a stock pair of the receiver's own
//! version shows its programs.
//!
//! ```
//! use sabir_interop::differences::Differences;
//!
//! let listed = Differences::parse("native_*\t3.*\t2.7\tunicode *\tPython 3 writes its str as text\n").unwrap();
//! assert_eq!(listed.rows.len(), 1);
//! ```
//!
//! Modules, in the order of a run:
//!
//! - [`interpreters`]: the Pythons and the NumPy of each
//! - [`peer`], [`pool`]: processes that run `interop/peers/peer.py`, kept between pairs
//! - [`route`], [`recorder`]: what lies between two peers
//! - [`connection`], [`manager`]: one pair, of either kind
//! - [`cell`], [`baseline`], [`differences`]: what was seen, what should have been, what is known to differ
//! - [`matrix`], [`report`]: all pairs, and `docs/matrix.md`

pub mod baseline;
pub mod cell;
pub mod connection;
pub mod differences;
pub mod interpreters;
pub mod manager;
pub mod matrix;
pub mod peer;
pub mod pool;
pub mod recorder;
pub mod report;
pub mod route;
