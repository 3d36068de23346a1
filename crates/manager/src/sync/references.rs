//! References whose owners are gone without giving them back.
//!
//! Stock clients count and give back references on connections of their own, which tell nothing when they end. Where a
//! socket names the process at its other end, its references go when it does. Others stay until they are given back, or
//! until their object was not called for a time that the server was told.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Step, SyncServer};
use crate::server::ConnectionId;
use crate::types::Key;

/// How long references of nobody in particular stay.
#[derive(Debug)]
pub(super) struct Expiry {
    ttl: Duration,
    /// When they are looked through again.
    pub(super) next: Duration,
}

impl SyncServer {
    /// After how long objects go that only clients count on of which nothing else is known, and that nobody calls,
    /// waits for or holds; never without this. Whoever has a proxy of one all the same gets `KeyError` then.
    pub fn set_reference_ttl(&mut self, ttl: Option<Duration>) {
        self.expiry = ttl.map(|ttl| Expiry { ttl, next: Duration::ZERO });
    }

    /// The connection's other end is a process of this machine: what it counts goes with it, when
    /// [`process_ended`](SyncServer::process_ended) is called.
    pub fn comes_from(&mut self, connection: ConnectionId, process: u32) {
        self.server.comes_from(connection, process);
    }

    /// A process has ended: whatever references it has not given back are taken.
    pub fn process_ended(&mut self, process: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        self.server.process_ended(process);
        self.settle(&mut steps);
        steps
    }

    pub(super) fn expire_references(&mut self, now: Duration) {
        let Some(expiry) = &mut self.expiry else { return };
        // Looking through all objects costs next to nothing if it is seldom.
        expiry.next = now + (expiry.ttl / 4).max(SELDOM);
        let Some(since) = now.checked_sub(expiry.ttl) else { return };
        let in_use: BTreeSet<Key> = self.objects.in_use().collect();
        self.server.expire_references(since, |key| in_use.contains(key));
    }
}

const SELDOM: Duration = Duration::from_millis(100);
