//! Numbers beyond 64 bits, the items of arrays, and the text of a UUID.

use alloc::format;
use alloc::string::String;

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::de::Value;
use super::fault::Fault;

/// An integer that does not fit into an `i64`.
pub(super) enum Wide {
    Unsigned64(u64),
    Signed(i128),
    Unsigned(u128),
}

impl Wide {
    /// The value of a two's complement, little-endian number of up to 128 bits.
    pub(super) fn of(bytes: &[u8]) -> Option<Wide> {
        let negative = bytes.last().is_some_and(|&top| top >= 0x80);
        let fill = if negative { 0xff } else { 0 };
        let length = bytes.iter().rposition(|&byte| byte != fill).map_or(0, |last| last + 1);
        let mut value = [fill; 16];
        value.get_mut(..length)?.copy_from_slice(&bytes[..length]);
        let unsigned = u128::from_le_bytes(value);
        if negative {
            // Sixteen bytes whose top bit is clear are the lower part of a longer number.
            return (value[15] >= 0x80).then_some(Wide::Signed(unsigned.cast_signed()));
        }
        Some(match (u64::try_from(unsigned), i128::try_from(unsigned)) {
            (Ok(value), _) => Wide::Unsigned64(value),
            (_, Ok(value)) => Wide::Signed(value),
            _ => Wide::Unsigned(unsigned),
        })
    }
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(super) fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The machine format code of single bytes.
pub(super) const BYTES: u8 = 0;

/// Reads the bytes of an `array.array` by its machine format code (CPython 3.13, Modules/arraymodule.c,
/// `enum machine_format_code`).
pub(super) fn visit_array<'de, V: Visitor<'de>>(
    value: Value<'_, '_, 'de>,
    code: u8,
    bytes: &[u8],
    visitor: V,
) -> Result<V::Value, Fault> {
    let size = match code {
        0 | 1 => 1,
        2..=5 | 18 | 19 => 2,
        6..=9 | 14 | 15 | 20 | 21 => 4,
        _ => 8,
    };
    if !bytes.len().is_multiple_of(size) {
        return Err(Fault::data("the bytes of an array end inside an item"));
    }
    value.reading.spend(bytes.len() / size)?;
    let words = bytes.chunks_exact(size).map(|item| {
        let mut word = [0; 8];
        word[..size].copy_from_slice(item);
        // Odd codes from 3 on are the big-endian ones.
        if code > 2 && code % 2 == 1 {
            word[..size].reverse();
        }
        u64::from_le_bytes(word)
    });
    match code {
        18..=21 => visitor.visit_string(unicode(words, size)?),
        _ => visit(words.map(|word| number(code, word)), visitor),
    }
}

fn number(code: u8, word: u64) -> Number {
    match code {
        1 => Number::Int((word as u8).cast_signed().into()),
        4 | 5 => Number::Int((word as u16).cast_signed().into()),
        8 | 9 => Number::Int((word as u32).cast_signed().into()),
        12 | 13 => Number::Int(word.cast_signed()),
        14 | 15 => Number::Float(f32::from_bits(word as u32).into()),
        16 | 17 => Number::Float(f64::from_bits(word)),
        _ => Number::Unsigned(word),
    }
}

/// The text of an array of type `u` or `w`.
fn unicode(words: impl Iterator<Item = u64>, size: usize) -> Result<String, Fault> {
    let text: Option<String> = if size == 2 {
        char::decode_utf16(words.map(|word| word as u16)).map(Result::ok).collect()
    } else {
        words.map(|word| char::from_u32(word as u32)).collect()
    };
    text.ok_or_else(|| Fault::data("the text of an array has lone surrogates"))
}

/// A number that no item of the tape is.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Unsigned(u64),
    Wide(i128),
    Float(f64),
}

/// Reads numbers as a sequence.
pub(super) fn visit<'de, V: Visitor<'de>>(
    numbers: impl Iterator<Item = Number>,
    visitor: V,
) -> Result<V::Value, Fault> {
    SeqDeserializer::new(numbers).deserialize_any(visitor)
}

impl IntoDeserializer<'_, Fault> for Number {
    type Deserializer = Number;

    fn into_deserializer(self) -> Number {
        self
    }
}

impl<'de> Deserializer<'de> for Number {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Number::Int(value) => visitor.visit_i64(value),
            Number::Unsigned(value) => visitor.visit_u64(value),
            Number::Wide(value) => match i64::try_from(value) {
                Ok(value) => visitor.visit_i64(value),
                Err(_) => visitor.visit_i128(value),
            },
            Number::Float(value) => visitor.visit_f64(value),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
