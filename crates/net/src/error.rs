//! What can go wrong between two processes, by whose fault it is.

use std::fmt;
use std::io;

use bytes::Bytes;
use sabir_wire::error::AuthError;

use crate::address::{Address, AddressError};

/// Why a listener, a connection or an authentication failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text or a Python object that is no address: the fault of whoever wrote it.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The address is well formed, but this build or this platform cannot serve it: choose another.
    #[error("cannot use {address}: {why}")]
    Unsupported {
        /// The address as given.
        address: Address,
        /// What is missing.
        why: &'static str,
    },
    /// The system refused to bind: the address is taken, forbidden or not of this machine.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address as given.
        address: Address,
        /// The system's reason.
        r#source: io::Error,
    },
    /// Nobody could be reached there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address as given.
        address: Address,
        /// The system's reason, for the last of the host's addresses.
        r#source: io::Error,
    },
    /// The system failed on a socket that was working.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: Doing,
        /// The system's reason.
        r#source: io::Error,
    },
    /// The deadline passed.
    #[error("{doing}: the deadline passed")]
    Timeout {
        /// What was being waited for.
        doing: Doing,
    },
    /// The peer closed the connection where it should have spoken.
    #[error("{doing}: the peer closed the connection")]
    Closed {
        /// What was being waited for.
        doing: Doing,
    },
    /// The peer's bytes are no frame or no authentication, or a message cannot be framed for it:
    /// the error itself tells whose fault that is.
    #[error(transparent)]
    Wire(#[from] sabir_wire::Error),
    /// The message is longer than the buffer that it was to be received into. It is received all the
    /// same, and the connection goes on: `multiprocessing.BufferTooShort`, which has it in `args[0]`.
    #[error("receiving: the buffer is too short for a message of {} bytes", message.len())]
    BufferTooShort {
        /// The whole message.
        message: Bytes,
    },
    /// One end does not take the other's certificate, or misses one: no connection over TLS.
    #[error("agreeing on TLS: {source}")]
    Certificate {
        /// Which end, and why not.
        r#source: io::Error,
    },
    /// The peer handed over descriptors by other rules than were agreed.
    #[error("passing a handle: {0}")]
    Handle(&'static str),
}

impl Error {
    /// Whether the peer refused our key or we its, so that another key is needed.
    #[must_use]
    pub fn is_wrong_key(&self) -> bool {
        let Self::Wire(sabir_wire::Error::Auth { source, .. }) = self else { return false };
        matches!(source, AuthError::DigestReceivedWasWrong { .. } | AuthError::DigestSentWasRejected { .. })
    }

    pub(crate) fn io(doing: Doing) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// What a process was doing when an [`Error`] met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// Waiting for a peer to connect.
    Accepting,
    /// Proving the key, and having it proved.
    Authenticating,
    /// Waiting for a connection to be made.
    Connecting,
    /// Sending or receiving a descriptor.
    PassingHandle,
    /// Waiting for the peer's bytes.
    Receiving,
    /// Looking up a host's name.
    Resolving,
    /// Agreeing on TLS.
    Securing,
    /// Waiting for the peer to take our bytes. Of a message the first part has left.
    Sending,
    /// Waiting for the peer to take what was sent before, or the first byte of a message: nothing of
    /// it has left.
    WaitingToSend,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepting => "accepting",
            Self::Authenticating => "authenticating",
            Self::Connecting => "connecting",
            Self::PassingHandle => "passing a handle",
            Self::Receiving => "receiving",
            Self::Resolving => "looking up the host",
            Self::Securing => "agreeing on TLS",
            Self::Sending => "sending",
            Self::WaitingToSend => "waiting to send",
        })
    }
}
