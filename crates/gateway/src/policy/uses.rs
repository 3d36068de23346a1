//! What allowed names may be used for: a list says what a pickle may call, not with what.
//!
//! Some names of the list are safe as stock pickles use them and in no other way:
//!
//! - A proxy is made by `RebuildProxy` alone, of a token whose every part is plain. CPython (2.7 to 3.13) compiles
//!   `def NAME(self, ...)` for each exposed name of an `AutoProxy`, so a name that is more than a name is code.
//! - Nothing is done to what no call of the same pickle made: BUILD on a class changes it for the whole process.
//! - `iter(f, last)` need never end, and `range` goes further than anybody waits.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use sabir_manager::{Rebuild, Token};
use sabir_pickle::{Graph, Make, Node, NodeId, Object, one_line};

/// What is particular about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `Token`: as the class of a token.
    Token,
    /// `AutoProxy`, `ListProxy`...: as what `RebuildProxy` makes.
    Proxy,
    /// `RebuildProxy`: as what is called. In a manager of 2.7 it gives the shared object itself.
    Rebuild,
    /// `MakeProxyType`: as what is called.
    MakeType,
    /// `iter`: with one argument.
    Iter,
    /// `range`, `reversed`: not as what a call of another name goes through.
    Lazy,
    /// `list`, `deque`...: a call goes through its arguments.
    Goes,
    /// `rebuild_exc`: gives its first argument, which must be an exception that the pickle makes.
    Gives,
    /// An enumeration, whose members are the program's own.
    Shared,
}

impl Use {
    /// Of a canonical name.
    pub(super) fn of(module: &str, name: &str) -> Option<Use> {
        Some(match (module, name) {
            (MANAGERS, "Token") => Use::Token,
            (MANAGERS, "RebuildProxy") => Use::Rebuild,
            (MANAGERS, "MakeProxyType") => Use::MakeType,
            (MANAGERS, name) if name.ends_with("Proxy") => Use::Proxy,
            ("builtins", "iter") => Use::Iter,
            ("builtins", "range" | "reversed") => Use::Lazy,
            ("builtins", "list" | "tuple" | "dict" | "set" | "frozenset" | "bytes" | "bytearray")
            | ("builtins", "BaseExceptionGroup" | "ExceptionGroup")
            | ("copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__")
            | (
                "collections",
                "OrderedDict" | "Counter" | "defaultdict" | "deque" | "UserDict" | "UserList",
            )
            | ("array", "array")
            | ("types", "SimpleNamespace") => Use::Goes,
            ("multiprocessing.pool", "rebuild_exc") => Use::Gives,
            ("uuid", "SafeUUID") => Use::Shared,
            _ => return None,
        })
    }

    /// Whether it may stand nowhere but where its use has it.
    fn is_bound(self) -> bool {
        matches!(self, Use::Token | Use::Proxy | Use::Rebuild | Use::MakeType)
    }
}

const MANAGERS: &str = "multiprocessing.managers";

/// The longest name that is compiled, in bytes.
const MAX_NAME: usize = 512;

/// Whether every name is used as it may be in what is written of a graph; what is wrong, if one is not.
pub(super) fn check(graph: &Graph, uses: &BTreeMap<NodeId, Use>) -> Result<(), String> {
    let mut checker = Checker { graph, uses, calls: BTreeMap::new(), exposed: BTreeSet::new() };
    let written = reachable(graph);
    for &id in &written {
        if let Node::Object(object) = &graph[id] {
            checker.object(id, object)?;
        }
    }
    written.into_iter().try_for_each(|id| checker.references(id))
}

/// What the root leads to. Rewriting leaves behind what it has replaced.
fn reachable(graph: &Graph) -> Vec<NodeId> {
    let mut seen = vec![false; graph.len()];
    let mut found = vec![graph.root()];
    seen[graph.root().index()] = true;
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        next += 1;
        graph[id].for_each_child(|child| {
            if !core::mem::replace(&mut seen[child.index()], true) {
                found.push(child);
            }
        });
    }
    found
}

