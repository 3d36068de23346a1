//! Authentication: each end proves that it knows the key, without sending it.
//!
//! ```text
//!  Listener (accepting)                         Client (connecting)
//!  deliver_challenge                            answer_challenge
//!    #CHALLENGE# + message 1  ------------->
//!                             <-------------    mac(key, message 1)
//!    #WELCOME# or #FAILURE#   ------------->
//!  answer_challenge                             deliver_challenge
//!                             <-------------    #CHALLENGE# + message 2
//!    mac(key, message 2)      ------------->
//!                             <-------------    #WELCOME# or #FAILURE#
//! ```
//! Up to 3.11 the message is 20 random bytes and the proof raw HMAC-MD5. From 3.12 it is `{sha256}` and 40 random
//! bytes, and the proof `{sha256}` and the HMAC over all of the message, the prefix included. Builds of some vendors
//! (RHEL and CentOS, for FIPS) keep the old message and answer it with raw HMAC-SHA256.
//!
//! [`DeliverChallenge`] and [`AnswerChallenge`] are the two halves, [`Handshake`] is both in either order, and
//! [`Observer`] watches a handshake that passes by.

mod answer;
mod deliver;
mod digest;
mod handshake;
mod key;
mod observer;
mod style;

pub use answer::{AnswerChallenge, LegacyDigest};
pub use deliver::{Challenge, DeliverChallenge, MinAuth, Nonce};
pub use digest::{Digest, Mac};
pub use handshake::{AuthOptions, Handshake, Next, Stage, Step};
pub use key::AuthKey;
pub use observer::{Ended, Observer, Part, Sender};
pub use style::{ChallengeStyle, Era, PeerHints, ResponseStyle};

/// Begins a challenge. CPython's `_CHALLENGE`, until 3.11 `CHALLENGE`.
pub const CHALLENGE: &[u8] = b"#CHALLENGE#";
/// The proof was right. CPython's `_WELCOME`, until 3.11 `WELCOME`.
pub const WELCOME: &[u8] = b"#WELCOME#";
/// The proof was wrong. CPython's `_FAILURE`, until 3.11 `FAILURE`.
pub const FAILURE: &[u8] = b"#FAILURE#";
/// Random bytes in the challenge of 2.7 to 3.11; a message of exactly this length is answered in raw MD5 by everyone.
pub const LEGACY_MESSAGE_LENGTH: usize = 20;
/// Random bytes in the challenge of 3.12 and newer. CPython's `MESSAGE_LENGTH`.
pub const MESSAGE_LENGTH: usize = 40;
/// The longest message before authentication, in bytes: CPython's `connection.recv_bytes(256)`.
pub const MAX_AUTH_MESSAGE: usize = 256;

#[cfg(test)]
mod tests;
