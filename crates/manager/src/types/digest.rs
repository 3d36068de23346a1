//! What is equal in Python has the same digest.
//!
//! A digest is 128 bits under a key that is random at each start, so equality of digests is equality of values, and
//! nobody outside can make different values collide, in a table or at all. It takes time in proportion to the value,
//! however much of it is shared, and no recursion. Numbers are reduced modulo primes that are secret too, since
//! numbers of all types must come out alike without being written out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Make, Node, NodeId, Step};

use super::number::{Number, power};
use super::sip::Sip;
use super::value::Value;
use super::view::View;

/// Stands for all values that are equal to one.
pub(crate) type Digest = u128;

/// The secrets of one start of a server.
#[derive(Clone, Debug)]
pub struct Keys {
    sip: (u64, u64),
    primes: [u64; 2],
}

/// A value contains itself: Python's `RecursionError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endless;

impl Keys {
    /// Keys of a seed that nobody else knows.
    pub fn new(seed: [u8; 16]) -> Keys {
        let whole = u128::from_le_bytes(seed);
        let sip = (whole as u64, (whole >> 64) as u64);
        let mut drawn = 0_u64;
        let mut prime = || loop {
            let mut hash = Sip::new(sip);
            hash.write(&drawn.to_le_bytes());
            drawn += 1;
            // 62 bits, so that sums of two fit; odd.
            let candidate = (hash.finish() as u64 >> 2) | 1 << 61 | 1;
            if is_prime(candidate) {
                return candidate;
            }
        };
        Keys { sip, primes: [prime(), prime()] }
    }

    /// The digest of a value.
    pub(crate) fn digest(&self, value: &Value) -> Result<Digest, Endless> {
        match value.part() {
            None => Ok(self.leaf(&value.view()).unwrap_or_default()),
            Some(part) => self.node(&part.graph, part.id),
        }
    }

    pub(crate) fn node(&self, graph: &Graph, root: NodeId) -> Result<Digest, Endless> {
        if let Some(digest) = self.leaf(&View::of(graph, root)) {
            return Ok(digest);
        }
        // None while it is being worked on.
        let mut known: BTreeMap<NodeId, Option<Digest>> = BTreeMap::new();
        let mut work = alloc::vec![(root, false)];
        while let Some((id, seen)) = work.pop() {
            if seen {
                let digest = self.inner(graph, id, &known);
                known.insert(id, Some(digest));
                continue;
            }
            match known.get(&id) {
                Some(Some(_)) => continue,
                Some(None) => return Err(Endless),
                None => {}
            }
            let view = View::of(graph, id);
            if let Some(digest) = self.leaf(&view) {
                known.insert(id, Some(digest));
                continue;
            }
            known.insert(id, None);
            work.push((id, true));
            for_each_part(graph, id, &view, |part| {
                // What is being worked on is asked for again when its turn comes, if it is one of its own parts.
                work.push((part, false));
            });
        }
        Ok(known.get(&root).copied().flatten().unwrap_or_default())
    }

    fn start(&self, tag: u8) -> Sip {
        let mut sip = Sip::new(self.sip);
        sip.write(&[tag]);
        sip
    }

    /// The digest of what has no parts.
    fn leaf(&self, view: &View<'_>) -> Option<Digest> {
        if let Some(number) = Number::of(view) {
            return Some(self.number(&number));
        }
        let of = |tag: u8, bytes: &[u8]| {
            let mut sip = self.start(tag);
            sip.write(bytes);
            Some(sip.finish())
        };
        match view {
            View::None => of(NONE, &[]),
            View::Complex(re, im) => {
                let parts = [
                    self.number(&Number::of(&View::Float(*re))?),
                    self.number(&Number::of(&View::Float(*im))?),
                ];
                of(COMPLEX, &bytes_of(&parts))
            }
            View::Text(text) => of(TEXT, text),
            // Which of the two a str of Python 2 is, its bytes tell.
            View::Str2(bytes) if core::str::from_utf8(bytes).is_ok() => of(TEXT, bytes),
            View::Str2(bytes) => of(BYTES, bytes),
            View::Bytes(bytes) | View::ByteArray(bytes) => of(BYTES, bytes),
            View::Class(module, name) => of(CLASS, &[module.as_bytes(), b"\0", name.as_bytes()].concat()),
            View::Date(raw) => of(DATE, raw),
            View::DateTime(raw, None) => of(DATETIME, &folded(raw, 2)),
            View::Time(raw, None) => of(TIME, &folded(raw, 0)),
            View::TimeDelta(days, seconds, micros) => {
                let micros =
                    (i128::from(*days) * 86_400 + i128::from(*seconds)) * 1_000_000 + i128::from(*micros);
                of(TIMEDELTA, &micros.to_le_bytes())
            }
            _ => None,
        }
    }

