//! Python 2's `str`, which is bytes and text at once, and Python 3's two types for the two.

use alloc::vec::Vec;

use super::Pass;
use super::positions::{Kind, Part};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Node, NodeId, Step, small_long};
use crate::text::latin1_to_utf8;
use crate::version::Pythons;

/// What a Python 2 `str` becomes for a Python 3 that reads it. One that is ASCII is text in all but `Bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Py2Str {
    /// Text if it is valid UTF-8, else bytes.
    #[default]
    Utf8ElseBytes,
    /// Text in UTF-8; what is not is an error.
    Utf8,
    /// Text in Latin-1, as `pickle.loads(..., encoding="latin1")` reads it.
    Latin1,
    /// Bytes, as `pickle.loads(..., encoding="bytes")` reads it, names of attributes excepted.
    Bytes,
    /// Text in ASCII; what is not is an error, as it is to an unmodified Python 3.
    Strict,
}

/// What text becomes for a Python 2 that reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Py2Text {
    /// `unicode`, whatever it holds.
    #[default]
    Unicode,
    /// `str` if it is ASCII, else `unicode`.
    AsciiStr,
}

/// A node with the text of `id`, of the type that `to` calls `str`: for names of methods and attributes and whatever
/// else Python 2 refuses as `unicode`. Others that refer to `id` keep what they have.
pub fn native_text(graph: &mut Graph, id: NodeId, to: Pythons) -> NodeId {
    match graph[id] {
        // For a reader that may be either, only ASCII is `str` to both.
        Node::Str(blob) if to.may_be_py2() && (!to.may_be_py3() || graph.blob(blob).is_ascii()) => {
            graph.add(Node::String(blob))
        }
        Node::String(blob) if !to.may_be_py2() => {
            let text = graph.blob(blob);
            if core::str::from_utf8(text).is_ok() {
                return graph.add(Node::Str(blob));
            }
            let text = latin1_to_utf8(text);
            let blob = graph.store(&text);
            graph.add(Node::Str(blob))
        }
        _ => id,
    }
}

