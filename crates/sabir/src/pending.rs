//! How many peers may be connected without having proved anything, and how much they may send.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The connections that are not authenticated yet. When too many of them owe a proof, the oldest has
/// to go: an honest peer is through in a moment, so it is hardly ever the oldest.
///
/// Where the handshake passes through, nobody owes a proof before the server has asked for it: two
/// programs without keys may be silent for as long as they like. Such a pair only has to go when no
/// descriptor is left.
#[derive(Debug)]
pub(crate) struct Pending {
    most: usize,
    waiting: Mutex<Waiting>,
    /// In units of [`UNIT`].
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// Those that owe a proof, and since when.
    debtors: BTreeMap<u64, (Instant, Arc<Notify>)>,
    /// Those of which it is not known whether they will.
    silent: BTreeMap<u64, Arc<Notify>>,
}

impl Pending {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(ROOM / UNIT));
        Arc::new(Self { most, waiting: Mutex::default(), room })
    }

    /// Counts one in that owes a proof, and sends the oldest away if that is one too many.
    pub(crate) fn enter(self: &Arc<Self>) -> Ticket {
        let ticket = self.enter_silently();
        ticket.challenged();
        ticket
    }

    /// Counts one in whose server may ask for a proof or not.
    pub(crate) fn enter_silently(self: &Arc<Self>) -> Ticket {
        let mut waiting = self.waiting();
        let (number, evicted) = (waiting.next, Arc::new(Notify::new()));
        waiting.next += 1;
        waiting.silent.insert(number, evicted.clone());
        drop(waiting);
        Ticket { pending: self.clone(), number, evicted }
    }

    /// No descriptor is left for a client: sends the oldest away that has proved nothing.
    pub(crate) fn make_room(&self) {
        let mut waiting = self.waiting();
        let debtor = waiting.debtors.pop_first().map(|(_, (_, oldest))| oldest);
        if let Some(oldest) = debtor.or_else(|| waiting.silent.pop_first().map(|(_, oldest)| oldest)) {
            oldest.notify_one();
        }
    }

    /// How long to accept nobody, so that the oldest is not sent away before it had a fair time: in a flood an honest peer
    /// would be it soon, too.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let waiting = self.waiting();
        let (_, (since, _)) =
            waiting.debtors.first_key_value().filter(|_| waiting.debtors.len() >= self.most)?;
        FAIR_TIME.checked_sub(since.elapsed())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One unauthenticated connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pending: Arc<Pending>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Ticket {
    /// Waits until this is the oldest of too many.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// A proof is owed from now on.
    pub(crate) fn challenged(&self) {
        let mut waiting = self.pending.waiting();
        let Some(evicted) = waiting.silent.remove(&self.number) else { return };
        waiting.debtors.insert(self.number, (Instant::now(), evicted));
        while waiting.debtors.len() > self.pending.most
            && let Some((_, (_, oldest))) = waiting.debtors.pop_first()
        {
            oldest.notify_one();
        }
    }

    /// The connection is authenticated, or its programs do without.
    pub(crate) fn leave(&self) {
        let mut waiting = self.pending.waiting();
        waiting.debtors.remove(&self.number);
        waiting.silent.remove(&self.number);
    }

    /// Waits until there is room for a message of this length from somebody of whom nothing is
    /// known. All of them share it; one that is longer than all of it has it alone.
    pub(crate) async fn room(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        let units = usize::try_from(length).unwrap_or(usize::MAX).div_ceil(UNIT).min(ROOM / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // It is never closed.
        self.pending.room.clone().acquire_many_owned(units).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a peer gets for its proof, even in a flood. With the usual 1,024 at once a flood is accepted at 5,000 a second.
const FAIR_TIME: Duration = Duration::from_millis(200);
/// In bytes: what a peer of which nothing is known may send without asking for room.
pub(crate) const UNIT: usize = 64 * 1024;
/// In bytes: what all such peers may send together.
const ROOM: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn debtors(pending: &Pending) -> usize {
        pending.waiting().debtors.len()
    }

    async fn is_evicted(ticket: &Ticket) -> bool {
        timeout(Duration::from_millis(1), ticket.evicted()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_goes_when_there_are_too_many() {
        let pending = Pending::new(2);
        let (first, second) = (pending.enter(), pending.enter());
        second.leave();
        let third = pending.enter();
        let fourth = pending.enter();
        first.evicted().await;
        assert_eq!(debtors(&pending), 2);
        drop((third, fourth));
    }

    #[tokio::test]
    async fn who_owes_nothing_is_not_counted_until_the_server_asks() {
        let pending = Pending::new(1);
        let quiet: Vec<_> = (0..3).map(|_| pending.enter_silently()).collect();
        assert!(!is_evicted(&quiet[0]).await);
        quiet[1].challenged();
        quiet[2].challenged();
        assert!(is_evicted(&quiet[1]).await, "it is the older one of two that owe a proof");
        assert!(!is_evicted(&quiet[0]).await);
    }

    #[tokio::test]
    async fn nobody_is_sent_away_before_a_fair_time_if_accepting_pauses() {
        let pending = Pending::new(2);
        let first = pending.enter();
        assert_eq!(pending.pause(), None, "there is a place");
        let second = pending.enter();
        tokio::time::sleep(pending.pause().expect("the first has just come")).await;
        assert_eq!(pending.pause(), None);
        second.leave();
        drop(first);
        assert_eq!(pending.pause(), None);
    }

    #[tokio::test]
    async fn where_nobody_may_be_unauthenticated_nobody_is() {
        let pending = Pending::new(0);
        assert!(is_evicted(&pending.enter()).await);
    }

    #[tokio::test]
    async fn the_oldest_goes_when_no_descriptor_is_left() {
        let pending = Pending::new(10);
        let (silent, _also) = (pending.enter_silently(), pending.enter_silently());
        pending.make_room();
        assert!(is_evicted(&silent).await);
    }

    #[tokio::test]
    async fn what_is_longer_than_all_room_waits_until_it_has_it_alone() {
        let pending = Pending::new(10);
        let ticket = pending.enter_silently();
        let first = ticket.room(1).await;
        assert!(timeout(Duration::from_millis(1), ticket.room(u64::MAX)).await.is_err());
        drop(first);
        assert!(ticket.room(u64::MAX).await.is_some());
    }
}
