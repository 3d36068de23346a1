//! Exceptions as values of replies: how servers write them and what clients read out of them.

mod show;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use sabir_pickle::{Graph, Make, Names, Node, NodeId, Step};

/// Adds an exception to a graph, as CPython pickles one: its class, called with its `args`.
///
/// The name is Python 3's, such as `builtins.ValueError` or `queue.Empty`, if [`Graph::protocol`] is 3 or above, else
/// Python 2's.
pub fn encode(graph: &mut Graph, module: &str, name: &str, args: impl Into<Vec<NodeId>>) -> NodeId {
    let callable = graph.add_global(module, name);
    let args = graph.add_tuple(args);
    graph.add_object(Make::Reduce { callable, args })
}

/// An exception alone in a graph, whose `args` are texts: what a shared object raises.
///
/// The name is Python 3's.
pub fn raised(module: &str, name: &str, args: &[&str]) -> Graph {
    let mut graph = Graph::new();
    graph.set_protocol(4);
    let args: Vec<NodeId> = args.iter().map(|text| graph.add_str(text)).collect();
    let root = encode(&mut graph, module, name, args);
    graph.set_root(root);
    graph
}

/// What a Python raised at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteException {
    /// Where the class is, by its Python 3 name: `builtins`, `queue`; of a program's own class, what the peer wrote.
    pub module: String,
    /// The class: `ValueError`.
    pub name: String,
    /// What `str` gives in Python 3, as far as the class is one of Python's own; cut after 64 KiB. A class that has a
    /// `__str__` of its own may say something else.
    pub text: String,
    /// The traceback, if the peer sent one: of what its server failed in, and of what a pool's worker raised.
    pub traceback: Option<String>,
}

impl RemoteException {
    /// The exception that a node is: of any Python, by a call of its class, as an instance with a state, as an
    /// old-style class of 2.7, or as `multiprocessing.pool` wraps it up with a traceback. `None` if it is something
    /// else than a call of a class.
    pub fn decode(graph: &Graph, id: NodeId, names: &Names) -> Option<RemoteException> {
        let (id, traceback) = match wrapped(graph, id) {
            Some((inner, traceback)) => (inner, Some(traceback)),
            None => (id, None),
        };
        let Parts { module, name, args } = Parts::of(graph, id)?;
        let (module, name) = names.canonical(module, name, graph.protocol());
        let text = show::text(graph, &name, args, MAX_TEXT);
        Some(RemoteException { module: module.into_owned(), name: name.into_owned(), text, traceback })
    }

    /// The exception that the text of a `#TRACEBACK` ends with; the whole text stays in `traceback`.
    ///
    /// 2.7 never writes the module of a class there, and no Python writes that of its built-in ones: where there is
    /// none, `builtins` is put. A text that is no traceback is a `RemoteError` of `multiprocessing.managers`.
    pub fn from_traceback(text: &str) -> RemoteException {
        let traceback = Some(text.to_owned());
        let Some((module, name, rest)) = last_exception(text) else {
            return RemoteException {
                module: "multiprocessing.managers".into(),
                name: "RemoteError".into(),
                text: text.trim_end().to_owned(),
                traceback,
            };
        };
        RemoteException { module: module.into(), name: name.into(), text: rest.into(), traceback }
    }

    /// Whether it is this class, by its Python 3 name. Subclasses are others: only a Python knows them.
    pub fn is(&self, module: &str, name: &str) -> bool {
        (&*self.module, &*self.name) == (module, name)
    }
}

impl fmt::Display for RemoteException {
    /// As the last line of a traceback has it: `ValueError: boom`, `queue.Empty`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(&self.module, &self.name, &self.text, f)
    }
}

impl core::error::Error for RemoteException {}

/// The line that a traceback ends with for an exception in a graph, whose name is Python 3's or 2's; `None` if it is
/// none.
pub(crate) fn last_line(graph: &Graph, id: NodeId) -> Option<String> {
    let Parts { module, name, args } = Parts::of(graph, id)?;
    let text = show::text(graph, name, args, MAX_TEXT);
    let mut out = String::new();
    line(module, name, &text, &mut out).ok()?;
    Some(out)
}

