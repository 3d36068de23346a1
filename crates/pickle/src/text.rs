//! The arguments that protocol 0 writes as text, both ways: decimal numbers, reprs and escapes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use num_bigint::BigInt;

/// A decimal integer, with Python 2's `L` or without.
pub(crate) enum Decimal {
    Small(i64),
    /// Two's complement, little-endian.
    Large(Vec<u8>),
}

/// Reads a decimal integer of up to `max_digits` digits; `None` if it is none, `Err` if it is longer.
pub(crate) fn parse_decimal(text: &[u8], max_digits: u32) -> Result<Option<Decimal>, ()> {
    let Ok(text) = core::str::from_utf8(text) else { return Ok(None) };
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    let text = text.strip_suffix('L').unwrap_or(text);
    if let Ok(value) = text.parse::<i64>() {
        return Ok(Some(Decimal::Small(value)));
    }
    if text.len() > max_digits as usize + 1 {
        return Err(());
    }
    // BigInt would take underscores, which Python's unpickler of text takes too in `int()`, but no pickler writes.
    if !text.bytes().enumerate().all(|(i, b)| b.is_ascii_digit() || (i == 0 && matches!(b, b'-' | b'+'))) {
        return Ok(None);
    }
    Ok(text.parse::<BigInt>().ok().map(|value| Decimal::Large(value.to_signed_bytes_le())))
}

/// Writes a two's complement number in decimal.
pub(crate) fn format_decimal(bytes: &[u8]) -> String {
    match crate::graph::small_long(bytes) {
        Some(value) => value.to_string(),
        None => BigInt::from_signed_bytes_le(bytes).to_string(),
    }
}

/// The shortest two's complement, little-endian, of a number, as LONG1 writes it: 0 has no byte at all.
pub(crate) fn long_bytes(value: i64) -> ([u8; 8], usize) {
    let bytes = value.to_le_bytes();
    if value == 0 {
        return (bytes, 0);
    }
    let mut length = 8;
    while length > 1 {
        let (top, next) = (bytes[length - 1], bytes[length - 2]);
        let redundant = (top == 0 && next < 0x80) || (top == 0xff && next >= 0x80);
        if !redundant {
            break;
        }
        length -= 1;
    }
    (bytes, length)
}

/// Reads a float as Python's `repr` writes it.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    core::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Writes a float as Python's `repr` does: the shortest digits that read back, exponents from 1e16 and below 1e-4.
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// Reads the repr of a Python 2 `str`, quotes included; `None` if the quotes do not match or an escape is cut short.
pub(crate) fn parse_string_repr(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let (&quote, rest) = text.split_first()?;
    let (&end, body) = rest.split_last()?;
    if !matches!(quote, b'\'' | b'"') || end != quote {
        return None;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next()? {
            b'\n' => {}
            quote @ (b'\\' | b'\'' | b'"') => out.push(quote),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b't' => out.push(b'\t'),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b'v' => out.push(11),
            b'a' => out.push(7),
            b'x' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                out.push((high << 4 | low) as u8);
            }
            octal @ b'0'..=b'7' => {
                let mut value = u32::from(octal - b'0');
                for _ in 0..2 {
                    let Some(digit) = bytes.peek().filter(|b| (b'0'..=b'7').contains(*b)) else { break };
                    value = value << 3 | u32::from(digit - b'0');
                    bytes.next();
                }
                out.push(value as u8);
            }
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    Some(out)
}

/// Writes bytes as the repr of a Python 2 `str`.
pub(crate) fn string_repr(bytes: &[u8]) -> Vec<u8> {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b if b == quote => out.extend_from_slice(&[b'\\', b]),
            0x20..=0x7e => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(quote);
    out
}

/// Reads raw-unicode-escape into UTF-8 (surrogates pass); `None` if an escape is cut short or beyond Unicode.
pub(crate) fn parse_raw_unicode_escape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            push_code_point(u32::from(byte), &mut out);
            continue;
        }
        let digits = match bytes.next() {
            Some(b'u') => 4,
            Some(b'U') => 8,
            Some(other) => {
                out.push(b'\\');
                push_code_point(u32::from(other), &mut out);
                continue;
            }
            None => {
                out.push(b'\\');
                break;
            }
        };
        let mut code = 0u32;
        for _ in 0..digits {
            code = code.checked_mul(16)? | char::from(bytes.next()?).to_digit(16)?;
        }
        if code > 0x10_ffff {
            return None;
        }
        push_code_point(code, &mut out);
    }
    Some(out)
}

/// Writes UTF-8 (surrogates pass) as raw-unicode-escape, with escapes for what would end or garble the line, as
/// CPython 3 does (Modules/_pickle.c, raw_unicode_escape). Bytes that are no UTF-8 end the text.
pub(crate) fn raw_unicode_escape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((code, length)) = next_code_point(rest) {
        rest = &rest[length..];
        match code {
            0 | 0x0a | 0x0d | 0x1a | 0x5c => out.extend_from_slice(format!("\\u{code:04x}").as_bytes()),
            0..=0xff => out.push(code as u8),
            0x100..=0xffff => out.extend_from_slice(format!("\\u{code:04x}").as_bytes()),
            _ => out.extend_from_slice(format!("\\U{code:08x}").as_bytes()),
        }
    }
    rest.is_empty().then_some(out)
}

