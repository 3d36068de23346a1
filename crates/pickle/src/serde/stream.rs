//! Reading straight from the opcodes, for as long as what follows can be foreseen.
//!
//! Most data is lists and dicts of atoms. These come first and their items after, so that they can be read without a
//! tape; of a call, or a tuple of up to three items that the type did not ask for, only an opcode at its end says so.
//! Whatever was not foreseen ends the attempt, and the tape reads the pickle from its start, as it does to say what is wrong. An attempt
//! that comes to STOP was right: every opcode in it stood where it does what was foreseen.

mod access;
mod deserializer;

use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, Deserialize, Visitor};

use self::access::{Items, Parts};
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
        // Some writers name protocol 2 twice, to tell each other who they are.
        position: if pickle.starts_with(b"\x80\x02\x80\x02") { 4 } else { 2 },
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
