//! Reading straight from the opcodes, for as long as what follows can be foreseen.
//!
//! Most data is lists and dicts of atoms. These come first and their items after, so that they can be read without a
//! tape; of a call, or a tuple of up to three items that the type did not ask for, only an opcode at its end says so.
//! Whatever was not foreseen ends the attempt, and the tape reads the pickle from its start, as it does to say what is wrong. An attempt
//! that comes to STOP was right: every opcode in it stood where it does what was foreseen.

use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::class;
use crate::graph::small_long;
use crate::limits::Limits;

/// Reads a pickle if all of it can be foreseen.
pub(super) fn read<'de, T: Deserialize<'de>>(pickle: &'de [u8], limits: &Limits) -> Option<T> {
    // Offsets are stored in 32 bits; and protocols 0 and 1 make containers otherwise.
    if u32::try_from(pickle.len()).is_err() || !matches!(pickle, [0x80, 2..=5, ..]) {
        return None;
    }
    let mut stream = Stream {
        pickle,
        position: 2,
        memo: Vec::new(),
        depth: limits.max_depth,
        nodes: limits.max_nodes.saturating_sub(3),
        repeats: u64::from(limits.max_nodes),
    };
    let value = T::deserialize(&mut stream).ok()?;
    (stream.peek().ok()? == b'.').then_some(value)
}

/// What follows is not what was foreseen, or not what the type wants.
#[derive(Debug)]
struct Unforeseen;

impl fmt::Display for Unforeseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unforeseen")
    }
}

impl core::error::Error for Unforeseen {}

impl de::Error for Unforeseen {
    fn custom<T: fmt::Display>(_: T) -> Unforeseen {
        Unforeseen
    }
}

type Result<T> = core::result::Result<T, Unforeseen>;

/// A pickle that is being read.
struct Stream<'de> {
    pickle: &'de [u8],
    position: usize,
    /// Where each entry was made.
    memo: Vec<u32>,
    /// How many levels there may be below the current one.
    depth: u32,
    /// How many more objects there may be.
    nodes: u32,
    /// How many more pieces of text may be read again; see [`super::de::Reading::weigh`].
    repeats: u64,
}

/// How CPython parts long lists and dicts (Lib/pickle.py, `_BATCHSIZE`): after a shorter batch there is no other.
const BATCH: usize = 1000;

impl<'de> Stream<'de> {
    /// The next opcode, which stays; what frames there are before it has no meaning.
    #[inline]
    fn peek(&mut self) -> Result<u8> {
        loop {
            match self.pickle.get(self.position..) {
                Some([0x95, rest @ ..]) => {
                    let (length, rest) = rest.split_first_chunk().ok_or(Unforeseen)?;
                    if u64::from_le_bytes(*length) > rest.len() as u64 {
                        return Err(Unforeseen);
                    }
                    self.position += 9;
                }
                Some([opcode, ..]) => return Ok(*opcode),
                _ => return Err(Unforeseen),
            }
        }
    }

    /// Takes the next opcode if it is this one.
    #[inline]
    fn take(&mut self, opcode: u8) -> Result<bool> {
        let found = self.peek()? == opcode;
        self.position += usize::from(found);
        Ok(found)
    }

    #[inline]
    fn expect(&mut self, opcode: u8) -> Result<()> {
        if self.take(opcode)? { Ok(()) } else { Err(Unforeseen) }
    }

