//! Opcodes to a tape: a stack machine like the graph's, without a graph.
//!
//! The two accept the same pickles and refuse the others with the same errors, which a test holds them to.

mod containers;

use alloc::vec::Vec;
use core::num::NonZeroU32;

use self::containers::even;
use super::tape::{FALSE, Item, Make, NONE, TRUE, Tape};
use crate::error::{Error, ErrorKind, Result};
use crate::lex::Lexer;
use crate::limits::Limits;
use crate::memo::{self, Memo, NO_INDEX};
use crate::op::Op;
use crate::text;

/// Records a pickle. Bytes after its STOP are ignored.
pub(super) fn record<'de>(pickle: &'de [u8], limits: &Limits) -> Result<Tape<'de>> {
    let mut machine = Machine::new(limits);
    // About what a pickle of small objects needs; one of few large objects does not touch it.
    machine.tape.reserve((pickle.len() / 8).min(1 << 16), (pickle.len() / 4).min(1 << 17));
    machine.tape.length = pickle.len() as u64;
    run(&mut machine, pickle, u32::MAX)?;
    Ok(machine.tape)
}

/// The offset of the opcode that makes item `id` of the tape that [`record`] gives.
pub(super) fn offset_of(pickle: &[u8], limits: &Limits, id: u32) -> Option<usize> {
    run(&mut Machine::new(limits), pickle, id).ok().flatten()
}

/// Runs to the end, or to the opcode that makes item `id`.
fn run<'de>(machine: &mut Machine<'de, '_>, pickle: &'de [u8], id: u32) -> Result<Option<usize>> {
    let mut position = 0;
    loop {
        let start = position;
        // The lexer gives an opcode by value, which costs a second dispatch: three quarters of the time, where nearly
        // every opcode is one of a few.
        let step = match machine.frequent(&pickle[start..]) {
            Some((length, step)) => {
                position += length;
                step
            }
            None => {
                let mut lexer = Lexer::new(&pickle[start..]);
                let Some(spanned) = lexer.next() else { return Ok(None) };
                let op = spanned.map_err(|error| Error::at(error.kind().clone(), start))?.op;
                position += lexer.position();
                match op {
                    Op::Stop => {
                        machine.finish().map_err(|kind| Error::at(kind, start))?;
                        return Ok(None);
                    }
                    Op::Proto(_) if start > 0 => Err(ErrorKind::WrongOperand("PROTO at its start only")),
                    Op::Frame(length) if length > lexer.rest().len() as u64 => Err(ErrorKind::FrameTooLong),
                    op => machine.step(op),
                }
            }
        };
        step.map_err(|kind| Error::at(kind, start))?;
        if machine.tape.items.len() > id as usize {
            return Ok(Some(start));
        }
    }
}

/// What one opcode comes to; the caller knows where it stood.
type Outcome<T = ()> = core::result::Result<T, ErrorKind>;

struct Machine<'de, 'l> {
    tape: Tape<'de>,
    stack: Vec<u32>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    /// Ids, plus one: so that a gap costs nothing.
    memo: Memo<NonZeroU32>,
    limits: &'l Limits,
}

impl<'de, 'l> Machine<'de, 'l> {
    fn new(limits: &'l Limits) -> Machine<'de, 'l> {
        Machine { tape: Tape::new(), stack: Vec::new(), marks: Vec::new(), memo: Memo::new(), limits }
    }

