//! Integers, text and bytes, in whichever form a protocol has them.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::forms::name;
use super::tape::{Item, Make, Object, Tape};
use crate::text;

/// The longest integer that is turned into decimal, in bytes: the 4,300 digits that CPython stops at as well.
const MAX_LONG: usize = 1786;

/// An integer as two's complement, little-endian.
pub(super) fn integer<'de>(tape: &Tape<'de>, id: u32) -> Option<Cow<'de, [u8]>> {
    Some(match tape.item(id) {
        Item::Int(value) => {
            let (bytes, length) = text::long_bytes(value);
            Cow::Owned(bytes[..length].to_vec())
        }
        Item::Long(bytes) => Cow::Borrowed(bytes),
        Item::Decimal(digits) => match text::parse_decimal(digits, u32::MAX) {
            Ok(Some(text::Decimal::Large(bytes))) => Cow::Owned(bytes),
            _ => return None,
        },
        _ => return None,
    })
}

/// An integer in decimal. The time that takes grows with the square of its length, so there is a limit.
pub(super) fn decimal(tape: &Tape<'_>, id: u32) -> Option<String> {
    match tape.item(id) {
        Item::Int(value) => Some(format!("{value}")),
        Item::Long(bytes) if bytes.len() <= MAX_LONG => Some(text::format_decimal(bytes)),
        Item::Decimal(digits) => {
            Some(core::str::from_utf8(digits).ok()?.trim().trim_end_matches('L').to_string())
        }
        _ => None,
    }
}

/// Text of either Python, as names and keys have it: without escapes.
pub(super) fn plain_text<'de>(tape: &Tape<'de>, id: u32) -> Option<&'de [u8]> {
    let line = match tape.item(id) {
        Item::Str(s) | Item::String(s) => return Some(s),
        Item::EscapedStr(s) => s,
        // Without its quotes.
        Item::ReprString([_, s @ .., _]) => s,
        _ => return None,
    };
    (line.is_ascii() && !line.contains(&b'\\')).then_some(line)
}

/// Text of either Python, if it is valid UTF-8.
pub(super) fn text_of<'de>(tape: &Tape<'de>, id: u32) -> Option<Cow<'de, str>> {
    Some(match tape.item(id) {
        Item::Str(s) | Item::String(s) => Cow::Borrowed(core::str::from_utf8(s).ok()?),
        Item::EscapedStr(s) => Cow::Owned(String::from_utf8(text::parse_raw_unicode_escape(s)?).ok()?),
        Item::ReprString(s) => Cow::Owned(String::from_utf8(text::parse_string_repr(s)?).ok()?),
        _ => return None,
    })
}

/// Bytes in any of their forms.
pub(super) fn bytes_of<'de>(tape: &Tape<'de>, id: u32) -> Option<Cow<'de, [u8]>> {
    nested_bytes(tape, id, 4)
}

fn nested_bytes<'de>(tape: &Tape<'de>, id: u32, depth: u8) -> Option<Cow<'de, [u8]>> {
    Some(match tape.item(id) {
        Item::Bytes(s) | Item::ByteArray(s) | Item::String(s) => Cow::Borrowed(s),
        Item::ReprString(s) => Cow::Owned(text::parse_string_repr(s)?),
        Item::Object(index) => made_bytes(tape, tape.object(index), depth.checked_sub(1)?)?,
        _ => return None,
    })
}

/// `bytes()`, `bytearray(b'..')`, `bytearray('..', 'latin-1')`, `_codecs.encode('..', 'latin1')`, `bytes([..])`.
pub(super) fn made_bytes<'de>(tape: &Tape<'de>, object: &Object, depth: u8) -> Option<Cow<'de, [u8]>> {
    let Make::Reduce { callable, args } = object.make else { return None };
    let is_encode = match name(tape, callable) {
        (b"_codecs", b"encode") => true,
        (b"builtins" | b"__builtin__", b"bytes" | b"bytearray") => false,
        _ => return None,
    };
    match *tape.row(args)? {
        [] if !is_encode => Some(Cow::Borrowed(&[])),
        [text, encoding] => {
            let text = text_of(tape, text)?;
            match plain_text(tape, encoding)? {
                b"latin1" | b"latin-1" => text::utf8_to_latin1(text.as_bytes()).map(Cow::Owned),
                b"ascii" | b"utf-8" | b"utf8" => Some(Cow::Owned(text.into_owned().into_bytes())),
                _ => None,
            }
        }
        [given] if !is_encode => match tape.row(given) {
            Some(items) => {
                let byte = |&id: &u32| match tape.item(id) {
                    Item::Int(value) => u8::try_from(value).ok(),
                    _ => None,
                };
                items.iter().map(byte).collect::<Option<Vec<u8>>>().map(Cow::Owned)
            }
            None => nested_bytes(tape, given, depth),
        },
        _ => None,
    }
}
