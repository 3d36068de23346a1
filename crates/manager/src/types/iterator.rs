//! The iterator over the keys of a shared dict.

use super::dict::Dict;
use super::raised::Raised;
use super::signature::Signature;
use super::value::Value;
use super::{Answer, Call, Called};

/// Where an iterator stands.
#[derive(Clone, Debug)]
pub(crate) struct Iterator {
    place: usize,
    /// How many keys there were; `None` once it has come to its end.
    length: Option<usize>,
}

impl Iterator {
    pub(crate) fn new(length: usize) -> Iterator {
        Iterator { place: 0, length: Some(length) }
    }

    pub(crate) fn call(&mut self, dict: &Dict, call: &Call<'_>) -> Called {
        let era = call.caller.era;
        let known = if era.is_py2() { call.method == "next" } else { call.method == "__next__" };
        if !known {
            return Ok(Answer::NoMethod);
        }
        call.arguments.take(era, "dict_keyiterator", call.method, Signature::Slot(0))?;
        let Some(length) = self.length else { return Err(end()) };
        if dict.table().len() != length {
            // It stays broken, whatever becomes of the dict.
            self.length = Some(usize::MAX);
            return Err(Raised::runtime_error("dictionary changed size during iteration"));
        }
        match dict.table().from(self.place) {
            Some((key, next)) => {
                self.place = next;
                Ok(Answer::Value(key.clone()))
            }
            None => {
                self.length = None;
                Err(end())
            }
        }
    }
}

fn end() -> Raised {
    Raised::new("builtins", "StopIteration", alloc::vec::Vec::<Value>::new())
}
