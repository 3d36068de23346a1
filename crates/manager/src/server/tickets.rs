//! What was handed out, and has not ended yet.

use alloc::collections::BTreeMap;

use super::{Pending, Ticket};

/// What the driver was asked to do, by ticket. Most of it is done before anything else is asked: the newest has a place of
/// its own, so that nothing is allocated for it.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    newest: Option<(Ticket, Pending)>,
    others: BTreeMap<Ticket, Pending>,
}

impl Tickets {
    pub(super) fn insert(&mut self, ticket: Ticket, pending: Pending) {
        if let Some((ticket, pending)) = self.newest.replace((ticket, pending)) {
            self.others.insert(ticket, pending);
        }
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Pending> {
        match self.newest.take_if(|(newest, _)| *newest == ticket) {
            Some((_, pending)) => Some(pending),
            None => self.others.remove(&ticket),
        }
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Pending> {
        match &self.newest {
            Some((newest, pending)) if *newest == ticket => Some(pending),
            _ => self.others.get(&ticket),
        }
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Pending> {
        match &mut self.newest {
            Some((newest, pending)) if *newest == ticket => Some(pending),
            _ => self.others.get_mut(&ticket),
        }
    }
}
