//! `list`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::digest::Digest;
use super::era::Era;
use super::index::{Index, Span, items, iterate, size};
use super::order::{digest, name};
use super::raised::Raised;
use super::show::{Text, repr};
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::{Answer, Call, Called, Keys, Many};

/// A list.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(super) items: Vec<Value>,
    /// The digests of the first so many items, which searches have asked for.
    known: Vec<Digest>,
}

/// What leaves the items that are there where they are.
const SEARCHES: [&str; 8] =
    ["__contains__", "__getitem__", "__len__", "append", "count", "copy", "extend", "index"];

/// A list that a request of a few bytes makes is not longer.
const MAX_REPEATED: usize = 64 << 20;

/// What an item takes of the memory, beside its value, in bytes.
pub(super) const ITEM: usize = 24;

impl List {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<List, Raised> {
        if let Some((keyword, _)) = arguments.kwargs.first() {
            if era.is_py2() && keyword != "sequence" {
                let text = format!("'{keyword}' is an invalid keyword argument for this function");
                return Err(Raised::type_error(text));
            }
            if era.since(7) {
                return Err(Raised::type_error("list() takes no keyword arguments"));
            }
            if keyword != "sequence" && keyword != "iterable" {
                let text = format!("'{keyword}' is an invalid keyword argument for this function");
                return Err(Raised::type_error(text));
            }
        }
        let named = arguments.kwargs.iter().map(|(_, value)| value);
        let given: Vec<&Value> = arguments.args.iter().chain(named).collect();
        match given[..] {
            [] => Ok(List::default()),
            [only] => Ok(List { items: iterate(era, only)?, known: Vec::new() }),
            _ => Err(Raised::type_error(if era.since(8) {
                format!("list expected at most 1 argument, got {}", given.len())
            } else {
                format!("list() takes at most 1 argument ({} given)", given.len())
            })),
        }
    }

    pub(crate) fn value(&self) -> Value {
        Value::list(&self.items)
    }

    /// All that it holds now.
    pub(crate) fn all(&self) -> Many {
        Many::list(self.items.clone())
    }

    /// What its places take of the memory, in bytes.
    pub(crate) fn places(&self) -> usize {
        ITEM * self.items.len() + size_of::<Digest>() * self.known.len()
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut text = Text::new(era);
        text.out.push('[');
        text.values(&self.items)?;
        text.out.push(']');
        Ok(text.out)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let era = call.caller.era;
        let Some(signature) = signature(call.method, era) else { return Ok(Answer::NoMethod) };
        if !SEARCHES.contains(&call.method) {
            self.known.clear();
        }
        if call.method == "sort" {
            return self.sort(call);
        }
        call.arguments.check(era, "list", call.method, signature)?;
        let args = &call.arguments.args;
        let none = Ok(Answer::Value(Value::NONE));
        match (call.method, &args[..]) {
            ("__len__", _) => return Ok(Answer::Value(Value::count(self.items.len()))),
            ("append", [item]) => self.items.push(item.clone()),
            ("extend", [more]) => {
                let more = iterate(era, more)?;
                self.items.extend(more);
            }
            ("reverse", _) => self.items.reverse(),
            ("clear", _) => self.items.clear(),
            ("copy", _) => return Ok(Answer::Many(self.all())),
            ("insert", [place, item]) => {
                let place = self.clamped(size(era, place)?);
                self.items.insert(place, item.clone());
            }
            ("pop", rest) => return self.pop(era, rest.first()).map(Answer::Value),
            ("__contains__", [item]) => {
                return Ok(Answer::Value(Value::bool(self.find(call, item, 0, usize::MAX)?.is_some())));
            }
            ("count", [item]) => {
                let wanted = digest(call.keys, item)?;
                self.know(call.keys, self.items.len())?;
                let count = self.known.iter().filter(|&&digest| digest == wanted).count();
                return Ok(Answer::Value(Value::count(count)));
            }
            ("index", [item, bounds @ ..]) => return self.index(call, item, bounds).map(Answer::Value),
            ("remove", [item]) => match self.find(call, item, 0, usize::MAX)? {
                Some(place) => drop(self.items.remove(place)),
                None => return Err(Raised::value_error("list.remove(x): x not in list")),
            },
            ("__getitem__", [index]) => return self.get(era, index),
            ("__setitem__", [index, value]) => self.set(era, index, value)?,
            ("__delitem__", [index]) => self.delete(era, index)?,
            ("__getslice__", [start, stop]) => {
                let (start, stop) = self.simple(start, stop)?;
                return Ok(Answer::Many(Many::list(self.items[start..stop].to_vec())));
            }
            ("__setslice__", [start, stop, value]) => {
                let (start, stop) = self.simple(start, stop)?;
                let new =
                    items(era, value).ok_or_else(|| Raised::type_error("can only assign an iterable"))?;
                self.items.splice(start..stop, new);
            }
            ("__delslice__", [start, stop]) => {
                let (start, stop) = self.simple(start, stop)?;
                self.items.drain(start..stop);
            }
            ("__add__", [other]) => {
                let View::List(more) = other.view() else {
                    let kind = name(other, era);
                    return Err(Raised::type_error(format!(
                        "can only concatenate list (not \"{kind}\") to list"
                    )));
                };
                let mut all = self.items.clone();
                all.extend(other.children(more));
                return Ok(Answer::Value(Value::list(&all)));
            }
            ("__mul__" | "__rmul__", [times]) => {
                return Ok(Answer::Value(Value::list(&self.repeated(call, times)?)));
            }
            ("__imul__", [times]) => {
                self.items = self.repeated(call, times)?;
                return Ok(Answer::Value(self.value()));
            }
            ("__reversed__", _) => {
                return Ok(reversed(era, &self.items));
            }
            _ => return Ok(Answer::NoMethod),
        }
        none
    }

