//! Objects: what they are made of, how, and what is done to them then.

use super::{Dumper, Extend, Work, unrepresentable};
use crate::error::Result;
use crate::graph::{Make, Node, NodeId, Step};
use crate::opcode::Opcode;

impl<'g> Dumper<'g> {
    /// Pushes what an object is made of; [`Work::Make`] is below it.
    pub(super) fn parts(&mut self, make: &'g Make) -> Result<()> {
        match make {
            Make::Reduce { callable: a, args: b } | Make::NewObj { class: a, args: b } => {
                self.visit_all(&[*a, *b]);
            }
            Make::NewObjEx { class, args, kwargs } => self.visit_all(&[*class, *args, *kwargs]),
            Make::Instance { class, args } => {
                self.op(Opcode::Mark);
                self.visit_all(args);
                if self.protocol > 0 {
                    self.work.push(Work::Visit(*class));
                } else if !matches!(self.graph[*class], Node::Global(_)) {
                    return Err(unrepresentable(
                        "an instance of a class without a plain name, in protocol 0",
                    ));
                }
            }
            Make::Given(id) => self.work.push(Work::Visit(*id)),
        }
        Ok(())
    }

    pub(super) fn make(&mut self, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let Node::Object(object) = &graph[id] else { return Ok(()) };
        if self.memo[id.index()] != 0 {
            // Its arguments lead back to it, and it was made there.
            if self.sets.binary_search(&id).is_ok() {
                return Err(unrepresentable("a set that contains itself, below protocol 4"));
            }
            match &object.make {
                Make::Instance { .. } if self.protocol > 0 => self.op(Opcode::PopMark),
                Make::Instance { args, .. } => (0..=args.len()).for_each(|_| self.op(Opcode::Pop)),
                Make::NewObjEx { .. } => (0..3).for_each(|_| self.op(Opcode::Pop)),
                Make::Given(_) => self.op(Opcode::Pop),
                _ => (0..2).for_each(|_| self.op(Opcode::Pop)),
            }
            self.get(self.memo[id.index()] - 1);
            return Ok(());
        }
        match &object.make {
            Make::Reduce { .. } => self.op(Opcode::Reduce),
            Make::NewObj { .. } => self.op(Opcode::NewObj),
            Make::NewObjEx { .. } => self.op(Opcode::NewObjEx),
            Make::Instance { .. } if self.protocol > 0 => self.op(Opcode::Obj),
            Make::Instance { class, .. } => {
                if let Node::Global(global) = &graph[*class] {
                    self.two_lines(Opcode::Inst, global)?;
                }
            }
            Make::Given(_) => {}
        }
        self.put(id);
        self.work.push(Work::Steps(&object.steps));
        Ok(())
    }

    pub(super) fn steps(&mut self, steps: &'g [Step]) -> Result<()> {
        let Some((step, rest)) = steps.split_first() else { return Ok(()) };
        self.work.push(Work::Steps(rest));
        match step {
            Step::Build(state) => {
                self.work.push(Work::Opcode(Opcode::Build));
                self.work.push(Work::Visit(*state));
            }
            Step::Append(items) => self.work.push(Work::Items(items, Extend::List)),
            // Picklers never do that: a subclass of set is made of a list.
            Step::AddItems(_) if self.protocol < 4 => {
                return Err(unrepresentable("what is added to an object that is no set, below protocol 4"));
            }
            Step::AddItems(items) => self.work.push(Work::Items(items, Extend::Set)),
            Step::SetItems(pairs) => self.work.push(Work::Pairs(pairs)),
        }
        Ok(())
    }
}