impl Pass<'_, '_> {
    /// Applies the policies to a string, text or number that stands in no position of its own.
    pub(super) fn string(&mut self, id: NodeId) -> Result<()> {
        let new = match self.graph[id] {
            Node::String(blob) if self.to.may_be_py3() => {
                let bytes = self.graph.blob(blob);
                let policy = self.translation.py2_str;
                match policy {
                    Py2Str::Bytes => Node::Bytes(blob),
                    // Every Python 3 reads it as text, and a Python 2 that it may turn out to be as `str`.
                    _ if bytes.is_ascii() => return Ok(()),
                    Py2Str::Strict => {
                        return Err(forbidden("a str that is not ASCII, and the policy for str is strict"));
                    }
                    Py2Str::Latin1 => {
                        let text = latin1_to_utf8(bytes);
                        Node::Str(self.graph.store(&text))
                    }
                    _ if core::str::from_utf8(bytes).is_ok() => Node::Str(blob),
                    Py2Str::Utf8 => {
                        return Err(forbidden("a str that is not UTF-8, and the policy for str is utf8"));
                    }
                    Py2Str::Utf8ElseBytes => Node::Bytes(blob),
                }
            }
            Node::Str(blob) if self.to == Pythons::PY2 => {
                let ascii_str = self.translation.py2_text == Py2Text::AsciiStr;
                if !ascii_str || !self.graph.blob(blob).is_ascii() {
                    return Ok(());
                }
                Node::String(blob)
            }
            // Python 3 has one type of integer. What fits into Python 2's `int` is one there.
            Node::Long(blob) if self.to == Pythons::PY2 && !self.from.may_be_py2() => {
                match small_long(self.graph.blob(blob)) {
                    Some(value) => Node::Int(value),
                    None => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        *self.graph.node_mut(id) = new;
        self.changed = true;
        Ok(())
    }

    /// Gives the positions of a constructor their types.
    pub(super) fn positions(&mut self, id: NodeId, module: &str, name: &str) {
        let translation = self.translation;
        for position in translation.positions.of(module, name) {
            let Node::Object(object) = &self.graph[id] else { return };
            let place = if position.in_state { object.state() } else { object.call().map(|(_, args)| args) };
            let Some(old) = place else { continue };
            let new = self.at(old, &position.path, position.kind);
            if new != old {
                self.replace(id, old, new);
            }
        }
    }

    /// Puts another node in the place of an object's arguments or state.
    pub(super) fn replace(&mut self, id: NodeId, old: NodeId, new: NodeId) {
        use crate::graph::Make;
        let Node::Object(object) = self.graph.node_mut(id) else { return };
        match &mut object.make {
            Make::Reduce { args, .. } | Make::NewObj { args, .. } | Make::NewObjEx { args, .. }
                if *args == old =>
            {
                *args = new;
            }
            _ => {}
        }
        for step in &mut object.steps {
            if let Step::Build(state) = step
                && *state == old
            {
                *state = new;
            }
        }
        self.changed = true;
    }

    /// Follows a path to its strings. Tuples on the way are copied if something in them changes; lists and dicts are
    /// changed where they are, since who else holds them sees them change in Python too.
    fn at(&mut self, id: NodeId, path: &[Part], kind: Kind) -> NodeId {
        let Some((part, rest)) = path.split_first() else { return self.typed(id, kind) };
        // The parts of the table stay where they are, so the address of one is its name.
        let key = (id, core::ptr::from_ref(part) as usize);
        if let Some(&new) = self.places.get(&key) {
            return new;
        }
        let new = self.part(id, part, rest, kind);
        self.places.insert(key, new);
        new
    }

    fn part(&mut self, id: NodeId, part: &Part, rest: &[Part], kind: Kind) -> NodeId {
        match (part, &self.graph[id]) {
            (Part::Item(index), Node::Tuple(items) | Node::List(items)) => match items.get(*index) {
                Some(&old) => {
                    let new = self.at(old, rest, kind);
                    self.with_items(id, &[(*index, old, new)])
                }
                None => id,
            },
            (Part::Items, Node::Tuple(items) | Node::List(items)) => {
                let old = items.clone();
                let new: Vec<_> =
                    old.iter().enumerate().map(|(i, &item)| (i, item, self.at(item, rest, kind))).collect();
                self.with_items(id, &new)
            }
            (Part::Keys, Node::Dict(_)) => {
                self.keys(id);
                id
            }
            (Part::At(key), Node::Dict(pairs)) => {
                let found = pairs.iter().position(|&(k, _)| self.graph.text(k) == Some(key));
                if let Some((place, &(_, old))) = found.and_then(|place| Some((place, pairs.get(place)?))) {
                    let new = self.at(old, rest, kind);
                    if new != old
                        && let Node::Dict(pairs) = self.graph.node_mut(id)
                    {
                        pairs[place].1 = new;
                        self.changed = true;
                    }
                }
                id
            }
            _ => id,
        }
    }

    /// A tuple or list with some items replaced: `(index, old, new)`.
    pub(super) fn with_items(&mut self, id: NodeId, items: &[(usize, NodeId, NodeId)]) -> NodeId {
        if items.iter().all(|(_, old, new)| old == new) {
            return id;
        }
        self.changed = true;
        let replace = |all: &mut [NodeId]| items.iter().for_each(|&(index, _, new)| all[index] = new);
        match self.graph.node_mut(id) {
            Node::List(all) => {
                replace(all);
                id
            }
            Node::Tuple(all) => {
                let mut all = all.clone();
                replace(&mut all);
                self.graph.add_tuple(all)
            }
            _ => id,
        }
    }

    /// Makes the keys of a dict native strings.
    pub(super) fn keys(&mut self, id: NodeId) {
        let Node::Dict(pairs) = &self.graph[id] else { return };
        if !self.keyed.insert(id) {
            return;
        }
        let keys: Vec<NodeId> = pairs.iter().map(|&(key, _)| key).collect();
        for (place, old) in keys.into_iter().enumerate() {
            let new = self.typed(old, Kind::Native);
            if new != old
                && let Node::Dict(pairs) = self.graph.node_mut(id)
            {
                pairs[place].0 = new;
                self.changed = true;
            }
        }
    }

    /// The string that stands in a position of this kind for the one that stood there.
    fn typed(&mut self, id: NodeId, kind: Kind) -> NodeId {
        if let Some(&copy) = self.copies.get(&(id, kind)) {
            return copy;
        }
        let new = match (kind, &self.graph[id]) {
            (Kind::Bytes, &Node::String(blob)) if self.to.may_be_py3() => self.graph.add(Node::Bytes(blob)),
            // What is ASCII is read as `str` by every Python; only a policy that makes bytes of it must not reach it.
            (Kind::Native | Kind::Ascii, &Node::String(blob))
                if self.graph.blob(blob).is_ascii() && self.translation.py2_str != super::Py2Str::Bytes =>
            {
                id
            }
            (Kind::Native, _) => native_text(self.graph, id, self.to),
            (Kind::Ascii, &Node::Str(blob)) if self.graph.blob(blob).is_ascii() => {
                native_text(self.graph, id, self.to)
            }
            (Kind::Ascii, Node::String(_)) if !self.to.may_be_py2() => return id,
            _ => id,
        };
        if new != id {
            self.copies.insert((id, kind), new);
        }
        new
    }
}

fn forbidden(what: &'static str) -> Error {
    Error::new(ErrorKind::Unrepresentable(what))
}
