//! Which Python class a Rust type is written as, where its own `Serialize` says nothing of Python.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::class::Class;

/// How structs of given names are written: the counterpart of `copyreg.pickle` and `ForkingPickler.register`, but a
/// value that is passed, not a table of the process.
///
/// A struct is known by the name that serde gives it: its own, or that of `#[serde(rename = "...")]`. Two types of one
/// name in different modules are one to serde, so rename one of them. To read needs no entry: an object of any class
/// is read as a struct.
///
/// ```
/// use sabir_pickle::serde::{Class, Instance, Reduction, Reductions, from_slice, to_vec_with};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
/// let mut reductions = Reductions::new();
/// reductions.register("Point", Reduction::Instance(Class::new("geometry", "Point")));
/// let pickle = to_vec_with(&[Point { x: 1, y: 2 }], 4, &reductions)?; // (geometry.Point with x = 1 and y = 2,)
/// let [read]: [Instance<Point>; 1] = from_slice(&pickle)?;
/// assert_eq!(read, Instance { class: Class::new("geometry", "Point"), state: Point { x: 1, y: 2 } });
/// # Ok::<(), sabir_pickle::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reductions {
    rules: BTreeMap<String, Reduction>,
}

/// How one struct is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduction {
    /// As an instance of the class that has the fields as attributes; its `__init__` is not called. See
    /// [`Instance`](super::Instance).
    Instance(Class),
    /// As what a call with the fields as positional arguments gives, in their order: for namedtuples, dataclasses, and
    /// classes that must be made by their `__init__`. See [`Reduce`](super::Reduce).
    Call(Class),
}

impl Reductions {
    /// None.
    pub const fn new() -> Reductions {
        Reductions { rules: BTreeMap::new() }
    }

    /// Has structs of this name written so, from now on. Gives the rule that was there before.
    pub fn register(&mut self, name: impl Into<String>, reduction: Reduction) -> Option<Reduction> {
        self.rules.insert(name.into(), reduction)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    #[inline]
    pub(super) fn of(&self, name: &str) -> Option<&Reduction> {
        if self.rules.is_empty() { None } else { self.rules.get(name) }
    }
}
