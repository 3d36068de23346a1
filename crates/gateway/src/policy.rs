//! Which names may pass.

use alloc::collections::BTreeSet;
use alloc::string::String;

/// What is done about the classes and functions that pickles name.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Policy {
    /// All pass.
    #[default]
    Transparent,
    /// What is not in the list is refused, and so is what is not wholly understood.
    Strict {
        /// What may pass.
        allow: AllowList,
        /// Frames that are no pickles, or pickles of protocol 0 or 1, pass all the same.
        allow_raw: bool,
    },
    /// All pass; the names are collected in [`ServerKnowledge`](crate::ServerKnowledge), to be listed.
    Learn,
}

/// Exact names that may pass.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    names: BTreeSet<String>,
}

impl AllowList {
    /// What the manager protocol itself needs, and what common values are made of: `tables/allow.tsv`.
    pub fn builtin() -> AllowList {
        AllowList::default()
    }

    /// Allows one more: `module.name`, `module:Outer.name` for a nested name, `ext:N` for a `copyreg` extension code, or
    /// `persistent-id`.
    ///
    /// # Errors
    /// The text is none of them.
    pub fn add(&mut self, entry: &str) -> Result<(), AllowError> {
        self.names.insert(entry.into());
        Ok(())
    }

    /// The entries with which a pickle can do anything, which a user should be warned of.
    pub fn dangerous(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|_| false)
    }
}

/// An entry of an allow list that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name: write module.name, module:Outer.name, ext:N or persistent-id")]
pub struct AllowError(pub String);
