//! What can be found out about a message before it is anybody's turn.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Error, Graph, Names, Node, NodeId};

use crate::types::{Kept, Meter, canonical};
use crate::{Peer, Rebuild, Token};

/// Reads messages for a [`SyncServer`](super::SyncServer), beside it: what takes long for a long message does not keep the
/// server from others. Clones may be used at the same time.
#[derive(Clone, Debug)]
pub struct Reader {
    names: Arc<Names>,
    meter: Meter,
}

/// A message that was read, or why it cannot be.
#[derive(Debug)]
pub struct Incoming(pub(super) Result<Read, Error>);

#[derive(Debug)]
pub(super) struct Read {
    /// With Python 3's names.
    pub(super) graph: Arc<Kept>,
    /// Who wrote it, as far as it tells.
    pub(super) peer: Peer,
    /// The tokens of the proxies in it.
    pub(super) proxies: Vec<NodeId>,
    /// Whether there is any token in it, be it in a proxy or not.
    pub(super) has_tokens: bool,
}

impl Reader {
    pub(super) fn new(names: Names, meter: Meter) -> Reader {
        Reader { names: Arc::new(names), meter }
    }

    /// A message, or what loading it came to.
    pub fn read(&self, message: Result<Graph, Error>) -> Incoming {
        Incoming(message.map(|graph| {
            let peer = Peer::of(&graph);
            let graph = self.meter.keep(canonical(graph, &self.names));
            let (mut proxies, mut has_tokens) = (Vec::new(), false);
            // Most messages name no class.
            if graph.ids().any(|id| matches!(graph[id], Node::Global(_))) {
                has_tokens = !Token::find(&graph).is_empty();
                proxies = Rebuild::find(&graph).iter().map(|rebuild| rebuild.token).collect();
            }
            Read { graph, peer, proxies, has_tokens }
        }))
    }
}
