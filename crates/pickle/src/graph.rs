//! A pickle as data: every object once, with all that refers to it.
//!
//! A graph is lossless. It tells shared objects from equal ones, holds cycles, keeps classes and functions as names
//! that nothing has resolved, and has a place for everything that an opcode can say. Nothing in it was ever called.

mod node;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::ops::Index;

use bytes::Bytes;

pub use self::node::{Global, Make, Node, Object, Step};

/// One object of a [`Graph`], valid in the graph that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(NonZeroU32);

impl NodeId {
    /// None, in every graph.
    pub const NONE: NodeId = NodeId::at(0);
    /// True, in every graph.
    pub const TRUE: NodeId = NodeId::at(1);
    /// False, in every graph.
    pub const FALSE: NodeId = NodeId::at(2);

    /// The place of the node in its graph, from 0.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    const fn at(index: u32) -> NodeId {
        // Memory ends long before the ids do.
        NodeId(NonZeroU32::MIN.saturating_add(index))
    }
}

/// Bytes that belong to a graph: a piece of the pickle it was loaded from, or something added since. Ask
/// [`Graph::blob`] for them.
#[derive(Clone, Copy, Debug)]
pub struct Blob {
    /// Upper 16 bits: which source; the rest: where in it.
    place: u64,
    length: usize,
}

impl Blob {
    /// The number of bytes.
    pub fn len(self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// A piece of them.
    pub(crate) fn slice(self, start: usize, end: usize) -> Blob {
        Blob { place: self.place + start as u64, length: end - start }
    }
}

/// A pickle as data.
///
/// ```
/// use sabir_pickle::{Graph, Node};
/// let graph = Graph::from_slice(b"\x80\x02]q\x00(h\x00K\x07e.")?;
/// let Node::List(items) = &graph[graph.root()] else { panic!("not a list") };
/// assert_eq!(items[0], graph.root(), "the list is its own first item");
/// assert!(matches!(graph[items[1]], Node::Int(7)));
/// # Ok::<(), sabir_pickle::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    /// The pickle itself, if it was loaded from one, and what was taken in since without copying it.
    sources: Vec<Bytes>,
    /// Bytes that are in no source: what was decoded or added.
    extra: Vec<u8>,
    root: NodeId,
    protocol: u8,
    length: usize,
}

const PLACE_BITS: u32 = 48;
const EXTRA: u64 = 0xffff;
/// In bytes.
const SHORT_TEXTS: usize = 32;

impl Graph {
    /// A graph whose root is None, to add to.
    pub fn new() -> Graph {
        let mut nodes = Vec::with_capacity(12);
        nodes.extend([Node::None, Node::Bool(true), Node::Bool(false)]);
        Graph { nodes, sources: Vec::new(), extra: Vec::new(), root: NodeId::NONE, protocol: 0, length: 0 }
    }

    /// The object that the pickle is.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// Makes another node the object that the pickle is.
    pub fn set_root(&mut self, root: NodeId) {
        self.root = root;
    }

    /// The protocol that the pickle named: 2 to 5, or 0 if it named none. Below 3, its globals have Python 2's names.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Says which protocol's names the globals have.
    pub fn set_protocol(&mut self, protocol: u8) {
        self.protocol = protocol;
    }

