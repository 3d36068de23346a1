//! The serializer: a Rust value straight to bytes, without a graph and without a memo.

mod containers;
mod fields;

use alloc::string::ToString;

use serde::ser::{self, Serialize};

use self::containers::{Entries, Items};
use self::fields::{Fields, Role, reduced};
use super::class;
use super::fault::Fault;
use super::put::Writer;
use super::reductions::{Reduction, Reductions};
use crate::opcode::Opcode;

/// The pickle of a value.
pub(super) fn pickle<'r, T: ?Sized + Serialize>(
    value: &T,
    protocol: u8,
    reductions: &'r Reductions,
) -> Result<Writer<'r>, Fault> {
    let mut writer = Writer::new(protocol, reductions);
    value.serialize(Place::new(&mut writer))?;
    writer.op(Opcode::Stop);
    Ok(writer)
}

/// A value's place in the pickle.
pub(super) struct Place<'w, 'r> {
    writer: &'w mut Writer<'r>,
    /// The kind of container that a wrapper asks for.
    wanted: Wanted,
}

/// What a sequence or bytes are written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What Rust's type says.
    Natural,
    Tuple,
    Set,
    FrozenSet,
    ByteArray,
    /// A class, given as text.
    Class,
    /// The attributes of an object.
    State,
    /// The name of an attribute.
    Name,
}

impl<'w, 'r> Place<'w, 'r> {
    #[inline]
    pub(super) fn new(writer: &'w mut Writer<'r>) -> Place<'w, 'r> {
        Place { writer, wanted: Wanted::Natural }
    }

    #[inline]
    fn items(self, length: Option<usize>, natural: Wanted) -> Result<Items<'w, 'r>, Fault> {
        let wanted = match self.wanted {
            Wanted::Natural | Wanted::State | Wanted::Name => natural,
            container => container,
        };
        Items::open(self.writer, length, wanted)
    }

    #[inline]
    fn entries(self, then: Option<Opcode>) -> Entries<'w, 'r> {
        Entries::open(self.writer, self.wanted == Wanted::State, then)
    }

    /// A dict of one entry, which the variant's content follows.
    fn variant(&mut self, variant: &str) -> Result<(), Fault> {
        self.writer.empty(Opcode::EmptyDict, Opcode::Dict);
        self.writer.str(variant)
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) => $put:ident,)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Fault> {
            self.writer.$put(value.into());
            Ok(())
        }
    )*};
}

impl<'w, 'r> ser::Serializer for Place<'w, 'r> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Items<'w, 'r>;
    type SerializeTuple = Items<'w, 'r>;
    type SerializeTupleStruct = Items<'w, 'r>;
    type SerializeTupleVariant = Items<'w, 'r>;
    type SerializeMap = Entries<'w, 'r>;
    type SerializeStruct = Fields<'w, 'r>;
    type SerializeStructVariant = Entries<'w, 'r>;

    numbers! {
        serialize_bool(bool) => bool,
        serialize_i8(i8) => int,
        serialize_i16(i16) => int,
        serialize_i32(i32) => int,
        serialize_i64(i64) => int,
        serialize_i128(i128) => signed,
        serialize_u8(u8) => int,
        serialize_u16(u16) => int,
        serialize_u32(u32) => int,
        serialize_u128(u128) => unsigned,
        serialize_f32(f32) => float,
        serialize_f64(f64) => float,
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        match i64::try_from(value) {
            Ok(value) => self.writer.int(value),
            Err(_) => self.writer.unsigned(value.into()),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.writer.str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        if self.wanted == Wanted::Class {
            let class: class::Class = value.parse().map_err(ser::Error::custom)?;
            return self.writer.global(&class.module, &class.name);
        }
        if self.wanted == Wanted::Name {
            return self.writer.name(value);
        }
        self.writer.str(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        match self.wanted {
            Wanted::ByteArray => self.writer.byte_array(value),
            _ => self.writer.bytes(value),
        }
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        match self.wanted {
            Wanted::Tuple => self.writer.tuple(0, |_| Ok(())),
            _ => {
                self.writer.op(Opcode::None);
                Ok(())
            }
        }
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Fault> {
        match self.writer.reductions.of(name) {
            Some(_) => ser::SerializeStruct::end(self.serialize_struct(name, 0)?),
            None => self.serialize_unit(),
        }
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Fault> {
        self.writer.str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        let wanted = match name {
            class::CLASS => Wanted::Class,
            class::TUPLE => Wanted::Tuple,
            class::SET => Wanted::Set,
            class::FROZEN_SET => Wanted::FrozenSet,
            class::BYTE_ARRAY => Wanted::ByteArray,
            _ if self.writer.reductions.of(name).is_some() => {
                let mut fields = self.serialize_tuple_struct(name, 1)?;
                fields.item(value)?;
                return fields.close();
            }
            _ => self.wanted,
        };
        value.serialize(Place { wanted, ..self })
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.variant(variant)?;
        value.serialize(Place::new(self.writer))?;
        self.writer.op(Opcode::SetItem);
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'w, 'r>, Fault> {
        self.items(length, Wanted::Natural)
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Items<'w, 'r>, Fault> {
        self.items(Some(length), Wanted::Tuple)
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Items<'w, 'r>, Fault> {
        let Some(Reduction::Instance(class) | Reduction::Call(class)) = self.writer.reductions.of(name)
        else {
            return self.items(Some(length), Wanted::Tuple);
        };
        // Fields without names can be arguments only.
        self.writer.global(&class.module, &class.name)?;
        let mut items = Items::open(self.writer, Some(length), Wanted::Tuple)?;
        items.then = Some(Opcode::Reduce);
        Ok(items)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'w, 'r>, Fault> {
        self.variant(variant)?;
        let mut items = Items::open(self.writer, Some(length), Wanted::Tuple)?;
        items.then = Some(Opcode::SetItem);
        Ok(items)
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'w, 'r>, Fault> {
        Ok(self.entries(None))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Fields<'w, 'r>, Fault> {
        let role = match name {
            class::INSTANCE | class::REDUCE => Role::Parts,
            _ => match self.writer.reductions.of(name) {
                Some(reduction) => reduced(self.writer, reduction)?,
                None if self.wanted == Wanted::State => Role::State,
                None => Role::Dict,
            },
        };
        Ok(Fields::open(self.writer, role, length))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'w, 'r>, Fault> {
        self.variant(variant)?;
        Ok(self.entries(Some(Opcode::SetItem)))
    }

    fn collect_str<T: ?Sized + core::fmt::Display>(self, value: &T) -> Result<(), Fault> {
        self.serialize_str(&value.to_string())
    }
}
