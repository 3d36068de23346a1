//! Descriptors that travel from one Unix socket to the other.
//!
//! Up to 3.13 the receiver of a descriptor says nothing (on Linux); from 3.14 on it answers with
//! one byte `A`, for which a sender of 3.14 waits. Nothing on the wire tells which it is but the
//! versions of the two ends, as far as they are known.

use sabir_gateway::Side;
use sabir_net::handles::HandleRules;
use sabir_pickle::{Pythons, Version};

use super::inbox::Inbox;

/// The acknowledgements that are still to come, per side that owes them.
#[derive(Debug)]
pub(super) struct Handoff {
    client: Owed,
    server: Owed,
    policy: Descriptors,
}

/// Whether descriptors may pass. Their byte belongs to no message: a receiver that does not wait for
/// it takes it for the first one of a length, and reads all that follows at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descriptors {
    /// What was judged message by message would not be what is read.
    Refused,
    /// Between messages of this length at most.
    Pass {
        /// In bytes.
        max_message: u64,
    },
}

#[derive(Debug, Default)]
struct Owed {
    /// How many descriptors it was sent whose acknowledgement may come.
    count: u32,
    /// Whether the other side has to hear of it.
    pass_on: bool,
}

impl Handoff {
    pub(super) fn new(policy: Descriptors) -> Self {
        Self { client: Owed::default(), server: Owed::default(), policy }
    }

    /// Descriptors have come from one side. Says whether that side is to be sent an acknowledgement
    /// at once, or why they cannot be handed on.
    pub(super) fn pass(
        &mut self,
        from: Side,
        byte: u8,
        count: usize,
        (sender, receiver): (Pythons, Pythons),
        receiver_is_unix: bool,
    ) -> Result<bool, &'static str> {
        let Descriptors::Pass { max_message } = self.policy else {
            return Err("--policy strict lets none pass: who does not wait for it reads all that follows \
                        otherwise than it was judged");
        };
        if !receiver_is_unix {
            return Err("it cannot travel on, since the other connection is no Unix socket");
        }
        let counted = HandleRules::Counted;
        if byte != 0 && !counted.admits(byte, count) {
            return Err("the byte that came with it is not the number of descriptors");
        }
        let (sender, receiver) = (acknowledges(sender), acknowledges(receiver));
        let sender = if byte == 0 { Some(false) } else { sender };
        if sender.is_none() && receiver == Some(false) {
            let why = "it is not known whether it is Python 3.14, which waits for an acknowledgement \
                       that the other end does not send";
            return Err(why);
        }
        if receiver != Some(false) {
            if max_message >= FIRST_OF_ACKNOWLEDGEMENT {
                return Err(
                    "its acknowledgement could not be told from a message of more than 1 GiB, which \
                            --max-message admits",
                );
            }
            let owed = self.owed_by(from.other());
            owed.count = owed.count.saturating_add(1);
            owed.pass_on = sender.is_none();
        }
        Ok(sender == Some(true))
    }

    /// Takes an acknowledgement off the front, if there is one; `Some(true)` if the other side has
    /// to hear of it.
    ///
    /// No message can be mistaken for it: as the first byte of a length it would announce more than
    /// may come, see [`Handoff::pass`].
    pub(super) fn take(&mut self, from: Side, inbox: &mut Inbox) -> Option<bool> {
        let owed = self.owed_by(from);
        if owed.count == 0 || inbox.arrived().is_empty() {
            return None;
        }
        if inbox.skip(HandleRules::ACKNOWLEDGEMENT) {
            owed.count -= 1;
            return Some(owed.pass_on);
        }
        // Something else comes first: this Python does not acknowledge.
        owed.count = 0;
        None
    }

    fn owed_by(&mut self, side: Side) -> &mut Owed {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// Whether these versions acknowledge descriptors; `None` if some do.
fn acknowledges(pythons: Pythons) -> Option<bool> {
    const FIRST: Version = Version::new(3, 14);
    if cfg!(target_vendor = "apple") {
        return if pythons.may_be_py2() { None } else { Some(true) };
    }
    match (pythons.min >= FIRST, pythons.max < FIRST) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// The shortest message that begins with the byte of an acknowledgement, in bytes.
const FIRST_OF_ACKNOWLEDGEMENT: u64 = (HandleRules::ACKNOWLEDGEMENT as u64) << 24;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    const OLD: Pythons = Pythons::exactly(Version::new(3, 6));
    const NEW: Pythons = Pythons::exactly(Version::new(3, 14));

    fn handoff() -> Handoff {
        Handoff::new(Descriptors::Pass { max_message: 1 << 30 })
    }

    fn inbox(bytes: &[u8]) -> Inbox {
        Inbox::new(BytesMut::from(bytes), Vec::new())
    }

    #[test]
    fn a_new_sender_is_acknowledged_for_an_old_receiver() {
        let mut handoff = handoff();
        assert_eq!(handoff.pass(Side::Client, 1, 1, (NEW, OLD), true), Ok(true));
        assert_eq!(handoff.server.count, 0);
    }

    #[test]
    fn the_acknowledgement_of_a_new_receiver_is_kept_from_an_old_sender() {
        let mut handoff = handoff();
        assert_eq!(handoff.pass(Side::Client, 1, 1, (OLD, NEW), true), Ok(false));
        assert_eq!(handoff.take(Side::Server, &mut inbox(b"A\0\0\0\x01")), Some(false));
        assert_eq!(handoff.server.count, 0);
    }

    #[test]
    fn between_unknown_ends_the_acknowledgement_passes() {
        let mut handoff = handoff();
        assert_eq!(handoff.pass(Side::Server, 1, 1, (Pythons::ANY, Pythons::ANY), true), Ok(false));
        assert_eq!(handoff.take(Side::Client, &mut inbox(b"A")), Some(true));
    }

    #[test]
    fn a_message_is_not_taken_for_an_acknowledgement() {
        let mut handoff = handoff();
        assert_eq!(handoff.pass(Side::Client, 1, 1, (OLD, Pythons::ANY), true), Ok(false));
        assert_eq!(handoff.take(Side::Server, &mut inbox(b"\0\0\0\x01A")), None);
        assert_eq!(handoff.server.count, 0);
    }

    #[test]
    fn tcp_carries_no_descriptors() {
        assert!(handoff().pass(Side::Client, 1, 1, (OLD, OLD), false).is_err());
    }

    #[test]
    fn where_messages_are_judged_no_descriptor_passes() {
        assert!(Handoff::new(Descriptors::Refused).pass(Side::Client, 1, 1, (OLD, OLD), true).is_err());
    }

    #[test]
    fn no_acknowledgement_is_awaited_where_a_message_may_begin_with_its_byte() {
        let mut handoff = Handoff::new(Descriptors::Pass { max_message: 0x4100_0000 });
        assert!(handoff.pass(Side::Client, 1, 1, (OLD, NEW), true).is_err());
        assert_eq!(handoff.pass(Side::Client, 1, 1, (NEW, OLD), true), Ok(true));
    }
}
