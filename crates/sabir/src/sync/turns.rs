//! When replies are sent: at once if there is one client, together if there are many.
//!
//! A client that sleeps has to be woken by its reply, which costs the sender more than the rest of the sending. One that is
//! given many replies in a row sleeps no more after the first of them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::task::yield_now;

/// Whether replies wait for each other.
#[derive(Default)]
pub(super) struct Turns {
    /// Whether more than one waited the last time that any did.
    together: AtomicBool,
    waiting: AtomicU32,
    /// How many have waited at once since none did.
    most: AtomicU32,
    /// Replies that did not wait; wraps.
    alone: AtomicU32,
}

impl Turns {
    /// Waits until what other clients have asked for by now is done too, if there are such clients. If not, only one reply
    /// in many waits, to see whether that has changed. All of it is a guess, which costs nothing but time if it is wrong.
    pub(super) async fn take(&self) {
        if !self.together.load(Ordering::Relaxed)
            && !self.alone.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY)
        {
            return;
        }
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(waiting, Ordering::Relaxed);
        yield_now().await;
        if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.together.store(self.most.swap(0, Ordering::Relaxed) > 1, Ordering::Relaxed);
        }
    }
}

const LOOK_EVERY: u32 = 32;
