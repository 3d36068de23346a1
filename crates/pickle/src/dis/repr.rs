//! Arguments as Python's `repr` shows them.

use core::fmt::{self, Write as _};

use crate::error::ErrorKind;
use crate::op::Op;
use crate::text::{self, Decimal};

/// The argument of an opcode; shown, it is what Python's `repr` makes of its value.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a>(Op<'a>);

/// Digits of the largest integer that is shown in decimal: CPython's own limit (sys.int_info.default_max_str_digits).
const MAX_DIGITS: u32 = 4300;
/// The most bytes that 4,300 digits take.
const MAX_LONG: usize = 1786;

impl<'a> Argument<'a> {
    /// The argument of this opcode; `None` if it takes none.
    pub fn of(op: Op<'a>) -> Option<Argument<'a>> {
        let has_argument = op.opcode().info().arg != crate::opcode::ArgKind::None;
        has_argument.then_some(Argument(op))
    }
}

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Op::BinInt(v) | Op::Ext4(v) => write!(f, "{v}"),
            Op::BinInt1(v) | Op::BinGet(v) | Op::BinPut(v) | Op::Ext1(v) | Op::Proto(v) => write!(f, "{v}"),
            Op::BinInt2(v) | Op::Ext2(v) => write!(f, "{v}"),
            Op::LongBinGet(v) | Op::LongBinPut(v) => write!(f, "{v}"),
            Op::Frame(v) => write!(f, "{v}"),
            Op::BinFloat(v) => f.write_str(&text::float_repr(v)),
            Op::Float(s) => f.write_str(&text::float_repr(text::parse_float(s).unwrap_or(f64::NAN))),
            Op::Int(s) | Op::Get(s) | Op::Put(s) => match s {
                b"00" => f.write_str("False"),
                b"01" => f.write_str("True"),
                _ => decimal(s, f),
            },
            Op::Long(s) => decimal(s, f),
            Op::Long1(s) | Op::Long4(s) if s.len() <= MAX_LONG => f.write_str(&text::format_decimal(s)),
            Op::Long1(s) | Op::Long4(s) => write!(f, "<integer of {} bytes>", s.len()),
            Op::ShortBinBytes(s) | Op::BinBytes(s) | Op::BinBytes8(s) => bytes_repr(s, f),
            Op::ByteArray8(s) => {
                f.write_str("bytearray(")?;
                bytes_repr(s, f)?;
                f.write_char(')')
            }
            Op::ShortBinString(s) | Op::BinString(s) => {
                text_repr(s.iter().map(|&b| b.into()), Charset::Ascii, f)
            }
            Op::String(s) => {
                let bytes = text::parse_string_repr(s).unwrap_or_default();
                text_repr(bytes.iter().map(|&b| b.into()), Charset::Ascii, f)
            }
            Op::ShortBinUnicode(s) | Op::BinUnicode(s) | Op::BinUnicode8(s) | Op::PersId(s) => {
                text_repr(CodePoints(s), Charset::Unicode, f)
            }
            Op::Unicode(s) => {
                let utf8 = text::parse_raw_unicode_escape(s).unwrap_or_default();
                text_repr(CodePoints(&utf8), Charset::Unicode, f)
            }
            Op::Global { module, name } | Op::Inst { module, name } => {
                let both = CodePoints(module).chain([u32::from(b' ')]).chain(CodePoints(name));
                text_repr(both, Charset::Unicode, f)
            }
            _ => Ok(()),
        }
    }
}