    fn number(&self, number: &Number<'_>) -> Digest {
        let residues = (number.residue(self.primes[0]), number.residue(self.primes[1]));
        let mut sip = self.start(NUMBER);
        match (residues, number) {
            ((Some(one), Some(other)), _) => {
                sip.write(&one.to_le_bytes());
                sip.write(&other.to_le_bytes());
            }
            (_, Number::Infinite(negative)) => sip.write(&[u8::from(*negative)]),
            _ => sip.write(b"nan"),
        }
        sip.finish()
    }

    /// The digest of what has parts, whose digests are known.
    fn inner(&self, graph: &Graph, id: NodeId, known: &BTreeMap<NodeId, Option<Digest>>) -> Digest {
        let of = |id: &NodeId| known.get(id).copied().flatten().unwrap_or_default();
        let ordered = |tag: u8, items: &[NodeId]| {
            let mut sip = self.start(tag);
            for item in items {
                sip.write(&of(item).to_le_bytes());
            }
            sip.finish()
        };
        let unordered = |tag: u8, mut digests: Vec<Digest>| {
            digests.sort_unstable();
            digests.dedup();
            let mut sip = self.start(tag);
            sip.write(&bytes_of(&digests));
            sip.finish()
        };
        match View::of(graph, id) {
            View::List(items) => ordered(LIST, items),
            View::Tuple(items) | View::Named(items) => ordered(TUPLE, items),
            View::Set(items) | View::FrozenSet(items) => unordered(SET, items.iter().map(of).collect()),
            View::Dict(pairs) => {
                // Of equal keys the last counts.
                let last: BTreeMap<Digest, Digest> = pairs.iter().map(|(k, v)| (of(k), of(v))).collect();
                let pairs = last.into_iter().map(|(key, value)| {
                    let mut sip = self.start(PAIR);
                    sip.write(&bytes_of(&[key, value]));
                    sip.finish()
                });
                unordered(DICT, pairs.collect())
            }
            View::Slice(items) => ordered(SLICE, items),
            View::Range(items) => ordered(RANGE, items),
            View::Uuid(int) => ordered(UUID, &[int]),
            View::DateTime(raw, Some(zone)) => match offset(graph, zone) {
                Some(offset) => {
                    let mut sip = self.start(INSTANT);
                    sip.write(&(micros_of(raw) - offset).to_le_bytes());
                    sip.finish()
                }
                None => self.structure(graph, id, &of),
            },
            _ => self.structure(graph, id, &of),
        }
    }

    /// Whatever else is equal to what is written in the same way.
    fn structure(&self, graph: &Graph, id: NodeId, of: &dyn Fn(&NodeId) -> Digest) -> Digest {
        let mut sip = self.start(INSTANCE);
        match &graph[id] {
            Node::Object(object) => {
                sip.write(&[match object.make {
                    Make::Reduce { .. } => 0,
                    Make::NewObj { .. } => 1,
                    Make::NewObjEx { .. } => 2,
                    Make::Instance { .. } => 3,
                    Make::Given(_) => 4,
                }]);
                for step in &object.steps {
                    let (kind, length) = match step {
                        Step::Build(_) => (0, 1),
                        Step::Append(items) => (1, items.len()),
                        Step::SetItems(pairs) => (2, pairs.len()),
                        Step::AddItems(items) => (3, items.len()),
                    };
                    sip.write(&[kind]);
                    sip.write(&(length as u64).to_le_bytes());
                }
            }
            Node::Extension(code) => sip.write(&code.to_le_bytes()),
            Node::PersistentText(blob) => sip.write(graph.blob(*blob)),
            Node::Buffer { index, .. } => sip.write(&index.to_le_bytes()),
            _ => {}
        }
        graph[id].for_each_child(|child| sip.write(&of(&child).to_le_bytes()));
        sip.finish()
    }
}