    fn pop(&mut self, era: Era, place: Option<&Value>) -> Result<Value, Raised> {
        let place = place.map_or(Ok(-1), |place| size(era, place))?;
        if self.items.is_empty() {
            return Err(Raised::index_error("pop from empty list"));
        }
        match self.place(place) {
            Some(place) => Ok(self.items.remove(place)),
            None => Err(Raised::index_error("pop index out of range")),
        }
    }

    fn find(
        &mut self,
        call: &Call<'_>,
        item: &Value,
        start: usize,
        stop: usize,
    ) -> Result<Option<usize>, Raised> {
        let wanted = digest(call.keys, item)?;
        for place in start..stop.min(self.items.len()) {
            self.know(call.keys, place + 1)?;
            if self.known.get(place) == Some(&wanted) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Finds out the digests of so many items, each once for all searches until the list changes.
    fn know(&mut self, keys: &Keys, count: usize) -> Result<(), Raised> {
        for item in self.items.iter().take(count).skip(self.known.len()) {
            self.known.push(digest(keys, item)?);
        }
        Ok(())
    }

    fn index(&mut self, call: &Call<'_>, item: &Value, bounds: &[Value]) -> Result<Value, Raised> {
        let era = call.caller.era;
        let mut places = [0, usize::MAX];
        for (place, bound) in places.iter_mut().zip(bounds) {
            let index = Index::of(bound).ok_or_else(|| {
                Raised::type_error("slice indices must be integers or have an __index__ method")
            })?;
            *place = self.clamped(index.clamped());
        }
        match self.find(call, item, places[0], places[1])? {
            Some(place) => Ok(Value::count(place)),
            None if era.since(14) => Err(Raised::value_error("list.index(x): x not in list")),
            None => Err(Raised::value_error(format!("{} is not in list", repr(era, item)?))),
        }
    }

    fn get(&self, era: Era, index: &Value) -> Called {
        if matches!(index.view(), View::Slice(_)) {
            let span = Span::of(era, index, self.items.len())?;
            let items = span.places().filter_map(|place| self.items.get(place).cloned()).collect();
            return Ok(Answer::Many(Many::list(items)));
        }
        let place = self.place(subscript(era, "list", index)?);
        let item = place.and_then(|place| self.items.get(place));
        let item = item.cloned().ok_or_else(|| Raised::index_error("list index out of range"))?;
        Ok(Answer::Value(item))
    }

    fn set(&mut self, era: Era, index: &Value, value: &Value) -> Result<(), Raised> {
        if matches!(index.view(), View::Slice(_)) {
            let span = Span::of(era, index, self.items.len())?;
            if span.step == 1 {
                let new = items(era, value).ok_or_else(|| {
                    Raised::type_error(if era.since(13) {
                        "must assign iterable to extended slice"
                    } else {
                        "can only assign an iterable"
                    })
                })?;
                let start = span.start as usize;
                self.items.splice(start..start + span.count, new);
                return Ok(());
            }
            let new = items(era, value)
                .ok_or_else(|| Raised::type_error("must assign iterable to extended slice"))?;
            if new.len() != span.count {
                return Err(Raised::value_error(format!(
                    "attempt to assign sequence of size {} to extended slice of size {}",
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
        let place = self.place(subscript(era, "list", index)?);
        match place.and_then(|place| self.items.get_mut(place)) {
            Some(item) => *item = value.clone(),
            None => return Err(Raised::index_error("list assignment index out of range")),
        }
        Ok(())
    }

    fn delete(&mut self, era: Era, index: &Value) -> Result<(), Raised> {
        if matches!(index.view(), View::Slice(_)) {
            let span = Span::of(era, index, self.items.len())?;
            let mut gone: Vec<usize> = span.places().collect();
            gone.sort_unstable();
            let mut next = gone.into_iter().peekable();
            let mut place = 0;
            self.items.retain(|_| {
                let drop = next.next_if_eq(&place).is_some();
                place += 1;
                !drop
            });
            return Ok(());
        }
        match self.place(subscript(era, "list", index)?) {
            Some(place) => drop(self.items.remove(place)),
            None => return Err(Raised::index_error("list assignment index out of range")),
        }
        Ok(())
    }

    fn repeated(&self, call: &Call<'_>, times: &Value) -> Result<Vec<Value>, Raised> {
        let era = call.caller.era;
        let times = match Index::of(times) {
            Some(Index::Small(times)) => usize::try_from(times).unwrap_or(0),
            Some(Index::Beyond { .. }) => {
                let kind = name(times, era);
                return Err(Raised::overflow_error(format!(
                    "cannot fit '{kind}' into an index-sized integer"
                )));
            }
            None => {
                let what = if era.is_py2() { "index" } else { "integer" };
                let kind = name(times, era);
                return Err(Raised::type_error(format!(
                    "'{kind}' object cannot be interpreted as an {what}"
                )));
            }
        };
        match self.items.len().checked_mul(times) {
            Some(length) if length <= MAX_REPEATED => {
                call.room.take((length - self.items.len().min(length)).saturating_mul(ITEM))?;
                Ok(self.items.iter().cloned().cycle().take(length).collect())
            }
            _ => Err(Raised::new("builtins", "MemoryError", Vec::new())),
        }
    }

    /// The place of an index that may count from the end.
    fn place(&self, index: i64) -> Option<usize> {
        let length = i64::try_from(self.items.len()).ok()?;
        let index = if index < 0 { index.checked_add(length)? } else { index };
        (0..length).contains(&index).then_some(index as usize)
    }

    fn clamped(&self, index: i64) -> usize {
        let length = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        let index = if index < 0 { index.saturating_add(length) } else { index };
        index.clamp(0, length) as usize
    }

    /// The two indices of Python 2's simple slices, which count from the start already.
    fn simple(&self, start: &Value, stop: &Value) -> Result<(usize, usize), Raised> {
        let bound =
            |value: &Value| size(Era::of(sabir_pickle::Pythons::PY2), value).map(|index| self.clamped(index));
        let (start, stop) = (bound(start)?, bound(stop)?);
        Ok((start, stop.max(start)))
    }
}

/// An index of a sequence.
pub(crate) fn subscript(era: Era, kind: &str, index: &Value) -> Result<i64, Raised> {
    let given = name(index, era);
    match Index::of(index) {
        Some(Index::Small(index)) => Ok(index),
        Some(Index::Beyond { .. }) => {
            Err(Raised::index_error(format!("cannot fit '{given}' into an index-sized integer")))
        }
        None if kind == "array" => Err(Raised::type_error("array indices must be integers")),
        None if era.is_py2() => {
            Err(Raised::type_error(format!("{kind} indices must be integers, not {given}")))
        }
        None => Err(Raised::type_error(format!("{kind} indices must be integers or slices, not {given}"))),
    }
}

/// The iterator that `reversed` makes, as it is pickled: with the place where it stands.
fn reversed(era: Era, items: &[Value]) -> Answer {
    if era.is_py2() {
        return Answer::Unserializable("TypeError: can't pickle listreverseiterator objects".into());
    }
    let list = Value::list(items);
    let place = i64::try_from(items.len()).unwrap_or(i64::MAX) - 1;
    Answer::Value(Value::call("reversed", &list, (place >= 0).then_some(place)))
}

fn signature(method: &str, era: Era) -> Option<Signature> {
    Some(match method {
        "__add__" | "__contains__" | "__delitem__" => Signature::Slot(1),
        "__len__" => Signature::Slot(0),
        "__mul__" | "__rmul__" | "__imul__" => Signature::Unpacked(1),
        "__setitem__" => Signature::Unpacked(2),
        "__getitem__" | "append" | "count" | "extend" | "remove" => Signature::Exactly(1),
        "__reversed__" | "reverse" | "clear" | "copy" => Signature::Exactly(0),
        "index" => Signature::Between(1, 3),
        "insert" => Signature::Between(2, 2),
        "pop" => Signature::Between(0, 1),
        "sort" => Signature::Between(0, 2),
        "__getslice__" | "__delslice__" if era.is_py2() => Signature::Parsed(2),
        "__setslice__" if era.is_py2() => Signature::Parsed(3),
        _ => return None,
    })
}