fn line(module: &str, name: &str, text: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    if !matches!(module, "builtins" | "exceptions" | "__builtin__" | "__main__") {
        write!(f, "{module}.")?;
    }
    f.write_str(name)?;
    if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
}

/// The class and the `args` of an exception.
#[derive(Clone, Copy)]
struct Parts<'g> {
    module: &'g str,
    name: &'g str,
    args: &'g [NodeId],
}

impl<'g> Parts<'g> {
    fn of(graph: &'g Graph, id: NodeId) -> Option<Parts<'g>> {
        let Node::Object(object) = &graph[id] else { return None };
        let (class, args) = match &object.make {
            Make::Instance { class, args } => (*class, &args[..]),
            _ => {
                let (class, args) = object.call()?;
                (class, graph.items(args)?)
            }
        };
        let (module, name) = graph.global(class)?;
        // An old-style class, or one that __reduce__ makes without arguments, has them in its state.
        let state = object.steps.iter().rev().find_map(|step| match step {
            Step::Build(state) => Some(*state),
            _ => None,
        });
        let in_state = match state.map(|state| &graph[state]) {
            Some(Node::Dict(pairs)) => pairs.iter().find(|&&(key, _)| graph.text(key) == Some("args")),
            _ => None,
        };
        let args = in_state.and_then(|&(_, args)| graph.items(args)).unwrap_or(args);
        Some(Parts { module, name, args })
    }
}

/// What the wrappers of pools hold: the exception, and the text of its traceback. 3.4 and newer.
fn wrapped(graph: &Graph, id: NodeId) -> Option<(NodeId, String)> {
    let Node::Object(object) = &graph[id] else { return None };
    let (callable, args) = object.call()?;
    if !matches!(
        graph.global(callable)?,
        ("multiprocessing.pool", "rebuild_exc") | ("concurrent.futures.process", "_rebuild_exc")
    ) {
        return None;
    }
    let &[inner, traceback] = graph.items(args)? else { return None };
    // `RemoteTraceback.__str__` puts quotes around it, which are of no use here.
    Some((inner, graph.text(traceback)?.trim_matches(['\n', '"']).to_owned()))
}

/// Module, name and text of the exception of the last traceback in a text; those before are what it was raised from.
fn last_exception(text: &str) -> Option<(&str, &str, &str)> {
    let mut last = text.strip_prefix(HEADER)?;
    for cause in CAUSES {
        if let Some((_, after)) = last.rsplit_once(cause) {
            last = after.trim_start_matches('\n').strip_prefix(HEADER).unwrap_or(last);
        }
    }
    let mut start = 0;
    for line in last.split_inclusive('\n') {
        // Frames, their source and the marks under it are indented.
        if !line.starts_with(' ') && !line.trim_end().is_empty() {
            break;
        }
        start += line.len();
    }
    let exception = last[start..].trim_end_matches('\n');
    let end = exception.find(['\n', ':']).unwrap_or(exception.len());
    let (class, rest) = exception.split_at(end);
    let named = class.split('.').all(|part| {
        let is_name = |c: char| c == '_' || c.is_alphanumeric() || matches!(c, '<' | '>');
        !part.is_empty() && part.chars().all(is_name)
    });
    if !named {
        return None;
    }
    let rest = rest.strip_prefix(':').map_or(rest, |rest| rest.strip_prefix(' ').unwrap_or(rest));
    let (module, name) = class.rsplit_once('.').unwrap_or(("builtins", class));
    Some((module, name, rest))
}

const HEADER: &str = "Traceback (most recent call last):\n";
/// What Python 3 writes between tracebacks.
const CAUSES: [&str; 2] = [
    "\n\nDuring handling of the above exception, another exception occurred:\n\n",
    "\n\nThe above exception was the direct cause of the following exception:\n\n",
];
const MAX_TEXT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
