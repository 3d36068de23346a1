//! Numbers of all of Python's types as what they are equal by: 1 == 1.0 == True == Decimal(1) == Fraction(1).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::view::{View, Whole};

/// A real number.
#[derive(Clone, Debug)]
pub(crate) enum Number<'g> {
    Small(i64),
    /// Two's complement, little-endian.
    Long(Cow<'g, [u8]>),
    Float(f64),
    /// `digits * 10**exponent`, with the sign apart.
    Decimal {
        negative: bool,
        digits: Cow<'g, str>,
        exponent: i64,
    },
    Fraction(Whole<'g>, Whole<'g>),
    /// Infinite; whether it is the negative one.
    Infinite(bool),
    Nan,
}

impl<'g> Number<'g> {
    /// The real number that a value is equal to.
    pub(crate) fn of(view: &View<'g>) -> Option<Number<'g>> {
        Some(match view {
            View::Bool(value) => Number::Small(i64::from(*value)),
            View::Int(value) => Number::Small(*value),
            View::Long(bytes) => Number::Long(Cow::Borrowed(bytes)),
            View::Float(value) | View::Complex(value, 0.0) => Number::float(*value),
            View::Decimal(text) => Number::decimal(text)?,
            View::Fraction(n, d) => Number::Fraction(*n, *d),
            _ => return None,
        })
    }

    fn float(value: f64) -> Number<'g> {
        if value.is_nan() {
            Number::Nan
        } else if value.is_infinite() {
            Number::Infinite(value < 0.0)
        } else {
            Number::Float(value)
        }
    }

    fn decimal(text: &'g str) -> Option<Number<'g>> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = rest.to_ascii_lowercase();
        if lower.starts_with("inf") {
            return Some(Number::Infinite(negative));
        }
        if lower.contains("nan") {
            return Some(Number::Nan);
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (digits, after) = match mantissa.split_once('.') {
            Some((whole, after)) => (Cow::Owned([whole, after].concat()), after.len()),
            None => (Cow::Borrowed(mantissa), 0),
        };
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.checked_sub(i64::try_from(after).ok()?)?;
        Some(Number::Decimal { negative, digits, exponent })
    }

    /// The number as an element of a prime field, where equal numbers are equal; `None` for what is in none.
    pub(crate) fn residue(&self, p: u64) -> Option<u64> {
        Some(match self {
            Number::Small(value) => signed(value.unsigned_abs() % p, *value < 0, p),
            Number::Long(bytes) => long(bytes, p),
            Number::Float(value) => {
                let (mantissa, exponent) = parts(*value);
                let power = power(2, exponent.unsigned_abs(), p);
                let power = if exponent < 0 { inverse(power, p) } else { power };
                signed(product(mantissa % p, power, p), *value < 0.0, p)
            }
            Number::Decimal { negative, digits, exponent } => {
                let power = power(10, exponent.unsigned_abs(), p);
                let power = if *exponent < 0 { inverse(power, p) } else { power };
                signed(product(decimal(digits, p), power, p), *negative, p)
            }
            Number::Fraction(n, d) => product(whole(*n, p), inverse(whole(*d, p), p), p),
            Number::Infinite(_) | Number::Nan => return None,
        })
    }

    /// How it compares; `None` if one is no number.
    pub(crate) fn compare(&self, other: &Number<'_>) -> Option<Ordering> {
        match (self, other) {
            (Number::Nan, _) | (_, Number::Nan) => None,
            (Number::Small(a), Number::Small(b)) => Some(a.cmp(b)),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(b),
            (Number::Infinite(a), Number::Infinite(b)) => Some(b.cmp(a)),
            (Number::Infinite(negative), _) => {
                Some(if *negative { Ordering::Less } else { Ordering::Greater })
            }
            (_, Number::Infinite(negative)) => {
                Some(if *negative { Ordering::Greater } else { Ordering::Less })
            }
            _ => {
                let (a, b) = (Ratio::of(self), Ratio::of(other));
                Some(a.compare(&b))
            }
        }
    }
}

/// `sign * n / d * 10**exponent`.
struct Ratio {
    negative: bool,
    n: Vec<u32>,
    d: Vec<u32>,
    /// What was not multiplied out.
    exponent: i64,
}

// What a message of a few bytes, or one of very many digits, may cost to compare.
/// Powers of ten beyond this are not multiplied out.
const MAX_EXPONENT: i64 = 5_000;
/// Decimal digits beyond this are not looked at.
const MAX_DIGITS: usize = 20_000;
/// Products of more words than this are not made.
const MAX_PRODUCT: usize = 1 << 24;

impl Ratio {
    fn of(number: &Number<'_>) -> Ratio {
        let one = alloc::vec![1];
        match number {
            Number::Small(value) => {
                Ratio { negative: *value < 0, n: small(value.unsigned_abs()), d: one, exponent: 0 }
            }
            Number::Long(bytes) => {
                let (negative, n) = magnitude(bytes);
                Ratio { negative, n, d: one, exponent: 0 }
            }
            Number::Float(value) => {
                let (mantissa, exponent) = parts(*value);
                let power = multiplied(one.clone(), 2, exponent.unsigned_abs());
                let (n, d) = if exponent < 0 {
                    (small(mantissa), power)
                } else {
                    (times(&small(mantissa), &power), one)
                };
                Ratio { negative: *value < 0.0, n, d, exponent: 0 }
            }
            Number::Decimal { negative, digits, exponent } => {
                let (n, dropped) = digits_of(digits);
                let exponent = exponent.saturating_add(dropped);
                let (negative, d) = (*negative, one);
                if exponent.unsigned_abs() > MAX_EXPONENT.unsigned_abs() {
                    return Ratio { negative, n, d, exponent };
                }
                let power = multiplied(d.clone(), 10, exponent.unsigned_abs());
                let (n, d) = if exponent < 0 { (n, power) } else { (times(&n, &power), d) };
                Ratio { negative, n, d, exponent: 0 }
            }
            Number::Fraction(n, d) => {
                let (negative, n, more) = whole_of(*n);
                let (_, d, less) = whole_of(*d);
                Ratio { negative, n, d, exponent: more - less }
            }
            Number::Infinite(_) | Number::Nan => {
                Ratio { negative: false, n: Vec::new(), d: one, exponent: 0 }
            }
        }
    }

