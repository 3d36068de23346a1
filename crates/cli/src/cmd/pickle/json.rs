//! A graph as JSON: nothing is left out, and what JSON has no word for is spelt with `$` keys.

use std::fmt::Write as _;
use std::io::{self, Write};

use sabir::pickle::{Blob, Graph, Make, Node, NodeId, Step, float_repr};

/// Writes the graph as one line of JSON. Neither depth nor sharing makes it recurse or repeat.
pub(crate) fn write(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    let mut writer = Writer { graph, references: references(graph), next_id: 0, todo: Vec::new() };
    writer.todo.push(Todo::Node(graph.root()));
    while let Some(todo) = writer.todo.pop() {
        match todo {
            Todo::Text(text) => out.write_all(text.as_bytes())?,
            Todo::Key(blob) => {
                write_str(out, &text(graph, blob).unwrap_or_default())?;
                out.write_all(b":")?;
            }
            Todo::Node(id) => writer.node(id, out)?,
        }
    }
    Ok(())
}

struct Writer<'a> {
    graph: &'a Graph,
    references: Vec<Reference>,
    next_id: u64,
    /// What is still to be written, the next last.
    todo: Vec<Todo>,
}

enum Todo {
    Text(&'static str),
    Key(Blob),
    Node(NodeId),
}

/// How often a node is referred to, or by which number once it was written.
#[derive(Clone, Copy, PartialEq)]
enum Reference {
    Never,
    Once,
    More,
    Written(u64),
}

impl Writer<'_> {
    fn node(&mut self, id: NodeId, out: &mut impl Write) -> io::Result<()> {
        let node = &self.graph[id];
        if is_scalar(node) {
            return self.scalar(node, out);
        }
        match self.references[id.index()] {
            Reference::Written(number) => return write!(out, "{{\"$ref\":{number}}}"),
            Reference::More => {
                self.next_id += 1;
                self.references[id.index()] = Reference::Written(self.next_id);
                write!(out, "{{\"$id\":{},\"$value\":", self.next_id)?;
                self.todo.push(Todo::Text("}"));
            }
            Reference::Never | Reference::Once => {}
        }
        let mut parts = Vec::new();
        match node {
            Node::List(items) => list(&mut parts, items),
            Node::Tuple(items) => wrapped(&mut parts, "{\"$tuple\":", items),
            Node::Set(items) => wrapped(&mut parts, "{\"$set\":", items),
            Node::FrozenSet(items) => wrapped(&mut parts, "{\"$frozenset\":", items),
            Node::Dict(pairs) => self.dict(&mut parts, pairs),
            Node::Persistent(id) => {
                parts.extend([Todo::Text("{\"$persistent\":"), Todo::Node(*id), Todo::Text("}")]);
            }
            Node::Object(object) => {
                match &object.make {
                    Make::Reduce { callable, args } => {
                        parts.extend([Todo::Text("{\"$call\":"), Todo::Node(*callable)]);
                        parts.extend([Todo::Text(",\"args\":"), Todo::Node(*args)]);
                    }
                    Make::NewObj { class, args } => {
                        parts.extend([Todo::Text("{\"$new\":"), Todo::Node(*class)]);
                        parts.extend([Todo::Text(",\"args\":"), Todo::Node(*args)]);
                    }
                    Make::NewObjEx { class, args, kwargs } => {
                        parts.extend([Todo::Text("{\"$new\":"), Todo::Node(*class)]);
                        parts.extend([Todo::Text(",\"args\":"), Todo::Node(*args)]);
                        parts.extend([Todo::Text(",\"kwargs\":"), Todo::Node(*kwargs)]);
                    }
                    Make::Instance { class, args } => {
                        parts.extend([Todo::Text("{\"$instance\":"), Todo::Node(*class)]);
                        parts.push(Todo::Text(",\"args\":"));
                        list(&mut parts, args);
                    }
                    Make::Given(id) => parts.extend([Todo::Text("{\"$given\":"), Todo::Node(*id)]),
                }
                for step in &object.steps {
                    self.step(&mut parts, step);
                }
                parts.push(Todo::Text("}"));
            }
            _ => {}
        }
        self.todo.extend(parts.into_iter().rev());
        Ok(())
    }

    fn step(&self, parts: &mut Vec<Todo>, step: &Step) {
        match step {
            Step::Build(state) => parts.extend([Todo::Text(",\"state\":"), Todo::Node(*state)]),
            Step::Append(items) => {
                parts.push(Todo::Text(",\"append\":"));
                list(parts, items);
            }
            Step::AddItems(items) => {
                parts.push(Todo::Text(",\"add\":"));
                list(parts, items);
            }
            Step::SetItems(pairs) => {
                parts.push(Todo::Text(",\"items\":"));
                self.dict(parts, pairs);
            }
        }
    }

