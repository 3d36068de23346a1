//! What is wrong with a row, and how to write it.

use alloc::string::String;

/// A line of a table of names is no row. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// There are too few or too many columns.
    #[error(
        "line {line}: {columns} columns: write canonical name, alias, Python versions and, if you like, a note, with tabs between"
    )]
    Columns {
        /// The line.
        line: usize,
        /// How many columns it has.
        columns: usize,
    },
    /// This is no name.
    #[error(
        "line {line}: `{text}` is no name: write module.name, or module.* for a module and what is below it"
    )]
    Name {
        /// The line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// One of the two names is a module, the other is not.
    #[error("line {line}: `{text}` is one name, the other a whole module: end both in .* or neither")]
    Star {
        /// The line.
        line: usize,
        /// The alias.
        text: String,
    },
    /// This is no span of versions.
    #[error("line {line}: `{text}` is no span of versions: write 2.7, 3.7+, 3.8-3.10, or - for none")]
    Pythons {
        /// The line.
        line: usize,
        /// What stands there.
        text: String,
    },
}
