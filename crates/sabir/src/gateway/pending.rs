//! How many peers may be connected without having proved anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connections that are not authenticated yet. When there are too many, the oldest has to go:
/// an honest peer is through in a moment, so it is hardly ever the oldest.
#[derive(Debug)]
pub(super) struct Pending {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    evictions: BTreeMap<u64, Arc<Notify>>,
}

impl Pending {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, waiting: Mutex::default() })
    }

    /// Counts one in, and sends the oldest away if that is one too many.
    pub(super) fn enter(self: &Arc<Self>) -> Ticket {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, evicted) = (waiting.next, Arc::new(Notify::new()));
        waiting.next += 1;
        if waiting.evictions.len() >= self.most
            && let Some((_, oldest)) = waiting.evictions.pop_first()
        {
            oldest.notify_one();
        }
        waiting.evictions.insert(number, evicted.clone());
        Ticket { pending: self.clone(), number, evicted }
    }
}

/// One unauthenticated connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    pending: Arc<Pending>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Ticket {
    /// Waits until this is the oldest of too many.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// The connection is authenticated, or its programs do without.
    pub(super) fn leave(&self) {
        let mut waiting = self.pending.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.evictions.remove(&self.number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_when_there_are_too_many() {
        let pending = Pending::new(2);
        let (first, second) = (pending.enter(), pending.enter());
        second.leave();
        let third = pending.enter();
        let fourth = pending.enter();
        first.evicted().await;
        let waiting = pending.waiting.lock().expect("nobody panicked").evictions.len();
        assert_eq!(waiting, 2);
        drop((third, fourth));
    }
}
