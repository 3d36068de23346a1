//! Objects that versions write in forms which others cannot read: each is a case, since each has its own reason.

use alloc::vec::Vec;

use super::{Pass, native_text};
use crate::graph::{Make, Node, NodeId, Step};

impl Pass<'_, '_> {
    /// Rewrites an object that `module.name(*args)` makes, if the target does not know that form.
    pub(super) fn form(&mut self, id: NodeId, args: NodeId, module: &str, name: &str) {
        match (module, name) {
            ("datetime", "datetime") if self.to.may_be_py2() => self.drop_fold(id, args, 2),
            ("datetime", "time") if self.to.may_be_py2() => self.drop_fold(id, args, 0),
            ("multiprocessing.reduction", "_rebuild_partial") if self.to.may_be_py2() => {
                self.partial(id, args);
            }
            ("array", "_array_reconstructor") if self.to.may_be_py2() => self.array(id, args),
            ("numpy.core.numeric", "_frombuffer") if self.protocol < 5 => self.frombuffer(id, args),
            _ => {}
        }
    }

    /// The repeated hour (PEP 495) is the top bit of one byte of the packed fields. Python 2 takes it for a month or
    /// hour above 127; Python 3's own pickler leaves it out below protocol 4.
    fn drop_fold(&mut self, id: NodeId, args: NodeId, byte: usize) {
        let Some(&[packed] | &[packed, _]) = self.graph.items(args) else { return };
        let Node::Bytes(blob) = self.graph[packed] else { return };
        if blob.len() > MAX_PACKED {
            return;
        }
        let mut bytes = self.graph.blob(blob).to_vec();
        match bytes.get_mut(byte) {
            Some(field) if *field & 0x80 != 0 => *field &= 0x7f,
            _ => return,
        }
        let blob = self.graph.store(&bytes);
        let new = self.graph.add(Node::Bytes(blob));
        let new = self.with_items(args, &[(0, packed, new)]);
        self.replace(id, args, new);
    }

    /// `multiprocessing` of 3.x pickles partials through a function of its own, which 2.7 lacks. `functools.partial` with
    /// its state is what plain pickle writes, and all read it.
    fn partial(&mut self, id: NodeId, args: NodeId) {
        let Some(&[function, bound, keywords]) = self.graph.items(args) else { return };
        let callable = self.add_global("functools", "partial");
        let first = self.graph.add_tuple([function]);
        let state = self.graph.add_tuple([function, bound, keywords, NodeId::NONE]);
        self.keys(keywords);
        let Node::Object(object) = self.graph.node_mut(id) else { return };
        object.make = Make::Reduce { callable, args: first };
        object.steps.insert(0, Step::Build(state));
        self.changed = true;
    }

    /// Protocol 5 builds an array over a buffer; readers without it build an empty one and set its state, as every NumPy
    /// does at protocol 4: `_reconstruct(ndarray, (0,), b'b')`, then `(1, shape, dtype, is_fortran, items)`.
    fn frombuffer(&mut self, id: NodeId, args: NodeId) {
        let Some(&[buffer, dtype, shape, order]) = self.graph.items(args) else { return };
        let items = match self.graph[buffer] {
            Node::ByteArray(blob) | Node::Bytes(blob) => self.graph.add(Node::Bytes(blob)),
            _ => return,
        };
        let fortran = match self.graph.text(order) {
            Some("F") => NodeId::TRUE,
            Some("C") => NodeId::FALSE,
            _ => return,
        };
        let callable = self.add_global("numpy.core.multiarray", "_reconstruct");
        let class = self.add_global("numpy", "ndarray");
        let (zero, version) = (self.graph.add_int(0), self.graph.add_int(1));
        let empty = self.graph.add_tuple([zero]);
        let code = self.graph.store(b"b");
        let code = self.graph.add(Node::Bytes(code));
        let args = self.graph.add_tuple([class, empty, code]);
        let state = self.graph.add_tuple([version, shape, dtype, fortran, items]);
        let Node::Object(object) = self.graph.node_mut(id) else { return };
        object.make = Make::Reduce { callable, args };
        object.steps.insert(0, Step::Build(state));
        self.changed = true;
    }

    /// From protocol 3 on an array says what machine its items are from; 2.7 has only `array(code, [item, ...])`, which
    /// is what it writes itself, and all read it. Arrays of characters and codes that 2.7 lacks stay as they are.
    fn array(&mut self, id: NodeId, args: NodeId) {
        let Some(&[class, code, format, items]) = self.graph.items(args) else { return };
        let Some(format) = self.graph.int(format) else { return };
        let items = match self.arrays.get(&(items, format)) {
            Some(&written) => written,
            None => {
                let written = self.array_items(items, format);
                self.arrays.insert((items, format), written);
                written
            }
        };
        let Some(items) = items else { return };
        let code = native_text(self.graph, code, self.to);
        let args = self.graph.add_tuple([code, items]);
        let Node::Object(object) = self.graph.node_mut(id) else { return };
        object.make = Make::Reduce { callable: class, args };
        self.changed = true;
    }

    /// The list of the items that these bytes are.
    fn array_items(&mut self, bytes: NodeId, format: i64) -> Option<NodeId> {
        let Node::Bytes(blob) = self.graph[bytes] else { return None };
        let items = Format::of(format)?.items(self.graph.blob(blob))?;
        let items = items.into_iter().map(|item| self.graph.add(item)).collect();
        Some(self.graph.add(Node::List(items)))
    }
}

/// A datetime is ten bytes, a time six.
const MAX_PACKED: usize = 10;

/// How an array's items are laid out: CPython's `machine_format_code` (Modules/arraymodule.c), characters excepted.
struct Format {
    kind: ItemKind,
    size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Unsigned,
    Signed,
    Float,
}

impl Format {
    fn of(code: i64) -> Option<Format> {
        let (kind, size) = match code {
            0 => (ItemKind::Unsigned, 1),
            1 => (ItemKind::Signed, 1),
            2 | 3 => (ItemKind::Unsigned, 2),
            4 | 5 => (ItemKind::Signed, 2),
            6 | 7 => (ItemKind::Unsigned, 4),
            8 | 9 => (ItemKind::Signed, 4),
            10 | 11 => (ItemKind::Unsigned, 8),
            12 | 13 => (ItemKind::Signed, 8),
            14 | 15 => (ItemKind::Float, 4),
            16 | 17 => (ItemKind::Float, 8),
            _ => return None,
        };
        Some(Format { kind, size, big_endian: code > 1 && code % 2 == 1 })
    }

    /// The items; `None` if one is cut short, or is a number that only a `long` could hold.
    fn items(&self, bytes: &[u8]) -> Option<Vec<Node>> {
        let chunks = bytes.chunks_exact(self.size);
        if !chunks.remainder().is_empty() {
            return None;
        }
        chunks.map(|chunk| self.item(chunk)).collect()
    }

    fn item(&self, chunk: &[u8]) -> Option<Node> {
        let mut low_first = [0; 8];
        low_first[..self.size].copy_from_slice(chunk);
        if self.big_endian {
            low_first[..self.size].reverse();
        }
        let raw = u64::from_le_bytes(low_first);
        let unused = 64 - 8 * self.size as u32;
        Some(match (self.kind, self.size) {
            (ItemKind::Float, 4) => Node::Float(f64::from(f32::from_bits(raw as u32))),
            (ItemKind::Float, _) => Node::Float(f64::from_bits(raw)),
            (ItemKind::Signed, _) => Node::Int((raw << unused) as i64 >> unused),
            (ItemKind::Unsigned, _) => Node::Int(i64::try_from(raw).ok()?),
        })
    }
}
