//! The deserializer: a value of a tape, to whatever type asks for it.

mod objects;
mod reading;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::{Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use self::objects::Scalar;
pub(super) use self::reading::{Reading, WEIGHT};
use super::access::{EnumAccess, MapAccess, SeqAccess};
use super::atoms;
use super::class;
use super::fault::Fault;
use super::forms::{self, Form};
use super::numbers;
use super::tape::Item;
use crate::text;

/// One value, about to be read.
#[derive(Clone, Copy)]
pub(super) struct Value<'r, 't, 'de> {
    pub(super) reading: &'r Reading<'t, 'de>,
    pub(super) id: u32,
    /// How many levels may lie below it.
    depth: u32,
}

impl<'r, 't, 'de> Value<'r, 't, 'de> {
    #[inline]
    pub(super) fn item(self) -> Item<'de> {
        self.reading.tape.item(self.id)
    }

    /// Another value, of the same depth.
    #[inline]
    pub(super) fn with(self, id: u32) -> Value<'r, 't, 'de> {
        Value { id, ..self }
    }

    /// The same value, seen from within a container.
    #[inline]
    pub(super) fn enter(self) -> Result<Value<'r, 't, 'de>, Fault> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Value { depth, ..self }),
            None => Err(self.reading.too_deep(self.id)),
        }
    }

    fn form(self, index: u32) -> Form<'t, 'de> {
        forms::form(self.reading.tape, self.reading.tape.object(index))
    }

    pub(super) fn seq<V: Visitor<'de>>(self, ids: &[u32], visitor: V) -> Result<V::Value, Fault> {
        self.reading.spend(ids.len())?;
        let mut access = SeqAccess::new(self.enter()?, ids);
        let value = visitor.visit_seq(&mut access)?;
        match access.left() {
            0 => Ok(value),
            _ => Err(Fault::data(format!(
                "invalid length {}, expected {} items",
                ids.len(),
                ids.len() - access.left()
            ))),
        }
    }

    fn map<V: Visitor<'de>>(self, pairs: &[u32], visitor: V) -> Result<V::Value, Fault> {
        self.reading.spend(pairs.len())?;
        visitor.visit_map(MapAccess::new(self.enter()?, pairs))
    }

    fn fields<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        ids: &[u32],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.reading.spend(ids.len())?;
        visitor.visit_map(super::access::NamedAccess::new(self.enter()?, names, ids))
    }

    fn long<V: Visitor<'de>>(self, bytes: &[u8], visitor: V) -> Result<V::Value, Fault> {
        match numbers::Wide::of(bytes) {
            Some(numbers::Wide::Unsigned64(value)) => visitor.visit_u64(value),
            Some(numbers::Wide::Signed(value)) => visitor.visit_i128(value),
            Some(numbers::Wide::Unsigned(value)) => visitor.visit_u128(value),
            None => Err(Fault::data(format!(
                "an integer of {} bytes does not fit into 128 bits: read it as bytes (two's complement, little-endian)",
                bytes.len()
            ))),
        }
    }

    fn text<V: Visitor<'de>>(self, text: &'de [u8], visitor: V) -> Result<V::Value, Fault> {
        self.reading.weigh(text)?;
        match core::str::from_utf8(text) {
            Ok(text) => visitor.visit_borrowed_str(text),
            // Lone surrogates, which Python's text may have and Rust's may not.
            Err(_) => visitor.visit_borrowed_bytes(text),
        }
    }

    fn cow<V: Visitor<'de>>(self, bytes: Cow<'de, [u8]>, visitor: V) -> Result<V::Value, Fault> {
        self.reading.weigh(&bytes)?;
        match bytes {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    /// Text that had to be decoded, or a Python 2 `str` as text if it is some.
    fn decoded<V: Visitor<'de>>(self, bytes: Option<Vec<u8>>, visitor: V) -> Result<V::Value, Fault> {
        let bytes = bytes.unwrap_or_default();
        self.reading.weigh(&bytes)?;
        match String::from_utf8(bytes) {
            Ok(text) => visitor.visit_string(text),
            Err(error) => visitor.visit_byte_buf(error.into_bytes()),
        }
    }
}

