//! The texts that Python 2 and 3 each take as their own `str` only, or had better get so: names of types, methods and
//! keywords, idents, addresses, tracebacks.
//!
//! 2.7 asserts that a traceback is a `str`, names the class of an `AutoProxy` by a `str`, and takes a path for a socket
//! only as a `str`. A reader that may be either version gets what both read as `str`: ASCII as Python 2's.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Node, NodeId, Pythons, native_text};

use crate::{Address, Rebuild, Reply, Request, Token};

/// What a reply holds where no kind says it, known from its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holds {
    /// A value of the program.
    #[default]
    Value,
    /// A text of the server: `__str__`, `__repr__`, `debug_info`.
    Text,
    /// Ident and exposed methods: `create`.
    Created,
    /// Exposed methods: `get_methods`.
    Methods,
}

/// Makes all such texts of a request native to `to`.
pub fn request(graph: &mut Graph, request: &Request, to: Pythons) -> Request {
    let ident = native_text(graph, request.ident, to);
    let method = native_text(graph, request.method, to);
    let first = match graph.text(request.method) {
        Some("create" | "incref" | "decref" | "accept_connection") => request.is_function(),
        Some("__getattribute__" | "__setattr__" | "__delattr__") => !request.is_function(),
        _ => false,
    };
    let args = if first { items(graph, request.args, to, 1) } else { request.args };
    Request { ident, method, args, kwargs: keys(graph, request.kwargs, to) }
}

/// Makes all such texts of a reply native to `to`.
pub fn reply(graph: &mut Graph, reply: &Reply, holds: Holds, to: Pythons) -> Reply {
    let name = native_text(graph, reply.name, to);
    let result = match (reply.kind, holds) {
        (kind, _) if kind.has_text() => native_text(graph, reply.result, to),
        (crate::Kind::Return, Holds::Text) => native_text(graph, reply.result, to),
        (crate::Kind::Return, Holds::Methods) => items(graph, reply.result, to, usize::MAX),
        (crate::Kind::Return, Holds::Created) => pair(graph, reply.result, |graph, ident, exposed| {
            (native_text(graph, ident, to), items(graph, exposed, to, usize::MAX))
        }),
        (crate::Kind::Proxy, _) => {
            pair(graph, reply.result, |graph, exposed, token| (items(graph, exposed, to, usize::MAX), token))
        }
        _ => reply.result,
    };
    Reply { kind: reply.kind, name, result }
}

/// Makes all such texts of the tokens and proxies of a graph native to `to`. Says whether anything changed.
pub fn tokens(graph: &mut Graph, to: Pythons) -> bool {
    if !graph.ids().any(|id| matches!(graph[id], Node::Object(_))) {
        return false;
    }
    let mut changed = false;
    for mut token in Token::find(graph) {
        let before = token;
        let typeid = native_text(graph, token.typeid, to);
        let ident = native_text(graph, token.ident, to);
        let address = address(graph, token.address, to);
        token.replace(graph, typeid, address, ident);
        changed |= token != before;
    }
    // Very many proxies may share their keyword arguments.
    let mut written = BTreeMap::new();
    for mut rebuild in Rebuild::find(graph) {
        let before = rebuild;
        let serializer = native_text(graph, rebuild.serializer, to);
        let kwargs = match written.get(&rebuild.kwargs) {
            Some(&kwargs) => kwargs,
            None => {
                let kwargs = proxy_keywords(graph, rebuild.kwargs, to);
                written.insert(rebuild.kwargs, kwargs);
                kwargs
            }
        };
        rebuild.replace(graph, serializer, kwargs);
        changed |= rebuild != before;
    }
    changed
}

/// The keyword arguments of a proxy with native keys and native names of what is exposed.
fn proxy_keywords(graph: &mut Graph, id: NodeId, to: Pythons) -> NodeId {
    let kwargs = keys(graph, id, to);
    let Node::Dict(pairs) = &graph[kwargs] else { return kwargs };
    let place = pairs.iter().position(|&(key, _)| graph.text(key) == Some("exposed"));
    let Some((place, (key, old))) = place.and_then(|place| Some((place, *pairs.get(place)?))) else {
        return kwargs;
    };
    let mut pairs = pairs.clone();
    let new = items(graph, old, to, usize::MAX);
    if new == old {
        return kwargs;
    }
    pairs[place] = (key, new);
    graph.add(Node::Dict(pairs))
}

/// An address whose texts are native. What is `bytes` in Python 3, an abstract name, stays so.
fn address(graph: &mut Graph, id: NodeId, to: Pythons) -> NodeId {
    match &graph[id] {
        Node::Tuple(_) => items(graph, id, to, 1),
        // Python 3.7 and newer have abstract names as bytes.
        Node::String(_) if !to.may_be_py2() => match Address::decode(graph, id) {
            Some(address) => address.encode(graph, to),
            None => id,
        },
        Node::Bytes(blob) if !to.may_be_py3() => {
            let blob = *blob;
            graph.add(Node::String(blob))
        }
        _ => native_text(graph, id, to),
    }
}

/// A tuple or list of the same items, of which up to `count` are made native.
fn items(graph: &mut Graph, id: NodeId, to: Pythons, count: usize) -> NodeId {
    let Some(old) = graph.items(id) else { return id };
    let old = old.to_vec();
    let native = |(place, &item): (usize, &NodeId)| {
        if place < count { native_text(graph, item, to) } else { item }
    };
    let new: Vec<NodeId> = old.iter().enumerate().map(native).collect();
    if new == old {
        return id;
    }
    match graph[id] {
        Node::List(_) => graph.add(Node::List(new)),
        _ => graph.add_tuple(new),
    }
}

/// A dict of the same items under native keys.
fn keys(graph: &mut Graph, id: NodeId, to: Pythons) -> NodeId {
    let Node::Dict(old) = &graph[id] else { return id };
    let old = old.clone();
    let new: Vec<_> = old.iter().map(|&(key, value)| (native_text(graph, key, to), value)).collect();
    if new == old { id } else { graph.add(Node::Dict(new)) }
}

fn pair(
    graph: &mut Graph,
    id: NodeId,
    f: impl FnOnce(&mut Graph, NodeId, NodeId) -> (NodeId, NodeId),
) -> NodeId {
    let Some(&[first, second]) = graph.items(id) else { return id };
    let new = f(graph, first, second);
    if new == (first, second) { id } else { graph.add_tuple([new.0, new.1]) }
}

#[cfg(test)]
mod tests;