/// Whether these are the exposed methods of an object: a tuple or list of names.
pub(crate) fn exposed(graph: &Graph, id: NodeId) -> Result<(), String> {
    let Some(items) = graph.items(id) else {
        return Err("exposed methods that are no tuple".into());
    };
    for &item in items {
        match &graph[item] {
            Node::Str(blob) | Node::String(blob) if is_identifier(graph.blob(*blob)) => {}
            Node::Str(blob) | Node::String(blob) => {
                let name = one_line(&String::from_utf8_lossy(graph.blob(*blob)));
                return Err(format!("an exposed method that is no name of Python: \"{name}\""));
            }
            _ => return Err("an exposed method that is no text".into()),
        }
    }
    Ok(())
}

/// Whether Python's parser may take the text for one name. Which letters beyond ASCII it takes is its own business: none of
/// them ends a name.
fn is_identifier(text: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(text) else { return false };
    text.len() <= MAX_NAME
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c == '_' || c.is_alphanumeric())
}

struct Checker<'g> {
    graph: &'g Graph,
    uses: &'g BTreeMap<NodeId, Use>,
    /// The tuples that are arguments of calls in which a bound name stands first, and what for.
    calls: BTreeMap<NodeId, Use>,
    /// Exposed methods and keyword arguments that were looked at: many proxies may share them.
    exposed: BTreeSet<NodeId>,
}

