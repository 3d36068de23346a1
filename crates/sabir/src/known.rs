//! What was learnt of peers, by their address: each call of a manager is a fresh connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sabir_net::Address;

use crate::peer::Peer;

/// A memory of addresses, bounded, that all clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    peers: Arc<Mutex<HashMap<Address, Peer>>>,
}

/// How many addresses are remembered. What is forgotten costs one message at protocol 2.
const MOST: usize = 1024;

impl Known {
    /// What the peer at an address is known to read.
    pub(crate) fn peer(&self, address: &Address) -> Peer {
        self.lock().get(address).copied().unwrap_or_default()
    }

    /// Takes note of a peer.
    pub(crate) fn learn(&self, address: &Address, peer: Peer) {
        let mut peers = self.lock();
        if peers.len() >= MOST && !peers.contains_key(address) {
            peers.clear();
        }
        peers.insert(address.clone(), peer);
    }

    /// Whoever listens there now may be another.
    pub(crate) fn forget(&self, address: &Address) {
        self.lock().remove(address);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Peer>> {
        // A panic in between leaves a map that is whole.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
