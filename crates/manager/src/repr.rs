//! Python's `repr` and `str` of what a graph holds, for texts that people read: bounded, and without recursion.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use sabir_pickle::{Argument, Graph, Make, Node, NodeId, Op};

/// What `repr` gives in Python 3, cut after `limit` bytes with `...`.
///
/// Objects that calls make are shown as calls, `ValueError('x')`, and all others as `<module.Class object>`.
pub fn repr(graph: &Graph, id: NodeId, limit: usize) -> String {
    let mut writer =
        Writer { graph, out: Bounded { text: String::new(), limit }, work: Vec::new(), open: Vec::new() };
    writer.work.push(Work::Node(id));
    while let Some(work) = writer.work.pop() {
        if writer.step(work).is_err() {
            writer.out.text.push_str("...");
            break;
        }
    }
    writer.out.text
}

/// What `str` gives in Python 3: a text itself, of anything else its [`repr`].
pub fn str(graph: &Graph, id: NodeId, limit: usize) -> String {
    match graph[id] {
        Node::Str(blob) | Node::String(blob) => {
            let bytes = graph.blob(blob);
            let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]).into_owned();
            if bytes.len() > limit {
                text.push_str("...");
            }
            text
        }
        _ => repr(graph, id, limit),
    }
}

/// The name of the type of a node, as `type(x).__name__` has it.
pub fn type_name(graph: &Graph, id: NodeId) -> &str {
    match &graph[id] {
        Node::None => "NoneType",
        Node::Bool(_) => "bool",
        Node::Int(_) | Node::Long(_) => "int",
        Node::Float(_) => "float",
        Node::Str(_) | Node::String(_) => "str",
        Node::Bytes(_) | Node::Buffer { readonly: true, .. } => "bytes",
        Node::ByteArray(_) | Node::Buffer { .. } => "bytearray",
        Node::List(_) => "list",
        Node::Tuple(_) => "tuple",
        Node::Dict(_) => "dict",
        Node::Set(_) => "set",
        Node::FrozenSet(_) => "frozenset",
        Node::Global(_) => "type",
        Node::Object(object) => {
            let class = object.call().map(|(class, _)| class);
            class.and_then(|class| graph.global(class)).map_or("object", |(_, name)| name)
        }
        _ => "object",
    }
}

/// Text up to a limit, in bytes; writing beyond it is an error.
struct Bounded {
    text: String,
    limit: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.text.len());
        if s.len() <= room {
            self.text.push_str(s);
            return Ok(());
        }
        let end = (0..=room).rev().find(|&end| s.is_char_boundary(end)).unwrap_or(0);
        self.text.push_str(&s[..end]);
        Err(fmt::Error)
    }
}

