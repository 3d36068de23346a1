//! Keys in the order in which they came, each with a value: what dicts and sets are made of.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::digest::Digest;
use super::value::Value;

/// An ordered table. What finds a key in it is a digest that nobody outside can predict, in a tree: no choice of keys
/// makes it slow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// With gaps where something was removed.
    entries: Vec<Option<Entry>>,
    places: BTreeMap<Digest, usize>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) digest: Digest,
    pub(crate) key: Value,
    pub(crate) value: Value,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn contains(&self, digest: Digest) -> bool {
        self.places.contains_key(&digest)
    }

    pub(crate) fn get(&self, digest: Digest) -> Option<&Value> {
        let place = *self.places.get(&digest)?;
        self.entries.get(place)?.as_ref().map(|entry| &entry.value)
    }

    /// Puts a value under a key. A key that is there stays as it is, as in Python.
    pub(crate) fn insert(&mut self, digest: Digest, key: &Value, value: Value) {
        if let Some(&place) = self.places.get(&digest)
            && let Some(Some(entry)) = self.entries.get_mut(place)
        {
            entry.value = value;
            return;
        }
        self.places.insert(digest, self.entries.len());
        self.entries.push(Some(Entry { digest, key: key.clone(), value }));
    }

    pub(crate) fn remove(&mut self, digest: Digest) -> Option<Entry> {
        let place = self.places.remove(&digest)?;
        let removed = self.entries.get_mut(place)?.take();
        self.close_gaps();
        removed
    }

    pub(crate) fn pop_last(&mut self) -> Option<Entry> {
        let last = self.iter().next_back()?.digest;
        self.remove(last)
    }

    pub(crate) fn pop_first(&mut self) -> Option<Entry> {
        let first = self.iter().next()?.digest;
        self.remove(first)
    }

    pub(crate) fn clear(&mut self) {
        *self = Table::default();
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// The first key from a place on, and the place after it.
    pub(crate) fn from(&self, place: usize) -> Option<(&Value, usize)> {
        let rest = self.entries.get(place..)?;
        let found = rest.iter().position(Option::is_some)?;
        let entry = rest.get(found)?.as_ref()?;
        Some((&entry.key, place + found + 1))
    }

    pub(crate) fn keys(&self) -> Vec<Value> {
        self.iter().map(|entry| entry.key.clone()).collect()
    }

    /// Gaps never take more room than what is there.
    fn close_gaps(&mut self) {
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
        if self.entries.len() > 2 * self.places.len() + 8 {
            self.entries.retain(Option::is_some);
            for (place, entry) in self.entries.iter().enumerate() {
                if let Some(entry) = entry {
                    self.places.insert(entry.digest, place);
                }
            }
        }
    }
}

/// What an entry takes of the memory, beside its key and value, in bytes.
pub(crate) const ENTRY: usize = size_of::<Option<Entry>>() + 2 * (size_of::<Digest>() + size_of::<usize>());
