//! The safety report: what a pickle would resolve and call, found without resolving or calling anything.
//!
//! It follows every opcode with a symbolic stack and memo, so what is dropped, duplicated or left behind is seen like all
//! else. It does not look into strings and bytes, which may be pickles themselves, and says nothing about memory or time.

mod show;
#[cfg(test)]
mod tests;
mod verdicts;
mod walk;

use alloc::borrow::Cow;
use alloc::vec::Vec;

pub use self::verdicts::{Verdict, Verdicts, VerdictsError};
use crate::error::Error;
use crate::opcode::Opcode;

/// Examines one pickle, up to its STOP or to where it can be read no further. It takes at most some 200 bytes of memory for
/// a byte of the pickle, and far less for what picklers write.
///
/// ```
/// use sabir_pickle::{Verdict, Verdicts, report};
/// let report = report(b"cos\nsystem\n(S'echo'\ntR0N.", &Verdicts::builtin());
/// assert_eq!(report.verdict(), Verdict::Dangerous);
/// assert_eq!(report.callee(&report.calls[0]).as_deref(), Some("os.system"));
/// assert_eq!(report.calls[0].offset, 21);
/// ```
pub fn report<'a>(pickle: &'a [u8], verdicts: &Verdicts) -> Report<'a> {
    walk::walk(pickle, verdicts)
}

/// What a pickle would do to who loads it, in the order of the opcodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    /// Every name that it would resolve.
    pub names: Vec<Name<'a>>,
    /// Everything that it would call.
    pub calls: Vec<Call>,
    /// Every id that it would ask the program's `persistent_load` for.
    pub persistent: Vec<PersistentId<'a>>,
    /// How many buffers beside it it wants.
    pub buffers: u32,
    /// The length in bytes of what was examined, STOP included. What follows is not part of the pickle.
    pub length: usize,
    /// The first thing that is wrong with it. A Python 3.6 or newer runs what comes before that and nothing after; the report
    /// goes on all the same, for others may.
    pub error: Option<Error>,
}

/// A name that a pickle resolves, which imports its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The offset of the opcode.
    pub offset: usize,
    /// The opcode: GLOBAL, STACK_GLOBAL, INST, or EXT1, EXT2, EXT4.
    pub opcode: Opcode,
    /// What is resolved.
    pub target: Target<'a>,
    /// What is known of it.
    pub verdict: Verdict,
    /// Why, in a few words; empty if nothing is known.
    pub why: Cow<'static, str>,
}

/// What a pickle resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A module and a name in it, dotted if nested, as they are written: a reader of protocols below 3 may map them to others.
    Global {
        /// The module.
        module: Cow<'a, str>,
        /// The name.
        name: Cow<'a, str>,
    },
    /// Whatever the reader's `copyreg` has registered under this code.
    Extension(u32),
    /// A name that is not written in the pickle but computed while it loads, or that is longer than 512 bytes.
    Computed,
}

/// A call, or something that is done to an object by its own methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The offset of the opcode.
    pub offset: usize,
    /// The opcode: REDUCE, NEWOBJ, NEWOBJ_EX, OBJ and INST call; BUILD calls `__setstate__` or sets attributes. APPEND,
    /// APPENDS, SETITEM, SETITEMS and ADDITEMS are here if what they extend is no list, dict or set.
    pub opcode: Opcode,
    /// What is called or changed.
    pub callee: Callee,
    /// What is known of the call, beyond what is known of the name.
    pub verdict: Verdict,
}

/// What a [`Call`] calls, or what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Callee {
    /// What the name at this index of [`Report::names`] resolves to.
    Name(usize),
    /// What the call at this index of [`Report::calls`] returned.
    Result(usize),
    /// The object that `persistent_load` gave.
    Persistent,
    /// It cannot be told.
    Unknown,
}

/// An id that the program's `persistent_load` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistentId<'a> {
    /// The offset of the opcode.
    pub offset: usize,
    /// The id, if it is text.
    pub text: Option<Cow<'a, str>>,
}

impl Report<'_> {
    /// The worst of all that is in it; no better than [`Verdict::Unknown`] for a pickle that is broken or has persistent ids.
    pub fn verdict(&self) -> Verdict {
        let names = self.names.iter().map(|name| name.verdict);
        let calls = self.calls.iter().map(|call| call.verdict);
        let limit = (self.error.is_some() || !self.persistent.is_empty()).then_some(Verdict::Unknown);
        names.chain(calls).chain(limit).max().unwrap_or(Verdict::Safe)
    }
}
