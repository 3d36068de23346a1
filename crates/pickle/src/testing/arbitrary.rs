//! Graphs of every kind of node, from any bytes.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use crate::graph::{Global, Graph, Make, Node, NodeId, Object, Step};

/// Decisions, taken from bytes as long as there are some, and then from a generator that all of them seed.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl<'a> Choices<'a> {
    /// Decisions from these bytes.
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        // FNV-1a: nearby seeds, such as counters, start far apart.
        let hash = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Choices { bytes, state: bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1 }
    }

    /// A number from 0 up to, and without, `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let drawn = match self.bytes.split_first() {
            Some((&byte, rest)) if end <= 256 => {
                self.bytes = rest;
                usize::from(byte)
            }
            _ => self.next() as usize,
        };
        drawn.checked_rem(end).unwrap_or(0)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// A 64-bit number, by Marsaglia's xorshift.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

/// A graph of up to about 60 nodes of all kinds, with sharing, and with cycles through what can change.
pub fn arbitrary_graph(choices: &mut Choices<'_>) -> Graph {
    let mut maker = Maker { graph: Graph::new(), choices, made: Vec::new(), buffers: 0 };
    maker.made.extend([NodeId::NONE, NodeId::TRUE, NodeId::FALSE]);
    for _ in 0..2 + maker.choices.below(48) {
        let id = maker.node();
        maker.made.push(id);
    }
    for _ in 0..maker.choices.below(6) {
        maker.tie();
    }
    let root = maker.root();
    maker.graph.set_root(root);
    maker.graph
}

struct Maker<'c, 'b> {
    graph: Graph,
    choices: &'c mut Choices<'b>,
    /// What may be referred to.
    made: Vec<NodeId>,
    buffers: u32,
}

const NUMBERS: [i64; 18] = [
    0,
    1,
    -1,
    255,
    256,
    65_535,
    65_536,
    -128,
    -129,
    i32::MAX as i64,
    i32::MIN as i64,
    i32::MAX as i64 + 1,
    i32::MIN as i64 - 1,
    i64::MAX,
    i64::MIN,
    7,
    1000,
    127,
];
const FLOATS: [f64; 9] = [0.0, -0.0, 1.5, 1e16, 1e-5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324];
/// Text that ends a line, looks like an escape, is no ASCII, or is a lone surrogate.
const TEXTS: [&[u8]; 10] = [
    b"",
    b"a",
    b"key",
    b"\n",
    b"a\\u0041",
    b"'\"",
    "\u{e9}\u{20ac}\u{1f600}".as_bytes(),
    b"\xed\xa0\x80",
    b"\0\r\x1a",
    b"x.y",
];
const BYTES: [&[u8]; 6] = [b"", b"\xff\xfe", b"abc", b"\n\0'\\", &[0x80; 255], &[b'z'; 256]];
const MODULES: [&str; 4] = ["m", "collections", "pkg.sub", "__main__"];
const NAMES: [&str; 5] = ["C", "f", "Outer.Inner", "A.B.C", "OrderedDict"];

impl Maker<'_, '_> {
    fn node(&mut self) -> NodeId {
        let node = match self.choices.below(22) {
            0 => Node::Int(self.choices.pick(&NUMBERS)),
            1 => Node::Int(self.choices.below(70_000) as i64 - 300),
            2 => Node::Long(self.long()),
            3 => Node::Float(self.choices.pick(&FLOATS)),
            4 | 5 => Node::Str(self.text()),
            6 => Node::Bytes(self.bytes()),
            7 => Node::String(self.bytes()),
            8 => Node::ByteArray(self.bytes()),
            9 | 10 => Node::List(self.some()),
            11 => Node::Tuple(self.some()),
            12 => Node::Dict(self.pairs()),
            13 => Node::Set(self.some()),
            14 => Node::FrozenSet(self.some()),
            15 => return self.global(),
            16 => Node::Persistent(self.persistent_id()),
            17 => {
                let text = format!("id {}", self.choices.below(100));
                Node::PersistentText(self.graph.store(text.as_bytes()))
            }
            18 => {
                let code = self.choices.pick(&[1, 255, 256, 65_535, 65_536, 0x7fff_ffff]);
                Node::Extension(code)
            }
            _ => Node::Object(Box::new(self.object())),
        };
        self.graph.add(node)
    }

