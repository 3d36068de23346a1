//! Indices and slices of sequences.

use alloc::format;

use super::call::Raise;
use super::value::{Value, View};

/// A slice, as `slice.indices(len)` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

/// What stands between brackets.
pub(super) enum Subscript {
    Index(i64),
    Slice(Slice),
}

impl Slice {
    pub(super) fn places(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.count).map(move |nth| place(self.start + self.step * i64::try_from(nth).unwrap_or_default()))
    }
}

fn place(index: i64) -> usize {
    usize::try_from(index).unwrap_or_default()
}

/// An integer; huge ones end where sequences do.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value.view() {
        View::Int(value) => Some(value),
        View::Big(bytes) => Some(if bytes.last().is_some_and(|&top| top >= 0x80) { i64::MIN } else { i64::MAX }),
        _ => None,
    }
}

/// `operator.index(x)`
pub(super) fn index(value: &Value, py2: bool) -> Result<i64, Raise> {
    integer(value).ok_or_else(|| {
        let name = value.type_name();
        if py2 {
            return Raise::type_error("an integer is required");
        }
        Raise::type_error(&format!("'{name}' object cannot be interpreted as an integer"))
    })
}

/// `x[subscript]` of a sequence of a class and length.
pub(super) fn subscript(value: &Value, class: &str, length: usize, py2: bool) -> Result<Subscript, Raise> {
    if let View::Big(_) = value.view() {
        return Err(Raise::new("IndexError", "cannot fit 'int' into an index-sized integer"));
    }
    if let Some(index) = integer(value) {
        return Ok(Subscript::Index(index));
    }
    if let Some(("builtins", "slice", parts)) = value.as_call() {
        let [start, stop, step] = [0, 1, 2].map(|place| parts.get(place).cloned().unwrap_or(Value::None));
        return slice(&start, &stop, &step, length).map(Subscript::Slice);
    }
    let (name, or_slices) = (value.type_name(), if py2 { "" } else { " or slices" });
    Err(Raise::type_error(&format!("{class} indices must be integers{or_slices}, not {name}")))
}

fn slice(start: &Value, stop: &Value, step: &Value, length: usize) -> Result<Slice, Raise> {
    let part = |value: &Value, default: i64| match value {
        Value::None => Ok(default),
        value => integer(value).ok_or_else(|| {
            Raise::type_error("slice indices must be integers or None or have an __index__ method")
        }),
    };
    let step = part(step, 1)?;
    if step == 0 {
        return Err(Raise::new("ValueError", "slice step cannot be zero"));
    }
    let step = step.max(-i64::MAX);
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |index: i64| if index < 0 { (index.saturating_add(length)).max(low) } else { index.min(high) };
    let start = match start {
        Value::None if step < 0 => high,
        Value::None => low,
        value => clamp(part(value, 0)?),
    };
    let stop = match stop {
        Value::None if step < 0 => low,
        Value::None => high,
        value => clamp(part(value, 0)?),
    };
    let count = if step > 0 && start < stop {
        (stop - start - 1) / step + 1
    } else if step < 0 && stop < start {
        (start - stop - 1) / -step + 1
    } else {
        0
    };
    Ok(Slice { start, step, count: place(count) })
}

/// The slice of Python 2's `__getslice__` and its like: the length was added to what was negative once already.
pub(super) fn old_slice(from: i64, to: i64, length: usize) -> Slice {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let clamp = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index.min(length) };
    let (start, stop) = (clamp(from), clamp(to));
    Slice { start, step: 1, count: place((stop - start).max(0)) }
}

/// The place of an index, counted from the end if it is negative.
pub(super) fn at(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index + i64::try_from(length).ok()? } else { index };
    usize::try_from(index).ok().filter(|&index| index < length)
}
