//! How many objects there are, and what was called, by type.

use super::Object;

/// Counts by type, since the start.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    rows: [Row; TYPES.len()],
}

/// The counts of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Objects that there are.
    pub objects: u64,
    /// Objects that were ever made.
    pub made: u64,
    /// Calls of methods, those included that wait.
    pub calls: u64,
    /// Those of them that raised: at once, or when they had waited long enough.
    pub raised: u64,
}

/// As `SyncManager` calls them; a JoinableQueue is a Queue here, and a BoundedSemaphore a Semaphore.
const TYPES: [&str; 14] = [
    "Array",
    "Barrier",
    "Condition",
    "Event",
    "Iterator",
    "Lock",
    "Namespace",
    "Queue",
    "RLock",
    "Semaphore",
    "Value",
    "dict",
    "list",
    "set",
];

impl Tally {
    /// The counts of each type, by its name.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, Row)> {
        TYPES.into_iter().zip(self.rows)
    }

    pub(super) fn of(&mut self, object: &Object) -> &mut Row {
        let place = match object {
            Object::Array(_) => 0,
            Object::Barrier(_) => 1,
            Object::Condition(_) => 2,
            Object::Event(_) => 3,
            Object::Iterator(_) => 4,
            Object::Lock(_) => 5,
            Object::Namespace(_) => 6,
            Object::Queue(_) => 7,
            Object::RLock(_) => 8,
            Object::Semaphore(_) => 9,
            Object::Holder(_) => 10,
            Object::Dict(_) => 11,
            Object::List(_) => 12,
            Object::Set(_) => 13,
        };
        &mut self.rows[place]
    }
}
