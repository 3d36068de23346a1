//! What can be a key: what Python can hash.

use alloc::format;

use sabir_pickle::Node;

use super::Keys;
use super::digest::Digest;
use super::era::Era;
use super::order::{digest, name};
use super::raised::Raised;
use super::value::Value;
use super::view::View;

/// What a key is for, which newer versions say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Dict,
    Set,
    /// It is only looked for.
    Lookup,
}

/// The digest of a key.
pub(crate) fn key(keys: &Keys, era: Era, value: &Value, what: Use) -> Result<Digest, Raised> {
    if let Some(kind) = unhashable(era, value) {
        let inner = name(&kind, era);
        let text = format!("unhashable type: '{inner}'");
        let outer = name(value, era);
        return Err(Raised::type_error(match what {
            Use::Lookup => text,
            _ if !era.since(14) => text,
            Use::Dict => format!("cannot use '{outer}' as a dict key ({text})"),
            Use::Set => format!("cannot use '{outer}' as a set element ({text})"),
        }));
    }
    digest(keys, value)
}

/// The part of a value that cannot be hashed.
pub(crate) fn unhashable(era: Era, value: &Value) -> Option<Value> {
    let part = value.part()?;
    if matches!(part.node(), Node::Str(_) | Node::Bytes(_) | Node::String(_) | Node::Long(_)) {
        return None;
    }
    let mut work = alloc::vec![part.id];
    let mut seen = alloc::collections::BTreeSet::new();
    while let Some(id) = work.pop() {
        match View::of(&part.graph, id) {
            View::List(_) | View::Dict(_) | View::Set(_) | View::ByteArray(_) => {
                return Some(value.child(id));
            }
            View::Slice(_) if !era.since(12) => return Some(value.child(id)),
            View::Tuple(items) | View::Named(items) if seen.insert(id) => work.extend(items.iter().rev()),
            _ => {}
        }
    }
    None
}
