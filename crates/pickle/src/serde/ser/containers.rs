//! Sequences and dicts, item by item.

use serde::ser::{self, Serialize};

use super::{Place, Wanted};
use crate::opcode::Opcode;
use crate::serde::fault::Fault;
use crate::serde::put::{Writer, unrepresentable};
use crate::serde::tape::NONE;

/// The items of a sequence, as they are written.
pub(in crate::serde) struct Items<'w, 'r> {
    writer: &'w mut Writer<'r>,
    wanted: Wanted,
    /// How many a tuple was said to have.
    announced: usize,
    count: usize,
    /// What is done with the whole.
    pub(super) then: Option<Opcode>,
}

impl<'w, 'r> Items<'w, 'r> {
    #[inline(always)]
    pub(super) fn open(
        writer: &'w mut Writer<'r>,
        length: Option<usize>,
        wanted: Wanted,
    ) -> Result<Items<'w, 'r>, Fault> {
        let mut announced = 0;
        match wanted {
            Wanted::Tuple => {
                // Of a sequence of unknown length nothing can be said before its end but a mark.
                announced = length.unwrap_or(usize::MAX);
                writer.open_tuple(announced);
            }
            Wanted::Set | Wanted::FrozenSet => open_set(writer, wanted == Wanted::FrozenSet)?,
            _ => open_list(writer),
        }
        Ok(Items { writer, wanted, announced, count: 0, then: None })
    }

    #[inline(always)]
    pub(super) fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
        let start = self.writer.out.len();
        if let Err(fault) = value.serialize(Place::new(self.writer)) {
            return Err(fault.within(format_args!("[{}]", self.count), NONE));
        }
        match self.wanted {
            Wanted::Tuple => {}
            Wanted::Set | Wanted::FrozenSet => {
                hashable(self.writer, start)?;
                if self.writer.protocol == 0 {
                    self.writer.op(Opcode::Append);
                }
            }
            _ if self.writer.protocol == 0 => self.writer.op(Opcode::Append),
            _ => {}
        }
        self.count += 1;
        Ok(())
    }

    /// Tuples are often short, and what they come to is then known where they are written.
    #[inline(always)]
    pub(super) fn close(self) -> Result<(), Fault> {
        if self.wanted != Wanted::Tuple {
            return self.close_other();
        }
        if self.announced != self.count && self.announced <= 3 {
            return Err(Fault::data("a tuple has another length than it said"));
        }
        self.writer.close_tuple(self.announced);
        if let Some(opcode) = self.then {
            self.writer.op(opcode);
        }
        Ok(())
    }

    fn close_other(self) -> Result<(), Fault> {
        match self.wanted {
            Wanted::Set => close_set(self.writer, self.count, false),
            Wanted::FrozenSet => close_set(self.writer, self.count, true),
            _ => close_batch(self.writer, self.count, Opcode::Appends),
        }
        if let Some(opcode) = self.then {
            self.writer.op(opcode);
        }
        Ok(())
    }
}

#[inline]
pub(super) fn open_dict(writer: &mut Writer<'_>) {
    writer.empty(Opcode::EmptyDict, Opcode::Dict);
    if writer.protocol >= 1 {
        writer.op(Opcode::Mark);
    }
}

#[inline]
fn open_list(writer: &mut Writer<'_>) {
    writer.empty(Opcode::EmptyList, Opcode::List);
    if writer.protocol >= 1 {
        writer.op(Opcode::Mark);
    }
}

#[cold]
fn open_set(writer: &mut Writer<'_>, frozen: bool) -> Result<(), Fault> {
    match (writer.protocol, frozen) {
        (4.., false) => writer.op(Opcode::EmptySet),
        (4.., true) => {}
        _ => {
            writer.global("builtins", if frozen { "frozenset" } else { "set" })?;
            writer.open_tuple(1);
            open_list(writer);
            return Ok(());
        }
    }
    writer.op(Opcode::Mark);
    Ok(())
}

#[cold]
fn close_set(writer: &mut Writer<'_>, count: usize, frozen: bool) {
    match (writer.protocol, frozen) {
        (4.., false) => close_batch(writer, count, Opcode::AddItems),
        (4.., true) => writer.op(Opcode::FrozenSet),
        _ => {
            close_batch(writer, count, Opcode::Appends);
            writer.close_tuple(1);
            writer.op(Opcode::Reduce);
        }
    }
}

/// Ends what was added since the mark; protocol 0 has no mark, and adds one by one.
#[inline(always)]
pub(super) fn close_batch(writer: &mut Writer<'_>, count: usize, opcode: Opcode) {
    match (writer.protocol, count) {
        (0, _) => {}
        (_, 0) => drop(writer.out.pop()),
        _ => writer.op(opcode),
    }
}

/// Refuses what Python would refuse as a key of a dict or an item of a set.
#[inline]
fn hashable(writer: &Writer<'_>, start: usize) -> Result<(), Fault> {
    match writer.out[start..] {
        [b']' | b'}' | 0x8f, ..] | [b'(', b'l' | b'd', ..] => Err(unrepresentable(
            "a list, dict or set as a key, or as an item of a set: Python cannot hash it",
        )),
        _ => Ok(()),
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident,)*) => {$(
        impl ser::$trait for Items<'_, '_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
                self.item(value)
            }

            #[inline(always)]
            fn end(self) -> Result<(), Fault> {
                self.close()
            }
        }
    )*};
}

items! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// The entries of a dict, as they are written.
pub(in crate::serde) struct Entries<'w, 'r> {
    writer: &'w mut Writer<'r>,
    count: usize,
    /// Whether the keys are the names of attributes.
    attributes: bool,
    /// What is done with the whole.
    then: Option<Opcode>,
}

impl<'w, 'r> Entries<'w, 'r> {
    #[inline]
    pub(super) fn open(
        writer: &'w mut Writer<'r>,
        attributes: bool,
        then: Option<Opcode>,
    ) -> Entries<'w, 'r> {
        open_dict(writer);
        Entries { writer, count: 0, attributes, then }
    }

    #[inline(always)]
    pub(super) fn field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        if self.attributes { self.writer.name(key) } else { self.writer.str(key) }?;
        match self.value(value) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.within(format_args!(".{key}"), NONE)),
        }
    }

    #[inline]
    pub(super) fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Place::new(self.writer))?;
        if self.writer.protocol == 0 {
            self.writer.op(Opcode::SetItem);
        }
        self.count += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn close(self) {
        close_batch(self.writer, self.count, Opcode::SetItems);
        if let Some(opcode) = self.then {
            self.writer.op(opcode);
        }
    }
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Fault> {
        let start = self.writer.out.len();
        let wanted = if self.attributes { Wanted::Name } else { Wanted::Natural };
        key.serialize(Place { writer: self.writer, wanted })?;
        hashable(self.writer, start)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
        self.value(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStructVariant for Entries<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), Fault> {
        self.close();
        Ok(())
    }
}
