//! What a connection knows besides its socket: how values become messages for this peer, and how long things may take.

use std::sync::Arc;

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

/// Whatever moves the bytes.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) reducer: Reducer,
    pub(crate) timeouts: Timeouts,
    pub(crate) peer: Peer,
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
        Channel { reducer, timeouts: settings.timeouts, peer, allow, known: None }
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
        self.reducer.pickle().dumps_graph(graph, self.peer).map_err(|error| Error::Dumps(error.into()))
    }

    pub(crate) fn loads_graph(&self, message: Bytes) -> Result<Graph> {
        let pickle = self.reducer.pickle();
        load_graph(&pickle, self.allow.as_deref(), &message).map_err(|error| Error::loads(error, message))
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
