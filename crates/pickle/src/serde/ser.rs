//! The serializer: a Rust value straight to bytes, without a graph and without a memo.

use alloc::string::ToString;

use serde::ser::{self, Serialize};

use super::class;
use super::fault::Fault;
use super::put::{Writer, unrepresentable};
use super::reductions::{Reduction, Reductions};
use super::tape::NONE;
use crate::opcode::Opcode;

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
    fn entries(self) -> Entries<'w, 'r> {
        let attributes = self.wanted == Wanted::State;
        Entries { attributes, ..Entries::open(self.writer) }
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
        Ok(self.entries())
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Fields<'w, 'r>, Fault> {
        match name {
            class::INSTANCE | class::REDUCE => Ok(Fields::Object(self.writer)),
            _ => match self.writer.reductions.of(name) {
                None => Ok(Fields::Dict(self.entries())),
                Some(reduction) => reduced(self.writer, reduction, length),
            },
        }
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'w, 'r>, Fault> {
        self.variant(variant)?;
        let mut entries = self.entries();
        entries.then = Some(Opcode::SetItem);
        Ok(entries)
    }

    fn collect_str<T: ?Sized + core::fmt::Display>(self, value: &T) -> Result<(), Fault> {
        self.serialize_str(&value.to_string())
    }
}

/// The items of a sequence, as they are written.
pub(super) struct Items<'w, 'r> {
    writer: &'w mut Writer<'r>,
    wanted: Wanted,
    /// How many a tuple was said to have.
    announced: usize,
    count: usize,
    /// What is done with the whole.
    then: Option<Opcode>,
}

impl<'w, 'r> Items<'w, 'r> {
    #[inline(always)]
    fn open(
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
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
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

    #[inline(always)]
    fn close(self) -> Result<(), Fault> {
        let writer = self.writer;
        match self.wanted {
            Wanted::Tuple => {
                if self.announced != self.count && self.announced <= 3 {
                    return Err(Fault::data("a tuple has another length than it said"));
                }
                writer.close_tuple(self.announced);
            }
            Wanted::Set | Wanted::FrozenSet => {
                close_set(writer, self.count, self.wanted == Wanted::FrozenSet);
            }
            _ => close_batch(writer, self.count, Opcode::Appends),
        }
        if let Some(opcode) = self.then {
            writer.op(opcode);
        }
        Ok(())
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
fn close_batch(writer: &mut Writer<'_>, count: usize, opcode: Opcode) {
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

            #[inline]
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
pub(super) struct Entries<'w, 'r> {
    writer: &'w mut Writer<'r>,
    count: usize,
    /// Whether the keys are the names of attributes.
    attributes: bool,
    /// What is done with the whole.
    then: Option<Opcode>,
}

impl<'w, 'r> Entries<'w, 'r> {
    #[inline]
    fn open(writer: &'w mut Writer<'r>) -> Entries<'w, 'r> {
        writer.empty(Opcode::EmptyDict, Opcode::Dict);
        if writer.protocol >= 1 {
            writer.op(Opcode::Mark);
        }
        Entries { writer, count: 0, attributes: false, then: None }
    }

    #[inline(always)]
    fn field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        if self.attributes { self.writer.name(key) } else { self.writer.str(key) }?;
        match self.value(value) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.within(format_args!(".{key}"), NONE)),
        }
    }

    #[inline]
    fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Place::new(self.writer))?;
        if self.writer.protocol == 0 {
            self.writer.op(Opcode::SetItem);
        }
        self.count += 1;
        Ok(())
    }

    #[inline]
    fn close(self) {
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

/// The fields of a struct, as they are written: a dict, or the parts of an [`Instance`](super::Instance) or a
/// [`Reduce`](super::Reduce).
pub(super) enum Fields<'w, 'r> {
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
fn reduced<'w, 'r>(
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
