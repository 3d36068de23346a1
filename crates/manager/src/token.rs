//! Tokens and the calls that rebuild proxies, wherever in a pickle they are and in whatever form.

use alloc::vec::Vec;

use sabir_pickle::{Graph, Make, Node, NodeId, Step};

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
    /// The tuple of the three.
    state: NodeId,
}

impl Token {
    /// All tokens in a graph, in the order in which they were made; an object that is given its state twice counts twice.
    pub fn find(graph: &Graph) -> Vec<Token> {
        if named(graph, "Token").is_empty() {
            return Vec::new();
        }
        graph.ids().flat_map(|node| Token::states(graph, node)).collect()
    }

    /// The token that a node is, as its last state has it.
    pub fn at(graph: &Graph, node: NodeId) -> Option<Token> {
        Token::states(graph, node).last()
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
            graph.global(class) == Some((MODULE, "Token"))
        });
        object.into_iter().flat_map(move |object| {
            let args = object.call().map(|(_, args)| args);
            let built = object.steps.iter().filter_map(|step| match step {
                Step::Build(state) => Some(*state),
                _ => None,
            });
            args.into_iter().chain(built).filter_map(move |state| Token::of(graph, node, state))
        })
    }

    fn of(graph: &Graph, node: NodeId, state: NodeId) -> Option<Token> {
        let &[typeid, address, ident] = graph.items(state)? else { return None };
        // `_reconstructor(Token, object, None)` has three arguments as well.
        graph.text(typeid)?;
        graph.text(ident)?;
        Some(Token { node, typeid, address, ident, state })
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
        let old = core::mem::replace(&mut self.state, new);
        (self.typeid, self.address, self.ident) = (typeid, address, ident);
        if let Node::Object(object) = graph.node_mut(self.node) {
            match &mut object.make {
                Make::Reduce { args, .. } | Make::NewObj { args, .. } | Make::NewObjEx { args, .. }
                    if *args == old =>
                {
                    *args = new;
                }
                _ => {}
            }
            for step in &mut object.steps {
                if let Step::Build(state) = step
                    && *state == old
                {
                    *state = new;
                }
            }
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
        if named(graph, "RebuildProxy").is_empty() {
            return Vec::new();
        }
        graph.ids().filter_map(|node| Rebuild::at(graph, node)).collect()
    }

    /// The call that a node is.
    pub fn at(graph: &Graph, node: NodeId) -> Option<Rebuild> {
        let Node::Object(object) = &graph[node] else { return None };
        let Make::Reduce { callable, args } = object.make else { return None };
        if graph.global(callable) != Some((MODULE, "RebuildProxy")) {
            return None;
        }
        let &[function, token, serializer, kwargs] = graph.items(args)? else { return None };
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

/// The nodes that are this name of the module.
fn named(graph: &Graph, name: &str) -> Vec<NodeId> {
    graph.ids().filter(|&id| graph.global(id) == Some((MODULE, name))).collect()
}

/// The class of an object that a call makes: what is called, or the first argument of the two functions that call
/// `__new__` of it.
fn class_of(graph: &Graph, callable: NodeId, args: NodeId) -> NodeId {
    let makes = matches!(
        graph.global(callable),
        Some(("copyreg" | "copy_reg", "_reconstructor" | "__newobj__" | "__newobj_ex__"))
    );
    match graph.items(args) {
        Some(&[class, ..]) if makes => class,
        _ => callable,
    }
}

#[cfg(test)]
mod tests;