    /// An object if every key is text, else a list of pairs.
    fn dict(&self, parts: &mut Vec<Todo>, pairs: &[(NodeId, NodeId)]) {
        let key = |id: NodeId| match self.graph[id] {
            Node::Str(blob) => text(self.graph, blob).filter(|text| !text.starts_with('$')).map(|_| blob),
            // Of Python 2, and shown as text elsewhere too.
            Node::String(blob) => {
                let text = text(self.graph, blob).filter(|text| text.is_ascii() && !text.starts_with('$'));
                text.map(|_| blob)
            }
            _ => None,
        };
        let keys: Option<Vec<Blob>> = pairs.iter().map(|(name, _)| key(*name)).collect();
        let between = |parts: &mut Vec<Todo>, index| {
            if index > 0 {
                parts.push(Todo::Text(","));
            }
        };
        if let Some(keys) = keys {
            parts.push(Todo::Text("{"));
            for (index, (key, (_, value))) in keys.into_iter().zip(pairs).enumerate() {
                between(parts, index);
                parts.extend([Todo::Key(key), Todo::Node(*value)]);
            }
            parts.push(Todo::Text("}"));
        } else {
            parts.push(Todo::Text("{\"$dict\":["));
            for (index, (key, value)) in pairs.iter().enumerate() {
                between(parts, index);
                parts.extend([
                    Todo::Text("["),
                    Todo::Node(*key),
                    Todo::Text(","),
                    Todo::Node(*value),
                    Todo::Text("]"),
                ]);
            }
            parts.push(Todo::Text("]}"));
        }
    }

    fn scalar(&self, node: &Node, out: &mut impl Write) -> io::Result<()> {
        let graph = self.graph;
        match node {
            Node::None => out.write_all(b"null"),
            Node::Bool(value) => write!(out, "{value}"),
            Node::Int(value) if value.unsigned_abs() < 1 << 53 => write!(out, "{value}"),
            Node::Int(value) => write!(out, "{{\"$int\":\"{value}\"}}"),
            Node::Long(blob) => write_long(out, graph.blob(*blob)),
            Node::Float(value) if value.is_finite() => out.write_all(float_repr(*value).as_bytes()),
            Node::Float(value) => write!(out, "{{\"$float\":\"{}\"}}", float_repr(*value)),
            Node::Str(blob) => match text(graph, *blob) {
                Some(text) => write_str(out, &text),
                None => write_hex(out, "$surrogates", graph.blob(*blob)),
            },
            Node::String(blob) => match text(graph, *blob) {
                Some(text) if text.is_ascii() => write_str(out, &text),
                _ => write_hex(out, "$str", graph.blob(*blob)),
            },
            Node::Bytes(blob) => write_hex(out, "$bytes", graph.blob(*blob)),
            Node::ByteArray(blob) => write_hex(out, "$bytearray", graph.blob(*blob)),
            Node::Global(global) => {
                let part = |blob| String::from_utf8_lossy(graph.blob(blob)).into_owned();
                out.write_all(b"{\"$class\":")?;
                write_str(out, &format!("{}.{}", part(global.module), part(global.name)))?;
                out.write_all(b"}")
            }
            Node::PersistentText(blob) => {
                out.write_all(b"{\"$persistent\":")?;
                write_str(out, &String::from_utf8_lossy(graph.blob(*blob)))?;
                out.write_all(b"}")
            }
            Node::Extension(code) => write!(out, "{{\"$extension\":{code}}}"),
            Node::Buffer { index, readonly } => {
                write!(out, "{{\"$buffer\":{index},\"readonly\":{readonly}}}")
            }
            other => {
                out.write_all(b"{\"$other\":")?;
                write_str(out, &format!("{other:?}"))?;
                out.write_all(b"}")
            }
        }
    }
}

/// What holds nothing else; sharing does not show in it.
fn is_scalar(node: &Node) -> bool {
    !matches!(
        node,
        Node::List(_)
            | Node::Tuple(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Dict(_)
            | Node::Persistent(_)
            | Node::Object(_)
    )
}

fn references(graph: &Graph) -> Vec<Reference> {
    let mut references = vec![Reference::Never; graph.len()];
    let mut count = |id: NodeId| {
        let reference = &mut references[id.index()];
        *reference = if *reference == Reference::Never { Reference::Once } else { Reference::More };
    };
    count(graph.root());
    for id in graph.ids() {
        graph[id].for_each_child(&mut count);
    }
    references
}

fn list(parts: &mut Vec<Todo>, items: &[NodeId]) {
    parts.push(Todo::Text("["));
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            parts.push(Todo::Text(","));
        }
        parts.push(Todo::Node(*item));
    }
    parts.push(Todo::Text("]"));
}

