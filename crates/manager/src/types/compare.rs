//! Equality, hash and order, as CPython has them for its own types. Instances of other classes are equal if all that their
//! pickles say of them is.

#![allow(deprecated, reason = "core has no other keyed hash: std's RandomState is not for crates without std")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::{Hasher, SipHasher};

use super::call::Raise;
use super::value::{Value, View};

/// Whether `a == b`.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, Raise> {
    Comparison::new().equal(a, b, 0)
}

/// Whether `a < b`, and so on: `sign` is the operator, for the text of the TypeError.
pub(super) fn order(a: &Value, b: &Value, sign: &str) -> Result<Option<Ordering>, Raise> {
    Comparison::new().order(a, b, sign, 0)
}

/// A hash that equal values have in common, under a seed that clients cannot know.
pub(super) fn hash(value: &Value, seed: u64) -> Result<u64, Raise> {
    let mut hasher = SipHasher::new_with_keys(seed, !seed);
    hash_into(value, &mut hasher, seed, 0)?;
    Ok(hasher.finish())
}

struct Comparison {
    /// What shares its parts may have very many paths to them.
    steps: u32,
}

impl Comparison {
    fn new() -> Comparison {
        Comparison { steps: 0 }
    }

    fn step(&mut self, depth: usize) -> Result<(), Raise> {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return Err(Raise::new("RecursionError", "maximum recursion depth exceeded in comparison"));
        }
        Ok(())
    }

    fn equal(&mut self, a: &Value, b: &Value, depth: usize) -> Result<bool, Raise> {
        self.step(depth)?;
        let depth = depth + 1;
        // `is` comes first in every container of Python: NaN is in the list that it was put into.
        if let (Value::Kept(one, id), Value::Kept(other, also)) = (a, b)
            && alloc::sync::Arc::ptr_eq(one, other)
            && id == also
        {
            return Ok(true);
        }
        Ok(match (a.view(), b.view()) {
            (View::None, View::None) => true,
            (View::Text(a), View::Text(b)) => a == b,
            (View::Bytes(a) | View::ByteArray(a), View::Bytes(b) | View::ByteArray(b)) => a == b,
            (View::Tuple(a), View::Tuple(b)) | (View::List(a), View::List(b)) => self.all(&a, &b, depth)?,
            (View::Dict(a), View::Dict(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (key, value) in &a {
                    let mut found = false;
                    for (also, other) in &b {
                        if self.equal(key, also, depth)? {
                            found = self.equal(value, other, depth)?;
                            break;
                        }
                    }
                    if !found {
                        return Ok(false);
                    }
                }
                true
            }
            (View::Set(a) | View::FrozenSet(a), View::Set(b) | View::FrozenSet(b)) => {
                a.len() == b.len() && self.within(&a, &b, depth)?
            }
            (View::Global(module, name), View::Global(also, other)) => module == also && name == other,
            (View::Other(shape, a), View::Other(other, b)) => shape == other && self.all(&a, &b, depth)?,
            (a, b) => match (number(&a), number(&b)) {
                (Some(a), Some(b)) => compare_numbers(&a, &b) == Some(Ordering::Equal),
                _ => false,
            },
        })
    }

    fn all(&mut self, a: &[Value], b: &[Value], depth: usize) -> Result<bool, Raise> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b) {
            if !self.equal(a, b, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn within(&mut self, a: &[Value], b: &[Value], depth: usize) -> Result<bool, Raise> {
        for item in a {
            let mut found = false;
            for other in b {
                found = found || self.equal(item, other, depth)?;
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn order(&mut self, a: &Value, b: &Value, sign: &str, depth: usize) -> Result<Option<Ordering>, Raise> {
        self.step(depth)?;
        let depth = depth + 1;
        Ok(match (a.view(), b.view()) {
            (View::Text(a), View::Text(b)) => Some(a.cmp(b)),
            (View::Bytes(a) | View::ByteArray(a), View::Bytes(b) | View::ByteArray(b)) => Some(a.cmp(b)),
            (View::Tuple(one), View::Tuple(other)) | (View::List(one), View::List(other)) => {
                for (a, b) in one.iter().zip(&other) {
                    if !self.equal(a, b, depth)? {
                        return self.order(a, b, sign, depth);
                    }
                }
                Some(one.len().cmp(&other.len()))
            }
            (View::Set(one) | View::FrozenSet(one), View::Set(other) | View::FrozenSet(other)) => {
                match (self.within(&one, &other, depth)?, self.within(&other, &one, depth)?) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                }
            }
            (one, other) => match (number(&one), number(&other)) {
                (Some(one), Some(other)) => compare_numbers(&one, &other),
                _ => return Err(unordered(a, b, sign)),
            },
        })
    }
}

fn unordered(a: &Value, b: &Value, sign: &str) -> Raise {
    let (one, other) = (a.type_name(), b.type_name());
    Raise::new("TypeError", &format!("'{sign}' not supported between instances of '{one}' and '{other}'"))
}

/// A number in the one form that equal ones have: a float that is whole is an integer.
enum Number {
    Int(i64),
    /// Sign and magnitude, little-endian, without zeros at its end; too large for an `i64`.
    Big(bool, Vec<u8>),
    Float(f64),
}

fn number(view: &View<'_>) -> Option<Number> {
    Some(match *view {
        View::Int(value) => Number::Int(value),
        View::Big(bytes) => big(bytes),
        View::Float(value) => float(value),
        _ => return None,
    })
}

fn big(bytes: &[u8]) -> Number {
    let negative = bytes.last().is_some_and(|&top| top >= 0x80);
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in &mut magnitude {
            let (value, more) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (value, more);
        }
    }
    trimmed(negative, magnitude)
}

fn trimmed(negative: bool, mut magnitude: Vec<u8>) -> Number {
    while magnitude.last() == Some(&0) {
        magnitude.pop();
    }
    if magnitude.len() <= 8 {
        let value = magnitude.iter().rev().fold(0_i128, |value, &byte| value << 8 | i128::from(byte));
        if let Ok(value) = i64::try_from(if negative { -value } else { value }) {
            return Number::Int(value);
        }
    }
    Number::Big(negative, magnitude)
}

fn float(value: f64) -> Number {
    let bits = value.to_bits();
    let (exponent, mantissa) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    if exponent == 0x7ff || (exponent == 0 && mantissa != 0) {
        return Number::Float(value);
    }
    if exponent == 0 {
        return Number::Int(0);
    }
    let (whole, shift) = (mantissa | 1 << 52, exponent - 1075);
    if shift < 0 && (shift <= -53 || whole & ((1 << -shift) - 1) != 0) {
        return Number::Float(value);
    }
    if shift < 0 {
        return trimmed(value < 0.0, (whole >> -shift).to_le_bytes().to_vec());
    }
    let (bytes, bits) = (shift as usize / 8, shift as u32 % 8);
    let mut magnitude = alloc::vec![0; bytes];
    magnitude.extend_from_slice(&(u128::from(whole) << bits).to_le_bytes());
    trimmed(value < 0.0, magnitude)
}

fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    Some(match (a, b) {
        (Number::Int(a), Number::Int(b)) => a.cmp(b),
        (Number::Big(negative, a), Number::Big(also, b)) => {
            let by_size = a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()));
            match (negative, also) {
                (false, false) => by_size,
                (true, true) => by_size.reverse(),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
            }
        }
        (Number::Big(negative, _), Number::Int(_)) => sign(*negative),
        (Number::Int(_), Number::Big(negative, _)) => sign(*negative).reverse(),
        (Number::Float(a), Number::Float(b)) => return a.partial_cmp(b),
        // A float that is not whole is below 2**52, or infinite, or none.
        (Number::Float(a), Number::Int(b)) => return a.partial_cmp(&(*b as f64)),
        (Number::Int(a), Number::Float(b)) => return (*a as f64).partial_cmp(b),
        (Number::Float(a), Number::Big(negative, _)) if a.is_finite() => sign(*negative).reverse(),
        (Number::Big(negative, _), Number::Float(b)) if b.is_finite() => sign(*negative),
        (Number::Float(a), Number::Big(..)) => return a.partial_cmp(&0.0),
        (Number::Big(..), Number::Float(b)) => return 0.0.partial_cmp(b),
    })
}

