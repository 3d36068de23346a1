//! Indices and slices, and what can be iterated over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::era::Era;
use super::number::Number;
use super::order::name;
use super::raised::Raised;
use super::value::Value;
use super::view::View;

/// What `operator.index` makes of a value: a number, or that it is beyond what an index can be, and its sign.
pub(crate) enum Index {
    Small(i64),
    Beyond { negative: bool },
}

impl Index {
    /// `None` if the value is no integer.
    pub(crate) fn of(value: &Value) -> Option<Index> {
        Some(match value.view() {
            View::Bool(value) => Index::Small(i64::from(value)),
            View::Int(value) => Index::Small(value),
            View::Long(bytes) => Index::Beyond { negative: bytes.last().is_some_and(|&top| top >= 0x80) },
            _ => return None,
        })
    }

    /// As the bound of a slice: whatever is beyond is as far as can be.
    pub(crate) fn clamped(&self) -> i64 {
        match self {
            Index::Small(value) => *value,
            Index::Beyond { negative: true } => i64::MIN,
            Index::Beyond { negative: false } => i64::MAX,
        }
    }
}

/// An integer argument of a method of C, as Py_ssize_t.
pub(crate) fn size(era: Era, value: &Value) -> Result<i64, Raised> {
    match Index::of(value) {
        Some(Index::Small(value)) => Ok(value),
        Some(Index::Beyond { .. }) if era.is_py2() => {
            Err(Raised::overflow_error("Python int too large to convert to C long"))
        }
        Some(Index::Beyond { .. }) => {
            Err(Raised::overflow_error("Python int too large to convert to C ssize_t"))
        }
        None if matches!(value.view(), View::Float(_)) && !era.since(10) => {
            Err(Raised::type_error("integer argument expected, got float"))
        }
        None if era.is_py2() && matches!(value.view(), View::Complex(..)) => {
            Err(Raised::type_error("can't convert complex to int"))
        }
        None if era.is_py2() => match Number::of(&value.view()) {
            // 2.7 takes whatever has an `__int__` there.
            Some(Number::Decimal { .. }) if truncated(value).is_some() => {
                Ok(truncated(value).unwrap_or_default())
            }
            _ => Err(Raised::type_error("an integer is required")),
        },
        None => Err(Raised::type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            name(value, era)
        ))),
    }
}

/// `int(value)` of a Decimal that is not very large.
fn truncated(value: &Value) -> Option<i64> {
    let whole = Number::of(&value.view())?;
    let (mut low, mut high) = (-(1_i64 << 53), 1_i64 << 53);
    if whole.compare(&Number::Small(low))?.is_lt() || whole.compare(&Number::Small(high))?.is_gt() {
        return None;
    }
    // The greatest integer that is not greater, towards zero.
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if whole.compare(&Number::Small(middle))?.is_ge() { low = middle } else { high = middle - 1 }
    }
    Some(if low < 0 && whole.compare(&Number::Small(low))?.is_gt() { low + 1 } else { low })
}

/// The bounds of a slice of so many items: first, step, count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Span {
    /// `slice.indices(length)`.
    pub(crate) fn of(era: Era, slice: &Value, length: usize) -> Result<Span, Raised> {
        let View::Slice(&[start, stop, step]) = slice.view() else {
            return Err(Raised::type_error("not a slice"));
        };
        let bound = |id| {
            let value = slice.child(id);
            match (value.view(), Index::of(&value)) {
                (View::None, _) => Ok(None),
                (_, Some(index)) => Ok(Some(index.clamped())),
                _ => Err(Raised::type_error(if era.since(14) {
                    "slice indices must be integers or have an __index__ method"
                } else {
                    "slice indices must be integers or None or have an __index__ method"
                })),
            }
        };
        let step = bound(step)?.unwrap_or(1);
        if step == 0 {
            return Err(Raised::value_error("slice step cannot be zero"));
        }
        let step = step.max(-i64::MAX);
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (lowest, highest) = if step < 0 { (-1, length - 1) } else { (0, length) };
        let place = |value: i64| {
            let value = if value < 0 { value.saturating_add(length) } else { value };
            value.clamp(lowest, highest)
        };
        let (first, last) = if step < 0 { (highest, lowest) } else { (lowest, highest) };
        let start = bound(start)?.map_or(first, place);
        let stop = bound(stop)?.map_or(last, place);
        let distance = if step < 0 { start - stop } else { stop - start };
        let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
        Ok(Span { start, stop, step, count: usize::try_from(count).unwrap_or(0) })
    }

    /// The places, in its order.
    pub(crate) fn places(self) -> impl Iterator<Item = usize> {
        (0..self.count as i64).map(move |place| (self.start + place * self.step) as usize)
    }
}

/// All items of what can be iterated over; else a `TypeError`.
pub(crate) fn iterate(era: Era, value: &Value) -> Result<Vec<Value>, Raised> {
    items(era, value)
        .ok_or_else(|| Raised::type_error(format!("'{}' object is not iterable", name(value, era))))
}

/// All items of what can be iterated over, or nothing if it cannot.
pub(crate) fn items(era: Era, value: &Value) -> Option<Vec<Value>> {
    let characters = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.chars().map(|c| Value::text(c.encode_utf8(&mut [0; 4]))).collect::<Vec<_>>()
    };
    Some(match value.view() {
        View::List(items) | View::Tuple(items) | View::Named(items) => value.children(items),
        View::Set(items) | View::FrozenSet(items) => value.children(items),
        View::Dict(pairs) => pairs.iter().map(|&(key, _)| value.child(key)).collect(),
        View::Text(text) => characters(text),
        View::Str2(bytes) if !era.is_py2() => match core::str::from_utf8(bytes) {
            Ok(_) => characters(bytes),
            Err(_) => bytes.iter().map(|&byte| Value::int(i64::from(byte))).collect(),
        },
        View::Str2(bytes) => bytes.iter().map(|&byte| string(byte)).collect(),
        View::Bytes(bytes) if era.is_py2() => bytes.iter().map(|&byte| string(byte)).collect(),
        View::Bytes(bytes) | View::ByteArray(bytes) => {
            bytes.iter().map(|&byte| Value::int(i64::from(byte))).collect()
        }
        View::Range(&[start, stop, step]) => {
            let of = |id| match value.child(id).view() {
                View::Int(value) => Some(value),
                _ => None,
            };
            let (start, stop, step) = (of(start)?, of(stop)?, of(step)?);
            let mut all = Vec::new();
            let mut at = start;
            while step != 0 && (if step > 0 { at < stop } else { at > stop }) && all.len() < MAX_RANGE {
                all.push(Value::int(at));
                at = at.checked_add(step)?;
            }
            all
        }
        _ => return None,
    })
}

/// A few bytes of a message must not become very many items.
const MAX_RANGE: usize = 16 << 20;

/// A Python 2 `str` of one byte.
fn string(byte: u8) -> Value {
    Value::made(|graph| {
        let blob = graph.store(&[byte]);
        graph.add(sabir_pickle::Node::String(blob))
    })
}