    fn compare(&self, other: &Ratio) -> Ordering {
        let sign = |ratio: &Ratio| match (ratio.n.is_empty(), ratio.negative) {
            (true, _) => 0,
            (_, true) => -1,
            _ => 1,
        };
        let (a, b) = (sign(self), sign(other));
        if a != b || a == 0 {
            return a.cmp(&b);
        }
        let cheap = |a: &[u32], b: &[u32]| a.len().saturating_mul(b.len()) <= MAX_PRODUCT;
        let exact = self.exponent == other.exponent && cheap(&self.n, &other.d) && cheap(&other.n, &self.d);
        let size = if exact {
            magnitudes(&times(&self.n, &other.d), &times(&other.n, &self.d))
        } else {
            // Only numbers of thousands of digits that begin alike are taken for the same size here.
            self.size().total_cmp(&other.size())
        };
        if a < 0 { size.reverse() } else { size }
    }

    /// About its binary logarithm, without the sign.
    fn size(&self) -> f64 {
        logarithm(&self.n) - logarithm(&self.d) + self.exponent as f64 * core::f64::consts::LOG2_10
    }
}

/// The binary logarithm, straight between powers of two.
fn logarithm(words: &[u32]) -> f64 {
    let mut top = words.iter().rev().take(3).fold(0_u128, |top, &word| top << 32 | u128::from(word));
    let below = words.len().saturating_sub(3) * 32;
    top = top.max(1);
    let bits = 127 - top.leading_zeros();
    below as f64 + f64::from(bits) + (top as f64 / (1_u128 << bits) as f64 - 1.0)
}

/// `mantissa * 2**exponent`, the sign apart.
fn parts(value: f64) -> (u64, i64) {
    let bits = value.to_bits();
    let (raw, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
    if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw as i64 - 1075) }
}

fn signed(value: u64, negative: bool, p: u64) -> u64 {
    if negative && value != 0 { p - value } else { value }
}

fn product(a: u64, b: u64, p: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

pub(crate) fn power(base: u64, exponent: u64, p: u64) -> u64 {
    let (mut base, mut exponent, mut result) = (base % p, exponent, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, base, p);
        }
        base = product(base, base, p);
        exponent >>= 1;
    }
    result
}

/// Fermat's; of a multiple of the secret prime, which nobody can name, zero.
fn inverse(value: u64, p: u64) -> u64 {
    power(value, p - 2, p)
}

