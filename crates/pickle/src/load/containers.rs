//! Opcodes that make containers and objects, and that put things into them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Machine, Outcome};
use crate::error::ErrorKind;
use crate::graph::{Make, Node, NodeId, Object, Step};

impl Machine<'_> {
    pub(super) fn collect(&mut self, node: fn(Vec<NodeId>) -> Node) -> Outcome {
        let start = self.mark()?;
        let items = self.stack[start..].to_vec();
        self.stack.truncate(start);
        self.push(node(items))
    }

    pub(super) fn tuple(&mut self, count: usize) -> Outcome {
        let start = self.need(count)?;
        let items = self.stack[start..].to_vec();
        self.stack.truncate(start);
        self.push(Node::Tuple(items))
    }

    /// What the items from `start` on are for: the object right below them.
    pub(super) fn target(&self, start: usize) -> core::result::Result<NodeId, ErrorKind> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match start.checked_sub(1) {
            Some(target) if target >= floor => Ok(self.stack[target]),
            _ => Err(ErrorKind::StackUnderflow),
        }
    }

    // As in CPython's C code, no items are nothing to do, whatever they are for.

    pub(super) fn append(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        let items = &self.stack[start..];
        if items.is_empty() {
            return Ok(());
        }
        match self.graph.node_mut(target) {
            Node::List(list) => list.extend_from_slice(items),
            _ => {
                let items = items.to_vec();
                let steps = &mut self.object(target)?.steps;
                match steps.last_mut() {
                    Some(Step::Append(before)) => before.extend(items),
                    _ => steps.push(Step::Append(items)),
                }
            }
        }
        self.stack.truncate(start);
        Ok(())
    }

    pub(super) fn set_items(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        let items = &self.stack[start..];
        if items.is_empty() {
            return Ok(());
        }
        match self.graph.node_mut(target) {
            Node::Dict(dict) if dict.is_empty() => *dict = pairs(items)?,
            Node::Dict(dict) => dict.append(&mut pairs(items)?),
            _ => {
                let mut pairs = pairs(items)?;
                let steps = &mut self.object(target)?.steps;
                match steps.last_mut() {
                    Some(Step::SetItems(before)) => before.append(&mut pairs),
                    _ => steps.push(Step::SetItems(pairs)),
                }
            }
        }
        self.stack.truncate(start);
        Ok(())
    }

    pub(super) fn add_items(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        let items = &self.stack[start..];
        if items.is_empty() {
            return Ok(());
        }
        match self.graph.node_mut(target) {
            Node::Set(set) => set.extend_from_slice(items),
            _ => {
                let items = items.to_vec();
                let steps = &mut self.object(target)?.steps;
                match steps.last_mut() {
                    Some(Step::AddItems(before)) => before.extend(items),
                    _ => steps.push(Step::AddItems(items)),
                }
            }
        }
        self.stack.truncate(start);
        Ok(())
    }

    /// The object that something is done to. What is no [`Object`] becomes one under the same id, so that all that
    /// refers to it sees the change.
    pub(super) fn object(&mut self, id: NodeId) -> core::result::Result<&mut Object, ErrorKind> {
        match self.graph[id] {
            Node::Object(_) => {}
            Node::None | Node::Bool(_) => return Err(ErrorKind::WrongOperand("an object that can change")),
            _ => {
                let given = self.add(Node::None)?;
                let inner = core::mem::replace(self.graph.node_mut(id), Node::None);
                *self.graph.node_mut(given) = inner;
                let object = Object { make: Make::Given(given), steps: Vec::new() };
                *self.graph.node_mut(id) = Node::Object(Box::new(object));
            }
        }
        match self.graph.node_mut(id) {
            Node::Object(object) => Ok(object),
            _ => Err(ErrorKind::WrongOperand("an object")),
        }
    }

    pub(super) fn make(&mut self, make: Make) -> Outcome {
        self.push(Node::Object(Box::new(Object { make, steps: Vec::new() })))
    }
}

pub(super) fn pairs(items: &[NodeId]) -> core::result::Result<Vec<(NodeId, NodeId)>, ErrorKind> {
    let chunks = items.chunks_exact(2);
    if !chunks.remainder().is_empty() {
        return Err(ErrorKind::WrongOperand("a value for every key"));
    }
    Ok(chunks.map(|pair| (pair[0], pair[1])).collect())
}