    /// Reads an atom.
    #[inline(always)]
    fn atom<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Unforeseen)?;
        let start = self.position;
        let pickle = self.pickle;
        match pickle[start..] {
            [b'h', index, ..] => {
                self.position += 2;
                let text = self.repeat(index.into())?;
                Stream::text(text, visitor)
            }
            [0x8c, length, ref rest @ ..] => {
                let text = rest.get(..length.into()).ok_or(Unforeseen)?;
                self.position += 2 + text.len();
                self.memoize(start)?;
                Stream::text(text, visitor)
            }
            [b'X', a, b, c, d, ref rest @ ..] => {
                let text = rest.get(..u32::from_le_bytes([a, b, c, d]) as usize).ok_or(Unforeseen)?;
                self.position += 5 + text.len();
                self.memoize(start)?;
                Stream::text(text, visitor)
            }
            [b'K', value, ..] => {
                self.position += 2;
                visitor.visit_i64(value.into())
            }
            [b'M', a, b, ..] => {
                self.position += 3;
                visitor.visit_i64(u16::from_le_bytes([a, b]).into())
            }
            [b'J', a, b, c, d, ..] => {
                self.position += 5;
                visitor.visit_i64(i32::from_le_bytes([a, b, c, d]).into())
            }
            [b'G', a, b, c, d, e, f, g, h, ..] => {
                self.position += 9;
                visitor.visit_f64(f64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
            [b'N', ..] => {
                self.position += 1;
                visitor.visit_unit()
            }
            [value @ (0x88 | 0x89), ..] => {
                self.position += 1;
                visitor.visit_bool(value == 0x88)
            }
            [0x8a, length, ref rest @ ..] => {
                let bytes = rest.get(..length.into()).ok_or(Unforeseen)?;
                self.position += 2 + bytes.len();
                visitor.visit_i64(small_long(bytes).ok_or(Unforeseen)?)
            }
            [b'j', a, b, c, d, ..] => {
                self.position += 5;
                let text = self.repeat(u32::from_le_bytes([a, b, c, d]))?;
                Stream::text(text, visitor)
            }
            _ => visitor.visit_borrowed_bytes(self.bytes()?),
        }
    }

    #[inline]
    fn text<V: Visitor<'de>>(text: &'de [u8], visitor: V) -> Result<V::Value> {
        match core::str::from_utf8(text) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => visitor.visit_borrowed_bytes(text),
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8]> {
        let start = self.position;
        let pickle = self.pickle;
        let (header, length) = match pickle[start..] {
            [b'C', length, ..] => (2, length.into()),
            [b'B', a, b, c, d, ..] => (5, u32::from_le_bytes([a, b, c, d]) as usize),
            _ => return Err(Unforeseen),
        };
        let bytes = pickle[start + header..].get(..length).ok_or(Unforeseen)?;
        self.position += header + length;
        self.memoize(start)?;
        Ok(bytes)
    }

    /// Text that was memoized.
    #[inline]
    fn repeat(&mut self, index: u32) -> Result<&'de [u8]> {
        let start = *self.memo.get(index as usize).ok_or(Unforeseen)?;
        let pickle = self.pickle;
        let text = match pickle.get(start as usize..) {
            Some([0x8c, length, rest @ ..]) => rest.get(..usize::from(*length)),
            Some([b'X', a, b, c, d, rest @ ..]) => rest.get(..u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => None,
        };
        let text = text.ok_or(Unforeseen)?;
        self.repeats = self.repeats.checked_sub(text.len() as u64 / super::de::WEIGHT).ok_or(Unforeseen)?;
        Ok(text)
    }

    /// Does what the next opcode says if it memoizes what was made at `start`.
    #[inline]
    fn memoize(&mut self, start: usize) -> Result<()> {
        match self.pickle[self.position..] {
            [0x94, ..] => {
                self.position += 1;
                self.memo.push(start as u32);
                Ok(())
            }
            [b'q', index, ..] => {
                self.position += 2;
                self.put(index.into(), start)
            }
            [b'r', a, b, c, d, ..] => {
                self.position += 5;
                self.put(u32::from_le_bytes([a, b, c, d]) as usize, start)
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, index: usize, start: usize) -> Result<()> {
        // Python 2's C pickler counts from 1: entry 0 is then one that no opcode reads, as STOP is no atom.
        if index == 1 && self.memo.is_empty() {
            self.memo.push(self.pickle.len() as u32);
        }
        if index != self.memo.len() {
            return Err(Unforeseen);
        }
        self.memo.push(start as u32);
        Ok(())
    }

    /// Starts a container at the next opcode.
    #[inline]
    fn open(&mut self) -> Result<()> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Unforeseen)?;
        self.depth = self.depth.checked_sub(1).ok_or(Unforeseen)?;
        self.position += 1;
        self.memoize(self.position - 1)
    }

    /// Where the atom that starts at `start` ends, and the opcode that memoizes it.
    fn after_atom(&self, start: usize) -> Option<usize> {
        let end = start
            + match *self.pickle.get(start..)? {
                [b'N' | 0x88 | 0x89, ..] => 1,
                [b'K' | b'h', ..] => 2,
                [b'M', ..] => 3,
                [b'J' | b'j', ..] => 5,
                [b'G', ..] => 9,
                [0x8a | 0x8c | b'C', length, ..] => 2 + usize::from(length),
                [b'X' | b'B', a, b, c, d, ..] => {
                    5usize.checked_add(u32::from_le_bytes([a, b, c, d]) as usize)?
                }
                _ => return None,
            };
        Some(match self.pickle.get(end..)? {
            [0x94, ..] => end + 1,
            [b'q', ..] => end + 2,
            [b'r', ..] => end + 5,
            _ => end,
        })
    }

    /// What comes after EMPTY_LIST or EMPTY_DICT: whether there are items, and the opcode at their end. A single item
    /// is foreseen if it is made of `atoms`.
    fn batch(&mut self, single: u8, many: u8, atoms: usize) -> Result<Batch> {
        if self.take(b'(')? {
            return Ok(Batch { end: many, count: 0, open: true });
        }
        let mut position = self.position;
        for _ in 0..atoms {
            match self.after_atom(position) {
                Some(end) => position = end,
                None => return Ok(Batch { end: single, count: 0, open: false }),
            }
        }
        let open = self.pickle.get(position) == Some(&single);
        Ok(Batch { end: single, count: 0, open })
    }

    #[inline]
    fn seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let batch = match self.peek()? {
            b']' => {
                self.open()?;
                self.batch(b'a', b'e', 1)?
            }
            b'(' => {
                self.nodes = self.nodes.checked_sub(1).ok_or(Unforeseen)?;
                self.depth = self.depth.checked_sub(1).ok_or(Unforeseen)?;
                self.position += 1;
                Batch { end: b't', count: 0, open: true }
            }
            _ => return Err(Unforeseen),
        };
        let is_tuple = batch.end == b't';
        let mut items = Items { stream: self, batch };
        let value = visitor.visit_seq(&mut items)?;
        if !items.at_end()? {
            return Err(Unforeseen);
        }
        if is_tuple {
            // No atom, whatever it is: a GET of it ends the attempt.
            self.memoize(self.position - 1)?;
        }
        self.depth += 1;
        Ok(value)
    }

    /// A tuple of up to three items has its opcode behind them; where the type wants one, that is foreseen.
    #[inline]
    fn tuple<V: Visitor<'de>>(&mut self, length: usize, visitor: V) -> Result<V::Value> {
        let end = match (self.peek()?, length) {
            (b']' | b'(', _) => return self.seq(visitor),
            (_, 1) => 0x85,
            (_, 2) => 0x86,
            (_, 3) => 0x87,
            _ => return Err(Unforeseen),
        };
        self.nodes = self.nodes.checked_sub(1).ok_or(Unforeseen)?;
        self.depth = self.depth.checked_sub(1).ok_or(Unforeseen)?;
        let mut parts = Parts { stream: self, left: length };
        let value = visitor.visit_seq(&mut parts)?;
        if parts.left > 0 {
            return Err(Unforeseen);
        }
        self.expect(end)?;
        self.memoize(self.position - 1)?;
        self.depth += 1;
        Ok(value)
    }

    #[inline]
    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        if self.peek()? != b'}' {
            return Err(Unforeseen);
        }
        self.open()?;
        let batch = self.batch(b's', b'u', 2)?;
        let mut items = Items { stream: self, batch };
        let value = visitor.visit_map(&mut items)?;
        if !items.at_end()? {
            return Err(Unforeseen);
        }
        self.depth += 1;
        Ok(value)
    }
}