/// Bytes as the UTF-8 of the text that has them as its Latin-1.
pub(crate) fn latin1_to_utf8(bytes: &[u8]) -> Vec<u8> {
    let high = bytes.iter().filter(|b| !b.is_ascii()).count();
    let mut out = Vec::with_capacity(bytes.len() + high);
    for run in bytes.chunk_by(|a, b| a.is_ascii() && b.is_ascii()) {
        match run {
            [byte] => push_code_point(u32::from(*byte), &mut out),
            _ => out.extend_from_slice(run),
        }
    }
    out
}

/// The Latin-1 of text, if it has one.
pub(crate) fn utf8_to_latin1(text: &[u8]) -> Option<Vec<u8>> {
    core::str::from_utf8(text).ok()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// Appends a code point in UTF-8, a surrogate like any other.
fn push_code_point(code: u32, out: &mut Vec<u8>) {
    match code {
        0..=0x7f => out.push(code as u8),
        0x80..=0x7ff => out.extend_from_slice(&[0xc0 | (code >> 6) as u8, 0x80 | (code & 0x3f) as u8]),
        0x800..=0xffff => out.extend_from_slice(&[
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
        _ => out.extend_from_slice(&[
            0xf0 | (code >> 18) as u8,
            0x80 | (code >> 12 & 0x3f) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
    }
}

/// The first code point of UTF-8 in which surrogates pass, and its length.
fn next_code_point(text: &[u8]) -> Option<(u32, usize)> {
    let tail = |i: usize| text.get(i).filter(|b| (0x80..0xc0).contains(*b)).map(|b| u32::from(b & 0x3f));
    let first = u32::from(*text.first()?);
    let (code, length, range) = match first {
        0..=0x7f => (first, 1, 0..=0x7f),
        0xc2..=0xdf => ((first & 0x1f) << 6 | tail(1)?, 2, 0x80..=0x7ff),
        0xe0..=0xef => ((first & 0x0f) << 12 | tail(1)? << 6 | tail(2)?, 3, 0x800..=0xffff),
        0xf0..=0xf4 => {
            ((first & 0x07) << 18 | tail(1)? << 12 | tail(2)? << 6 | tail(3)?, 4, 0x1_0000..=0x10_ffff)
        }
        _ => return None,
    };
    // Not in more bytes than it needs, and not beyond what Unicode has.
    range.contains(&code).then_some((code, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, repr) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0.0"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_repr(value), repr);
            assert_eq!(parse_float(repr.as_bytes()), Some(value));
        }
    }

    #[test]
    fn reprs_read_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(parse_string_repr(&string_repr(&all)).as_deref(), Some(&all[..]));
        assert_eq!(parse_string_repr(b"'\\101\\q\\\n'").as_deref(), Some(&b"A\\q"[..]));
        assert_eq!(parse_string_repr(b"'abc\""), None);
        assert_eq!(parse_string_repr(b"'\\x1'"), None);
        assert_eq!(parse_string_repr(b"'"), None);
    }

    #[test]
    fn escapes_read_back() {
        let text = "a\\b\nü€😀\0\r\u{1a}".as_bytes();
        assert_eq!(parse_raw_unicode_escape(&raw_unicode_escape(text).unwrap()).as_deref(), Some(text));
        let surrogate = parse_raw_unicode_escape(b"\\ud800").unwrap();
        assert_eq!(raw_unicode_escape(&surrogate).as_deref(), Some(&b"\\ud800"[..]));
        assert_eq!(parse_raw_unicode_escape(b"\\u12"), None);
        assert_eq!(parse_raw_unicode_escape(b"\\Uffffffff"), None);
    }

    /// A fuzzer wrote U+12FFFF, which the escape that came of it could not be read as.
    #[test]
    fn what_is_no_utf8_has_no_escapes() {
        for broken in
            [&b"\xf4\xaf\xbf\xbf"[..], b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf0\x8f\xbf\xbf", b"a\x80"]
        {
            assert_eq!(raw_unicode_escape(broken), None, "{}", broken.escape_ascii());
        }
        assert!(raw_unicode_escape("\u{10ffff}\u{10000}\u{800}".as_bytes()).is_some());
    }

    #[test]
    fn longs_are_as_short_as_python_makes_them() {
        for (value, bytes) in [
            (0i64, &b""[..]),
            (1, b"\x01"),
            (255, b"\xff\0"),
            (-1, b"\xff"),
            (-128, b"\x80"),
            (-129, b"\x7f\xff"),
        ] {
            let (buffer, length) = long_bytes(value);
            assert_eq!(&buffer[..length], bytes);
            assert_eq!(crate::graph::small_long(bytes), Some(value));
        }
        assert_eq!(long_bytes(i64::MIN).1, 8);
        let huge = "9".repeat(40);
        let Ok(Some(Decimal::Large(bytes))) = parse_decimal(huge.as_bytes(), 4300) else { panic!() };
        assert_eq!(format_decimal(&bytes), huge);
        assert!(parse_decimal("9".repeat(5000).as_bytes(), 4300).is_err());
    }
}
