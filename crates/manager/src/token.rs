//! Tokens and the calls that rebuild proxies, wherever in a pickle they are and in whatever form.

use alloc::vec::Vec;

use sabir_pickle::{Graph, Make, Node, NodeId, Step};

use crate::Address;

const MODULE: &str = "multiprocessing.managers";

/// A `multiprocessing.managers.Token`: which object of which manager.
///
/// Every CPython writes `Token.__new__(Token)` and BUILD with the tuple `(typeid, address, id)`; protocols 0 and 1 have
/// `copyreg._reconstructor` or `copyreg.__newobj__` for the first. Arguments to the class itself are understood too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The object.
    pub node: NodeId,
    /// The name under which its type is registered.
    pub typeid: NodeId,
    /// Where its manager is.
    pub address: NodeId,
    /// Which of the manager's objects it is.
    pub ident: NodeId,
    /// Which step of the object gives it the three; `None` if its arguments do.
    place: Option<usize>,
    /// The tuple of the three.
    state: NodeId,
}

impl Token {
    /// All tokens in a graph, in the order in which they were made; an object that is given its state twice counts twice.
    pub fn find(graph: &Graph) -> Vec<Token> {
        if !is_named(graph, "Token") {
            return Vec::new();
        }
        graph.ids().flat_map(|node| Token::states(graph, node)).collect()
    }

    /// The token that a node is, as its last state has it.
    pub fn at(graph: &Graph, node: NodeId) -> Option<Token> {
        Token::states(graph, node).last()
    }

    /// The token that a node is, if it is nothing else: made without arguments and given one state, or made of its three
    /// parts, with an address that means a manager.
    pub fn whole(graph: &Graph, node: NodeId) -> Option<Token> {
        let Node::Object(object) = &graph[node] else { return None };
        let mut states = Token::states(graph, node);
        let token = states.next().filter(|_| states.next().is_none())?;
        let (callable, args) = object.call()?;
        let args_are = graph.items(args)?;
        let form = match (&object.make, &object.steps[..]) {
            (Make::Reduce { .. }, []) => token.place.is_none(),
            (Make::NewObj { .. }, [Step::Build(_)]) => args_are.is_empty(),
            (Make::Reduce { .. }, [Step::Build(_)]) => match (graph.global(callable)?, args_are) {
                ((_, "__newobj__"), [_]) => true,
                ((_, "_reconstructor"), &[_, base, NodeId::NONE]) => {
                    matches!(graph.global(base), Some(("builtins" | "__builtin__", "object")))
                }
                _ => false,
            },
            _ => false,
        };
        let plain = form
            && matches!(graph[args], Node::Tuple(_))
            && matches!(graph[token.state], Node::Tuple(_))
            && Address::decode(graph, token.address).is_some();
        plain.then_some(token)
    }

    /// Each state that a token is given, the arguments to its class included.
    fn states(graph: &Graph, node: NodeId) -> impl Iterator<Item = Token> {
        let object = match &graph[node] {
            Node::Object(object) => Some(object),
            _ => None,
        };
        let object = object.filter(|object| {
            let class = match (&object.make, object.call()) {
                (Make::Instance { class, .. }, _) => *class,
                (_, Some((callable, args))) => class_of(graph, callable, args),
                _ => return false,
            };
            is(graph, class, MODULE, "Token")
        });
        object.into_iter().flat_map(move |object| {
            let args = object.call().map(|(_, args)| (None, args));
            let built = object.steps.iter().enumerate().filter_map(|(place, step)| match step {
                Step::Build(state) => Some((Some(place), *state)),
                _ => None,
            });
            args.into_iter()
                .chain(built)
                .filter_map(move |(place, state)| Token::of(graph, node, place, state))
        })
    }

    fn of(graph: &Graph, node: NodeId, place: Option<usize>, state: NodeId) -> Option<Token> {
        let &[typeid, address, ident] = graph.items(state)? else { return None };
        // `_reconstructor(Token, object, None)` has three arguments as well.
        if ![typeid, address, ident].into_iter().all(|part| is_short(graph, part)) {
            return None;
        }
        graph.text(typeid)?;
        graph.text(ident)?;
        Some(Token { node, typeid, address, ident, place, state })
    }

    /// Adds a token to a graph, under the name that the class has in every version.
    pub fn encode(graph: &mut Graph, typeid: NodeId, address: NodeId, ident: NodeId) -> NodeId {
        let class = graph.add_global(MODULE, "Token");
        let args = graph.add_tuple([]);
        let node = graph.add_object(Make::NewObj { class, args });
        let state = graph.add_tuple([typeid, address, ident]);
        if let Node::Object(object) = graph.node_mut(node) {
            object.steps.push(Step::Build(state));
        }
        node
    }