/// What remains to be written, the next last.
#[derive(Clone, Copy)]
enum Work<'g> {
    Node(NodeId),
    /// The items from a place on, then what closes them.
    Items(&'g [NodeId], usize, &'static str),
    Pairs(&'g [(NodeId, NodeId)], usize),
    Text(&'static str),
    /// The container that was opened last has been written.
    Close(&'static str),
}

struct Writer<'g> {
    graph: &'g Graph,
    out: Bounded,
    work: Vec<Work<'g>>,
    /// The containers around what is written.
    open: Vec<NodeId>,
}

impl<'g> Writer<'g> {
    fn step(&mut self, work: Work<'g>) -> fmt::Result {
        match work {
            Work::Node(id) => self.node(id),
            Work::Text(text) => self.out.write_str(text),
            Work::Close(text) => {
                self.open.pop();
                self.out.write_str(text)
            }
            Work::Items(items, at, close) => {
                let Some(&item) = items.get(at) else {
                    self.work.push(Work::Close(close));
                    return Ok(());
                };
                self.work.extend([Work::Items(items, at + 1, close), Work::Node(item)]);
                if at > 0 { self.out.write_str(", ") } else { Ok(()) }
            }
            Work::Pairs(pairs, at) => {
                let Some(&(key, value)) = pairs.get(at) else {
                    self.work.push(Work::Close("}"));
                    return Ok(());
                };
                let pair = [Work::Node(value), Work::Text(": "), Work::Node(key)];
                self.work.push(Work::Pairs(pairs, at + 1));
                self.work.extend(pair);
                if at > 0 { self.out.write_str(", ") } else { Ok(()) }
            }
        }
    }

    fn node(&mut self, id: NodeId) -> fmt::Result {
        // Python gives up at such a depth too.
        if self.open.len() > MAX_DEPTH {
            return Err(fmt::Error);
        }
        let graph = self.graph;
        let op = match &graph[id] {
            Node::None => return self.out.write_str("None"),
            Node::Bool(true) => return self.out.write_str("True"),
            Node::Bool(false) => return self.out.write_str("False"),
            Node::Int(value) => return write!(self.out, "{value}"),
            Node::Long(blob) => Op::Long4(graph.blob(*blob)),
            Node::Float(value) => Op::BinFloat(*value),
            Node::Str(blob) => Op::BinUnicode8(graph.blob(*blob)),
            Node::String(blob) => Op::BinString(graph.blob(*blob)),
            Node::Bytes(blob) => Op::BinBytes8(graph.blob(*blob)),
            Node::ByteArray(blob) => Op::ByteArray8(graph.blob(*blob)),
            Node::List(items) => return self.items(id, "[", items, "]", "[...]"),
            Node::Tuple(items) if items.len() == 1 => return self.items(id, "(", items, ",)", "(...)"),
            Node::Tuple(items) => return self.items(id, "(", items, ")", "(...)"),
            Node::Set(items) if items.is_empty() => return self.out.write_str("set()"),
            Node::Set(items) => return self.items(id, "{", items, "}", "set(...)"),
            Node::FrozenSet(items) if items.is_empty() => return self.out.write_str("frozenset()"),
            Node::FrozenSet(items) => {
                return self.items(id, "frozenset({", items, "})", "frozenset(...)");
            }
            Node::Dict(pairs) => {
                if self.open.contains(&id) {
                    return self.out.write_str("{...}");
                }
                self.open.push(id);
                self.work.push(Work::Pairs(pairs, 0));
                return self.out.write_char('{');
            }
            Node::Global(_) => return self.class(id),
            Node::Object(object) => {
                if let Make::Reduce { callable, args } = object.make
                    && let (Some((_, name)), Some(args)) = (graph.global(callable), graph.items(args))
                {
                    self.out.write_str(name)?;
                    return self.items(id, "(", args, ")", "(...)");
                }
                let class = match object.make {
                    Make::Instance { class, .. } => Some(class),
                    _ => object.call().map(|(class, _)| class),
                };
                let Some((module, name)) = class.and_then(|class| graph.global(class)) else {
                    return self.out.write_str("<object>");
                };
                return write!(self.out, "<{module}.{name} object>");
            }
            _ => return self.out.write_str("<object>"),
        };
        match Argument::of(op) {
            Some(argument) => write!(self.out, "{argument}"),
            None => Ok(()),
        }
    }

    fn items(
        &mut self,
        id: NodeId,
        open: &str,
        items: &'g [NodeId],
        close: &'static str,
        again: &str,
    ) -> fmt::Result {
        if self.open.contains(&id) {
            return self.out.write_str(again);
        }
        self.open.push(id);
        self.work.push(Work::Items(items, 0, close));
        self.out.write_str(open)
    }

    fn class(&mut self, id: NodeId) -> fmt::Result {
        match self.graph.global(id) {
            Some(("builtins" | "__builtin__" | "exceptions", name)) => write!(self.out, "<class '{name}'>"),
            Some((module, name)) => write!(self.out, "<class '{module}.{name}'>"),
            None => self.out.write_str("<class>"),
        }
    }
}

const MAX_DEPTH: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pickle: &[u8]) -> String {
        let graph = Graph::from_slice(pickle).unwrap();
        repr(&graph, graph.root(), 200)
    }

    #[test]
    fn values_look_as_python_3_shows_them() {
        assert_eq!(
            of(b"\x80\x02](NK\x01X\x04\0\0\0it'sU\x01aG?\xf8\0\0\0\0\0\0e."),
            "[None, 1, \"it's\", 'a', 1.5]"
        );
        assert_eq!(
            of(b"\x80\x03}(X\x01\0\0\0aK\x01\x85C\x01\xffX\x02\0\0\0\xc3\xa9u."),
            "{'a': (1,), b'\\xff': '\u{e9}'}"
        );
        assert_eq!(of(b"\x80\x02c__builtin__\nint\n."), "<class 'int'>");
        assert_eq!(of(b"\x80\x02cexceptions\nValueError\nU\x01x\x85R."), "ValueError('x')");
    }

    #[test]
    fn cycles_and_depth_end() {
        assert_eq!(of(b"\x80\x02]q\0(h\0K\x07e."), "[[...], 7]");
        let mut deep = b"\x80\x02".to_vec();
        deep.extend_from_slice(&[b']'; 100_000]);
        deep.extend_from_slice(&[b'a'; 99_999]);
        deep.push(b'.');
        assert_eq!(of(&deep).len(), 203);
        let graph = Graph::from_slice(&deep).unwrap();
        let cut = repr(&graph, graph.root(), usize::MAX);
        assert_eq!(
            cut,
            "[".repeat(MAX_DEPTH + 1) + "...",
            "each container looks for itself among those around it"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut graph = Graph::new();
        let id = graph.add_str(&"\u{e9}".repeat(500));
        assert_eq!(str(&graph, id, 11).chars().count(), 5 + 1 + 3);
        assert!(repr(&graph, id, 11).ends_with("\u{e9}..."));
    }
}