    /// Does what the next opcode says if it is one of the frequent ones, and gives its length; together with the
    /// opcode behind it if that memoizes what it made.
    #[inline(always)]
    fn frequent(&mut self, rest: &'de [u8]) -> Option<(usize, Outcome)> {
        let (&byte, rest) = rest.split_first()?;
        Some(match byte {
            b'K' => (2, self.push(Item::Int((*rest.first()?).into()))),
            b'M' => (3, self.push(Item::Int(u16::from_le_bytes(*rest.first_chunk()?).into()))),
            b'J' => (5, self.push(Item::Int(i32::from_le_bytes(*rest.first_chunk()?).into()))),
            b'G' => (9, self.push(Item::Float(f64::from_be_bytes(*rest.first_chunk()?)))),
            0x8c => {
                let (&length, rest) = rest.split_first()?;
                let (text, rest) = rest.split_at_checked(length.into())?;
                self.push_memoized(Item::Str(text), 2 + text.len(), rest)
            }
            b'X' => {
                let (&length, rest) = rest.split_first_chunk()?;
                let (text, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
                self.push_memoized(Item::Str(text), 5 + text.len(), rest)
            }
            b']' => self.push_memoized(Item::List(<_>::default()), 1, rest),
            b'}' => self.push_memoized(Item::Dict(<_>::default()), 1, rest),
            b'h' => (2, self.get((*rest.first()?).into())),
            b'j' => (5, self.get(u32::from_le_bytes(*rest.first_chunk()?).into())),
            b'N' => (1, self.push_constant(NONE)),
            0x88 => (1, self.push_constant(TRUE)),
            0x89 => (1, self.push_constant(FALSE)),
            b'(' => {
                self.marks.push(self.stack.len());
                (1, Ok(()))
            }
            b'e' => (1, self.mark().and_then(|start| self.append(start))),
            b'u' => (1, self.mark().and_then(|start| self.set_items(start))),
            0x94 => (1, self.put(self.memo.entries())),
            b'q' => (2, self.put((*rest.first()?).into())),
            b'r' => (5, self.put(u32::from_le_bytes(*rest.first_chunk()?).into())),
            0x86 => (1, self.tuple(2)),
            _ => return None,
        })
    }

    /// Pushes what an opcode of this length made, and does what the next one says if it memoizes that.
    #[inline(always)]
    fn push_memoized(&mut self, item: Item<'de>, length: usize, rest: &[u8]) -> (usize, Outcome) {
        let id = match self.add(item) {
            Ok(id) => id,
            Err(kind) => return (length, Err(kind)),
        };
        self.stack.push(id);
        let length = match *rest {
            [0x94, ..] => {
                self.memo.put(self.memo.entries(), stored(id));
                length + 1
            }
            [b'q', index, ..] => {
                self.memo.put(index.into(), stored(id));
                length + 2
            }
            _ => length,
        };
        (length, Ok(()))
    }

    #[inline(always)]
    fn push_constant(&mut self, id: u32) -> Outcome {
        self.stack.push(id);
        Ok(())
    }

    fn step(&mut self, op: Op<'de>) -> Outcome {
        match op {
            // Numbers, text and other atoms.
            Op::None => self.stack.push(NONE),
            Op::NewTrue | Op::Int(b"01") => self.stack.push(TRUE),
            Op::NewFalse | Op::Int(b"00") => self.stack.push(FALSE),
            Op::Int(s) | Op::Long(s) => return self.decimal(s),
            Op::BinInt(v) => return self.push(Item::Int(v.into())),
            Op::BinInt1(v) => return self.push(Item::Int(v.into())),
            Op::BinInt2(v) => return self.push(Item::Int(v.into())),
            Op::Long1(s) | Op::Long4(s) => {
                return self.push(crate::graph::small_long(s).map_or(Item::Long(s), Item::Int));
            }
            Op::Float(s) => {
                return self.push(Item::Float(text::parse_float(s).ok_or(ErrorKind::BadText("a float"))?));
            }
            Op::BinFloat(v) => return self.push(Item::Float(v)),
            Op::ShortBinUnicode(s) | Op::BinUnicode(s) | Op::BinUnicode8(s) => {
                return self.push(Item::Str(s));
            }
            Op::Unicode(s) => {
                text::parse_raw_unicode_escape(s).ok_or(ErrorKind::BadText("raw-unicode-escaped text"))?;
                return self.push(Item::EscapedStr(s));
            }
            Op::ShortBinBytes(s) | Op::BinBytes(s) | Op::BinBytes8(s) => return self.push(Item::Bytes(s)),
            Op::ByteArray8(s) => return self.push(Item::ByteArray(s)),
            Op::ShortBinString(s) | Op::BinString(s) => return self.push(Item::String(s)),
            Op::String(s) => {
                text::parse_string_repr(s).ok_or(ErrorKind::BadText("the repr of a str"))?;
                return self.push(Item::ReprString(s));
            }
            Op::NextBuffer => return self.push(Item::Opaque("a buffer that travels beside the pickle")),
            Op::ReadOnlyBuffer => {
                self.top()?;
            }

            // Containers.
            Op::EmptyList => return self.push(Item::List(<_>::default())),
            Op::EmptyTuple => return self.push(Item::Tuple(<_>::default())),
            Op::EmptyDict => return self.push(Item::Dict(<_>::default())),
            Op::EmptySet => return self.push(Item::Set(<_>::default())),
            Op::List => return self.collect(Item::List),
            Op::Tuple => return self.collect(Item::Tuple),
            Op::FrozenSet => return self.collect(Item::FrozenSet),
            Op::Dict => {
                let start = self.mark()?;
                even(self.stack.len() - start)?;
                self.marks.push(start);
                return self.collect(Item::Dict);
            }
            Op::Tuple1 => return self.tuple(1),
            Op::Tuple2 => return self.tuple(2),
            Op::Tuple3 => return self.tuple(3),
            Op::Append => {
                let start = self.need(2)? + 1;
                return self.append(start);
            }
            Op::Appends => {
                let start = self.mark()?;
                return self.append(start);
            }
            Op::SetItem => {
                let start = self.need(3)? + 1;
                return self.set_items(start);
            }
            Op::SetItems => {
                let start = self.mark()?;
                return self.set_items(start);
            }
            Op::AddItems => {
                let start = self.mark()?;
                return self.add_items(start);
            }

            // The stack itself.
            Op::Mark => self.marks.push(self.stack.len()),
            Op::Pop => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            Op::PopMark => {
                let start = self.mark()?;
                self.stack.truncate(start);
            }
            Op::Dup => {
                let top = self.top()?;
                self.stack.push(top);
            }

            // The memo.
            Op::BinGet(index) => return self.get(index.into()),
            Op::LongBinGet(index) => return self.get(index.into()),
            Op::Get(s) => return self.get(memo::index(s).ok_or(NO_INDEX)?),
            Op::BinPut(index) => return self.put(index.into()),
            Op::LongBinPut(index) => return self.put(index.into()),
            Op::Put(s) => return self.put(memo::index(s).ok_or(NO_INDEX)?),
            Op::Memoize => return self.put(self.memo.entries()),

            // Names and calls.
            Op::Global { module, name } => return self.global(module, name),
            Op::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| match self.tape.item(id) {
                    Item::Str(s) | Item::String(s) | Item::EscapedStr(s) => Ok(s),
                    // Without its quotes; no name has an escape in it.
                    Item::ReprString([_, s @ .., _]) => Ok(s),
                    _ => Err(ErrorKind::WrongOperand("text")),
                };
                let (module, name) = (text(module)?, text(name)?);
                return self.global(module, name);
            }
            Op::Ext1(0) | Op::Ext2(0) | Op::Ext4(0) => {
                return Err(ErrorKind::WrongOperand("an extension code above 0"));
            }
            Op::Ext4(..0) => return Err(ErrorKind::NegativeLength),
            Op::Ext1(_) | Op::Ext2(_) | Op::Ext4(_) => {
                return self.push(Item::Opaque("a copyreg extension code"));
            }
            Op::Reduce => {
                let (args, callable) = (self.pop()?, self.pop()?);
                return self.make(Make::Reduce { callable, args });
            }
            Op::NewObj => {
                let (args, class) = (self.pop()?, self.pop()?);
                return self.make(Make::NewObj { class, args });
            }
            Op::NewObjEx => {
                let (kwargs, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                return self.make(Make::NewObjEx { class, args, kwargs });
            }
            Op::Inst { module, name } => {
                let start = self.mark()?;
                let args = self.tape.span(&self.stack[start..])?;
                self.stack.truncate(start);
                self.global(module, name)?;
                let class = self.pop()?;
                return self.make(Make::Instance { class, args });
            }
            Op::Obj => {
                let start = self.mark()?;
                let Some((&class, args)) = self.stack[start..].split_first() else {
                    return Err(ErrorKind::StackUnderflow);
                };
                let args = self.tape.span(args)?;
                self.stack.truncate(start);
                return self.make(Make::Instance { class, args });
            }
            Op::Build => {
                let state = self.pop()?;
                let target = self.top()?;
                let object = self.object(target)?;
                match object.state {
                    None => object.state = Some(state),
                    Some(_) => object.more_states.push(state),
                }
            }
            Op::PersId(_) => return self.push(Item::Opaque("a persistent id")),
            Op::BinPersId => {
                self.pop()?;
                return self.push(Item::Opaque("a persistent id"));
            }

            // The pickle itself.
            Op::Proto(protocol @ 6..) => return Err(ErrorKind::UnsupportedProtocol(protocol)),
            Op::Proto(protocol) => self.tape.protocol = protocol,
            Op::Frame(_) | Op::Stop => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Outcome {
        self.tape.root = self.pop()?;
        Ok(())
    }

    #[inline]
    fn add(&mut self, item: Item<'de>) -> Outcome<u32> {
        let id = self.tape.items.len();
        if id >= self.limits.max_nodes as usize {
            return Err(ErrorKind::Limit("objects"));
        }
        self.tape.items.push(item);
        Ok(id as u32)
    }

    #[inline]
    fn push(&mut self, item: Item<'de>) -> Outcome {
        let id = self.add(item)?;
        self.stack.push(id);
        Ok(())
    }

    #[inline]
    fn top(&self) -> Outcome<u32> {
        self.need(1).map(|start| self.stack[start])
    }

    #[inline]
    fn pop(&mut self) -> Outcome<u32> {
        let start = self.need(1)?;
        let top = self.stack[start];
        self.stack.truncate(start);
        Ok(top)
    }

    /// Where the top `count` items start, which no mark may part.
    #[inline]
    fn need(&self, count: usize) -> Outcome<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(start),
            _ => Err(ErrorKind::StackUnderflow),
        }
    }

    /// Takes the topmost mark away and says where it stood.
    #[inline]
    fn mark(&mut self) -> Outcome<usize> {
        // Nothing pops below a mark, so the stack is at least as high as it was then.
        self.marks.pop().ok_or(ErrorKind::StackUnderflow)
    }

    fn global(&mut self, module: &'de [u8], name: &'de [u8]) -> Outcome {
        let index = self.tape.globals.len() as u32;
        self.push(Item::Global(index))?;
        self.tape.globals.push((module, name));
        Ok(())
    }

    fn decimal(&mut self, text: &'de [u8]) -> Outcome {
        let value = text::parse_decimal(text, self.limits.max_digits)
            .map_err(|()| ErrorKind::Limit("digits of an integer"))?
            .ok_or(ErrorKind::BadText("an integer"))?;
        self.push(match value {
            text::Decimal::Small(value) => Item::Int(value),
            text::Decimal::Large(_) => Item::Decimal(text),
        })
    }

    #[inline]
    fn get(&mut self, index: u64) -> Outcome {
        let id = self.memo.get(index).ok_or(ErrorKind::UnknownMemo(index))?;
        self.stack.push(id.get() - 1);
        Ok(())
    }

    #[inline]
    fn put(&mut self, index: u64) -> Outcome {
        let top = self.top()?;
        self.memo.put(index, stored(top));
        Ok(())
    }
}

#[inline]
fn stored(id: u32) -> NonZeroU32 {
    // The limit is below the last id that would wrap, and so is what any memory holds.
    NonZeroU32::MIN.saturating_add(id)
}
