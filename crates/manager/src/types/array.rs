//! `Array`: `array.array`, without its methods.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sabir_pickle::{Make, Node};

use super::era::Era;
use super::index::{Index, Span, iterate, size as index_size};
use super::list::subscript;
use super::number::Number;
use super::order::name;
use super::raised::Raised;
use super::show::Text;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::{Answer, Call, Called};

/// Numbers of one machine type.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    code: char,
    items: Vec<Value>,
}

impl Array {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Array, Raised> {
        let mut given = arguments.bind(era, "Array", &["typecode", "sequence", "lock"], 2)?.into_iter();
        let (code, items) = (given.next().flatten(), given.next().flatten());
        let (code, items) = (code.unwrap_or(Value::NONE), items.unwrap_or(Value::NONE));
        let mut characters = code.as_text().unwrap_or_default().chars();
        let (Some(character), None) = (characters.next(), characters.next()) else {
            let kind = name(&code, era);
            return Err(Raised::type_error(if era.is_py2() {
                format!(
                    "array() argument 1 or typecode must be char (string or ascii-unicode with length 1), not {kind}"
                )
            } else if era.since(14) && code.as_text().is_some() {
                return Err(Raised::value_error(format!("bad typecode (must be {NEWEST_CODES})")));
            } else if era.since(14) {
                format!("array() argument 1 must be str, not {kind}")
            } else {
                format!("array() argument 1 must be a unicode character, not {kind}")
            }));
        };
        let mut array = Array { code: character, items: Vec::new() };
        match items.view() {
            View::Text(_) if character != 'u' && !era.is_py2() => {
                let text = format!("cannot use a str to initialize an array with typecode '{character}'");
                return Err(Raised::type_error(text));
            }
            View::Str2(_) if !era.is_py2() && character != 'u' => {
                let text = format!("cannot use a str to initialize an array with typecode '{character}'");
                return Err(Raised::type_error(text));
            }
            _ => {}
        }
        let known = if era.is_py2() {
            "cbBuhHiIlLfd"
        } else if era.since(13) {
            "bBuwhHiIlLqQfd"
        } else {
            "bBuhHiIlLqQfd"
        };
        if !known.contains(character) {
            let codes = if era.is_py2() {
                "c, b, B, u, h, H, i, I, l, L, f or d"
            } else if era.since(14) {
                NEWEST_CODES
            } else {
                "b, B, u, h, H, i, I, l, L, q, Q, f or d"
            };
            return Err(Raised::value_error(format!("bad typecode (must be {codes})")));
        }
        match items.view() {
            View::Bytes(bytes) | View::ByteArray(bytes) => array.read(era, &bytes)?,
            View::Str2(bytes) if era.is_py2() => array.read(era, bytes)?,
            _ => {
                for item in iterate(era, &items)? {
                    let item = array.convert(era, &item)?;
                    array.items.push(item);
                }
            }
        }
        Ok(array)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn value(&self) -> Value {
        written(self.code, &self.items)
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut text = Text::new(era);
        text.out += &format!("array('{}'", self.code);
        if !self.items.is_empty() {
            text.out += ", [";
            text.values(&self.items)?;
            text.out.push(']');
        }
        text.out.push(')');
        Ok(text.out)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let era = call.caller.era;
        let signature = match call.method {
            "__len__" => Signature::Slot(0),
            "__getitem__" => Signature::Slot(1),
            "__setitem__" => Signature::Unpacked(2),
            "__getslice__" if era.is_py2() => Signature::Parsed(2),
            "__setslice__" if era.is_py2() => Signature::Parsed(3),
            _ => return Ok(Answer::NoMethod),
        };
        call.arguments.check(era, "array", call.method, signature)?;
        Ok(Answer::Value(match (call.method, &call.arguments.args[..]) {
            ("__len__", _) => Value::count(self.items.len()),
            ("__getitem__", [index]) => self.get(era, index)?,
            ("__setitem__", [index, value]) => {
                self.set(era, index, value)?;
                Value::NONE
            }
            ("__getslice__", [start, stop]) => {
                let (start, stop) = self.simple(start, stop)?;
                written(self.code, &self.items[start..stop])
            }
            ("__setslice__", [start, stop, value]) => {
                let (start, stop) = self.simple(start, stop)?;
                let new = self.operand(era, value)?;
                self.items.splice(start..stop, new);
                Value::NONE
            }
            _ => return Ok(Answer::NoMethod),
        }))
    }

    fn get(&self, era: Era, index: &Value) -> Result<Value, Raised> {
        if matches!(index.view(), View::Slice(_)) {
            let span = Span::of(era, index, self.items.len())?;
            let items: Vec<Value> =
                span.places().filter_map(|place| self.items.get(place).cloned()).collect();
            return Ok(written(self.code, &items));
        }
        let place = self.place(subscript(era, "array", index)?);
        let item = place.and_then(|place| self.items.get(place));
        item.cloned().ok_or_else(|| Raised::index_error("array index out of range"))
    }

