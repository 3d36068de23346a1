//! Structs, field by field: dicts, or objects of Python's classes.

use serde::ser::{self, Serialize};

use super::containers::{Entries, Items};
use super::{Place, Wanted};
use crate::opcode::Opcode;
use crate::serde::fault::Fault;
use crate::serde::put::Writer;
use crate::serde::reductions::Reduction;
use crate::serde::tape::NONE;

/// The fields of a struct, as they are written: a dict, or the parts of an [`Instance`](crate::serde::Instance) or a
/// [`Reduce`](crate::serde::Reduce).
pub(in crate::serde) enum Fields<'w, 'r> {
    Dict(Entries<'w, 'r>),
    /// The arguments of a call, by their places.
    Arguments(Items<'w, 'r>),
    Object(&'w mut Writer<'r>),
}

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        match self {
            Fields::Dict(entries) => entries.field(key, value),
            Fields::Arguments(items) => match items.item(value) {
                Ok(()) => Ok(()),
                Err(fault) => Err(fault.within(format_args!(".{key}"), NONE)),
            },
            Fields::Object(writer) => part(writer, key, value),
        }
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        match self {
            Fields::Dict(entries) => entries.close(),
            Fields::Arguments(items) => items.close()?,
            Fields::Object(_) => {}
        }
        Ok(())
    }
}

/// A struct as a Python object of a class.
#[cold]
pub(super) fn reduced<'w, 'r>(
    writer: &'w mut Writer<'r>,
    reduction: &Reduction,
    length: usize,
) -> Result<Fields<'w, 'r>, Fault> {
    match reduction {
        Reduction::Call(class) => {
            writer.global(&class.module, &class.name)?;
            let mut items = Items::open(writer, Some(length), Wanted::Tuple)?;
            items.then = Some(Opcode::Reduce);
            Ok(Fields::Arguments(items))
        }
        Reduction::Instance(class) => {
            part(writer, "class", class)?;
            let mut entries = Entries::open(writer);
            entries.attributes = true;
            entries.then = Some(Opcode::Build);
            Ok(Fields::Dict(entries))
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
