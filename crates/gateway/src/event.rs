//! What happened, for the log.

use alloc::string::String;

use sabir_manager::Address;
use sabir_pickle::Pythons;

use crate::Side;

/// Something that a log may say. Plain data: who prints it decides what is worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first frame of the client told what the connection is for.
    Recognised {
        /// Whether it speaks the manager protocol.
        manager: bool,
    },
    /// More is known of a peer's version.
    Pythons {
        /// Which peer.
        side: Side,
        /// The versions that it may be.
        pythons: Pythons,
    },
    /// A token of a manager that no route leads to; it passes as it is.
    UnknownAddress {
        /// Who sent it.
        from: Side,
        /// Where it points.
        address: Address,
    },
    /// A method was called by another name.
    MethodTranslated {
        /// What the client called.
        called: String,
        /// What the server was asked for.
        becomes: String,
    },
    /// A request or reply was refused or could not be translated, and its sender or receiver was told so.
    Refused {
        /// Who sent it.
        from: Side,
        /// What the client was told.
        text: String,
    },
    /// An allowed name that can do anything passed.
    Dangerous {
        /// Who sent it.
        from: Side,
        /// The name.
        name: String,
    },
    /// So many events were dropped, since nobody polled.
    Dropped(u64),
}