    fn object(&mut self) -> Object {
        let make = match self.choices.below(5) {
            0 => Make::Reduce { callable: self.one(), args: self.args() },
            1 => Make::NewObj { class: self.class(), args: self.args() },
            2 => {
                let kwargs = Node::Dict(self.pairs());
                Make::NewObjEx { class: self.class(), args: self.args(), kwargs: self.graph.add(kwargs) }
            }
            3 => Make::Instance { class: self.class(), args: self.some() },
            _ => return self.given(),
        };
        let mut steps = Vec::new();
        for _ in 0..self.choices.below(3) {
            steps.push(self.step());
        }
        Object { make, steps }
    }

    /// As the loader makes it: nothing else refers to what is given, and it is given its state first.
    fn given(&mut self) -> Object {
        let inner = match self.choices.below(3) {
            0 => Node::List(self.some()),
            1 => Node::Str(self.text()),
            _ => Node::Persistent(self.persistent_id()),
        };
        let inner = self.graph.add(inner);
        let mut steps = alloc::vec![Step::Build(self.one())];
        steps.extend((self.choices.below(2) == 0).then(|| self.step()));
        Object { make: Make::Given(inner), steps }
    }

    fn step(&mut self) -> Step {
        match self.choices.below(4) {
            0 => Step::Build(self.one()),
            1 => Step::Append(self.some()),
            2 => Step::SetItems(self.pairs()),
            _ => Step::AddItems(self.some()),
        }
    }

    /// A later reference, which may close a cycle.
    fn tie(&mut self) {
        let (holder, value) = (self.one(), self.one());
        match self.graph.node_mut(holder) {
            Node::List(items) | Node::Set(items) => items.push(value),
            Node::Dict(pairs) => pairs.push((NodeId::NONE, value)),
            Node::Object(object) => object.steps.push(Step::Build(value)),
            // What cannot change cannot hold itself but through something that can; a tuple may be asked to all the same.
            Node::Tuple(items) if items.len() == 5 => items[0] = value,
            _ => {}
        }
    }

    /// All that nothing refers to yet would be lost; the newest nodes lead to most.
    fn root(&mut self) -> NodeId {
        let newest = self.made.len().saturating_sub(6);
        let mut items = self.made[newest..].to_vec();
        for _ in 0..self.choices.below(3) {
            // Buffers are met in their order, each once, as no pickler writes them otherwise.
            let (index, readonly) = (self.buffers, self.choices.below(2) == 0);
            self.buffers += 1;
            items.push(self.graph.add(Node::Buffer { index, readonly }));
        }
        match self.choices.below(3) {
            0 => self.one(),
            1 => self.graph.add(Node::Tuple(items)),
            _ => self.graph.add(Node::List(items)),
        }
    }

    fn one(&mut self) -> NodeId {
        let index = self.choices.below(self.made.len());
        self.made[index]
    }

    fn some(&mut self) -> Vec<NodeId> {
        let count = self.choices.pick(&[0, 1, 1, 2, 3, 5]);
        // Sometimes more than one batch holds.
        let count = if count == 5 && self.choices.below(64) == 0 { 1001 } else { count };
        (0..count).map(|_| self.one()).collect()
    }

    fn pairs(&mut self) -> Vec<(NodeId, NodeId)> {
        (0..self.choices.below(4)).map(|_| (self.one(), self.one())).collect()
    }

    fn args(&mut self) -> NodeId {
        let args = Node::Tuple(self.some());
        self.graph.add(args)
    }

    fn class(&mut self) -> NodeId {
        if self.choices.below(4) == 0 { self.one() } else { self.global() }
    }

    /// Mostly a number, for what picklers do not keep apart in ids that they write twice.
    fn persistent_id(&mut self) -> NodeId {
        match self.choices.below(30) {
            0 => self.one(),
            number => self.graph.add_int(number as i64),
        }
    }

    fn global(&mut self) -> NodeId {
        let (module, name) = (self.choices.pick(&MODULES), self.choices.pick(&NAMES));
        let global =
            Global { module: self.graph.store(module.as_bytes()), name: self.graph.store(name.as_bytes()) };
        self.graph.add(Node::Global(Box::new(global)))
    }

    fn text(&mut self) -> crate::graph::Blob {
        let text = self.choices.pick(&TEXTS);
        self.graph.store(text)
    }

    fn bytes(&mut self) -> crate::graph::Blob {
        let bytes = self.choices.pick(&BYTES);
        self.graph.store(bytes)
    }

    fn long(&mut self) -> crate::graph::Blob {
        let length = self.choices.pick(&[0, 1, 8, 9, 20, 255, 256]);
        let bytes: Vec<u8> = (0..length).map(|_| self.choices.below(256) as u8).collect();
        self.graph.store(&bytes)
    }
}
