//! What servers were seen to write, kept from one connection to the next.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use sabir_gateway::ServerKnowledge;
use sabir_net::Address;
use tracing::info;

/// A [`ServerKnowledge`] for each address: a manager's client makes a fresh connection for nearly
/// every call, so a connection alone learns little.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    servers: Mutex<HashMap<Address, Arc<Mutex<ServerKnowledge>>>>,
    /// The names that were logged under the policy to learn them.
    reported: Mutex<HashSet<String>>,
}

impl Knowledge {
    /// What is known of the server at an address, to be added to; at first what it calls itself, if
    /// the user has said so.
    pub(super) fn of(
        &self,
        address: &Address,
        alias: Option<sabir_gateway::Address>,
    ) -> Arc<Mutex<ServerKnowledge>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.get(address) {
            return known.clone();
        }
        // Only redirected clients bring addresses that are not on the command line. To forget is safe.
        if servers.len() >= MOST_SERVERS {
            servers.retain(|_, known| Arc::strong_count(known) > 1);
        }
        let known = Arc::new(Mutex::new(ServerKnowledge::new(alias)));
        if servers.len() < MOST_SERVERS {
            servers.insert(address.clone(), Arc::clone(&known));
        }
        known
    }

    /// Begins anew with the server at an address: it may be another than it was. Connections that it
    /// has go on with what was known.
    pub(super) fn forget(&self, address: &Address) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }

    /// Logs the names that were learnt and are not logged yet.
    pub(super) fn report(&self, known: &Mutex<ServerKnowledge>) {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        for name in known.learned_names() {
            if !reported.contains(name) {
                info!("passed: --allow {name}");
                reported.insert(name.to_owned());
            }
        }
    }
}

/// How many servers are remembered.
const MOST_SERVERS: usize = 1024;
