//! Dicts, lists and sets.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Iter, typed, unless, whole};
use crate::error::Result;
use crate::manager::Proxy;

/// A `dict` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let scores = manager.dict::<String, f64>()?;
/// scores.insert("Marvin", &0.5)?;
/// assert_eq!((scores.get("Marvin")?, scores.get("Bender")?), (Some(0.5), None));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Dict<K, V> {
    proxy: Proxy,
    kind: PhantomData<fn(K, V)>,
}

typed!(Dict { kind: PhantomData } K, V);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<K, V> Dict<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The value of a key.
    pub fn get<Q: ?Sized + Serialize>(&self, key: &Q) -> Result<Option<V>> {
        unless(self.proxy.call("__getitem__", &(key,)), "builtins", "KeyError")
    }

    /// Gives a key a value.
    pub fn insert<Q: ?Sized + Serialize>(&self, key: &Q, value: &V) -> Result<()> {
        self.proxy.call("__setitem__", &(key, value))
    }

    /// The value of a key, which is given this one if it has none.
    pub fn get_or_insert<Q: ?Sized + Serialize>(&self, key: &Q, value: &V) -> Result<V> {
        self.proxy.call("setdefault", &(key, value))
    }

    /// Takes a key out, and gives its value.
    pub fn remove<Q: ?Sized + Serialize>(&self, key: &Q) -> Result<Option<V>> {
        unless(self.proxy.call("pop", &(key,)), "builtins", "KeyError")
    }

    /// Whether the key is there.
    pub fn contains_key<Q: ?Sized + Serialize>(&self, key: &Q) -> Result<bool> {
        self.proxy.call("__contains__", &(key,))
    }

    /// How many keys there are.
    pub fn len(&self) -> Result<usize> {
        self.proxy.call("__len__", &())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes all keys out.
    pub fn clear(&self) -> Result<()> {
        self.proxy.call("clear", &())
    }

    /// Gives many keys their values at once.
    pub fn extend<I, Q>(&self, entries: I) -> Result<()>
    where
        I: IntoIterator<Item = (Q, V)>,
        Q: Serialize,
    {
        let entries: Vec<(Q, V)> = entries.into_iter().collect();
        self.proxy.call("update", &(entries,))
    }

    /// All keys.
    pub fn keys(&self) -> Result<Vec<K>> {
        self.proxy.call("keys", &())
    }

    /// All values.
    pub fn values(&self) -> Result<Vec<V>> {
        self.proxy.call("values", &())
    }

    /// All keys with their values.
    pub fn items(&self) -> Result<Vec<(K, V)>> {
        self.proxy.call("items", &())
    }

    /// An iterator over the keys that lives in the manager, which raises if the dict changes meanwhile.
    pub fn iter(&self) -> Result<Iter<K>> {
        Ok(self.proxy.call_proxy("__iter__", &())?.into())
    }
}

/// A `list` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let list = manager.list::<String>()?;
/// list.push(&"last".to_owned())?;
/// list.insert(0, &"first".to_owned())?;
/// assert_eq!(list.get(-1)?.as_deref(), Some("last"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct List<T> {
    proxy: Proxy,
    kind: PhantomData<fn(T)>,
}

