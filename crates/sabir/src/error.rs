//! What can go wrong, by whose fault it is.

use bytes::Bytes;

use sabir_manager::RemoteException;

use crate::reducer::ReduceError;

/// The outcome of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call of this library failed.
///
/// ```
/// use sabir::Error;
///
/// fn next_job(queue: &sabir::manager::types::Queue<String>) -> sabir::Result<Option<String>> {
///     match queue.get() {
///         Err(error) if error.is_timeout() || error.is_eof() => Ok(None),
///         Err(Error::Remote(raised)) if raised.is("queue", "ShutDown") => Ok(None),
///         other => other.map(Some),
///     }
/// }
/// ```
///
/// ```
/// use sabir::Error;
///
/// let (mut one, mut other) = sabir::pipe()?;
/// one.send("seven")?;
/// match other.recv::<u8>() {
///     // The message is there, for whoever can read it otherwise; and the connection goes on.
///     Err(Error::Loads { source, message }) => {
///         assert_eq!(source.to_string(), "invalid type: string \"seven\", expected u8 at offset 2");
///         assert!(message.starts_with(b"\x80\x05"));
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sockets, frames and authentication: an address, the system, the peer or a deadline.
    #[error(transparent)]
    Net(#[from] sabir_net::Error),
    /// The peer closed the connection between messages: Python's `EOFError`.
    #[error("the peer closed the connection")]
    Eof,
    /// A value could not become a message: the fault is the caller's.
    #[error("cannot send: {0}")]
    Dumps(ReduceError),
    /// A message is not what the caller asked for, or is not what the reducer reads. The connection can be used further.
    #[error("cannot read what the peer sent: {source}")]
    Loads {
        /// What is wrong with it.
        r#source: ReduceError,
        /// The message, whole.
        message: Bytes,
    },
    /// The peer began with a challenge, which a connection without a key takes for a message.
    #[error("the peer asks for a key: give the context one, with authkey")]
    KeyWanted,
    /// A manager's server has no key. `BaseManager` in Python always has one, and would wait for a challenge for ever.
    #[error("no Python connects to a manager's server without a key: give the context one, with authkey")]
    NoKey,
    /// Of the peers that are not authenticated yet this one had waited longest when there were too many: made room for the
    /// next. Never an error of a call, but a reason in [`Listener::refused`](crate::Listener::refused).
    #[error("too many peers wait to be authenticated: the oldest of them was closed")]
    Crowded,
    /// What a caller gave as arguments of a call are none.
    #[error("{0}")]
    Arguments(&'static str),
    /// What a manager's method raised, or what its server failed in.
    #[error("the manager raised {0}")]
    Remote(Box<RemoteException>),
    /// The method returned or raised what the manager could not pickle.
    #[error("the manager cannot send the result: {0}")]
    Unserializable(Box<RemoteException>),
    /// The peer does not keep to the protocol of managers.
    #[error("{0}")]
    Protocol(&'static str),
}

impl Error {
    /// Of a message that could not be read.
    pub(crate) fn loads(source: impl Into<ReduceError>, message: Bytes) -> Error {
        if message.starts_with(b"#CHALLENGE#") {
            return Error::KeyWanted;
        }
        Error::Loads { source: source.into(), message }
    }

    /// Whether it is about keys: one of us has none, or has another.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        match self {
            Error::KeyWanted | Error::NoKey => true,
            Error::Net(error) => error.is_wrong_key(),
            _ => false,
        }
    }

    /// Whether nobody could be reached at the address: a server that is not there yet, or no more.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        use sabir_net::{Doing, Error as Net};
        matches!(
            self,
            Error::Net(Net::Connect { .. } | Net::Timeout { doing: Doing::Connecting | Doing::Resolving })
        )
    }

    /// What a manager's method raised, if it did.
    #[must_use]
    pub fn as_remote(&self) -> Option<&RemoteException> {
        match self {
            Error::Remote(raised) => Some(raised),
            _ => None,
        }
    }

    /// Whether a deadline passed. The connection can be used further: see [`Connection`](crate::Connection).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Net(sabir_net::Error::Timeout { .. }))
    }

    /// Whether the peer is gone.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        match self {
            Error::Eof | Error::Net(sabir_net::Error::Closed { .. }) => true,
            Error::Net(sabir_net::Error::Io { source, .. }) => {
                use std::io::ErrorKind as Kind;
                matches!(source.kind(), Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted)
            }
            _ => false,
        }
    }
}

impl From<sabir_net::AddressError> for Error {
    fn from(error: sabir_net::AddressError) -> Error {
        Error::Net(error.into())
    }
}

/// An error of a reducer of the user's own, whatever it is.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