/// Whether the argument has the value that its opcode wants.
pub(super) fn check(op: &Op<'_>) -> Result<(), ErrorKind> {
    let wanted = |right: bool, wanted| if right { Ok(()) } else { Err(ErrorKind::BadText(wanted)) };
    match *op {
        Op::Int(s) | Op::Long(s) | Op::Get(s) | Op::Put(s) => match text::parse_decimal(s, MAX_DIGITS) {
            Ok(value) => wanted(value.is_some(), "an integer"),
            Err(()) => Err(ErrorKind::Limit("digits of an integer")),
        },
        Op::Float(s) => wanted(text::parse_float(s).is_some(), "a float"),
        Op::String(s) => wanted(text::parse_string_repr(s).is_some(), "the repr of a str"),
        Op::Unicode(s) => wanted(text::parse_raw_unicode_escape(s).is_some(), "raw-unicode-escaped text"),
        Op::ShortBinUnicode(s) | Op::BinUnicode(s) | Op::BinUnicode8(s) => wanted(is_text(s, true), "UTF-8"),
        Op::PersId(s) => wanted(is_text(s, false), "UTF-8"),
        Op::Global { module, name } | Op::Inst { module, name } => {
            wanted(is_text(module, false) && is_text(name, false), "UTF-8")
        }
        _ => Ok(()),
    }
}

fn decimal(text: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text::parse_decimal(text, MAX_DIGITS) {
        Ok(Some(Decimal::Small(value))) => write!(f, "{value}"),
        Ok(Some(Decimal::Large(bytes))) => f.write_str(&text::format_decimal(&bytes)),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Charset {
    Ascii,
    Unicode,
}

fn text_repr(
    text: impl Iterator<Item = u32> + Clone,
    charset: Charset,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let quote = quote(text.clone());
    f.write_char(quote)?;
    for code in text {
        match char::from_u32(code) {
            Some('\t') => f.write_str("\\t")?,
            Some('\n') => f.write_str("\\n")?,
            Some('\r') => f.write_str("\\r")?,
            Some(c) if c == '\\' || c == quote => write!(f, "\\{c}")?,
            Some(c @ ' '..='~') => f.write_char(c)?,
            Some(c) if charset == Charset::Unicode && is_printable(c) => f.write_char(c)?,
            _ if code <= 0xff => write!(f, "\\x{code:02x}")?,
            _ if code <= 0xffff => write!(f, "\\u{code:04x}")?,
            _ => write!(f, "\\U{code:08x}")?,
        }
    }
    f.write_char(quote)
}

fn bytes_repr(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('b')?;
    text_repr(bytes.iter().map(|&b| b.into()), Charset::Ascii, f)
}

/// Python prefers single quotes, unless the text has some and no double ones.
fn quote(mut text: impl Iterator<Item = u32> + Clone) -> char {
    let single = text.clone().any(|code| code == u32::from(b'\''));
    if single && text.all(|code| code != u32::from(b'"')) { '"' } else { '\'' }
}

/// Python's `str.isprintable`, of this compiler's edition of Unicode: Rust escapes the same categories in `{:?}`, and in a
/// `char` alone, but not inside a `str`, also what extends a grapheme.
fn is_printable(c: char) -> bool {
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = 1 + c.encode_utf8(&mut buffer[1..]).len();
    core::str::from_utf8(&buffer[..length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

/// Whether the bytes are UTF-8, with lone surrogates or without.
fn is_text(bytes: &[u8], surrogates: bool) -> bool {
    if core::str::from_utf8(bytes).is_ok() {
        return true;
    }
    let mut code_points = CodePoints(bytes);
    surrogates && code_points.by_ref().count() > 0 && code_points.0.is_empty()
}

/// The code points of UTF-8 in which lone surrogates pass; ends where the bytes are neither.
#[derive(Clone)]
struct CodePoints<'a>(&'a [u8]);

impl Iterator for CodePoints<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let &[first, ref rest @ ..] = self.0 else { return None };
        if first < 0x80 {
            self.0 = rest;
            return Some(first.into());
        }
        if let [0xed, middle @ 0xa0..=0xbf, last @ 0x80..=0xbf, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(0xd000 | u32::from(middle & 0x3f) << 6 | u32::from(last & 0x3f));
        }
        let length = self.0.len().min(4);
        let (c, length) = (2..=length).find_map(|n| {
            let text = core::str::from_utf8(&self.0[..n]).ok()?;
            Some((text.chars().next()?, n))
        })?;
        self.0 = &self.0[length..];
        Some(c.into())
    }
}