typed!(List { kind: PhantomData } T);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<T: Serialize + DeserializeOwned> List<T> {
    /// An item by its place; counted from the end if that is negative.
    pub fn get(&self, index: isize) -> Result<Option<T>> {
        unless(self.proxy.call("__getitem__", &(index,)), "builtins", "IndexError")
    }

    /// Puts another item in a place; false if there is no such place.
    pub fn set(&self, index: isize, item: &T) -> Result<bool> {
        let set = self.proxy.call::<()>("__setitem__", &(index, item));
        Ok(unless(set, "builtins", "IndexError")?.is_some())
    }

    /// Adds an item at the end.
    pub fn push(&self, item: &T) -> Result<()> {
        self.proxy.call("append", &(item,))
    }

    /// Takes the last item out.
    pub fn pop(&self) -> Result<Option<T>> {
        unless(self.proxy.call("pop", &()), "builtins", "IndexError")
    }

    /// Takes an item out by its place.
    pub fn pop_at(&self, index: isize) -> Result<Option<T>> {
        unless(self.proxy.call("pop", &(index,)), "builtins", "IndexError")
    }

    /// Puts an item before the one at a place.
    pub fn insert(&self, index: isize, item: &T) -> Result<()> {
        self.proxy.call("insert", &(index, item))
    }

    /// Adds many items at the end at once.
    pub fn extend(&self, items: &[T]) -> Result<()> {
        self.proxy.call("extend", &(items,))
    }

    /// Whether an item equal to this one is there.
    pub fn contains(&self, item: &T) -> Result<bool> {
        self.proxy.call("__contains__", &(item,))
    }

    /// How many items there are.
    pub fn len(&self) -> Result<usize> {
        self.proxy.call("__len__", &())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// All items.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        whole(&self.proxy)
    }

    /// Turns the list around.
    pub fn reverse(&self) -> Result<()> {
        self.proxy.call("reverse", &())
    }

    /// Puts the items in Python's order.
    pub fn sort(&self) -> Result<()> {
        self.proxy.call("sort", &())
    }
}

/// A `set` of a manager (Python 3.14 and newer).
///
/// Its items must be such as Python can hash: text, numbers, tuples of them, but no lists. It has no iterator that lives in
/// the manager, as dicts have: Python's own sends all items, and so does [`to_vec`](Set::to_vec).
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let seen = manager.set::<String>()?;
/// seen.insert(&"a".to_owned())?;
/// assert!(seen.is_superset(&["a".to_owned()])?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Set<T> {
    proxy: Proxy,
    kind: PhantomData<fn(T)>,
}

typed!(Set { kind: PhantomData } T);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<T: Serialize + DeserializeOwned> Set<T> {
    /// Puts an item in, if it is not there.
    pub fn insert(&self, item: &T) -> Result<()> {
        self.proxy.call("add", &(item,))
    }

    /// Takes an item out; false if it was not there.
    pub fn remove(&self, item: &T) -> Result<bool> {
        let removed = self.proxy.call::<()>("remove", &(item,));
        Ok(unless(removed, "builtins", "KeyError")?.is_some())
    }

    /// Takes some item out.
    pub fn pop(&self) -> Result<Option<T>> {
        unless(self.proxy.call("pop", &()), "builtins", "KeyError")
    }

    /// Puts many items in at once.
    pub fn extend(&self, items: &[T]) -> Result<()> {
        self.proxy.call("update", &(items,))
    }

    /// Whether an item is there.
    pub fn contains(&self, item: &T) -> Result<bool> {
        self.proxy.call("__contains__", &(item,))
    }

    /// How many items there are.
    pub fn len(&self) -> Result<usize> {
        self.proxy.call("__len__", &())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes all items out.
    pub fn clear(&self) -> Result<()> {
        self.proxy.call("clear", &())
    }

    /// All items, in no order.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        whole(&self.proxy)
    }

    /// What is in this set or among the items; the set stays as it is.
    pub fn union(&self, items: &[T]) -> Result<Vec<T>> {
        self.proxy.call("union", &(items,))
    }

    /// What is in this set and among the items.
    pub fn intersection(&self, items: &[T]) -> Result<Vec<T>> {
        self.proxy.call("intersection", &(items,))
    }

    /// What is in this set and not among the items.
    pub fn difference(&self, items: &[T]) -> Result<Vec<T>> {
        self.proxy.call("difference", &(items,))
    }

    /// What is in one of the two and not in the other.
    pub fn symmetric_difference(&self, items: &[T]) -> Result<Vec<T>> {
        self.proxy.call("symmetric_difference", &(items,))
    }

    /// Whether none of the items is there.
    pub fn is_disjoint(&self, items: &[T]) -> Result<bool> {
        self.proxy.call("isdisjoint", &(items,))
    }

    /// Whether all that is there is among the items.
    pub fn is_subset(&self, items: &[T]) -> Result<bool> {
        self.proxy.call("issubset", &(items,))
    }

    /// Whether all items are there.
    pub fn is_superset(&self, items: &[T]) -> Result<bool> {
        self.proxy.call("issuperset", &(items,))
    }
}
