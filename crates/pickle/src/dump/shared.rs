//! Which nodes are written once and referred to again.

use alloc::vec::Vec;

use crate::graph::{Graph, Node, NodeId};

/// The nodes that are written more than once: those that are referred to twice, and all that a tuple or an object's
/// arguments hold if it is one of them, since it may have to be written again inside itself.
pub(super) fn nodes(graph: &Graph) -> Nodes {
    let written_late = |id| matches!(graph[id], Node::Tuple(_) | Node::FrozenSet(_) | Node::Object(_));
    let (mut seen, mut shared) = (Nodes::none(graph), Nodes::none(graph));
    let mut again = Vec::new();
    let mut ahead = Vec::with_capacity(16);
    ahead.push(graph.root());
    seen.insert(graph.root());
    while let Some(id) = ahead.pop() {
        graph[id].for_each_child(|child| {
            if seen.insert(child) {
                ahead.push(child);
            } else if shared.insert(child) && written_late(child) {
                again.push(child);
            }
        });
    }
    while let Some(id) = again.pop() {
        graph[id].for_each_child(|child| {
            if shared.insert(child) && written_late(child) {
                again.push(child);
            }
        });
    }
    shared
}

/// Some of a graph's nodes, a bit for each; the first of them, which are all that most messages have, need no allocation.
pub(super) struct Nodes {
    first: u64,
    others: Vec<u64>,
}

impl Nodes {
    fn none(graph: &Graph) -> Nodes {
        Nodes { first: 0, others: alloc::vec![0; graph.len() / 64] }
    }

    pub(super) fn contains(&self, id: NodeId) -> bool {
        let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
        (if word == 0 { self.first } else { self.others[word - 1] }) & bit != 0
    }

    /// Whether it was not there before.
    fn insert(&mut self, id: NodeId) -> bool {
        let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
        let word = if word == 0 { &mut self.first } else { &mut self.others[word - 1] };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}
