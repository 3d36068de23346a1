//! What the two directions of a pair share, and decide in turn.

use std::time::Instant;

use sabir_gateway::{Event, Relay, ServerKnowledge, Side, knowledge};
use sabir_pickle::Pythons;
use sabir_wire::auth::{Ended, Observer, Part, Sender, WELCOME};
use sabir_wire::frame::FrameLimits;

use super::descriptors::Handoff;
use super::error::PairError;
use super::pending::Ticket;

/// What the two directions share, and decide in turn.
pub(super) struct Talk {
    pub(super) relay: Relay,
    /// While a handshake passes through.
    pub(super) observer: Option<Observer>,
    /// When that handshake began.
    pub(super) challenged: Option<Instant>,
    /// The server has taken the client's proof.
    pub(super) welcomed: bool,
    /// Per direction: nothing of the application has come yet.
    pub(super) fresh: [bool; 2],
    /// Who said something of the application last.
    pub(super) last: Option<Side>,
    pub(super) manager: bool,
    pub(super) pythons: [Pythons; 2],
    pub(super) handoff: Handoff,
}

impl Talk {
    /// Follows a handshake that passes through.
    pub(super) fn observe(
        &mut self,
        from: Side,
        body: &[u8],
        known: &mut ServerKnowledge,
        ticket: &Ticket,
    ) -> Result<Part, PairError> {
        let Some(observer) = &mut self.observer else { return Ok(Part::Application) };
        let sender = match from {
            Side::Client => Sender::Client,
            Side::Server => Sender::Listener,
        };
        let part = observer.observe(sender, body);
        if part == Part::Handshake {
            self.challenged.get_or_insert_with(Instant::now);
            self.welcomed |= from == Side::Server && body == WELCOME;
        }
        let (ended, hints) = (observer.ended(), observer.hints(sender));
        match ended {
            None => {}
            Some(Ended::Failed(_)) => return Err(PairError::Refused(from)),
            Some(_) => {
                self.observer = None;
                ticket.leave();
            }
        }
        if let Some(pythons) = knowledge::pythons(&hints) {
            self.learn(from, pythons, known);
        }
        Ok(part)
    }

    pub(super) fn learn(&mut self, side: Side, pythons: Pythons, known: &mut ServerKnowledge) {
        let before = &mut self.pythons[index(side)];
        *before = before.intersect(pythons).unwrap_or(pythons);
        self.relay.learn(side, pythons, known);
    }

    /// What the relay has to say.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Recognised { manager } => self.manager = *manager,
            Event::Pythons { side, pythons } => self.pythons[index(*side)] = *pythons,
            _ => {}
        }
    }
}

/// What is to be read from a peer.
pub(super) enum Due {
    /// Messages of this length at most.
    Messages(FrameLimits),
    /// The byte by which it confirms a descriptor has been read.
    Acknowledgement { pass_on: bool },
    /// Bytes of which nothing has to be known.
    Stream,
}

pub(super) fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}
