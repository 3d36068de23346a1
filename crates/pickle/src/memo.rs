//! The memo of a walk over opcodes that builds nothing.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::error::ErrorKind;

/// What a pickle has stored, by index.
///
/// Picklers number it in a row, so a vector serves; indices far off, as LONG_BINPUT may name, go to a map. Every entry
/// costs the pickle at least a byte, so its length bounds the memory.
#[derive(Clone, Debug)]
pub(crate) struct Memo<T> {
    near: Vec<Option<T>>,
    far: BTreeMap<u64, T>,
    entries: u64,
}

/// How many indices a pickler may skip before an entry counts as far off.
const MAX_GAP: usize = 16;

/// How many entries short messages have: so many are there without growing.
const USUAL: usize = 8;

impl<T: Copy> Memo<T> {
    pub(crate) fn new() -> Memo<T> {
        Memo { near: Vec::with_capacity(USUAL), far: BTreeMap::new(), entries: 0 }
    }

    /// How many entries there are, which is the index that MEMOIZE stores at.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    #[inline]
    pub(crate) fn get(&self, index: u64) -> Option<T> {
        match self.near.get(usize::try_from(index).ok()?) {
            Some(slot) => *slot,
            None => self.far.get(&index).copied(),
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, index: u64, value: T) {
        if index == self.near.len() as u64 && self.far.is_empty() {
            self.near.push(Some(value));
            self.entries += 1;
        } else {
            self.put_anywhere(index, value);
        }
    }

    #[cold]
    fn put_anywhere(&mut self, index: u64, value: T) {
        let new = match usize::try_from(index) {
            Ok(slot) if slot < self.near.len() => self.near[slot].replace(value).is_none(),
            // Once something is far off, the vector grows no more, so that an index is in one place only.
            Ok(slot) if self.far.is_empty() && slot <= self.near.len() + MAX_GAP => {
                self.near.resize(slot + 1, None);
                self.near[slot] = Some(value);
                true
            }
            _ => self.far.insert(index, value).is_none(),
        };
        self.entries += u64::from(new);
    }
}

/// What is wrong with a GET or PUT of another text.
pub(crate) const NO_INDEX: ErrorKind = ErrorKind::BadText("an index of the memo");

/// The index that GET or PUT names in decimal; `None` for one that no memo has. Whoever walks over a pickle reads it by
/// this, so that a report never takes for broken what loads.
pub(crate) fn index(text: &[u8]) -> Option<u64> {
    core::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_where_it_was_put_in_whatever_order() {
        let mut memo = Memo::new();
        let indices = [1, 0, 5, 4_294_967_295, 6, 2, 6, u64::MAX, 40];
        for (i, &index) in indices.iter().enumerate() {
            memo.put(index, i);
            assert_eq!(memo.get(index), Some(i));
        }
        assert_eq!(memo.entries(), 8, "6 was put twice");
        assert_eq!((memo.get(3), memo.get(7), memo.get(6)), (None, None, Some(6)));
    }
}
