//! A graph to a tape: the other way to one.

use alloc::vec::Vec;

use super::tape::{FALSE, Item, Make, NONE, Object, Span, TRUE, Tape};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{self, Graph, Node, NodeId, Step};

/// What `root` refers to, as a tape that borrows from the graph.
pub(super) fn flatten(graph: &Graph, root: NodeId) -> Result<Tape<'_>> {
    let mut flattening =
        Flattening { graph, tape: Tape::new(), ids: alloc::vec![UNSEEN; graph.len()], waiting: Vec::new() };
    flattening.ids[..3].copy_from_slice(&[NONE, TRUE, FALSE]);
    flattening.tape.protocol = graph.protocol();
    flattening.tape.root = flattening.refer(root);
    while let Some(id) = flattening.waiting.pop() {
        flattening.node(id).map_err(Error::new)?;
    }
    Ok(flattening.tape)
}

/// The id on the tape of a node that was not met yet.
const UNSEEN: u32 = u32::MAX;

type Outcome<T> = core::result::Result<T, ErrorKind>;

struct Flattening<'g> {
    graph: &'g Graph,
    tape: Tape<'g>,
    /// The id on the tape of each node.
    ids: Vec<u32>,
    /// Nodes that have an id and no item yet.
    waiting: Vec<NodeId>,
}

impl<'g> Flattening<'g> {
    /// The id on the tape of a node, which it gets if it has none.
    fn refer(&mut self, node: NodeId) -> u32 {
        let id = &mut self.ids[node.index()];
        if *id == UNSEEN {
            *id = self.tape.items.len() as u32;
            self.tape.items.push(Item::None);
            self.waiting.push(node);
        }
        *id
    }

    fn node(&mut self, node: NodeId) -> Outcome<()> {
        let graph = self.graph;
        let item = match &graph[node] {
            Node::None => Item::None,
            Node::Bool(value) => Item::Bool(*value),
            Node::Int(value) => Item::Int(*value),
            Node::Long(blob) => {
                let bytes = graph.blob(*blob);
                graph::small_long(bytes).map_or(Item::Long(bytes), Item::Int)
            }
            Node::Float(value) => Item::Float(*value),
            Node::Str(blob) => Item::Str(graph.blob(*blob)),
            Node::Bytes(blob) => Item::Bytes(graph.blob(*blob)),
            Node::String(blob) => Item::String(graph.blob(*blob)),
            Node::ByteArray(blob) => Item::ByteArray(graph.blob(*blob)),
            Node::List(items) => Item::List(self.span(items)?),
            Node::Tuple(items) => Item::Tuple(self.span(items)?),
            Node::Set(items) => Item::Set(self.span(items)?),
            Node::FrozenSet(items) => Item::FrozenSet(self.span(items)?),
            Node::Dict(pairs) => {
                let ids = self.pairs(pairs);
                Item::Dict(self.tape.span(&ids)?)
            }
            Node::Global(global) => {
                self.tape.globals.push((graph.blob(global.module), graph.blob(global.name)));
                Item::Global(self.tape.globals.len() as u32 - 1)
            }
            Node::Object(object) => {
                let object = self.object(object)?;
                self.tape.objects.push(object);
                Item::Object(self.tape.objects.len() as u32 - 1)
            }
            Node::Persistent(_) | Node::PersistentText(_) => Item::Opaque("a persistent id"),
            Node::Extension(_) => Item::Opaque("a copyreg extension code"),
            Node::Buffer { .. } => Item::Opaque("a buffer that travels beside the pickle"),
        };
        if let Item::Long(piece)
        | Item::Str(piece)
        | Item::Bytes(piece)
        | Item::String(piece)
        | Item::ByteArray(piece) = item
        {
            self.tape.length += piece.len() as u64;
        }
        let id = self.ids[node.index()];
        self.tape.items[id as usize] = item;
        Ok(())
    }

    fn object(&mut self, object: &'g graph::Object) -> Outcome<Object> {
        let make = match &object.make {
            graph::Make::Reduce { callable, args } => {
                Make::Reduce { callable: self.refer(*callable), args: self.refer(*args) }
            }
            graph::Make::NewObj { class, args } => {
                Make::NewObj { class: self.refer(*class), args: self.refer(*args) }
            }
            graph::Make::NewObjEx { class, args, kwargs } => {
                let (class, args, kwargs) = (self.refer(*class), self.refer(*args), self.refer(*kwargs));
                Make::NewObjEx { class, args, kwargs }
            }
            graph::Make::Instance { class, args } => {
                Make::Instance { class: self.refer(*class), args: self.span(args)? }
            }
            graph::Make::Given(id) => Make::Given(self.refer(*id)),
        };
        let mut flat = Object::from(make);
        for step in &object.steps {
            match step {
                Step::Build(state) if flat.state.is_none() => flat.state = Some(self.refer(*state)),
                Step::Build(state) => {
                    let state = self.refer(*state);
                    flat.more_states.push(state);
                }
                Step::Append(items) | Step::AddItems(items) => {
                    flat.items.extend(items.iter().map(|item| self.refer(*item)));
                }
                Step::SetItems(pairs) => flat.pairs.extend(self.pairs(pairs)),
            }
        }
        Ok(flat)
    }

    fn pairs(&mut self, pairs: &[(NodeId, NodeId)]) -> Vec<u32> {
        pairs.iter().flat_map(|(key, value)| [self.refer(*key), self.refer(*value)]).collect()
    }

    fn span(&mut self, items: &[NodeId]) -> Outcome<Span> {
        let ids: Vec<u32> = items.iter().map(|item| self.refer(*item)).collect();
        self.tape.span(&ids)
    }
}
