//! `<` and `sort`, as CPython has them for its own types.

use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;

use sabir_pickle::{Graph, NodeId};

use super::digest::{Digest, Endless, Keys, micros_of, offset};
use super::era::Era;
use super::number::Number;
use super::raised::Raised;
use super::value::Value;
use super::view::View;

/// Sorts, stably, `reverse` as CPython has it; the order is undefined where it fails, but nothing is lost.
pub(crate) fn sort(keys: &Keys, era: Era, items: &mut [Value], reverse: bool) -> Result<(), Raised> {
    if reverse {
        items.reverse();
    }
    let sorted = merge_sort(items, &mut |a, b| less(keys, era, a, b));
    if reverse {
        items.reverse();
    }
    sorted
}

type Less<'a> = dyn FnMut(&Value, &Value) -> Result<bool, Raised> + 'a;

/// Runs of so many are sorted by insertion, as CPython does with what is short: the pair that has no order is then the
/// same one.
const RUN: usize = 63;

fn merge_sort(items: &mut [Value], less: &mut Less<'_>) -> Result<(), Raised> {
    if items.len() <= RUN {
        return insertion_sort(items, less);
    }
    let middle = items.len() / 2;
    let (low, high) = items.split_at_mut(middle);
    merge_sort(low, less)?;
    merge_sort(high, less)?;
    let mut merged = Vec::with_capacity(items.len());
    let (mut i, mut j) = (0, middle);
    while let (Some(a), Some(b)) = (items[..middle].get(i), items.get(j)) {
        if less(b, a)? {
            merged.push(b.clone());
            j += 1;
        } else {
            merged.push(a.clone());
            i += 1;
        }
    }
    merged.extend_from_slice(&items[i..middle]);
    merged.extend_from_slice(&items[j..]);
    items.clone_from_slice(&merged);
    Ok(())
}