/// Items up to the opcode that puts them into their container.
struct Batch {
    end: u8,
    count: usize,
    open: bool,
}

struct Items<'s, 'de> {
    stream: &'s mut Stream<'de>,
    batch: Batch,
}

impl Items<'_, '_> {
    /// Whether no item follows.
    #[inline]
    fn at_end(&mut self) -> Result<bool> {
        if self.batch.open && self.stream.peek()? != self.batch.end {
            return Ok(false);
        }
        self.next_batch()
    }

    /// Ends a batch, and starts the next one if there is one; gives whether there is none.
    fn next_batch(&mut self) -> Result<bool> {
        while self.batch.open && self.stream.take(self.batch.end)? {
            let more = self.batch.end != b't' && self.batch.count == BATCH && self.stream.take(b'(')?;
            self.batch.open = more;
            self.batch.count = 0;
        }
        Ok(!self.batch.open)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.at_end()? {
            return Ok(None);
        }
        self.batch.count += 1;
        seed.deserialize(&mut *self.stream).map(Some)
    }
}

/// The items of a tuple whose opcode is behind them.
struct Parts<'s, 'de> {
    stream: &'s mut Stream<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.stream).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.at_end()? {
            return Ok(None);
        }
        self.batch.count += 1;
        seed.deserialize(&mut *self.stream).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.stream)
    }
}

/// What wants an atom takes nothing else: that the type does not fit is the tape's to say.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.peek()?;
            self.atom(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Stream<'de> {
    type Error = Unforeseen;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            b']' | b'(' => self.seq(visitor),
            b'}' => self.map(visitor),
            _ => self.atom(visitor),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.take(b'N')? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            0x8c | b'X' | b'C' | b'B' | b'h' | b'j' => self.atom(visitor),
            _ => Err(Unforeseen),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.seq(visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.tuple(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.tuple(length, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.map(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name == class::CLASS { Err(Unforeseen) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.peek()? != b'}' {
            return visitor.visit_enum(Variant { stream: self, has_content: false });
        }
        self.open()?;
        let end = if self.take(b'(')? { b'u' } else { b's' };
        let value = visitor.visit_enum(Variant { stream: self, has_content: true })?;
        self.expect(end)?;
        self.depth += 1;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(de::IgnoredAny)?;
        visitor.visit_unit()
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_identifier
    }

    forward_to_deserialize_any! { unit unit_struct }
}

/// A variant by its name, which what it holds follows.
struct Variant<'s, 'de> {
    stream: &'s mut Stream<'de>,
    has_content: bool,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unforeseen;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.stream)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unforeseen;

    fn unit_variant(self) -> Result<()> {
        if self.has_content { <()>::deserialize(self.stream) } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        if self.has_content { seed.deserialize(self.stream) } else { Err(Unforeseen) }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        if self.has_content { self.stream.tuple(length, visitor) } else { Err(Unforeseen) }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        if self.has_content { self.stream.map(visitor) } else { Err(Unforeseen) }
    }
}
