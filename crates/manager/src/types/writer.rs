//! Values on their way out: into one graph, what was shared still shared. And the form in which values are kept.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Blob, Global, Graph, Names, Node, NodeId};

use super::memory::Kept;
use super::value::{Atom, Held, Part, Value};

/// Writes values into one graph, each part of each graph once.
pub(crate) struct Writer {
    pub(crate) graph: Graph,
    seen: BTreeMap<(usize, NodeId), NodeId>,
    /// So that no other graph comes to lie where one was.
    kept: Vec<Arc<Kept>>,
}

impl Writer {
    pub(crate) fn new() -> Writer {
        Writer::over(Graph::new())
    }

    /// Adds to a graph, whose names are Python 3's.
    pub(crate) fn over(mut graph: Graph) -> Writer {
        graph.set_protocol(4);
        Writer { graph, seen: BTreeMap::new(), kept: Vec::new() }
    }

    /// A graph of a node that refers to no other, which needs no looking for what is shared.
    pub(super) fn leaf(from: &Graph, id: NodeId) -> Option<Graph> {
        let mut node = from[id].clone();
        if !matches!(node, Node::Str(_) | Node::Bytes(_) | Node::String(_) | Node::Long(_)) {
            return None;
        }
        let mut writer = Writer::new();
        writer.move_blobs(from, &mut node);
        let root = writer.graph.add(node);
        writer.graph.set_root(root);
        Some(writer.graph)
    }

    pub(super) fn alone(value: &Value) -> Graph {
        let mut writer = Writer::new();
        let root = writer.add(value);
        writer.graph.set_root(root);
        writer.graph
    }

    pub(crate) fn add(&mut self, value: &Value) -> NodeId {
        let Part { graph, id } = match &value.0 {
            Held::Atom(Atom::None) => return NodeId::NONE,
            Held::Atom(Atom::Bool(true)) => return NodeId::TRUE,
            Held::Atom(Atom::Bool(false)) => return NodeId::FALSE,
            Held::Atom(Atom::Int(value)) => return self.graph.add_int(*value),
            Held::Atom(Atom::Float(value)) => return self.graph.add(Node::Float(*value)),
            Held::Part(part) => part,
        };
        if self.kept.last().is_none_or(|last| !Arc::ptr_eq(last, graph)) {
            self.kept.push(Arc::clone(graph));
        }
        let source = Arc::as_ptr(graph) as usize;
        let mut work = Vec::new();
        let root = self.place(graph, source, *id, &mut work);
        while let Some((from, to)) = work.pop() {
            let mut node = graph[from].clone();
            self.move_blobs(graph, &mut node);
            node.for_each_child_mut(|child| *child = self.place(graph, source, *child, &mut work));
            *self.graph.node_mut(to) = node;
        }
        root
    }

    /// Where a node goes, which is to be filled if it is new.
    fn place(
        &mut self,
        graph: &Graph,
        source: usize,
        id: NodeId,
        work: &mut Vec<(NodeId, NodeId)>,
    ) -> NodeId {
        match graph[id] {
            Node::None => return NodeId::NONE,
            Node::Bool(true) => return NodeId::TRUE,
            Node::Bool(false) => return NodeId::FALSE,
            _ => {}
        }
        if let Some(&there) = self.seen.get(&(source, id)) {
            return there;
        }
        let to = self.graph.add(Node::None);
        self.seen.insert((source, id), to);
        work.push((id, to));
        to
    }

    fn move_blobs(&mut self, from: &Graph, node: &mut Node) {
        match node {
            Node::Long(blob)
            | Node::Str(blob)
            | Node::Bytes(blob)
            | Node::String(blob)
            | Node::ByteArray(blob)
            | Node::PersistentText(blob) => *blob = self.moved(from, *blob),
            Node::Global(global) => {
                let Global { module, name } = **global;
                **global = Global { module: self.moved(from, module), name: self.moved(from, name) };
            }
            _ => {}
        }
    }

    /// Long ones are shared, short ones are copied.
    fn moved(&mut self, from: &Graph, blob: Blob) -> Blob {
        if blob.len() >= WORTH_SHARING
            && let Some(bytes) = from.shared_blob(blob)
        {
            return self.graph.share(bytes);
        }
        self.graph.store(from.blob(blob))
    }
}

const WORTH_SHARING: usize = 1024;

/// A message whose names are Python 3's, whoever wrote it.
pub(crate) fn canonical(mut graph: Graph, names: &Names) -> Graph {
    let protocol = graph.protocol();
    if protocol >= 3 {
        // Python 3 has one type of integer; a short `long` is one that a Python 2 wrote.
        for id in graph.ids() {
            if let Node::Long(_) = graph[id]
                && let Some(value) = graph.int(id)
            {
                *graph.node_mut(id) = Node::Int(value);
            }
        }
        return graph;
    }
    for id in graph.ids() {
        let Some((module, name)) = graph.global(id) else { continue };
        let (module, name) = names.canonical(module, name, protocol);
        let (module, name) = (module.into_owned(), name.into_owned());
        let global = Global { module: graph.store(module.as_bytes()), name: graph.store(name.as_bytes()) };
        *graph.node_mut(id) = Node::Global(Box::new(global));
    }
    graph.set_protocol(4);
    graph
}
