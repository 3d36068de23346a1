//! What all the values of one reading share.

use alloc::format;
use alloc::string::String;
use core::cell::{Cell, OnceCell};

use super::Value;
use crate::error::ErrorKind;
use crate::limits::Limits;
use crate::names::Names;
use crate::serde::fault::Fault;
use crate::serde::forms::{self, Form};
use crate::serde::tape::{Item, Tape};

/// What all the values of one reading share.
pub(in crate::serde) struct Reading<'t, 'de> {
    pub(in crate::serde) tape: &'t Tape<'de>,
    max_depth: u32,
    /// How many more values may be read.
    left: Cell<u64>,
    names: OnceCell<Names>,
}

/// As many bytes of text count for one value.
pub(in crate::serde) const WEIGHT: u64 = 32;

impl<'t, 'de> Reading<'t, 'de> {
    /// Each value may be read once for each byte that the pickle could have spent on referring to it, and
    /// `max_nodes` times on top where shared objects are expanded.
    pub(in crate::serde) fn new(tape: &'t Tape<'de>, limits: &Limits) -> Reading<'t, 'de> {
        Reading {
            tape,
            max_depth: limits.max_depth,
            left: Cell::new(u64::from(limits.max_nodes) + tape.reference_count() + tape.length / WEIGHT),
            names: OnceCell::new(),
        }
    }

    pub(in crate::serde) fn root(&self) -> Value<'_, 't, 'de> {
        Value { reading: self, id: self.tape.root, depth: self.max_depth }
    }

    /// Takes `count` values from the budget.
    #[inline]
    pub(in crate::serde) fn spend(&self, count: usize) -> Result<(), Fault> {
        match self.left.get().checked_sub(count as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Fault::new(ErrorKind::Limit("expanded references to shared objects"))),
        }
    }

    /// Takes text or bytes from the budget: a long one that is referred to often is copied as often.
    #[inline]
    pub(in crate::serde) fn weigh(&self, piece: &[u8]) -> Result<(), Fault> {
        match piece.len() as u64 / WEIGHT {
            0 => Ok(()),
            weight => self.spend(weight as usize),
        }
    }

    /// What went wrong if values nest too deep at `id`.
    #[cold]
    pub(super) fn too_deep(&self, id: u32) -> Fault {
        let kind = if self.tape.holds_itself(id) {
            ErrorKind::Data("an object that contains itself has no form as a serde type".into())
        } else {
            ErrorKind::Limit("nested objects")
        };
        Fault::new(kind).at(id)
    }

    /// The name of a class, as `module:Name`, which no dot in either part can confuse. Python 2's names become
    /// Python 3's, as every Python 3 makes them when it reads protocols below 3.
    pub(in crate::serde) fn class_name(&self, id: u32) -> Option<String> {
        if let Item::Object(index) = self.tape.item(id) {
            let Form::Member(class, name) = forms::form(self.tape, self.tape.object(index)) else {
                return None;
            };
            // Protocols below 4 reach a nested class by getattr, one level for each dot.
            let (module, outer) = self.tape.global(class)?;
            let (module, outer) = (core::str::from_utf8(module).ok()?, core::str::from_utf8(outer).ok()?);
            return Some(format!("{module}:{outer}.{name}"));
        }
        let (module, name) = self.tape.global(id)?;
        let (module, name) = (core::str::from_utf8(module).ok()?, core::str::from_utf8(name).ok()?);
        if self.tape.protocol >= 3 {
            return Some(format!("{module}:{name}"));
        }
        let names = self.names.get_or_init(Names::builtin);
        let (module, name) = names.canonical(module, name, self.tape.protocol);
        Some(format!("{module}:{name}"))
    }
}
