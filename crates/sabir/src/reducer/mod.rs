//! How a value becomes a message and back: the setting that `multiprocessing` lacks.
//!
//! A [`Reducer`] is a value that a [`Context`](crate::Context), a listener or one connection has; it is nowhere else, and
//! in no global. Pickle is built in, with its protocol and its [`Reductions`](sabir_pickle::serde::Reductions);
//! MessagePack, CBOR and JSON are features, whose pages say what becomes of each of Python's types ([`msgpack`], [`cbor`],
//! [`json`]); and one of your own is a dozen lines:
//!
//! ```
//! use sabir::reducer::{Read, Reduce, Source, erased_serde};
//! use sabir::{Context, Reducer};
//!
//! /// Rust's own notation for the debugger's sake: only text travels.
//! #[derive(Debug)]
//! struct Lines;
//!
//! impl Reduce for Lines {
//!     fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Source> {
//!         Ok(serde_json::to_string(value)?.into_bytes())
//!     }
//!
//!     fn loads<'de>(&self, message: &'de [u8], read: Read<'_, 'de>) -> Result<(), Source> {
//!         let mut deserializer = serde_json::Deserializer::from_slice(message);
//!         read(&mut <dyn erased_serde::Deserializer>::erase(&mut deserializer))?;
//!         Ok(deserializer.end()?)
//!     }
//! }
//!
//! let context = Context::new().reducer(Reducer::custom(Lines));
//! let (mut one, mut other) = context.pipe()?;
//! one.send(&("size", [640, 480]))?;
//! assert_eq!(other.recv_bytes()?, &br#"["size",[640,480]]"#[..]);
//! # Ok::<(), sabir::Error>(())
//! ```

#[cfg(feature = "cbor")]
pub mod cbor;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "msgpack")]
pub mod msgpack;
mod pickle;
#[cfg(any(feature = "cbor", feature = "msgpack"))]
mod reading;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack"))]
mod writing;

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Values and formats whose types are known only when the program runs; what [`Reduce`] is written with.
pub use erased_serde;

pub use self::pickle::Pickle;
pub use crate::error::Source;
use crate::peer::Peer;

/// How values become messages and back.
///
/// ```
/// use sabir::reducer::Pickle;
/// use sabir::{Peer, Reducer};
///
/// let message = Reducer::from(Pickle::protocol(0)).dumps("ahoy", Peer::STRANGER)?;
/// assert_eq!(message, b"Vahoy\n.");
/// assert_eq!(Reducer::default().loads::<&str>(b"\x80\x04\x8c\x04ahoy.")?, "ahoy");
/// # Ok::<(), sabir::reducer::ReduceError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reducer {
    /// Python's own format, which every stock Python reads. Which types become which:
    /// [`sabir_pickle::serde`](sabir_pickle::serde#what-is-written).
    Pickle(Pickle),
    /// MessagePack, as Python's `msgpack` reads and writes it: [`msgpack`].
    #[cfg(feature = "msgpack")]
    MessagePack,
    /// CBOR (RFC 8949), as Python's `cbor2` reads and writes it: [`cbor`].
    #[cfg(feature = "cbor")]
    Cbor,
    /// JSON, as Python's `json` reads and writes it: [`json`]. Bytes are lists of numbers there, and NaN is refused.
    #[cfg(feature = "json")]
    Json,
    /// One of the user's own.
    Custom(Arc<dyn Reduce>),
}

/// A reducer of the user's own; see the [module](self).
pub trait Reduce: Debug + Send + Sync {
    /// Makes a message of a value.
    ///
    /// # Errors
    /// The value has no form in this format.
    fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Source>;

    /// Hands a deserializer over the message to `read`, once, which takes the value out of it.
    ///
    /// # Errors
    /// What `read` gives, or that the message is none of this format.
    fn loads<'de>(&self, message: &'de [u8], read: Read<'_, 'de>) -> Result<(), Source>;
}

/// What takes a value out of a deserializer.
pub type Read<'r, 'de> =
    &'r mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>;

/// Why a value is no message, or a message no value: in the words of the format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReduceError {
    /// A pickle.
    #[error(transparent)]
    Pickle(#[from] sabir_pickle::Error),
    /// Another format.
    #[error("{format}: {source}")]
    Other {
        /// The format's name.
        format: &'static str,
        /// What it says.
        r#source: Source,
    },
}

impl Reducer {
    /// One of your own.
    pub fn custom(reduce: impl Reduce + 'static) -> Reducer {
        Reducer::Custom(Arc::new(reduce))
    }

    /// Makes a message of a value, for a peer of which so much is known.
    ///
    /// # Errors
    /// The value has no form in this format.
    pub fn dumps<T: ?Sized + Serialize>(&self, value: &T, peer: Peer) -> Result<Vec<u8>, ReduceError> {
        match self {
            Reducer::Pickle(pickle) => Ok(pickle.dumps(value, peer)?),
            #[cfg(feature = "msgpack")]
            Reducer::MessagePack => msgpack::dumps(value).map_err(other("MessagePack")),
            #[cfg(feature = "cbor")]
            Reducer::Cbor => cbor::dumps(value).map_err(other("CBOR")),
            #[cfg(feature = "json")]
            Reducer::Json => json::dumps(value).map_err(other("JSON")),
            Reducer::Custom(custom) => custom.dumps(&value).map_err(other("the reducer")),
        }
    }

    /// Reads the value that a message holds. Text and bytes may be borrowed from it, except
    /// from MessagePack.
    ///
    /// # Errors
    /// The message is none of this format, or holds something else than a `T`.
    pub fn loads<'de, T: Deserialize<'de>>(&self, message: &'de [u8]) -> Result<T, ReduceError> {
        match self {
            Reducer::Pickle(pickle) => Ok(pickle.loads(message)?),
            #[cfg(feature = "msgpack")]
            Reducer::MessagePack => msgpack::loads(message).map_err(other("MessagePack")),
            #[cfg(feature = "cbor")]
            Reducer::Cbor => cbor::loads(message).map_err(other("CBOR")),
            #[cfg(feature = "json")]
            Reducer::Json => json::loads(message).map_err(other("JSON")),
            Reducer::Custom(custom) => {
                let mut value = None;
                let read = &mut |deserializer: &mut dyn erased_serde::Deserializer<'de>| {
                    value = Some(erased_serde::deserialize(deserializer)?);
                    Ok(())
                };
                custom.loads(message, read).map_err(other("the reducer"))?;
                value.ok_or_else(|| other("the reducer")("it gave no value".into()))
            }
        }
    }

    /// The rules of pickle by which graphs travel: its own, or the defaults if it is of another format.
    pub(crate) fn pickle(&self) -> Pickle {
        match self {
            Reducer::Pickle(pickle) => pickle.clone(),
            _ => Pickle::default(),
        }
    }
}

/// Pickle, with the protocol that each peer is known to read.
impl Default for Reducer {
    fn default() -> Reducer {
        Reducer::Pickle(Pickle::adaptive())
    }
}

impl From<Pickle> for Reducer {
    fn from(pickle: Pickle) -> Reducer {
        Reducer::Pickle(pickle)
    }
}

fn other(format: &'static str) -> impl FnOnce(Source) -> ReduceError {
    move |source| ReduceError::Other { format, source }
}

#[cfg(test)]
mod tests;