fn long(bytes: &[u8], p: u64) -> u64 {
    let Some(&top) = bytes.last() else { return 0 };
    // Horner's rule from the top byte, which alone has a sign.
    let negative = top >= 0x80;
    let mut value = 0;
    for &byte in bytes.iter().rev() {
        value = ((u128::from(value) * 256 + u128::from(byte)) % u128::from(p)) as u64;
    }
    if !negative {
        return value;
    }
    let wrap = power(256, bytes.len() as u64, p);
    (value + (p - wrap)) % p
}

fn decimal(digits: &str, p: u64) -> u64 {
    let step = |value: u64, digit: u8| {
        ((u128::from(value) * 10 + u128::from(digit.wrapping_sub(b'0'))) % u128::from(p)) as u64
    };
    digits.bytes().fold(0, step)
}

fn whole(whole: Whole<'_>, p: u64) -> u64 {
    match whole {
        Whole::Int(value) => signed(value.unsigned_abs() % p, value < 0, p),
        Whole::Long(bytes) => long(bytes, p),
        Whole::Digits(text) => {
            let negative = text.starts_with('-');
            signed(decimal(text.trim_start_matches('-'), p), negative, p)
        }
    }
}

/// The sign, the words, and how many digits were dropped.
fn whole_of(whole: Whole<'_>) -> (bool, Vec<u32>, i64) {
    match whole {
        Whole::Int(value) => (value < 0, small(value.unsigned_abs()), 0),
        Whole::Long(bytes) => {
            let (negative, words) = magnitude(bytes);
            (negative, words, 0)
        }
        Whole::Digits(text) => {
            let (words, dropped) = digits_of(text.trim_start_matches('-'));
            (text.starts_with('-'), words, dropped)
        }
    }
}

/// Big numbers are words, the lowest first, the highest not zero.
fn small(value: u64) -> Vec<u32> {
    trimmed(alloc::vec![value as u32, (value >> 32) as u32])
}

fn trimmed(mut words: Vec<u32>) -> Vec<u32> {
    while words.last() == Some(&0) {
        words.pop();
    }
    words
}

fn magnitude(bytes: &[u8]) -> (bool, Vec<u32>) {
    let negative = bytes.last().is_some_and(|&top| top >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    let mut words: Vec<u32> = bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [fill; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        })
        .collect();
    if negative {
        let mut carry = true;
        for word in &mut words {
            let (value, over) = (!*word).overflowing_add(u32::from(carry));
            (*word, carry) = (value, over);
        }
        if carry {
            words.push(1);
        }
    }
    (negative, trimmed(words))
}

/// The number of the first digits, and how many were dropped.
fn digits_of(digits: &str) -> (Vec<u32>, i64) {
    let digits = digits.trim_start_matches('0');
    let mut words = Vec::new();
    for digit in digits.bytes().take(MAX_DIGITS) {
        multiply(&mut words, 10, u32::from(digit.wrapping_sub(b'0')));
    }
    let dropped = digits.len().saturating_sub(MAX_DIGITS);
    (trimmed(words), i64::try_from(dropped).unwrap_or(i64::MAX))
}

/// The two's complement, little-endian, of a number in decimal.
pub(crate) fn decimal_bytes(text: &str) -> Option<Vec<u8>> {
    let negative = text.starts_with('-');
    let digits = text.trim_start_matches(['-', '+']);
    if !(1..=MAX_DIGITS).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut bytes: Vec<u8> = digits_of(digits).0.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.push(0);
    if negative {
        let mut carry = true;
        for byte in &mut bytes {
            let (value, over) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (value, over);
        }
    }
    Some(bytes)
}

fn multiplied(mut words: Vec<u32>, by: u32, times: u64) -> Vec<u32> {
    for _ in 0..times {
        multiply(&mut words, by, 0);
    }
    trimmed(words)
}

fn multiply(words: &mut Vec<u32>, by: u32, plus: u32) {
    let mut carry = u64::from(plus);
    for word in words.iter_mut() {
        let value = u64::from(*word) * u64::from(by) + carry;
        *word = value as u32;
        carry = value >> 32;
    }
    if carry > 0 {
        words.push(carry as u32);
    }
}

fn times(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut result = alloc::vec![0_u32; a.len() + b.len()];
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0;
        for (place, &y) in result[i..].iter_mut().zip(b.iter().chain(core::iter::once(&0))) {
            let value = u64::from(*place) + u64::from(x) * u64::from(y) + carry;
            *place = value as u32;
            carry = value >> 32;
        }
    }
    trimmed(result)
}

fn magnitudes(a: &[u32], b: &[u32]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}