    /// Gives the token other parts. What it had is left as it was, for others may refer to it: a memo shares the text
    /// `127.0.0.1` of a token with any other value of that text.
    pub fn replace(&mut self, graph: &mut Graph, typeid: NodeId, address: NodeId, ident: NodeId) {
        if (self.typeid, self.address, self.ident) == (typeid, address, ident) {
            return;
        }
        let new = graph.add_tuple([typeid, address, ident]);
        self.state = new;
        (self.typeid, self.address, self.ident) = (typeid, address, ident);
        let Node::Object(object) = graph.node_mut(self.node) else { return };
        match (self.place, &mut object.make) {
            (Some(place), _) => {
                if let Some(Step::Build(state)) = object.steps.get_mut(place) {
                    *state = new;
                }
            }
            (None, Make::Reduce { args, .. } | Make::NewObj { args, .. } | Make::NewObjEx { args, .. }) => {
                *args = new;
            }
            (None, _) => {}
        }
    }
}

/// A call of `multiprocessing.managers.RebuildProxy(func, token, serializer, kwds)`: a proxy as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// The object.
    pub node: NodeId,
    /// The proxy's class, or the function `AutoProxy`.
    pub function: NodeId,
    /// The token.
    pub token: NodeId,
    /// How the manager writes: `pickle` or `xmlrpclib`.
    pub serializer: NodeId,
    /// More arguments: `exposed` for an `AutoProxy`.
    pub kwargs: NodeId,
}

impl Rebuild {
    /// All proxies in a graph, in the order in which they were made.
    pub fn find(graph: &Graph) -> Vec<Rebuild> {
        if !is_named(graph, "RebuildProxy") {
            return Vec::new();
        }
        graph.ids().filter_map(|node| Rebuild::at(graph, node)).collect()
    }

    /// The call that a node is.
    pub fn at(graph: &Graph, node: NodeId) -> Option<Rebuild> {
        let Node::Object(object) = &graph[node] else { return None };
        let Make::Reduce { callable, args } = object.make else { return None };
        if !is(graph, callable, MODULE, "RebuildProxy") {
            return None;
        }
        let &[function, token, serializer, kwargs] = graph.items(args)? else { return None };
        if !is_short(graph, serializer) {
            return None;
        }
        Some(Rebuild { node, function, token, serializer, kwargs })
    }

    /// Adds a proxy to a graph, under the names that everything has in every version.
    pub fn encode(
        graph: &mut Graph,
        function: NodeId,
        token: NodeId,
        serializer: NodeId,
        kwargs: NodeId,
    ) -> NodeId {
        let callable = graph.add_global(MODULE, "RebuildProxy");
        let args = graph.add_tuple([function, token, serializer, kwargs]);
        graph.add_object(Make::Reduce { callable, args })
    }

    /// Gives the call another serializer and other keyword arguments; what it had is left as it was.
    pub fn replace(&mut self, graph: &mut Graph, serializer: NodeId, kwargs: NodeId) {
        if (self.serializer, self.kwargs) == (serializer, kwargs) {
            return;
        }
        (self.serializer, self.kwargs) = (serializer, kwargs);
        let new = graph.add_tuple([self.function, self.token, serializer, kwargs]);
        if let Node::Object(object) = graph.node_mut(self.node)
            && let Make::Reduce { args, .. } = &mut object.make
        {
            *args = new;
        }
    }
}

/// Whether the module's name is in a graph at all.
fn is_named(graph: &Graph, name: &str) -> bool {
    graph.ids().any(|id| is(graph, id, MODULE, name))
}

/// Whether a node is this global. A name of any length costs no more than this one: very many objects may be of one class.
fn is(graph: &Graph, id: NodeId, module: &str, name: &str) -> bool {
    let Node::Global(global) = &graph[id] else { return false };
    graph.blob(global.module) == module.as_bytes() && graph.blob(global.name) == name.as_bytes()
}

/// Whether a part of a token is no longer than any manager writes it, its own parts included.
fn is_short(graph: &Graph, part: NodeId) -> bool {
    let text = |id: NodeId| match graph[id] {
        Node::Str(blob) | Node::String(blob) | Node::Bytes(blob) => blob.len() <= MAX_TEXT,
        _ => true,
    };
    let all = |items: &[NodeId]| items.len() <= MAX_PARTS && items.iter().all(|&item| text(item));
    match &graph[part] {
        Node::Tuple(items) => all(items),
        Node::Object(object) => object.call().and_then(|(_, args)| graph.items(args)).is_none_or(all),
        _ => text(part),
    }
}

/// The class of an object that a call makes: what is called, or the first argument of the two functions that call
/// `__new__` of it.
fn class_of(graph: &Graph, callable: NodeId, args: NodeId) -> NodeId {
    let makes = ["copyreg", "copy_reg"]
        .into_iter()
        .any(|module| MAKERS.into_iter().any(|name| is(graph, callable, module, name)));
    match graph.items(args) {
        Some(&[class, ..]) if makes => class,
        _ => callable,
    }
}

const MAKERS: [&str; 3] = ["_reconstructor", "__newobj__", "__newobj_ex__"];

/// No typeid, address or ident of a manager is as long. A long text may be part of very many tokens, and is looked at for
/// each.
const MAX_TEXT: usize = 1024;
/// A socket's address has four parts at most.
const MAX_PARTS: usize = 4;

#[cfg(test)]
mod tests;
