//! What can go wrong, by blame: the peer, this end, or the order of calls.

use alloc::string::String;
use core::fmt;

use crate::auth::{ResponseStyle, Stage};

/// Whose fault an error is, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What the peer sent, or where it stopped sending. A refused key counts as the peer's: only a person can
    /// tell which of two different keys is the right one.
    Peer,
    /// What this end wanted to send.
    Us,
    /// The order in which this crate was called; never caused by what a peer sent.
    ApiMisuse,
}

/// Any error of a [`Connection`](crate::Connection).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are no frame that we take.
    #[error("{source} ({phase}, byte {offset} from the peer)")]
    Frame {
        /// What is wrong.
        r#source: FrameError,
        /// Before or after authentication.
        phase: Phase,
        /// Bytes that the peer sent before the frame in question.
        offset: u64,
    },
    /// The handshake failed.
    #[error("{source} (authentication, {stage}, byte {offset} from the peer)")]
    Auth {
        /// What is wrong.
        r#source: AuthError,
        /// The step at which it failed.
        stage: Stage,
        /// Bytes that the peer sent before the frame in question.
        offset: u64,
    },
    /// The message cannot be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A call out of order.
    #[error(transparent)]
    ApiMisuse(#[from] ApiMisuse),
}

impl Error {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Error::Frame { .. } => Blame::Peer,
            Error::Auth { source, .. } => source.blame(),
            Error::Send(_) => Blame::Us,
            Error::ApiMisuse(_) => Blame::ApiMisuse,
        }
    }
}

/// Which limits apply to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before both `#WELCOME#`.
    BeforeAuthentication,
    /// Messages of the application.
    Application,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::BeforeAuthentication => "before authentication",
            Phase::Application => "application messages",
        })
    }
}

/// The peer's bytes are no frame that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The peer closed in the middle. CPython's words.
    #[error("got end of file during message ({place})")]
    EndOfFile {
        /// How far the frame had come.
        place: EofPlace,
    },
    /// A negative length; the only one with a meaning is -1, and that only from 3.8.
    ///
    /// CPython's own readers take this for an empty message and lose the boundaries of all that follows.
    #[error("negative message length {length}: the stream is not, or no longer, aligned to messages")]
    NegativeLength {
        /// As announced.
        length: i32,
    },
    /// More than [`FrameLimits`](crate::frame::FrameLimits) allow.
    #[error("bad message length: {length} bytes, the limit is {limit}")]
    TooLong {
        /// As announced, in bytes.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// How far a frame had come when the peer closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EofPlace {
    /// Inside the header.
    Header {
        /// Bytes of it that arrived.
        arrived: u8,
    },
    /// Exactly after the header of a message that is not empty. CPython cannot tell this from an orderly close
    /// (`EOFError`); we can.
    AfterHeader {
        /// The announced length, in bytes.
        length: u64,
    },
    /// Inside the body.
    Body {
        /// Bytes of the body that arrived.
        arrived: u64,
        /// The announced length, in bytes.
        length: u64,
    },
}

impl fmt::Display for EofPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EofPlace::Header { arrived } => write!(f, "{arrived} bytes into the header"),
            EofPlace::AfterHeader { length } => write!(f, "0 of {length} bytes arrived"),
            EofPlace::Body { arrived, length } => write!(f, "{arrived} of {length} bytes arrived"),
        }
    }
}

/// The message cannot be sent to this peer. Nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Python before 3.8 has no frame above 0x7fffffff bytes.
    #[error("bad message length: {length} bytes, but {peer} reads at most {limit}: send it in parts")]
    TooLongForPeer {
        /// Length of the message in bytes.
        length: u64,
        /// The longest that the peer reads, in bytes.
        limit: u64,
        /// Which Pythons these are.
        peer: &'static str,
    },
}

/// The handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The peer's proof is wrong: the keys differ. CPython's words.
    #[error("digest received was wrong: the two ends have different keys ({style})")]
    DigestReceivedWasWrong {
        /// In which dialect the proof was given.
        style: ResponseStyle,
    },
    /// The peer refused our proof. CPython's words.
    #[error(
        "digest sent was rejected: the two ends have different keys, or the peer wants another digest ({style})"
    )]
    DigestSentWasRejected {
        /// In which dialect we gave the proof.
        style: ResponseStyle,
    },
    /// A challenge was due. The peer may have no key, or may not be a `multiprocessing` peer at all.
    #[error("expected a challenge, got a message of {length} bytes: has the peer a key?")]
    NotAChallenge {
        /// Its length in bytes.
        length: usize,
    },
    /// The peer's challenge asks for a digest that is not allowed.
    #[error("unsupported digest {{{name}}} in the challenge")]
    UnsupportedDigest {
        /// The name between the braces.
        name: String,
    },
    /// The peer's proof is in no dialect that we know. A peer without a key that sends its first request looks so.
    #[error("response of {length} bytes in no known dialect: has the peer a key?")]
    NotAResponse {
        /// Its length in bytes.
        length: usize,
    },
    /// Neither `#WELCOME#` nor `#FAILURE#`.
    #[error("expected #WELCOME# or #FAILURE#, got a message of {length} bytes")]
    NotAVerdict {
        /// Its length in bytes.
        length: usize,
    },
    /// The peer speaks a digest that this end was told to refuse.
    #[error("the peer speaks {style}, and this end requires sha256 or better")]
    TooWeak {
        /// The dialect.
        style: ResponseStyle,
    },
    /// A message above the 256 bytes that are allowed before authentication.
    #[error("bad message length: {length} bytes before authentication, the limit is 256")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The peer closed before the handshake was over. A CPython peer does so when it refuses what it got.
    #[error("the peer closed during authentication")]
    Closed,
    /// A message was given to a handshake that is over.
    #[error("the handshake is over already")]
    Over,
}

impl AuthError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            AuthError::Over => Blame::ApiMisuse,
            _ => Blame::Peer,
        }
    }
}

/// A call out of order; never caused by what a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// Bytes were handed in after the end of file.
    #[error("bytes after handle_eof")]
    BytesAfterEof,
    /// Unframed bytes were asked for while authentication goes on.
    #[error("unframed bytes during authentication")]
    UnframedDuringAuthentication,
    /// A message was sent on a connection that has failed.
    #[error("send on a connection that has failed")]
    SendAfterError,
}
