//! What one Python wrote, as another would have: names, strings and forms between versions.

mod forms;
mod positions;
mod strings;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use crate::error::Result;
use crate::graph::{Global, Graph, Make, Node, NodeId, Step};
use crate::lex::Scan;
use crate::names::Names;
use crate::opcode::{Opcode, OpcodeSet};
use crate::version::Pythons;
use positions::Positions;
pub use strings::{Py2Str, Py2Text, native_text};

/// How pickles of one Python are made ready for another: the tables of names and forms, and the policies for strings.
///
/// Cheap to clone; all connections share one.
///
/// ```
/// use sabir_pickle::{DumpOptions, Graph, Pythons, Translation, Version};
/// // What 3.13 answers when a queue is empty, for a 2.7 that waits for it.
/// let pickle = b"\x80\x04\x8c\x06_queue\x94\x8c\x05Empty\x94\x93\x94)R.";
/// let mut graph = Graph::from_slice(pickle)?;
/// let from = Pythons::exactly(Version::new(3, 13));
/// Translation::default().apply(&mut graph, from, Pythons::PY2, 2)?;
/// assert_eq!(graph.dump(&DumpOptions::protocol(2))?, b"\x80\x02cQueue\nEmpty\n)R.");
/// # Ok::<(), sabir_pickle::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Translation {
    names: Names,
    positions: Arc<Positions>,
    py2_str: Py2Str,
    py2_text: Py2Text,
}

impl Default for Translation {
    fn default() -> Translation {
        Translation::new(Names::builtin(), Py2Str::default(), Py2Text::default())
    }
}

/// Python 2's `str`.
const STRINGS: OpcodeSet = OpcodeSet::of(&[Opcode::String, Opcode::BinString, Opcode::ShortBinString]);
/// Text.
const TEXTS: OpcodeSet =
    OpcodeSet::of(&[Opcode::Unicode, Opcode::ShortBinUnicode, Opcode::BinUnicode, Opcode::BinUnicode8]);
/// Integers that Python 2 would read as `long`.
const LONGS: OpcodeSet = OpcodeSet::of(&[Opcode::Long, Opcode::Long1, Opcode::Long4]);

impl Translation {
    /// A translation by these tables and policies.
    pub fn new(names: Names, py2_str: Py2Str, py2_text: Py2Text) -> Translation {
        Translation { names, positions: Arc::new(Positions::builtin()), py2_str, py2_text }
    }

    /// The tables of names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether a pickle of `from` can go to `to`, who reads protocols up to `readable`, as it is, as far as its opcodes
    /// tell. A pickle with names in it ([`names_something`]) has to be looked at all the same.
    pub fn may_pass(&self, scan: &Scan, from: Pythons, to: Pythons, readable: u8) -> bool {
        if scan.protocol > readable || scan.opcodes.intersects(OpcodeSet::newer_than(readable)) {
            return false;
        }
        if from == Pythons::PY2 && to == Pythons::PY2 {
            return true;
        }
        let strings = to.may_be_py3()
            && (scan.non_ascii_strings
                || (self.py2_str == Py2Str::Bytes && scan.opcodes.intersects(STRINGS)));
        let texts =
            to == Pythons::PY2 && self.py2_text == Py2Text::AsciiStr && scan.opcodes.intersects(TEXTS);
        let longs = to == Pythons::PY2 && !from.may_be_py2() && scan.opcodes.intersects(LONGS);
        !(strings || texts || longs)
    }

    /// Rewrites what `from` wrote for readers in `to`, to be dumped at `protocol`. Says whether anything changed.
    ///
    /// Sharing is kept: what is written twice stays one object, and where two positions of one object need different
    /// types, only the one that needs it gets another object.
    ///
    /// # Errors
    /// The policy for strings forbids what is there.
    pub fn apply(&self, graph: &mut Graph, from: Pythons, to: Pythons, protocol: u8) -> Result<bool> {
        let concerns = |id| match graph[id] {
            Node::Object(_) | Node::Global(_) | Node::String(_) => true,
            Node::Str(_) | Node::Long(_) => to == Pythons::PY2,
            _ => false,
        };
        if (from == Pythons::PY2 && to == Pythons::PY2) || !graph.ids().any(concerns) {
            return Ok(false);
        }
        let mut pass = Pass {
            translation: self,
            from_protocol: graph.protocol(),
            from,
            to,
            protocol,
            changed: false,
            copies: BTreeMap::new(),
            keyed: BTreeSet::new(),
            places: BTreeMap::new(),
            arrays: BTreeMap::new(),
            graph,
        };
        let before = pass.graph.len();
        for id in pass.graph.ids().take(before) {
            if matches!(pass.graph[id], Node::Object(_)) {
                pass.object(id);
            }
        }
        for id in pass.graph.ids().take(before) {
            pass.string(id)?;
        }
        for id in pass.graph.ids().take(before) {
            pass.name(id);
        }
        Ok(pass.changed)
    }
}

