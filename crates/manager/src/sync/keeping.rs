//! Messages that are kept, with proxies of this server's own objects in them.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::SyncServer;
use super::reading::Read;
use crate::server::Ident;
use crate::types::Kept;

/// Such messages, and the objects that they keep.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    messages: Vec<(Weak<Kept>, Vec<Ident>)>,
    /// How many there are when they are looked through again.
    sweep_at: usize,
}

impl SyncServer {
    /// A message that may be kept, with proxies of this server's objects in it, keeps those objects.
    pub(super) fn keep(&mut self, read: &Read) {
        let idents: Vec<Ident> = read
            .proxies
            .iter()
            .filter_map(|&token| {
                let ident = self.server.own_reference(&read.graph, token)?;
                self.server.hold(ident).ok().map(|()| ident)
            })
            .collect();
        if idents.is_empty() {
            return;
        }
        self.keeping.messages.push((Arc::downgrade(&read.graph), idents));
        if self.keeping.messages.len() >= self.keeping.sweep_at.max(FIRST_SWEEP) {
            self.sweep();
        }
    }

    /// Lets go of the objects whose proxies were kept, and are no longer.
    fn sweep(&mut self) {
        let mut released = Vec::new();
        self.keeping.messages.retain_mut(|(graph, idents)| {
            let alive = graph.strong_count() > 0;
            if !alive {
                released.append(idents);
            }
            alive
        });
        for ident in released {
            // It was held by this alone.
            let _ = self.server.release(ident);
        }
        self.keeping.sweep_at = 2 * self.keeping.messages.len();
    }
}

const FIRST_SWEEP: usize = 64;