    /// The length in bytes of the pickle that was loaded, its STOP included.
    pub fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length;
    }

    /// Puts the pickle itself in its place, after it was read.
    pub(crate) fn set_first_source(&mut self, source: Bytes) {
        self.sources.insert(0, source);
    }

    /// How many nodes there are, those included that nothing refers to (any more).
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a graph holds at least its constants.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node's id, in the order they were made.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId::at)
    }

    /// The node, to change it.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    /// Adds a node that nothing refers to yet.
    pub fn add(&mut self, node: Node) -> NodeId {
        // The loader's limit is far below; a caller who adds four billion nodes has run out of memory before.
        let id = NodeId::at(self.nodes.len() as u32);
        self.nodes.push(node);
        id
    }

    /// The bytes of a blob.
    pub fn blob(&self, blob: Blob) -> &[u8] {
        let (source, start) = (blob.place >> PLACE_BITS, (blob.place & ((1 << PLACE_BITS) - 1)) as usize);
        let bytes = if source == EXTRA { &self.extra[..] } else { &self.sources[source as usize][..] };
        &bytes[start..start + blob.length]
    }

    /// The bytes of a blob, shared and not copied if they are part of a source.
    pub fn shared_blob(&self, blob: Blob) -> Option<Bytes> {
        let (source, start) = (blob.place >> PLACE_BITS, (blob.place & ((1 << PLACE_BITS) - 1)) as usize);
        (source != EXTRA).then(|| self.sources[source as usize].slice(start..start + blob.length))
    }

    /// Copies bytes into the graph.
    pub fn store(&mut self, bytes: &[u8]) -> Blob {
        if self.extra.capacity() == 0 {
            // A reply's two texts, in one go.
            self.extra.reserve(bytes.len().max(SHORT_TEXTS));
        }
        let place = EXTRA << PLACE_BITS | self.extra.len() as u64;
        self.extra.extend_from_slice(bytes);
        Blob { place, length: bytes.len() }
    }

    /// Takes bytes into the graph without copying them.
    pub fn share(&mut self, bytes: Bytes) -> Blob {
        let number = self.sources.len() as u64;
        if number == EXTRA {
            return self.store(&bytes);
        }
        let length = bytes.len();
        self.sources.push(bytes);
        Blob { place: number << PLACE_BITS, length }
    }

    /// The blob of a piece of the first source.
    pub(crate) fn blob_at(start: usize, length: usize) -> Blob {
        Blob { place: start as u64, length }
    }

    /// Adds text.
    pub fn add_str(&mut self, text: &str) -> NodeId {
        let blob = self.store(text.as_bytes());
        self.add(Node::Str(blob))
    }

    /// Adds an integer.
    pub fn add_int(&mut self, value: i64) -> NodeId {
        self.add(Node::Int(value))
    }

    /// Adds a tuple.
    pub fn add_tuple(&mut self, items: impl Into<Vec<NodeId>>) -> NodeId {
        self.add(Node::Tuple(items.into()))
    }

    /// Adds a class or function by its name.
    pub fn add_global(&mut self, module: &str, name: &str) -> NodeId {
        let global = Global { module: self.store(module.as_bytes()), name: self.store(name.as_bytes()) };
        self.add(Node::Global(Box::new(global)))
    }

    /// Adds an object that a call makes, with nothing done to it yet.
    pub fn add_object(&mut self, make: Make) -> NodeId {
        self.add(Node::Object(Box::new(Object { make, steps: Vec::new() })))
    }

    /// The text of a node that is text: of either Python's, if it is valid UTF-8.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match self[id] {
            Node::Str(blob) | Node::String(blob) => core::str::from_utf8(self.blob(blob)).ok(),
            _ => None,
        }
    }

    /// Module and name of a node that is a global, if they are valid UTF-8.
    pub fn global(&self, id: NodeId) -> Option<(&str, &str)> {
        let Node::Global(global) = &self[id] else { return None };
        let text = |blob| core::str::from_utf8(self.blob(blob)).ok();
        Some((text(global.module)?, text(global.name)?))
    }

    /// The value of a node that is an integer and fits.
    pub fn int(&self, id: NodeId) -> Option<i64> {
        match self[id] {
            Node::Int(value) => Some(value),
            Node::Long(blob) => small_long(self.blob(blob)),
            _ => None,
        }
    }

    /// The items of a tuple or a list.
    pub fn items(&self, id: NodeId) -> Option<&[NodeId]> {
        match &self[id] {
            Node::Tuple(items) | Node::List(items) => Some(items),
            _ => None,
        }
    }
}

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

impl Index<NodeId> for Graph {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }
}

/// The value of a LONG1 argument that fits into 64 bits.
pub(crate) fn small_long(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let sign = if bytes.last().is_some_and(|&top| top >= 0x80) { 0xff } else { 0 };
    let mut value = [sign; 8];
    value[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(value))
}
