//! Which nodes are written once and referred to again.

use alloc::vec::Vec;

use crate::graph::{Graph, Node};

/// The nodes that are written more than once: those that are referred to twice, and all that a tuple or an object's
/// arguments hold if it is one of them, since it may have to be written again inside itself.
pub(super) fn nodes(graph: &Graph) -> Vec<bool> {
    let written_late = |id| matches!(graph[id], Node::Tuple(_) | Node::FrozenSet(_) | Node::Object(_));
    let mut seen = alloc::vec![false; graph.len()];
    let mut shared = alloc::vec![false; graph.len()];
    let mut again = Vec::new();
    let mut ahead = Vec::with_capacity(16);
    ahead.push(graph.root());
    seen[graph.root().index()] = true;
    while let Some(id) = ahead.pop() {
        graph[id].for_each_child(|child| {
            let index = child.index();
            if !seen[index] {
                seen[index] = true;
                ahead.push(child);
            } else if !shared[index] {
                shared[index] = true;
                if written_late(child) {
                    again.push(child);
                }
            }
        });
    }
    while let Some(id) = again.pop() {
        graph[id].for_each_child(|child| {
            let before = core::mem::replace(&mut shared[child.index()], true);
            if !before && written_late(child) {
                again.push(child);
            }
        });
    }
    shared
}
