//! A request and its reply: what the blocking and the async client have in common.

use bytes::Bytes;
use sabir_manager::{Answer, RemoteException};
use sabir_net::Deadline;
use sabir_pickle::serde::from_node;
use sabir_pickle::{Graph, Limits, Node, NodeId, Segments};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::load_graph;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;

/// A graph with the arguments of a call in it, and where they are.
pub(crate) fn arguments<A, K>(context: &Context, args: &A, kwargs: &K) -> Result<(Graph, Vec<NodeId>, NodeId)>
where
    A: ?Sized + Serialize,
    K: ?Sized + Serialize,
{
    let pickle = context.settings().reducer.pickle();
    let graph = pickle.graph(&(args, kwargs)).map_err(|error| Error::Dumps(error.into()))?;
    let Some(&[args, kwargs]) = graph.items(graph.root()) else {
        return Err(Error::Protocol("a pair was not pickled as a pair"));
    };
    let args = match graph.items(args) {
        Some(args) => args.to_vec(),
        None if args == NodeId::NONE => Vec::new(),
        None => return Err(Error::Arguments("the arguments must be a tuple, an array or a vector")),
    };
    if kwargs != NodeId::NONE && !matches!(graph[kwargs], Node::Dict(_)) {
        return Err(Error::Arguments("the keyword arguments must be a struct or a map"));
    }
    Ok((graph, args, kwargs))
}

/// A request as this peer reads it.
pub(crate) fn written(context: &Context, peer: Peer, request: Graph) -> Result<Segments> {
    let pickle = context.settings().reducer.pickle();
    let peer = sabir_manager::Peer { pythons: peer.pythons(), protocol: pickle.protocol_for(peer) };
    peer.request(request, pickle.translation_of()).map_err(|error| Error::Dumps(error.into()))
}

/// What a manager answered.
#[derive(Debug)]
pub(crate) struct Reply {
    graph: Graph,
    answer: Answer,
    message: Bytes,
    limits: Limits,
}

impl Reply {
    /// Reads a message as a reply.
    pub(crate) fn read(context: &Context, message: Bytes) -> Result<Reply> {
        let settings = context.settings();
        let pickle = settings.reducer.pickle();
        let limits = *pickle.limits_of();
        let graph = load_graph(&pickle, settings.allow.as_deref(), &message)
            .map_err(|error| Error::loads(error, message.clone()))?;
        let answer = Answer::decode(&graph);
        let answer = answer.ok_or(Error::Protocol("what answers is no manager: its reply is none"))?;
        Ok(Reply { graph, answer, message, limits })
    }

    /// What was returned; an exception as an error.
    pub(crate) fn returned(&self) -> Result<NodeId> {
        match &self.answer {
            Answer::Returned(node) => Ok(*node),
            Answer::Raised(node) => {
                let names = sabir_pickle::Names::builtin();
                let raised = RemoteException::decode(&self.graph, *node, &names);
                let raised = raised.ok_or(Error::Protocol("the manager raised what is no exception"))?;
                Err(Error::Remote(Box::new(raised)))
            }
            Answer::Traceback(text) => Err(Error::Remote(Box::new(RemoteException::from_traceback(text)))),
            Answer::Unserializable(text) => {
                Err(Error::Unserializable(Box::new(RemoteException::from_traceback(text))))
            }
            _ => Err(Error::Protocol("the manager answered with a proxy where it should not")),
        }
    }

    /// What `create` made: its ident and the methods that it exposes.
    pub(crate) fn created(&self) -> Result<(String, Vec<String>)> {
        match self.answer.created(&self.graph) {
            Some(created) => Ok(created),
            None => {
                self.returned()?;
                Err(Error::Protocol("the manager answered `create` without an object"))
            }
        }
    }

    /// The object that stays with the manager, if that is what was returned: its typeid, its ident, and the methods that
    /// it exposes. The reply holds one reference to it.
    pub(crate) fn stays(&self) -> Result<Option<(String, String, Vec<String>)>> {
        let Answer::Proxy { exposed, token } = &self.answer else { return Ok(None) };
        let text = |node| self.graph.text(node).map(str::to_owned);
        match (text(token.typeid), text(token.ident)) {
            (Some(typeid), Some(ident)) => Ok(Some((typeid, ident, exposed.clone()))),
            _ => Err(Error::Protocol("the manager's token is not made of text")),
        }
    }

    /// What was returned, as the root of the graph.
    pub(crate) fn into_graph(mut self) -> Result<Graph> {
        let node = self.returned()?;
        self.graph.set_root(node);
        Ok(self.graph)
    }

    /// What was returned, as a value.
    pub(crate) fn value<R: DeserializeOwned>(&self) -> Result<R> {
        let node = self.returned()?;
        from_node(&self.graph, node, &self.limits).map_err(|error| Error::loads(error, self.message.clone()))
    }
}

/// The deadline that comes first.
pub(crate) fn earlier(one: Deadline, other: Deadline) -> Deadline {
    match (one.instant(), other.instant()) {
        (Some(one), Some(other)) => one.min(other).into(),
        (None, _) => other,
        (_, None) => one,
    }
}
