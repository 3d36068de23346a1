//! What happened, for the log.

use alloc::collections::VecDeque;
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
        /// Why, as the client was told behind `sabir gateway: `.
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

/// The events that nobody has polled yet; bounded, for a peer decides how many there are.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    dropped: u64,
}

const MAX_EVENTS: usize = 256;
/// No host and no path of a socket is as long; what is longer is only counted.
const MAX_TEXT: usize = 1024;

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        let long = matches!(&event, Event::UnknownAddress { address, .. } if address.text_len() > MAX_TEXT);
        if !long && self.queue.len() < MAX_EVENTS {
            self.queue.push_back(event);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Event> {
        let dropped = || match core::mem::take(&mut self.dropped) {
            0 => None,
            dropped => Some(Event::Dropped(dropped)),
        };
        self.queue.pop_front().or_else(dropped)
    }
}
