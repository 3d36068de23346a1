//! How much of the memory is left for values, and which calls may take some.

use alloc::format;

use super::list::ITEM;
use super::memory::Meter;
use super::raised::Raised;
use super::table::ENTRY;
use super::value::Value;
use super::view::View;
use super::{Arguments, Object};

/// How much a server takes before it refuses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Objects, iterators included.
    pub objects: usize,
    /// Bytes of memory for values, as a [`Meter`] counts them.
    pub memory: usize,
}

impl Most {
    /// As much as the machine has.
    pub const ENDLESS: Most = Most { objects: usize::MAX, memory: usize::MAX };
}

/// What is left for a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    used: usize,
    most: usize,
}

impl Room {
    pub(crate) fn of(meter: &Meter, most: Most) -> Room {
        Room { used: meter.used(), most: most.memory }
    }

    /// Whether there are so many bytes.
    pub(crate) fn take(self, bytes: usize) -> Result<(), Raised> {
        if bytes <= self.most.saturating_sub(self.used) {
            return Ok(());
        }
        Err(Raised::builtin(
            "MemoryError",
            &format!(
                "this server has no memory left for that: values and replies on their way take {} bytes of the {} that it \
                 was started with (max-memory); take something out of its objects, or start it with more",
                self.used, self.most
            ),
        ))
    }

    /// Whether a call of an object may go on. What makes the object smaller, or leaves it as it is and returns little, always
    /// may: it is the way out. The message of the call is counted already.
    pub(crate) fn allows(self, object: &Object, method: &str, arguments: &Arguments) -> Result<(), Raised> {
        if self.most == usize::MAX {
            return Ok(());
        }
        match effect(object, method, &arguments.args) {
            Effect::Little => Ok(()),
            Effect::Keeps if self.used <= self.most => Ok(()),
            Effect::Keeps => self.take(1),
            Effect::Copies => self.take(object.places()),
        }
    }
}

/// No more objects.
pub(crate) fn too_many(most: usize) -> Raised {
    Raised::builtin(
        "MemoryError",
        &format!(
            "this server has {most} objects, as many as it was started with (max-objects): give up proxies of some, or \
             start it with more"
        ),
    )
}

/// What a call may do to the memory.
enum Effect {
    Little,
    /// It may keep what it is given.
    Keeps,
    /// It may return as much as the object holds.
    Copies,
}

fn effect(object: &Object, method: &str, args: &[Value]) -> Effect {
    match object {
        // Conditions, locks and the like hold nothing that clients gave.
        Object::Barrier(_)
        | Object::Condition(_)
        | Object::Event(_)
        | Object::Iterator(_)
        | Object::Lock(_)
        | Object::RLock(_)
        | Object::Semaphore(_) => Effect::Little,
        Object::Holder(_) if method == "set" => Effect::Keeps,
        _ if KEEPS.contains(&method) => Effect::Keeps,
        _ if COPIES.contains(&method) => Effect::Copies,
        _ if matches!(args, [index, ..] if method == "__getitem__" && matches!(index.view(), View::Slice(_))) => {
            Effect::Copies
        }
        _ => Effect::Little,
    }
}

impl Object {
    /// What its places for values take of the memory, in bytes, and its own.
    pub(crate) fn places(&self) -> usize {
        OBJECT
            + match self {
                Object::Array(array) => ITEM * array.len(),
                Object::Dict(dict) => ENTRY * dict.table().len(),
                Object::List(list) => list.places(),
                Object::Namespace(namespace) => ENTRY * namespace.len(),
                Object::Queue(queue) => ITEM * queue.len(),
                Object::Set(set) => ENTRY * set.len(),
                _ => 0,
            }
    }
}

/// Methods that may keep what they are given.
const KEEPS: [&str; 17] = [
    "__iadd__",
    "__imul__",
    "__ior__",
    "__ixor__",
    "__setattr__",
    "__setitem__",
    "__setslice__",
    "add",
    "append",
    "extend",
    "insert",
    "put",
    "put_nowait",
    "setdefault",
    "symmetric_difference_update",
    "update",
    "fromkeys",
];

/// Methods that may return all of an object.
const COPIES: [&str; 22] = [
    "#GETVALUE",
    "__add__",
    "__and__",
    "__getslice__",
    "__mul__",
    "__or__",
    "__rand__",
    "__repr__",
    "__reversed__",
    "__rmul__",
    "__ror__",
    "__rsub__",
    "__rxor__",
    "__str__",
    "__sub__",
    "__xor__",
    "copy",
    "difference",
    "items",
    "keys",
    "union",
    "values",
];

/// What an object takes without any value in it, with its entries in the tables of the server, in bytes.
pub(super) const OBJECT: usize = 512;
