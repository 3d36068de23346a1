//! Why a connection through the gateway ended before its programs ended it.

use std::io;
use std::time::Duration;

use sabir_gateway::{RelayError, Side};
use sabir_net::Address;
use sabir_wire::error::{FrameError, SendError};

/// Why one connection was closed, by whose fault. The other connections go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum PairError {
    /// The server could not be reached: is it running, and is its address right?
    #[error("the server is not there: {0}")]
    Connect(sabir_net::Error),
    /// The system lets this process open nothing more: raise its limit of open files.
    #[error("the gateway has no descriptor left to reach the server: raise its limit of open files")]
    NoDescriptor,
    /// A client's redirected address was asked for, and it has none.
    #[error("the client was not redirected here, so it is not known whom it meant: {0}")]
    NotRedirected(io::Error),
    /// A client's redirected address is this gateway.
    #[error("the client meant this gateway itself ({0}): is it exempt from the firewall's redirection?")]
    Loop(Address),
    /// The server's address leads back to this gateway.
    #[error("the client is this gateway itself: the address of the server ({0}) leads back here")]
    Circle(Address),
    /// The handshake with one end failed.
    #[error("authentication with the {side} failed: {source}")]
    Authentication {
        /// With whom.
        side: Side,
        /// What went wrong.
        r#source: sabir_net::Error,
    },
    /// The two programs refused each other: their keys differ.
    #[error(
        "the {0} refused the other end's key (the handshake passed through, so the keys are the programs' own)"
    )]
    Refused(Side),
    /// The client had enough of waiting for a server that accepts connections and does not challenge.
    #[error(
        "the client left after {0:.0?}, and the server had not asked for a key yet: is it busy? has it a key?"
    )]
    ServerSilent(Duration),
    /// A peer without the key uses the gateway against itself, or an address leads back to it.
    #[error(
        "the {0} sent one of the gateway's own challenges back, to have it answered by the gateway itself"
    )]
    Reflected(Side),
    /// A long message began before it was known whether its sender has to prove a key, and stopped.
    #[error("the client began a long message before the server had spoken, and stopped inside it")]
    Stalled,
    /// A handshake began and went no further.
    #[error("the {0} did not answer the handshake in time")]
    HandshakeTimeout(Side),
    /// There were too many unauthenticated connections, and this was the oldest.
    #[error("too many unauthenticated connections, and this was the oldest")]
    Crowded,
    /// Nothing was said for longer than the idle timeout.
    #[error("idle for too long")]
    Idle,
    /// The gateway stops.
    #[error("the gateway is stopping")]
    Stopping,
    /// The bytes of one end are no messages.
    #[error("the {side} broke the protocol: {source} (byte {offset} from it)")]
    Frame {
        /// Whose bytes.
        side: Side,
        /// What is wrong with them.
        r#source: FrameError,
        /// Bytes that it sent before.
        offset: u64,
    },
    /// A message of one end is not passed on.
    #[error("a message of the {side} is refused: {source}")]
    Relay {
        /// Whose message.
        side: Side,
        /// Why.
        r#source: RelayError,
    },
    /// A long message could not be rewritten, by no fault of its own.
    #[error("a message of the {side} could not be rewritten: {source}")]
    Rewriting {
        /// Whose message.
        side: Side,
        /// The system's reason.
        r#source: io::Error,
    },
    /// A message is too long for the Python that it is for.
    #[error("a message of the {side} cannot be delivered: {source}")]
    TooLong {
        /// Whose message.
        side: Side,
        /// The limit.
        r#source: SendError,
    },
    /// Descriptors that cannot be handed on.
    #[error("the {side} passed a descriptor: {why}")]
    Descriptor {
        /// Who sent it.
        side: Side,
        /// Why it cannot be handed on.
        why: &'static str,
    },
    /// The system failed on one of the two sockets, as it does when a peer is killed.
    #[error("the connection to the {side} broke: {source}")]
    Io {
        /// Whose socket.
        side: Side,
        /// The system's reason.
        r#source: io::Error,
    },
}

impl PairError {
    /// Whose message was the last, if not all of it was passed on.
    pub(super) fn breaks_off(&self) -> Option<Side> {
        match *self {
            Self::Frame { side, .. }
            | Self::Relay { side, .. }
            | Self::Rewriting { side, .. }
            | Self::TooLong { side, .. }
            | Self::Descriptor { side, .. } => Some(side),
            _ => None,
        }
    }

    /// Why a server could not be reached: by nobody's fault but ours if no descriptor is left.
    pub(super) fn connect(error: sabir_net::Error) -> Self {
        match &error {
            sabir_net::Error::Connect { source, .. } if is_exhausted(source) => Self::NoDescriptor,
            _ => Self::Connect(error),
        }
    }

    pub(super) fn io(side: Side) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { side, source }
    }
}

/// EMFILE or ENFILE, which have the same numbers on Linux, macOS and the BSDs.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
