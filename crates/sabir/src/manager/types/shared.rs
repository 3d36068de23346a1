//! Single values and arrays of numbers.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{typed, unless};
use crate::error::Result;
use crate::manager::Proxy;

/// A `Value` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let level = manager.value("d", &0.5)?;
/// level.set(&1.5)?;
/// assert_eq!(level.get()?, 1.5);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Value<T> {
    proxy: Proxy,
    kind: PhantomData<fn(T)>,
}

typed!(Value { kind: PhantomData } T);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<T: Serialize + DeserializeOwned> Value<T> {
    /// What it is.
    pub fn get(&self) -> Result<T> {
        self.proxy.call("get", &())
    }

    /// Makes it this.
    pub fn set(&self, value: &T) -> Result<()> {
        self.proxy.call("set", &(value,))
    }
}

/// An `Array` of a manager: numbers of one type, as many as there are.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let levels = manager.array("d", &[0.5, 1.5])?;
/// assert!(levels.set(1, &2.5)? && !levels.set(2, &0.0)?);
/// assert_eq!(levels.to_vec()?, [0.5, 2.5]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Array<T> {
    proxy: Proxy,
    kind: PhantomData<fn(T)>,
}

typed!(Array { kind: PhantomData } T);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<T: Serialize + DeserializeOwned> Array<T> {
    /// A number by its place; counted from the end if that is negative.
    pub fn get(&self, index: isize) -> Result<Option<T>> {
        unless(self.proxy.call("__getitem__", &(index,)), "builtins", "IndexError")
    }

    /// Puts another number in a place; false if there is no such place.
    pub fn set(&self, index: isize, value: &T) -> Result<bool> {
        let set = self.proxy.call::<()>("__setitem__", &(index, value));
        Ok(unless(set, "builtins", "IndexError")?.is_some())
    }

    /// How many numbers there are.
    pub fn len(&self) -> Result<usize> {
        self.proxy.call("__len__", &())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All numbers.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        self.proxy.value()
    }
}