macro_rules! scalars {
    ($($method:ident => $wanted:ident,)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.item() {
                Item::Int(value) if Scalar::$wanted != Scalar::Bytes => visitor.visit_i64(value),
                Item::Float(value) => visitor.visit_f64(value),
                Item::Str(text) => self.text(text, visitor),
                _ => self.scalar(Scalar::$wanted, visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_, '_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let tape = self.reading.tape;
        match self.item() {
            Item::None => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Int(value) => visitor.visit_i64(value),
            Item::Float(value) => visitor.visit_f64(value),
            Item::Long(bytes) => self.long(bytes, visitor),
            Item::Decimal(_) => self.long(&atoms::integer(tape, self.id).unwrap_or_default(), visitor),
            Item::Str(text) | Item::String(text) => self.text(text, visitor),
            Item::EscapedStr(line) => self.decoded(text::parse_raw_unicode_escape(line), visitor),
            Item::ReprString(line) => self.decoded(text::parse_string_repr(line), visitor),
            Item::Bytes(bytes) | Item::ByteArray(bytes) => self.cow(Cow::Borrowed(bytes), visitor),
            Item::List(span) | Item::Tuple(span) | Item::Set(span) | Item::FrozenSet(span) => {
                self.seq(tape.references(span), visitor)
            }
            Item::Dict(span) => self.map(tape.references(span), visitor),
            Item::Global(_) => match self.reading.class_name(self.id) {
                Some(name) => visitor.visit_string(name),
                None => Err(Fault::data("the name of a class is not UTF-8")),
            },
            Item::Object(index) => self.object_as_any(index, visitor),
            Item::Opaque(what) => {
                Err(Fault::data(format!("{what} has no form as a serde type: load the pickle as a graph")))
            }
        }
    }

    scalars! {
        deserialize_i8 => Integer,
        deserialize_i16 => Integer,
        deserialize_i32 => Integer,
        deserialize_i64 => Integer,
        deserialize_i128 => Integer,
        deserialize_u8 => Integer,
        deserialize_u16 => Integer,
        deserialize_u32 => Integer,
        deserialize_u64 => Integer,
        deserialize_u128 => Integer,
        deserialize_f32 => Float,
        deserialize_f64 => Float,
        deserialize_char => Text,
        deserialize_str => Text,
        deserialize_string => Text,
        deserialize_bytes => Bytes,
        deserialize_byte_buf => Bytes,
        deserialize_identifier => Text,
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Bool(value) => visitor.visit_bool(value),
            _ => self.scalar(Scalar::Integer, visitor),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == class::CLASS {
            return match self.reading.class_name(self.id) {
                Some(name) => visitor.visit_string(name),
                None => self.deserialize_any(visitor),
            };
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::List(span) | Item::Tuple(span) => self.seq(self.reading.tape.references(span), visitor),
            Item::Bytes(bytes) | Item::ByteArray(bytes) | Item::String(bytes) => {
                numbers::visit_array(self, numbers::BYTES, bytes, visitor)
            }
            Item::ReprString(_) => {
                let bytes = atoms::bytes_of(self.reading.tape, self.id).unwrap_or_default();
                numbers::visit_array(self, numbers::BYTES, &bytes, visitor)
            }
            Item::Object(index) => self.object_as_seq(index, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Dict(span) => self.map(self.reading.tape.references(span), visitor),
            Item::Object(index) => self.object_as_struct(index, &[], visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Dict(span) => self.map(self.reading.tape.references(span), visitor),
            Item::Object(index) => match name {
                class::INSTANCE | class::REDUCE => self.parts(index, name == class::REDUCE, visitor),
                _ => self.object_as_struct(index, fields, visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let tape = self.reading.tape;
        match self.item() {
            Item::Dict(span) => match *tape.references(span) {
                [variant, content] => {
                    self.reading.spend(2)?;
                    let inner = self.enter()?;
                    visitor.visit_enum(EnumAccess::new(inner.with(variant), Some(inner.with(content))))
                }
                _ => Err(serde::de::Error::invalid_value(
                    Unexpected::Map,
                    &"the name of a variant, or a dict of one entry: the name and the content",
                )),
            },
            Item::Object(index) => match self.form(index) {
                Form::Same(id) => self.with(id).enter()?.deserialize_enum(name, variants, visitor),
                Form::Instance(instance) if instance.args.len() == 1 && instance.attributes.is_empty() => {
                    self.with(instance.args[0]).enter()?.deserialize_enum(name, variants, visitor)
                }
                _ => visitor.visit_enum(EnumAccess::new(self, None)),
            },
            _ => visitor.visit_enum(EnumAccess::new(self, None)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { unit unit_struct }
}
