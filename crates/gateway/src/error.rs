//! Why a connection ends, by side.

use alloc::string::String;

use crate::Side;

/// A frame cannot be passed on, and its connection has no way to say so: both ends are closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The frame must be a pickle and is none.
    #[error("the {from} sent what is no pickle: {source}")]
    Malformed {
        /// Who sent it.
        from: Side,
        /// What is wrong.
        r#source: sabir_pickle::Error,
    },
    /// The pickle cannot be made readable for the other end.
    #[error("what the {from} sent cannot be written for the {to}: {source}", to = from.other())]
    Untranslatable {
        /// Who sent it.
        from: Side,
        /// Why.
        r#source: sabir_pickle::Error,
    },
    /// The policy forbids a name.
    #[error("the {from} sent {name}, which the policy refuses: --allow {name} lets it pass")]
    Refused {
        /// Who sent it.
        from: Side,
        /// The name, as an allow list takes it.
        name: String,
    },
    /// The policy allows the names, but not what they are used for.
    #[error("the {from} sent {what}, which the policy refuses")]
    Misused {
        /// Who sent it.
        from: Side,
        /// What is used for what.
        what: String,
    },
    /// The policy forbids frames that are no pickles.
    #[error(
        "the {from} sent a frame that is no pickle of protocol 2 to 5, which the policy refuses: --allow-raw lets it pass"
    )]
    RawRefused {
        /// Who sent it.
        from: Side,
    },
    /// The frame would be longer than what may be written.
    #[error("what the {from} sent is {length} bytes for the {to}, more than the limit of {limit}", to = from.other())]
    TooLong {
        /// Who sent it.
        from: Side,
        /// The length, in bytes.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// More requests than any client has in flight.
    #[error("the client has more than {limit} requests in flight")]
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// The client does not wait for replies, which no stock client does, and one of its requests had to be refused.
    #[error("the client has requests in flight, of which one was refused: {text}")]
    Pipelined {
        /// What the client would have been told.
        text: String,
    },
}