impl Checker<'_> {
    fn object(&mut self, id: NodeId, object: &Object) -> Result<(), String> {
        if matches!(object.make, Make::Given(_)) {
            return Err("a change of something that it did not make".into());
        }
        let used = match object.make {
            Make::Reduce { callable: class, .. }
            | Make::NewObj { class, .. }
            | Make::NewObjEx { class, .. }
            | Make::Instance { class, .. } => self.uses.get(&class).copied(),
            Make::Given(_) => None,
        };
        match used {
            Some(Use::Token) => self.token(id),
            Some(Use::Proxy) => Err("a proxy that RebuildProxy does not make".into()),
            Some(Use::Rebuild) => self.rebuild(id, object),
            Some(Use::MakeType) => match object.make {
                Make::Reduce { args, .. } => match self.graph.items(args) {
                    Some(&[name, methods]) if self.graph.text(name).is_some() => self.methods(methods),
                    _ => Err(odd("MakeProxyType")),
                },
                _ => Err(odd("MakeProxyType")),
            },
            Some(Use::Iter)
                if object.call().and_then(|(_, args)| self.graph.items(args)).map(<[_]>::len) != Some(1) =>
            {
                Err("iter() of a function, which need not end".into())
            }
            Some(Use::Goes) => self.goes(id, object),
            Some(Use::Gives) => match object.call().and_then(|(_, args)| self.graph.items(args)) {
                Some(&[exception, _]) if self.is_made(exception) => Ok(()),
                _ => Err(odd("rebuild_exc")),
            },
            Some(Use::Shared) if !object.steps.is_empty() => {
                Err("a change of something that it did not make".into())
            }
            _ => Ok(()),
        }
    }

    fn token(&mut self, id: NodeId) -> Result<(), String> {
        match Token::whole(self.graph, id) {
            Some(_) => Ok(()),
            None => Err(odd("Token")),
        }
    }

    fn rebuild(&mut self, id: NodeId, object: &Object) -> Result<(), String> {
        let graph = self.graph;
        let Some(rebuild) = Rebuild::at(graph, id) else { return Err(odd("RebuildProxy")) };
        if !object.steps.is_empty() {
            return Err("a change of something that it did not make".into());
        }
        let plain = matches!(graph[rebuild.function], Node::Global(_))
            && self.uses.get(&rebuild.function).is_none_or(|used| *used == Use::Proxy)
            && Token::whole(graph, rebuild.token).is_some()
            && graph.text(rebuild.serializer).is_some();
        let Node::Dict(pairs) = &graph[rebuild.kwargs] else { return Err(odd("RebuildProxy")) };
        if !plain {
            return Err(odd("RebuildProxy"));
        }
        if let Some((_, args)) = object.call() {
            self.calls.insert(args, Use::Rebuild);
        }
        if self.exposed.insert(rebuild.kwargs) {
            for &(key, value) in pairs {
                match graph.text(key) {
                    Some("exposed") => self.methods(value)?,
                    Some(_) => {}
                    None => return Err(odd("RebuildProxy")),
                }
            }
        }
        Ok(())
    }

    fn methods(&mut self, id: NodeId) -> Result<(), String> {
        if self.exposed.insert(id) { exposed(self.graph, id) } else { Ok(()) }
    }

    /// A call that goes through its arguments must come to an end. `copyreg`'s functions also make tokens.
    fn goes(&mut self, id: NodeId, object: &Object) -> Result<(), String> {
        if let Some((_, args)) = object.call() {
            let items = self.graph.items(args).unwrap_or_default();
            if items.first().and_then(|class| self.uses.get(class)) == Some(&Use::Token) {
                self.token(id)?;
                self.calls.insert(args, Use::Token);
            }
            // `__newobj_ex__` has the arguments one level down, and is rare enough for `self.calls` to be of no use.
            let inner = items.iter().take(3).filter_map(|&item| match &self.graph[item] {
                Node::Tuple(items) => Some(&items[..items.len().min(3)]),
                _ => None,
            });
            if items.iter().take(3).chain(inner.flatten()).any(|&item| self.is_lazy(item)) {
                return Err("a call that goes through a range or an iterator".into());
            }
        }
        Ok(())
    }

    fn is_lazy(&self, id: NodeId) -> bool {
        let Node::Object(object) = &self.graph[id] else { return false };
        let called = object.call().and_then(|(callable, _)| self.uses.get(&callable));
        matches!(called, Some(Use::Iter | Use::Lazy))
    }

    /// Whether a node is an object that the call of a class makes.
    fn is_made(&self, id: NodeId) -> bool {
        let Node::Object(object) = &self.graph[id] else { return false };
        let class = match object.make {
            Make::Instance { class, .. } => Some(class),
            _ => object.call().map(|(callable, _)| callable),
        };
        let plain = |class| matches!(self.uses.get(&class), None | Some(Use::Goes));
        class.is_some_and(|class| matches!(self.graph[class], Node::Global(_)) && plain(class))
    }

    /// Whether what a node refers to may be referred to from there.
    fn references(&self, id: NodeId) -> Result<(), String> {
        let graph = self.graph;
        let bound = |child: NodeId| self.uses.get(&child).is_some_and(|used| used.is_bound());
        let wrong = || Err("a name of multiprocessing.managers where no stock pickle has it".into());
        match &graph[id] {
            Node::Object(object) => {
                let (callable, args) = match object.make {
                    Make::Instance { .. } | Make::Given(_) => (None, None),
                    _ => (object.call().map(|(callable, _)| callable), object.call().map(|(_, args)| args)),
                };
                if let Some(args) = args
                    && let Some(what) = self.calls.get(&args)
                {
                    // The same tuple as the arguments of another call.
                    let called = callable.and_then(|callable| self.uses.get(&callable));
                    let same = match what {
                        Use::Rebuild => called == Some(&Use::Rebuild),
                        _ => called == Some(&Use::Goes),
                    };
                    if !same {
                        return wrong();
                    }
                }
                // `object` has judged what is called.
                let mut called = callable;
                let mut found = false;
                graph[id].for_each_child(|child| {
                    if called == Some(child) {
                        called = None;
                    } else {
                        found |= bound(child);
                    }
                });
                if found { wrong() } else { Ok(()) }
            }
            Node::Tuple(items) if self.calls.contains_key(&id) => {
                if items.iter().skip(1).any(|&item| bound(item)) { wrong() } else { Ok(()) }
            }
            node => {
                let mut found = false;
                node.for_each_child(|child| found |= bound(child));
                if found { wrong() } else { Ok(()) }
            }
        }
    }
}

fn odd(name: &str) -> String {
    format!("a {name} of a form that no stock pickle has")
}