fn sign(negative: bool) -> Ordering {
    if negative { Ordering::Less } else { Ordering::Greater }
}

fn hash_into(value: &Value, into: &mut SipHasher, seed: u64, depth: usize) -> Result<(), Raise> {
    if depth > MAX_DEPTH {
        return Err(Raise::new("RecursionError", "maximum recursion depth exceeded"));
    }
    let depth = depth + 1;
    let view = value.view();
    if let Some(number) = number(&view) {
        into.write_u8(1);
        match number {
            Number::Int(value) => into.write_i64(value),
            Number::Big(negative, magnitude) => {
                into.write_u8(u8::from(negative));
                into.write(&magnitude);
            }
            Number::Float(value) => into.write_u64(value.to_bits()),
        }
        return Ok(());
    }
    match view {
        View::None => into.write_u8(2),
        View::Text(text) => tagged(into, 3, text),
        View::Bytes(bytes) => tagged(into, 4, bytes),
        View::Tuple(items) => {
            into.write_u8(5);
            into.write_usize(items.len());
            for item in &items {
                hash_into(item, into, seed, depth)?;
            }
        }
        View::FrozenSet(items) => {
            let mut sum = 0_u64;
            for item in &items {
                let mut one = SipHasher::new_with_keys(seed, !seed);
                hash_into(item, &mut one, seed, depth)?;
                sum = sum.wrapping_add(one.finish());
            }
            into.write_u8(6);
            into.write_u64(sum);
        }
        View::Global(module, name) => {
            tagged(into, 7, module);
            tagged(into, 7, name);
        }
        // Its parts may be lists, which hash for this purpose alone.
        View::Other(shape, parts) => {
            tagged(into, 8, shape);
            into.write_usize(parts.len());
        }
        View::List(_) | View::Dict(_) | View::Set(_) | View::ByteArray(_) => {
            return Err(Raise::Unhashable(String::from(&*value.type_name())));
        }
        View::Int(_) | View::Big(_) | View::Float(_) => {}
    }
    Ok(())
}

fn tagged(into: &mut SipHasher, tag: u8, bytes: &[u8]) {
    into.write_u8(tag);
    into.write_usize(bytes.len());
    into.write(bytes);
}

/// CPython gives up at such a depth too.
const MAX_DEPTH: usize = 500;
const MAX_STEPS: u32 = 4_000_000;