    fn set(&mut self, era: Era, index: &Value, value: &Value) -> Result<(), Raised> {
        if matches!(index.view(), View::Slice(_)) {
            let span = Span::of(era, index, self.items.len())?;
            let new = self.operand(era, value)?;
            if span.step == 1 {
                let start = span.start as usize;
                self.items.splice(start..start + span.count, new);
                return Ok(());
            }
            if new.len() != span.count {
                return Err(Raised::value_error(format!(
                    "attempt to assign array of size {} to extended slice of size {}",
                    new.len(),
                    span.count
                )));
            }
            for (place, item) in span.places().zip(new) {
                if let Some(old) = self.items.get_mut(place) {
                    *old = item;
                }
            }
            return Ok(());
        }
        if Index::of(index).is_none() && !era.since(8) {
            return Err(Raised::type_error("array indices must be integer"));
        }
        let Some(place) = self.place(subscript(era, "array", index)?) else {
            return Err(Raised::index_error("array assignment index out of range"));
        };
        let value = self.convert(era, value)?;
        if let Some(old) = self.items.get_mut(place) {
            *old = value;
        }
        Ok(())
    }

    /// The items of an array that is assigned to a slice.
    fn operand(&self, era: Era, value: &Value) -> Result<Vec<Value>, Raised> {
        match read_array(value) {
            Some((code, items)) if code == self.code => Ok(items),
            Some(_) => Err(Raised::type_error("bad argument type for built-in operation")),
            None => {
                let kind = name(value, era);
                Err(Raised::type_error(format!("can only assign array (not \"{kind}\") to array slice")))
            }
        }
    }

    fn place(&self, index: i64) -> Option<usize> {
        let length = i64::try_from(self.items.len()).ok()?;
        let index = if index < 0 { index.checked_add(length)? } else { index };
        (0..length).contains(&index).then_some(index as usize)
    }

    fn simple(&self, start: &Value, stop: &Value) -> Result<(usize, usize), Raised> {
        let length = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        let bound = |value: &Value| index_size(Era::of(sabir_pickle::Pythons::PY2), value);
        let place = |index: i64| {
            if index < 0 { index.saturating_add(length) } else { index }.clamp(0, length) as usize
        };
        let (start, stop) = (place(bound(start)?), place(bound(stop)?));
        Ok((start, stop.max(start)))
    }

    /// Bytes as they lie in memory.
    fn read(&mut self, era: Era, bytes: &[u8]) -> Result<(), Raised> {
        let chunks = bytes.chunks_exact(size(self.code));
        if !chunks.remainder().is_empty() {
            let what = if era.is_py2() { "string" } else { "bytes" };
            return Err(Raised::value_error(format!("{what} length not a multiple of item size")));
        }
        self.items = chunks.map(|chunk| item(self.code, chunk)).collect();
        Ok(())
    }