/// A run at the start, strictly falling or not falling, then binary insertion.
fn insertion_sort(items: &mut [Value], less: &mut Less<'_>) -> Result<(), Raised> {
    let [first, second, ..] = items else { return Ok(()) };
    let falling = less(second, first)?;
    let mut sorted = 2;
    while sorted < items.len() && less(&items[sorted], &items[sorted - 1])? == falling {
        sorted += 1;
    }
    if falling {
        items[..sorted].reverse();
    }
    for next in sorted..items.len() {
        let (mut low, mut high) = (0, next);
        while low < high {
            let middle = low + (high - low) / 2;
            if less(&items[next], &items[middle])? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        items[low..=next].rotate_right(1);
    }
    Ok(())
}

/// `a < b`.
pub(crate) fn less(keys: &Keys, era: Era, a: &Value, b: &Value) -> Result<bool, Raised> {
    compare(keys, era, a, b, "<")
}

/// `a op b`, for one of `<`, `<=`, `>`, `>=`.
pub(crate) fn compare(keys: &Keys, era: Era, a: &Value, b: &Value, op: &str) -> Result<bool, Raised> {
    let (mut a, mut b) = (a.clone(), b.clone());
    // Down to the first items that differ.
    loop {
        let (x, y) = (a.view(), b.view());
        let pair = match (&x, &y) {
            (View::List(x), View::List(y)) => Some((x.to_vec(), y.to_vec())),
            (View::Tuple(x) | View::Named(x), View::Tuple(y) | View::Named(y)) => {
                Some((x.to_vec(), y.to_vec()))
            }
            _ => None,
        };
        let Some((x, y)) = pair else { return plain(keys, era, &a, &b, op) };
        let mut differ = None;
        for (&x, &y) in x.iter().zip(&y) {
            let (x, y) = (a.child(x), b.child(y));
            if digest(keys, &x)? != digest(keys, &y)? {
                differ = Some((x, y));
                break;
            }
        }
        match differ {
            Some((x, y)) => (a, b) = (x, y),
            None => return Ok(holds(x.len().cmp(&y.len()), op)),
        }
    }
}

/// The digest of a value; one that contains itself cannot be compared.
pub(crate) fn digest(keys: &Keys, value: &Value) -> Result<Digest, Raised> {
    keys.digest(value).map_err(|Endless| {
        Raised::builtin("RecursionError", "maximum recursion depth exceeded in comparison")
    })
}

fn holds(order: Ordering, op: &str) -> bool {
    match op {
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}

/// Whatever is no sequence.
fn plain(keys: &Keys, era: Era, a: &Value, b: &Value, op: &str) -> Result<bool, Raised> {
    let (x, y) = (a.view(), b.view());
    let (real, other) = (is_complex(&x), is_complex(&y));
    if !real
        && !other
        && let (Some(x), Some(y)) = (Number::of(&x), Number::of(&y))
    {
        return Ok(x.compare(&y).is_some_and(|order| holds(order, op)));
    }
    let graphs = a.part().zip(b.part());
    let order = match (&x, &y) {
        (View::Text(x) | View::Str2(x), View::Text(y) | View::Str2(y)) => x.cmp(y),
        (View::Bytes(x) | View::ByteArray(x), View::Bytes(y) | View::ByteArray(y)) => x.cmp(y),
        (View::Set(_) | View::FrozenSet(_), View::Set(_) | View::FrozenSet(_)) => {
            let (Some(x), Some(y)) = (members(keys, a)?, members(keys, b)?) else { return Ok(false) };
            let within = |x: &[Digest], y: &[Digest]| x.iter().all(|digest| y.binary_search(digest).is_ok());
            return Ok(match op {
                "<" => x.len() < y.len() && within(&x, &y),
                "<=" => within(&x, &y),
                ">" => x.len() > y.len() && within(&y, &x),
                _ => within(&y, &x),
            });
        }
        (View::Date(x), View::Date(y)) => x.cmp(y),
        (View::DateTime(x, None), View::DateTime(y, None)) => micros_of(x).cmp(&micros_of(y)),
        (View::DateTime(x, Some(p)), View::DateTime(y, Some(q))) => {
            let offsets = graphs.and_then(|(a, b)| Some((offset(&a.graph, *p)?, offset(&b.graph, *q)?)));
            let Some((p, q)) = offsets else { return Err(unordered(era, a, b, op)) };
            (micros_of(x) - p).cmp(&(micros_of(y) - q))
        }
        (View::DateTime(..), View::DateTime(..)) => {
            return Err(Raised::type_error("can't compare offset-naive and offset-aware datetimes"));
        }
        (View::DateTime(..), View::Date(_)) | (View::Date(_), View::DateTime(..)) => {
            return Err(Raised::type_error(if matches!(x, View::DateTime(..)) {
                "can't compare datetime.datetime to datetime.date"
            } else {
                "can't compare datetime.date to datetime.datetime"
            }));
        }
        (View::Time(x, None), View::Time(y, None)) => x.cmp(y),
        (View::TimeDelta(a, b, c), View::TimeDelta(x, y, z)) => (a, b, c).cmp(&(x, y, z)),
        (View::Uuid(x), View::Uuid(y)) => {
            let (x, y) = (a.child(*x), b.child(*y));
            return plain_numbers(&x, &y, op).ok_or_else(|| unordered(era, a, b, op));
        }
        _ if era.is_py2() => rank(a).cmp(&rank(b)),
        _ => return Err(unordered(era, a, b, op)),
    };
    Ok(holds(order, op))
}

fn plain_numbers(a: &Value, b: &Value, op: &str) -> Option<bool> {
    let (x, y) = (a.view(), b.view());
    Some(Number::of(&x)?.compare(&Number::of(&y)?).is_some_and(|order| holds(order, op)))
}

fn is_complex(view: &View<'_>) -> bool {
    matches!(view, View::Complex(..))
}

/// Python 2 orders whatever there is: None, numbers, then by the name of the type.
fn rank(value: &Value) -> (u8, alloc::string::String) {
    let view = value.view();
    match Number::of(&view) {
        _ if matches!(view, View::None) => (0, "".into()),
        Some(_) => (1, "".into()),
        None => (2, name(value, Era::of(sabir_pickle::Pythons::PY2)).into()),
    }
}

fn unordered(era: Era, a: &Value, b: &Value, op: &str) -> Raised {
    let own = [a, b].into_iter().find(|value| matches!(value.view(), View::Instance));
    let text = format!("'{op}' not supported between instances of '{}' and '{}'", name(a, era), name(b, era));
    match own {
        None => Raised::type_error(text),
        // An order of its own would be code, which is not here.
        Some(value) => Raised::type_error(format!(
            "{text}: the code of {} is not on this server; sort a copy in the program, or share keys that have an order",
            class(value)
        )),
    }
}

/// Module and class of an instance.
pub(crate) fn class(value: &Value) -> alloc::string::String {
    let named = value.part().and_then(|part| {
        let sabir_pickle::Node::Object(object) = part.node() else { return None };
        let (module, name) = part.graph.global(object.call()?.0)?;
        Some(format!("{module}.{name}"))
    });
    named.unwrap_or_else(|| "the object".into())
}

/// The name of a value's type.
pub(crate) fn name(value: &Value, era: Era) -> &str {
    let of: Option<(&Graph, NodeId)> = value.part().map(|part| (&**part.graph, part.id));
    value.view().type_name(of, era.is_py2())
}

/// The digests of a set's members, sorted.
fn members(keys: &Keys, set: &Value) -> Result<Option<Vec<Digest>>, Raised> {
    let (View::Set(items) | View::FrozenSet(items)) = set.view() else { return Ok(None) };
    let digests: Result<Vec<Digest>, Raised> =
        items.iter().map(|&item| digest(keys, &set.child(item))).collect();
    let mut digests = digests?;
    digests.sort_unstable();
    digests.dedup();
    Ok(Some(digests))
}
