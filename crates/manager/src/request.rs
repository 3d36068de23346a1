//! What clients ask for, as graphs that are ready for [`Peer::request`](crate::Peer::request).
//!
//! ```
//! use sabir_manager::{Peer, request};
//! use sabir_pickle::{Graph, NodeId, Translation};
//!
//! let mut graph = Graph::new();
//! let two = graph.add_int(2);
//! let graph = request::call(graph, "7f0012ab", "append", [two], NodeId::NONE);
//! let pickle = Peer::UNKNOWN.request(graph, &Translation::default())?;
//! assert_eq!(pickle.into_vec(), b"\x80\x02(X\x08\0\0\x007f0012abX\x06\0\0\0appendK\x02\x85}t.");
//! # Ok::<(), sabir_pickle::Error>(())
//! ```

use alloc::vec::Vec;

use sabir_pickle::{Graph, Node, NodeId};

use crate::Request;

/// A method of an object: only on a connection that [`accept_connection`] was sent over before.
///
/// The arguments are nodes of `graph`; `kwargs` is a dict, or [`NodeId::NONE`] for no keyword arguments.
pub fn call(
    mut graph: Graph,
    ident: &str,
    method: &str,
    args: impl Into<Vec<NodeId>>,
    kwargs: NodeId,
) -> Graph {
    let ident = graph.add_str(ident);
    build(graph, ident, method, args.into(), kwargs)
}

/// A function of the server itself: only as the first request of a connection, after whose reply the server closes it.
///
/// The arguments are nodes of `graph`; `kwargs` is a dict, or [`NodeId::NONE`] for no keyword arguments.
pub fn function(graph: Graph, name: &str, args: impl Into<Vec<NodeId>>, kwargs: NodeId) -> Graph {
    build(graph, NodeId::NONE, name, args.into(), kwargs)
}

/// A new object of a registered type. The reply ([`Answer::created`](crate::Answer::created)) holds one reference to it.
///
/// The arguments are nodes of `graph`; `kwargs` is a dict, or [`NodeId::NONE`] for no keyword arguments.
pub fn create(mut graph: Graph, typeid: &str, args: &[NodeId], kwargs: NodeId) -> Graph {
    let typeid = graph.add_str(typeid);
    let args: Vec<NodeId> = core::iter::once(typeid).chain(args.iter().copied()).collect();
    function(graph, "create", args, kwargs)
}

/// Nothing, as `BaseManager.connect()` asks for it to see whether the server is there.
pub fn dummy() -> Graph {
    named("dummy")
}

/// That the connection stays, for methods of objects. `name` is the caller's, for the server's logs.
pub fn accept_connection(name: &str) -> Graph {
    with_text("accept_connection", name)
}

/// One more reference to an object.
pub fn incref(ident: &str) -> Graph {
    with_text("incref", ident)
}

/// One reference less to an object.
pub fn decref(ident: &str) -> Graph {
    with_text("decref", ident)
}

/// The end of the server. Python 3 answers twice.
pub fn shutdown() -> Graph {
    named("shutdown")
}

/// A text with a few lines on each object.
pub fn debug_info() -> Graph {
    named("debug_info")
}

/// How many objects there are.
pub fn number_of_objects() -> Graph {
    named("number_of_objects")
}

/// The methods that an object exposes; `token` is a node of `graph`.
pub fn get_methods(graph: Graph, token: NodeId) -> Graph {
    function(graph, "get_methods", [token], NodeId::NONE)
}

fn named(name: &str) -> Graph {
    function(Graph::new(), name, [], NodeId::NONE)
}

fn with_text(name: &str, text: &str) -> Graph {
    let mut graph = Graph::new();
    let text = graph.add_str(text);
    function(graph, name, [text], NodeId::NONE)
}

fn build(mut graph: Graph, ident: NodeId, method: &str, args: Vec<NodeId>, kwargs: NodeId) -> Graph {
    let method = graph.add_str(method);
    let args = graph.add_tuple(args);
    let kwargs = if kwargs == NodeId::NONE { graph.add(Node::Dict(Vec::new())) } else { kwargs };
    let root = Request { ident, method, args, kwargs }.encode(&mut graph);
    graph.set_root(root);
    graph
}
