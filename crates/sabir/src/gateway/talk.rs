//! How far the two programs of a pair have come.

use std::time::Instant;

use sabir_gateway::{Event, Side, knowledge};
use sabir_pickle::Pythons;
use sabir_wire::auth::{Ended, Observer, Part, Sender, WELCOME};
use sabir_wire::frame::FrameLimits;

use super::descriptors::Handoff;
use super::error::PairError;

/// What both directions add to.
pub(super) struct Talk {
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
    /// Whose stream ended first.
    pub(super) left_first: Option<Side>,
    pub(super) manager: bool,
    pub(super) pythons: [Pythons; 2],
    pub(super) handoff: Handoff,
}

/// What a message means for a handshake that passes through.
pub(super) struct Observed {
    /// What it belongs to; an error if it says that the other end's key is wrong.
    pub(super) part: Result<Part, PairError>,
    /// The server has just challenged.
    pub(super) challenged: bool,
    /// The handshake is over, or there is none.
    pub(super) over: bool,
    /// It is known by now whether there is a handshake.
    pub(super) settled: bool,
    /// Which versions its sender may be, if it told.
    pub(super) pythons: Option<Pythons>,
}

impl Talk {
    pub(super) fn new(handoff: Handoff) -> Self {
        Self {
            observer: None,
            challenged: None,
            welcomed: false,
            fresh: [true; 2],
            last: None,
            left_first: None,
            manager: false,
            pythons: [Pythons::ANY; 2],
            handoff,
        }
    }

    /// Follows a handshake that passes through.
    pub(super) fn observe(&mut self, from: Side, body: &[u8]) -> Observed {
        let mut observed = Observed {
            part: Ok(Part::Application),
            challenged: false,
            over: false,
            settled: false,
            pythons: None,
        };
        let Some(observer) = &mut self.observer else { return observed };
        let sender = match from {
            Side::Client => Sender::Client,
            Side::Server => Sender::Listener,
        };
        let part = observer.observe(sender, body);
        if part == Part::Handshake {
            observed.challenged = self.challenged.is_none();
            self.challenged.get_or_insert_with(Instant::now);
            self.welcomed |= from == Side::Server && body == WELCOME;
        }
        let (ended, hints) = (observer.ended(), observer.hints(sender));
        observed.part = match ended {
            Some(Ended::Failed(_)) => Err(PairError::Refused(from)),
            _ => Ok(part),
        };
        if ended.is_some() {
            self.observer = None;
            observed.over = true;
        }
        observed.settled = observed.over || observed.challenged;
        observed.pythons = knowledge::pythons(&hints);
        if let Some(pythons) = observed.pythons {
            self.learn(from, pythons);
        }
        observed
    }

    /// Which versions a peer's handshake has shown that it may be.
    pub(super) fn learn(&mut self, side: Side, pythons: Pythons) {
        let before = &mut self.pythons[index(side)];
        *before = before.intersect(pythons).unwrap_or(pythons);
    }

    /// What the relay has to say.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Recognised { manager } => self.manager = *manager,
            Event::Pythons { side, pythons } => self.pythons[index(*side)] = *pythons,
            _ => {}
        }
    }

    /// Whether it is still open if the client has to prove a key.
    pub(super) fn is_unsettled(&self) -> bool {
        self.observer.is_some() && self.challenged.is_none()
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
