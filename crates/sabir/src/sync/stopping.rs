//! That the server ends, for all who wait.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

/// Said once, to everybody.
#[derive(Default)]
pub(super) struct Signal {
    said: AtomicBool,
    told: Notify,
}

impl Signal {
    pub(super) fn say(&self) {
        self.said.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    /// Waits until it is said. One task may poll this along with every call of its client: only the first time costs more
    /// than a look at a flag.
    pub(super) async fn wait(&self) {
        let mut told = pin!(self.told.notified());
        let mut registered = false;
        poll_fn(|context| {
            if self.said.load(Ordering::Acquire) {
                Poll::Ready(())
            } else if registered {
                Poll::Pending
            } else {
                registered = true;
                told.as_mut().poll(context)
            }
        })
        .await;
    }
}