/// Whether a pickle refers to anything by name or by number: classes, functions, extension codes, persistent ids.
pub fn names_something(scan: &Scan) -> bool {
    const NAMES: OpcodeSet = OpcodeSet::of(&[
        Opcode::Global,
        Opcode::StackGlobal,
        Opcode::Inst,
        Opcode::Ext1,
        Opcode::Ext2,
        Opcode::Ext4,
        Opcode::PersId,
        Opcode::BinPersId,
    ]);
    scan.opcodes.intersects(NAMES)
}

/// One graph on its way from one Python to another.
struct Pass<'t, 'g> {
    translation: &'t Translation,
    graph: &'g mut Graph,
    from: Pythons,
    from_protocol: u8,
    to: Pythons,
    protocol: u8,
    changed: bool,
    /// What stands for a string in positions of a kind, so that what was shared there stays shared.
    copies: BTreeMap<(NodeId, positions::Kind), NodeId>,
    // Very many objects may share their arguments or state, and each costs a few bytes of the pickle: what is done for one is
    // done for all.
    /// The dicts whose keys are native.
    keyed: BTreeSet<NodeId>,
    /// What stands for arguments, a state or a part of them, by the part of a position's path that was looked at.
    places: BTreeMap<(NodeId, usize), NodeId>,
    /// The items of arrays, by their bytes and format.
    arrays: BTreeMap<(NodeId, i64), Option<NodeId>>,
}

/// No name that any table has is longer. A long one may be the class of very many objects.
const MAX_NAME: usize = 512;

impl Pass<'_, '_> {
    /// The canonical name of a node that is a global.
    fn canonical(&self, id: NodeId) -> Option<(String, String)> {
        let Node::Global(global) = &self.graph[id] else { return None };
        if global.module.len().max(global.name.len()) > MAX_NAME {
            return None;
        }
        let (module, name) = self.graph.global(id)?;
        let (module, name) = self.translation.names.canonical(module, name, self.from_protocol);
        Some((module.to_string(), name.to_string()))
    }

    fn object(&mut self, id: NodeId) {
        let Node::Object(object) = &self.graph[id] else { return };
        let call = object.call();
        let kwargs = match object.make {
            Make::NewObjEx { kwargs, .. } => Some(kwargs),
            _ => None,
        };
        if let Some(kwargs) = kwargs {
            self.keys(kwargs);
        }
        if let Some((callable, args)) = call
            && let Some((module, name)) = self.canonical(callable)
        {
            self.form(id, args, &module, &name);
            self.positions(id, &module, &name);
        }
        self.attributes(id);
    }

    /// The names of attributes are native strings: the keys of a state that is a dict, or of the two dicts of an object
    /// with `__slots__`.
    fn attributes(&mut self, id: NodeId) {
        let Node::Object(object) = &self.graph[id] else { return };
        let states: alloc::vec::Vec<NodeId> = object
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Build(state) => Some(*state),
                _ => None,
            })
            .collect();
        for state in states {
            match &self.graph[state] {
                Node::Dict(_) => self.keys(state),
                Node::Tuple(parts) if parts.len() == 2 => {
                    let (dict, slots) = (parts[0], parts[1]);
                    self.keys(dict);
                    self.keys(slots);
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, id: NodeId) {
        let Some((module, name)) = self.graph.global(id) else { return };
        let names = &self.translation.names;
        let Some((module, name)) = names.translate(module, name, self.from_protocol, self.to, self.protocol)
        else {
            return;
        };
        let (module, name) = (module.to_string(), name.to_string());
        self.changed = true;
        let global =
            Global { module: self.graph.store(module.as_bytes()), name: self.graph.store(name.as_bytes()) };
        *self.graph.node_mut(id) = Node::Global(alloc::boxed::Box::new(global));
    }

    /// Adds a global that a form needs, under the name that the target has for it.
    fn add_global(&mut self, module: &str, name: &str) -> NodeId {
        let names = &self.translation.names;
        match names.translate(module, name, 3, self.to, self.protocol) {
            Some((module, name)) => {
                let (module, name) = (module.to_string(), name.to_string());
                self.graph.add_global(&module, &name)
            }
            None => self.graph.add_global(module, name),
        }
    }
}
