//! What a connection knows besides its socket: how values become messages for this peer, and how long things may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use sabir_net::Address;
use sabir_pickle::{AllowList, Graph, Segments};
use sabir_wire::Config;
use sabir_wire::auth::PeerHints;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::known::Known;
use crate::peer::Peer;
use crate::reducer::{Pickle, ReduceError, Reducer};
use crate::timeouts::Timeouts;

/// Whatever moves the bytes. A clone is that of the same peer: of two halves of a connection one reads what tells the other
/// how to write.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) reducer: Reducer,
    pub(crate) timeouts: Timeouts,
    /// The protocol that the peer is known to read.
    peer: Arc<AtomicU8>,
    /// Which names pickles may mention; all, if there is none.
    allow: Option<Arc<AllowList>>,
    /// Where we connected to, and where to keep what is learnt of whoever is there.
    known: Option<(Known, Address)>,
}

impl Channel {
    /// To a peer of which so much is known.
    pub(crate) fn to(context: &Context, peer: Peer) -> Channel {
        let settings = context.settings();
        let (reducer, allow) = (settings.reducer.clone(), settings.allow.clone());
        let peer = Arc::new(AtomicU8::new(peer.protocol()));
        Channel { reducer, timeouts: settings.timeouts, peer, allow, known: None }
    }

    /// To whoever listens at an address.
    pub(crate) fn to_address(context: &Context, address: &Address, hints: PeerHints) -> Channel {
        let known = &context.settings().known;
        let peer = known.peer(address).max(Peer::authenticated(hints));
        Channel { known: Some((known.clone(), address.clone())), ..Channel::to(context, peer) }
    }

    pub(crate) fn peer(&self) -> Peer {
        // Nothing else is told along with it.
        Peer::reading(self.peer.load(Ordering::Relaxed))
    }

    pub(crate) fn set_peer(&self, peer: Peer) {
        self.peer.store(peer.protocol(), Ordering::Relaxed);
    }

    pub(crate) fn dumps<T: ?Sized + Serialize>(&self, value: &T) -> Result<Vec<u8>> {
        self.reducer.dumps(value, self.peer()).map_err(Error::Dumps)
    }

    pub(crate) fn loads<T: DeserializeOwned>(&self, message: Bytes) -> Result<T> {
        let allowed = match (&self.allow, &self.reducer) {
            (Some(allow), Reducer::Pickle(pickle)) => {
                pickle.check(allow, &message).map_err(ReduceError::from)
            }
            _ => Ok(()),
        };
        let value = allowed.and_then(|()| self.reducer.loads(&message));
        value.map_err(|source| Error::loads(source, message))
    }

    pub(crate) fn dumps_graph(&self, graph: Graph) -> Result<Segments> {
        self.reducer.pickle().dumps_graph(graph, self.peer()).map_err(|error| Error::Dumps(error.into()))
    }

    pub(crate) fn loads_graph(&self, message: Bytes) -> Result<Graph> {
        let pickle = self.reducer.pickle();
        load_graph(&pickle, self.allow.as_deref(), &message).map_err(|error| Error::loads(error, message))
    }

    /// Takes note of a message of the peer, and gives it on; nothing is its end.
    pub(crate) fn received(&self, message: Option<Bytes>) -> Result<Bytes> {
        let message = message.ok_or(Error::Eof)?;
        let before = self.peer();
        let mut peer = before;
        peer.saw(&message);
        if peer != before {
            self.set_peer(peer);
            if let Some((known, address)) = &self.known {
                known.learn(address, peer);
            }
        }
        Ok(message)
    }
}

/// Loads a pickle of a peer, if it names nothing but what is allowed.
pub(crate) fn load_graph(
    pickle: &Pickle,
    allow: Option<&AllowList>,
    message: &Bytes,
) -> sabir_pickle::Result<Graph> {
    let graph = pickle.loads_graph(message.clone())?;
    if let Some(allow) = allow {
        pickle.check_graph(allow, &graph, message)?;
    }
    Ok(graph)
}

/// How a context frames.
pub(crate) fn config(context: &Context) -> Config {
    Config { limits: context.settings().frames, ..Config::default() }
}

/// What whoever has a channel lets its user see and set. The blocking connection has the same by hand, with examples.
macro_rules! settings {
    ($name:ident) => {
        impl $name {
            /// How values become messages here.
            #[must_use]
            pub fn reducer(&self) -> &$crate::reducer::Reducer {
                &self.channel.reducer
            }

            /// Another reducer, from the next message on; see
            /// [`sabir::Connection::set_reducer`](crate::Connection::set_reducer).
            pub fn set_reducer(&mut self, reducer: impl Into<$crate::reducer::Reducer>) {
                self.channel.reducer = reducer.into();
            }

            /// How long things may take here.
            #[must_use]
            pub fn timeouts(&self) -> $crate::timeouts::Timeouts {
                self.channel.timeouts
            }

            /// Other timeouts.
            pub fn set_timeouts(&mut self, timeouts: $crate::timeouts::Timeouts) {
                self.channel.timeouts = timeouts;
            }

            /// What is known of the peer.
            #[must_use]
            pub fn peer(&self) -> $crate::peer::Peer {
                self.channel.peer()
            }

            /// Says what the peer reads, where it is known otherwise.
            pub fn set_peer(&mut self, peer: $crate::peer::Peer) {
                self.channel.set_peer(peer);
            }
        }
    };
}
pub(crate) use settings;