fn wrapped(parts: &mut Vec<Todo>, open: &'static str, items: &[NodeId]) {
    parts.push(Todo::Text(open));
    list(parts, items);
    parts.push(Todo::Text("}"));
}

/// Text, unless it holds lone surrogates or is no text at all.
fn text(graph: &Graph, blob: Blob) -> Option<String> {
    String::from_utf8(graph.blob(blob).to_vec()).ok()
}

fn write_str(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut escaped = String::with_capacity(text.len() + 2);
    escaped.push('"');
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            // A terminal must not be told what to do by a pickle: DEL and the C1 controls too.
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped.push('"');
    out.write_all(escaped.as_bytes())
}

fn write_hex(out: &mut impl Write, key: &str, bytes: &[u8]) -> io::Result<()> {
    write!(out, "{{\"{key}\":\"")?;
    let mut hex = String::with_capacity(2 * bytes.len().min(CHUNK));
    for chunk in bytes.chunks(CHUNK) {
        hex.clear();
        for byte in chunk {
            let _ = write!(hex, "{byte:02x}");
        }
        out.write_all(hex.as_bytes())?;
    }
    out.write_all(b"\"}")
}

/// A number in two's complement, little-endian: decimal up to 128 bits, hexadecimal beyond, since decimal digits of a number
/// of any size take time that grows with its square.
fn write_long(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    if bytes.len() <= 16 {
        let mut whole = [if negative { 0xff } else { 0 }; 16];
        whole[..bytes.len()].copy_from_slice(bytes);
        let value = i128::from_le_bytes(whole);
        return if value.unsigned_abs() < 1 << 53 {
            write!(out, "{value}")
        } else {
            write!(out, "{{\"$int\":\"{value}\"}}")
        };
    }
    // The magnitude of a negative number: all bits turned, plus one.
    let mut carry = negative;
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len());
    for byte in bytes {
        let (digit, over) = if negative { (!byte).overflowing_add(u8::from(carry)) } else { (*byte, false) };
        carry = over;
        digits.push(digit);
    }
    while digits.len() > 1 && digits.last() == Some(&0) {
        digits.pop();
    }
    write!(out, "{{\"$int\":\"{}0x", if negative { "-" } else { "" })?;
    for (index, digit) in digits.iter().rev().enumerate() {
        if index == 0 { write!(out, "{digit:x}")? } else { write!(out, "{digit:02x}")? }
    }
    out.write_all(b"\"}")
}

/// Bytes that become hexadecimal at a time.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn json(pickle: &[u8]) -> String {
        let mut out = Vec::new();
        write(&Graph::from_slice(pickle).expect("a pickle"), &mut out).expect("memory takes it");
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn a_list_that_holds_itself_refers_to_itself() {
        assert_eq!(json(b"\x80\x02]q\x00(h\x00K\x07e."), r#"{"$id":1,"$value":[{"$ref":1},7]}"#);
    }

    #[test]
    fn keys_that_are_no_text_make_a_list_of_pairs() {
        assert_eq!(json(b"\x80\x02}K\x01K\x02s."), r#"{"$dict":[[1,2]]}"#);
        assert_eq!(json(b"\x80\x02}X\x01\0\0\0aK\x02s."), r#"{"a":2}"#);
        assert_eq!(json(b"\x80\x02}U\x01aK\x02s."), r#"{"a":2}"#);
        assert_eq!(json(b"\x80\x02}U\x01\xffK\x02s."), r#"{"$dict":[[{"$str":"ff"},2]]}"#);
    }

    #[test]
    fn large_numbers_keep_every_digit() {
        assert_eq!(json(b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x40."), r#"{"$int":"1180591620717411303424"}"#);
        let mut minus = b"\x80\x02\x8a\x11".to_vec();
        minus.extend([0; 16]);
        minus.extend(b"\xff.");
        assert_eq!(json(&minus), r#"{"$int":"-0x100000000000000000000000000000000"}"#);
    }

    #[test]
    fn depth_does_not_matter() {
        let mut pickle = b"\x80\x02".to_vec();
        pickle.extend(std::iter::repeat_n(b']', 200_000));
        pickle.extend(std::iter::repeat_n(b'a', 199_999));
        pickle.push(b'.');
        assert_eq!(json(&pickle).len(), 400_000);
    }
}