/// The parts whose digests go into that of a node.
fn for_each_part(graph: &Graph, id: NodeId, view: &View<'_>, mut f: impl FnMut(NodeId)) {
    match view {
        View::List(items)
        | View::Tuple(items)
        | View::Named(items)
        | View::Set(items)
        | View::FrozenSet(items)
        | View::Slice(items)
        | View::Range(items) => items.iter().copied().for_each(f),
        View::Dict(pairs) => pairs.iter().for_each(|&(k, v)| {
            f(k);
            f(v);
        }),
        View::Uuid(int) => f(*int),
        _ => graph[id].for_each_child(f),
    }
}

/// How far a fixed time zone of `datetime` is from UTC, in microseconds.
pub(crate) fn offset(graph: &Graph, zone: NodeId) -> Option<i128> {
    let Node::Object(object) = &graph[zone] else { return None };
    let (class, args) = object.call()?;
    let ("datetime", "timezone") = graph.global(class)? else { return None };
    match View::of(graph, *graph.items(args)?.first()?) {
        View::TimeDelta(days, seconds, micros) => {
            Some((i128::from(days) * 86_400 + i128::from(seconds)) * 1_000_000 + i128::from(micros))
        }
        _ => None,
    }
}

/// Microseconds of packed fields since some day long ago.
pub(crate) fn micros_of(raw: &[u8]) -> i128 {
    let at = |place: usize| i128::from(raw.get(place).copied().unwrap_or_default());
    let (year, month, day) = (at(0) * 256 + at(1), at(2) & 0x7f, at(3));
    // Days of the proleptic Gregorian calendar, counted from a March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day;
    let seconds = (days * 24 + at(4)) * 3600 + at(5) * 60 + at(6);
    seconds * 1_000_000 + (at(7) << 16 | at(8) << 8 | at(9))
}

/// Packed fields without the mark of the repeated hour, which equality does not see.
fn folded(raw: &[u8], place: usize) -> Vec<u8> {
    let mut raw = raw.to_vec();
    if let Some(byte) = raw.get_mut(place) {
        *byte &= 0x7f;
    }
    raw
}

fn bytes_of(digests: &[Digest]) -> Vec<u8> {
    digests.iter().flat_map(|digest| digest.to_le_bytes()).collect()
}

/// Miller and Rabin's test, exact for 64 bits with these bases.
fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    let (twos, odd) = ((n - 1).trailing_zeros(), (n - 1) >> (n - 1).trailing_zeros());
    BASES.iter().all(|&base| {
        if n.is_multiple_of(base) {
            return n == base;
        }
        let mut x = power(base, odd, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        (1..twos).any(|_| {
            x = power(x, 2, n);
            x == n - 1
        })
    })
}

const NONE: u8 = 0;
const NUMBER: u8 = 1;
const COMPLEX: u8 = 2;
const TEXT: u8 = 3;
const BYTES: u8 = 4;
const CLASS: u8 = 5;
const DATE: u8 = 6;
const DATETIME: u8 = 7;
const TIME: u8 = 8;
const TIMEDELTA: u8 = 9;
const LIST: u8 = 10;
const TUPLE: u8 = 11;
const SET: u8 = 12;
const DICT: u8 = 13;
const PAIR: u8 = 14;
const SLICE: u8 = 15;
const RANGE: u8 = 16;
const UUID: u8 = 17;
const INSTANT: u8 = 18;
const INSTANCE: u8 = 19;

#[cfg(test)]
mod tests;