    /// A value as this array keeps it.
    fn convert(&self, era: Era, value: &Value) -> Result<Value, Raised> {
        match self.code {
            'f' | 'd' => {
                let kind = name(value, era);
                let number = match Number::of(&value.view()) {
                    Some(number) if !matches!(value.view(), View::Complex(..)) => number,
                    _ if era.is_py2() => return Err(Raised::type_error("a float is required")),
                    _ => return Err(Raised::type_error(format!("must be real number, not {kind}"))),
                };
                let number = match number {
                    Number::Nan => f64::NAN,
                    _ => super::waiting::seconds(value)
                        .ok_or_else(|| Raised::type_error(format!("must be real number, not {kind}")))?,
                };
                Ok(Value::float(if self.code == 'f' { f64::from(number as f32) } else { number }))
            }
            'u' | 'w' | 'c' => match value.as_text() {
                Some(text) if text.chars().count() == 1 => Ok(value.clone()),
                _ if self.code == 'c' => Err(Raised::type_error("array item must be char")),
                _ => {
                    let kind = name(value, era);
                    Err(Raised::type_error(format!("array item must be a unicode character, not {kind}")))
                }
            },
            code => whole(era, code, value),
        }
    }
}

/// An integer that fits.
fn whole(era: Era, code: char, value: &Value) -> Result<Value, Raised> {
    let number = match Index::of(value) {
        Some(Index::Small(number)) => i128::from(number),
        Some(Index::Beyond { negative }) => match (code, Number::of(&value.view())) {
            ('L' | 'Q' | 'I', Some(Number::Long(bytes))) if !negative && bytes.len() <= 9 => {
                bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | i128::from(byte))
            }
            _ => {
                return Err(Raised::overflow_error(match code {
                    'q' => "int too big to convert",
                    'Q' => "int too big to convert",
                    'L' | 'I' if !era.is_py2() => "Python int too large to convert to C unsigned long",
                    _ => "Python int too large to convert to C long",
                }));
            }
        },
        None => {
            let kind = name(value, era);
            return Err(Raised::type_error(match value.view() {
                View::Float(_) if matches!(code, 'I' | 'L' | 'Q') && !era.is_py2() && !era.since(10) => {
                    "array item must be integer".into()
                }
                View::Float(_) if !era.since(10) => "integer argument expected, got float".into(),
                _ if era.is_py2() => "an integer is required".into(),
                _ if !era.since(10) => format!("an integer is required (got type {kind})"),
                _ => format!("'{kind}' object cannot be interpreted as an integer"),
            }));
        }
    };
    let short = (i128::from(i16::MIN), i128::from(i16::MAX), "signed short integer");
    let int = (i128::from(i32::MIN), i128::from(i32::MAX), "signed integer");
    let checks = match code {
        'b' => [Some(short), Some((-128, 127, "signed char"))],
        'B' => [Some((0, 255, "unsigned byte integer")), None],
        'h' => [Some(short), None],
        'H' => [Some(int), Some((0, 65_535, "unsigned short"))],
        'i' => [Some(int), None],
        _ if number < 0 && matches!(code, 'I' | 'L' | 'Q') && !era.is_py2() => {
            return Err(Raised::overflow_error("can't convert negative value to unsigned int"));
        }
        'I' => [Some((0, i128::from(u32::MAX), "unsigned int")), None],
        'L' | 'Q' => [Some((0, i128::from(u64::MAX), "unsigned long")), None],
        _ => [None, None],
    };
    for (least, most, what) in checks.into_iter().flatten() {
        if number < least {
            return Err(Raised::overflow_error(format!("{what} is less than minimum")));
        }
        if number > most {
            return Err(Raised::overflow_error(format!("{what} is greater than maximum")));
        }
    }
    Ok(match i64::try_from(number) {
        // They are `long`s in Python 2.
        Ok(number) if era.is_py2() && matches!(code, 'I' | 'L') => Value::long(number),
        Ok(number) => Value::int(number),
        Err(_) => value.clone(),
    })
}

const NEWEST_CODES: &str = "b, B, u, w, h, H, i, I, l, L, q, Q, e, f, d, Zf or Zd";

fn size(code: char) -> usize {
    match code {
        'b' | 'B' | 'c' => 1,
        'h' | 'H' => 2,
        'l' | 'L' | 'q' | 'Q' | 'd' => 8,
        _ => 4,
    }
}

fn item(code: char, chunk: &[u8]) -> Value {
    let mut raw = [0; 8];
    raw[..chunk.len().min(8)].copy_from_slice(&chunk[..chunk.len().min(8)]);
    let (bits, unused) = (u64::from_le_bytes(raw), 64 - 8 * chunk.len().clamp(1, 8) as u32);
    match code {
        'f' => Value::float(f64::from(f32::from_bits(bits as u32))),
        'd' => Value::float(f64::from_bits(bits)),
        'u' | 'w' | 'c' => {
            let character = char::from_u32(bits as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            Value::text(character.encode_utf8(&mut [0; 4]))
        }
        'B' | 'H' | 'I' | 'L' | 'Q' => match i64::try_from(bits) {
            Ok(value) => Value::int(value),
            Err(_) => Value::made(|graph| {
                let blob = graph.store(&[&raw[..], &[0]].concat());
                graph.add(Node::Long(blob))
            }),
        },
        _ => Value::int((bits << unused) as i64 >> unused),
    }
}

/// `array.array(code, [item, ...])`, which every Python reads.
fn written(code: char, items: &[Value]) -> Value {
    let list = Value::list(items);
    Value::calling("array", "array", &[Value::text(code.encode_utf8(&mut [0; 4])).native(), list])
}

/// The type code and the items of a pickled array.
fn read_array(value: &Value) -> Option<(char, Vec<Value>)> {
    let part = value.part()?;
    let Node::Object(object) = part.node() else { return None };
    let Make::Reduce { callable, args } = object.make else { return None };
    let graph = &part.graph;
    match (graph.global(callable)?, graph.items(args)?) {
        (("array", "array"), &[code, items]) => {
            Some((graph.text(code)?.chars().next()?, value.children(graph.items(items)?)))
        }
        (("array", "_array_reconstructor"), &[_, code, _, bytes]) => {
            let code = graph.text(code)?.chars().next()?;
            let View::Bytes(bytes) = View::of(graph, bytes) else { return None };
            let items = bytes.chunks_exact(size(code)).map(|chunk| item(code, chunk)).collect();
            Some((code, items))
        }
        _ => None,
    }
}
