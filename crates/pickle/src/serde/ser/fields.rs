//! Structs, field by field: dicts, or objects of Python's classes.

use serde::ser::{self, Serialize};

use super::containers::{close_batch, open_dict};
use super::{Place, Wanted};
use crate::opcode::Opcode;
use crate::serde::fault::Fault;
use crate::serde::put::Writer;
use crate::serde::reductions::Reduction;
use crate::serde::tape::NONE;

/// The fields of a struct, as they are written.
pub(in crate::serde) struct Fields<'w, 'r> {
    writer: &'w mut Writer<'r>,
    role: Role,
    /// How many there were said to be.
    announced: usize,
    count: usize,
}

/// What the fields of a struct are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The entries of a dict.
    Dict,
    /// Those of the dict that is the state of an object.
    State,
    /// The attributes of an instance that is there already.
    Attributes,
    /// The arguments of a call, by their places.
    Arguments,
    /// The parts of an [`Instance`](crate::serde::Instance) or a [`Reduce`](crate::serde::Reduce).
    Parts,
}

impl<'w, 'r> Fields<'w, 'r> {
    #[inline(always)]
    pub(super) fn open(writer: &'w mut Writer<'r>, role: Role, length: usize) -> Fields<'w, 'r> {
        match role {
            Role::Dict | Role::State | Role::Attributes => open_dict(writer),
            Role::Arguments => writer.open_tuple(length),
            Role::Parts => {}
        }
        Fields { writer, role, announced: length, count: 0 }
    }

    /// Kept apart, so that what most structs need is inlined into the caller.
    #[cold]
    #[inline(never)]
    fn field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        match self.role {
            Role::Dict => self.writer.str(key)?,
            Role::State | Role::Attributes => self.writer.name(key)?,
            Role::Arguments => {}
            Role::Parts => return part(self.writer, key, value),
        }
        if let Err(fault) = value.serialize(Place::new(self.writer)) {
            return Err(fault.within(format_args!(".{key}"), NONE));
        }
        if self.writer.protocol == 0 && self.role != Role::Arguments {
            self.writer.op(Opcode::SetItem);
        }
        Ok(())
    }
}

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        self.count += 1;
        if self.role != Role::Dict || self.writer.protocol == 0 {
            return self.field(key, value);
        }
        self.writer.str(key)?;
        match value.serialize(Place::new(self.writer)) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.within(format_args!(".{key}"), NONE)),
        }
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        match self.role {
            Role::Dict | Role::State => close_batch(self.writer, self.count, Opcode::SetItems),
            Role::Attributes => {
                close_batch(self.writer, self.count, Opcode::SetItems);
                self.writer.op(Opcode::Build);
            }
            Role::Arguments => {
                if self.announced != self.count {
                    return Err(Fault::data("a struct has another number of fields than it said"));
                }
                self.writer.close_tuple(self.count);
                self.writer.op(Opcode::Reduce);
            }
            Role::Parts => {}
        }
        Ok(())
    }
}

/// Begins a struct as a Python object of a class, and says what its fields are.
#[cold]
pub(super) fn reduced(writer: &mut Writer<'_>, reduction: &Reduction) -> Result<Role, Fault> {
    match reduction {
        Reduction::Call(class) => {
            writer.global(&class.module, &class.name)?;
            Ok(Role::Arguments)
        }
        Reduction::Instance(class) => {
            part(writer, "class", class)?;
            Ok(Role::Attributes)
        }
    }
}

/// A part of an object that a call makes.
fn part<T: ?Sized + Serialize>(writer: &mut Writer<'_>, key: &str, value: &T) -> Result<(), Fault> {
    let start = writer.out.len();
    match key {
        "class" => {
            if writer.protocol < 2 {
                writer.global("copyreg", "_reconstructor")?;
                writer.op(Opcode::Mark);
            }
            value.serialize(Place::new(writer))?;
            if writer.protocol >= 2 {
                writer.op(Opcode::EmptyTuple);
                writer.op(Opcode::NewObj);
            } else {
                writer.global("builtins", "object")?;
                writer.op(Opcode::None);
                writer.op(Opcode::Tuple);
                writer.op(Opcode::Reduce);
            }
        }
        "args" => {
            value.serialize(Place { writer, wanted: Wanted::Tuple })?;
            if writer.tuple_end != writer.out.len() {
                return Err(Fault::data("the arguments of a call must be a tuple, an array or a vector"));
            }
            writer.op(Opcode::Reduce);
        }
        "state" => {
            value.serialize(Place { writer, wanted: Wanted::State })?;
            if writer.out[start..] == [Opcode::None.byte()] {
                writer.out.truncate(start);
            } else {
                writer.op(Opcode::Build);
            }
        }
        _ => value.serialize(Place::new(writer))?,
    }
    Ok(())
}
