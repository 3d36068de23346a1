//! What a connection knows besides its socket: how values become messages for this peer, and how long things may take.

use bytes::Bytes;
use sabir_net::Address;
use sabir_pickle::{Graph, Segments};
use sabir_wire::Config;
use sabir_wire::auth::PeerHints;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::known::Known;
use crate::peer::Peer;
use crate::reducer::{ReduceError, Reducer};
use crate::timeouts::Timeouts;

/// Whatever moves the bytes.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) reducer: Reducer,
    pub(crate) timeouts: Timeouts,
    pub(crate) peer: Peer,
    /// Where we connected to, and where to keep what is learnt of whoever is there.
    known: Option<(Known, Address)>,
}

impl Channel {
    /// To a peer of which so much is known.
    pub(crate) fn to(context: &Context, peer: Peer) -> Channel {
        let settings = context.settings();
        Channel { reducer: settings.reducer.clone(), timeouts: settings.timeouts, peer, known: None }
    }

    /// To whoever listens at an address.
    pub(crate) fn to_address(context: &Context, address: &Address, hints: PeerHints) -> Channel {
        let known = &context.settings().known;
        let peer = known.peer(address).max(Peer::authenticated(hints));
        Channel { known: Some((known.clone(), address.clone())), ..Channel::to(context, peer) }
    }

    pub(crate) fn dumps<T: ?Sized + Serialize>(&self, value: &T) -> Result<Vec<u8>> {
        self.reducer.dumps(value, self.peer).map_err(Error::Dumps)
    }

    pub(crate) fn loads<T: DeserializeOwned>(&self, message: Bytes) -> Result<T> {
        self.reducer.loads(&message).map_err(|source| Error::Loads { source, message })
    }

    pub(crate) fn dumps_graph(&self, graph: Graph) -> Result<Segments> {
        self.reducer.pickle().dumps_graph(graph, self.peer).map_err(|error| Error::Dumps(error.into()))
    }

    pub(crate) fn loads_graph(&self, message: Bytes) -> Result<Graph> {
        let read = self.reducer.pickle().loads_graph(message.clone());
        read.map_err(|error| Error::Loads { source: ReduceError::Pickle(error), message })
    }

    /// Takes note of a message of the peer, and gives it on; nothing is its end.
    pub(crate) fn received(&mut self, message: Option<Bytes>) -> Result<Bytes> {
        let message = message.ok_or(Error::Eof)?;
        let before = self.peer;
        self.peer.saw(&message);
        if self.peer != before
            && let Some((known, address)) = &self.known
        {
            known.learn(address, self.peer);
        }
        Ok(message)
    }
}

/// How a context frames.
pub(crate) fn config(context: &Context) -> Config {
    Config { limits: context.settings().frames, ..Config::default() }
}
