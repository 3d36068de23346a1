//! Texts of `#TRACEBACK` replies, in the shape of CPython's `traceback.format_exc()`.
//!
//! The last lines are those of a stock 3.13, since RemoteError shows them and programs look for them; the frames are
//! ours.

use alloc::format;
use alloc::string::{String, ToString};

use sabir_pickle::{Graph, Node, NodeId};

use crate::repr::{repr, type_name};

/// What went wrong: the last line of a traceback, such as `KeyError: '7f'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

/// A traceback with one frame, in the function of CPython's server that would have raised it.
pub(super) fn traceback(function: &str, fault: &Fault) -> String {
    format!("{HEADER}  File \"<sabir>\", line 1, in {function}\n{}\n", fault.0)
}

/// A traceback of what was raised while something else was handled.
pub(super) fn chained(function: &str, first: &Fault, last: &Fault) -> String {
    const DURING: &str = "\nDuring handling of the above exception, another exception occurred:\n\n";
    [&traceback(function, first), DURING, &traceback(function, last)].concat()
}

impl Fault {
    /// A dict has no such key: `KeyError`, or `TypeError` of what can be no key.
    pub(super) fn missing(graph: &Graph, key: NodeId) -> Fault {
        match graph[key] {
            Node::List(_) | Node::Dict(_) | Node::Set(_) | Node::ByteArray(_) => {
                Fault(format!("TypeError: unhashable type: '{}'", type_name(graph, key)))
            }
            _ => Fault(format!("KeyError: {}", shown(graph, key))),
        }
    }

    /// A message that is not four things.
    pub(super) fn unpack(graph: &Graph, id: NodeId) -> Fault {
        let length = match &graph[id] {
            Node::Tuple(items) | Node::List(items) | Node::Set(items) | Node::FrozenSet(items) => items.len(),
            Node::Dict(pairs) => pairs.len(),
            Node::Str(blob) => String::from_utf8_lossy(graph.blob(*blob)).chars().count(),
            Node::String(blob) | Node::Bytes(blob) | Node::ByteArray(blob) => blob.len(),
            _ => {
                let name = type_name(graph, id);
                return Fault(format!("TypeError: cannot unpack non-iterable {name} object"));
            }
        };
        Fault(match length {
            0..4 => format!("ValueError: not enough values to unpack (expected 4, got {length})"),
            4 => "TypeError: a request is a tuple".to_string(),
            _ => "ValueError: too many values to unpack (expected 4)".to_string(),
        })
    }
}

/// `repr`, as long as anybody reads it.
pub(super) fn shown(graph: &Graph, id: NodeId) -> String {
    repr(graph, id, MAX_SHOWN)
}

const HEADER: &str = "Traceback (most recent call last):\n";
/// Bytes of a peer's own value that are shown back to it.
const MAX_SHOWN: usize = 1024;
