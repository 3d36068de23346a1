//! Whether a pickle of plain data is one that every reader takes the same way.

use alloc::vec::Vec;

use crate::lex::Lexer;
use crate::op::Op;

/// Whether a pickle without names is as a pickler writes it, found without building anything: nothing on the stack is of the
/// wrong kind or left over, the memo is numbered in a row, and frames end where the pickle does or another begins. All else,
/// and whatever names something, is `false`: load it to know more.
///
/// CPython allocates a memo as large as the highest index, and its C and Python unpicklers differ in what they make of odd
/// frames; so a pickle that merely loads may still be a trap.
pub fn is_sound(pickle: &[u8]) -> bool {
    let mut walker = Walker { stack: Vec::new(), marks: Vec::new(), memo: Vec::new(), frame_end: 0 };
    let mut lexer = Lexer::new(pickle);
    let mut length = 0;
    for spanned in lexer.by_ref() {
        let Ok(spanned) = spanned else { return false };
        let fits = match spanned.op {
            Op::Frame(length) => walker.frame(spanned.start, spanned.end, length, pickle.len()),
            Op::Proto(_) => spanned.start == 0,
            op => walker.step(op).is_some(),
        };
        // No opcode goes beyond its frame.
        if !fits || (spanned.start < walker.frame_end && spanned.end > walker.frame_end) {
            return false;
        }
        length = spanned.end;
    }
    length == pickle.len() && walker.stack.is_empty() && walker.marks.is_empty()
}

/// What stands on the stack, as far as an opcode may want to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Dict,
    Set,
    Other,
    /// In the memo: never stored.
    Nothing,
}

struct Walker {
    stack: Vec<Kind>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    memo: Vec<Kind>,
    /// Where the last frame ends.
    frame_end: usize,
}

impl Walker {
    fn frame(&mut self, start: usize, end: usize, length: u64, whole: usize) -> bool {
        let inside = start < self.frame_end;
        let frame_end = usize::try_from(length).ok().and_then(|length| end.checked_add(length));
        match frame_end.filter(|&frame_end| frame_end <= whole && !inside) {
            Some(frame_end) => self.frame_end = frame_end,
            None => return false,
        }
        true
    }

    #[inline]
    fn step(&mut self, op: Op<'_>) -> Option<()> {
        match op {
            Op::EmptyList => self.stack.push(Kind::List),
            Op::EmptyDict => self.stack.push(Kind::Dict),
            Op::EmptySet => self.stack.push(Kind::Set),
            Op::None
            | Op::NewTrue
            | Op::NewFalse
            | Op::BinInt(_)
            | Op::BinInt1(_)
            | Op::BinInt2(_)
            | Op::Long1(_)
            | Op::Long4(_)
            | Op::BinFloat(_)
            | Op::ShortBinUnicode(_)
            | Op::BinUnicode(_)
            | Op::BinUnicode8(_)
            | Op::ShortBinBytes(_)
            | Op::BinBytes(_)
            | Op::BinBytes8(_)
            | Op::ShortBinString(_)
            | Op::BinString(_)
            | Op::ByteArray8(_)
            | Op::EmptyTuple => self.stack.push(Kind::Other),

            Op::Mark => self.marks.push(self.stack.len()),
            Op::List => self.collect(Kind::List)?,
            Op::Tuple | Op::FrozenSet => self.collect(Kind::Other)?,
            Op::Dict => {
                self.even()?;
                self.collect(Kind::Dict)?;
            }
            Op::Tuple1 => self.take(1, Kind::Other)?,
            Op::Tuple2 => self.take(2, Kind::Other)?,
            Op::Tuple3 => self.take(3, Kind::Other)?,
            Op::Append => {
                self.take(1, Kind::Other)?;
                self.stack.pop();
                self.is_on_top(Kind::List)?;
            }
            Op::SetItem => {
                self.take(2, Kind::Other)?;
                self.stack.pop();
                self.is_on_top(Kind::Dict)?;
            }
            Op::Appends => self.extend(Kind::List)?,
            Op::AddItems => self.extend(Kind::Set)?,
            Op::SetItems => {
                self.even()?;
                self.extend(Kind::Dict)?;
            }

            Op::BinGet(index) => self.get(index.into())?,
            Op::LongBinGet(index) => self.get(index)?,
            Op::BinPut(index) => self.put(index.into())?,
            Op::LongBinPut(index) => self.put(index)?,
            Op::Memoize => {
                let top = self.top()?;
                self.memo.push(top);
            }
            Op::Stop => {
                self.top()?;
                self.stack.pop();
            }
            // Names, what protocols 0 and 1 write as text, and what only hand-made pickles have.
            _ => return None,
        }
        Some(())
    }

    /// The top of the stack, which must be no mark.
    fn top(&self) -> Option<Kind> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor { self.stack.last().copied() } else { None }
    }

    fn is_on_top(&self, kind: Kind) -> Option<()> {
        (self.top()? == kind).then_some(())
    }

    /// Takes the top `count` away and puts one in their place.
    fn take(&mut self, count: usize, kind: Kind) -> Option<()> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(count).filter(|&start| start >= floor)?;
        self.stack.truncate(start);
        self.stack.push(kind);
        Some(())
    }

    fn collect(&mut self, kind: Kind) -> Option<()> {
        let start = self.marks.pop()?;
        self.stack.truncate(start);
        self.stack.push(kind);
        Some(())
    }

    fn extend(&mut self, kind: Kind) -> Option<()> {
        let start = self.marks.pop()?;
        self.stack.truncate(start);
        self.is_on_top(kind)
    }

    /// Whether there is a value for every key.
    fn even(&self) -> Option<()> {
        (self.stack.len() - self.marks.last()?).is_multiple_of(2).then_some(())
    }

    fn get(&mut self, index: u32) -> Option<()> {
        let kind = *self.memo.get(index as usize).filter(|kind| **kind != Kind::Nothing)?;
        self.stack.push(kind);
        Some(())
    }

    /// Picklers number the memo in a row: from 0, or from 1, as Python 2's C pickler does.
    fn put(&mut self, index: u32) -> Option<()> {
        let (top, index) = (self.top()?, index as usize);
        if self.memo.is_empty() && index == 1 {
            self.memo.push(Kind::Nothing);
        }
        let length = self.memo.len();
        match self.memo.get_mut(index) {
            Some(kind) => *kind = top,
            None if index == length => self.memo.push(top),
            None => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_picklers_write_is_sound() {
        let pickles: [&[u8]; 6] = [
            b"\x80\x02N.",
            b"\x80\x02]q\x01(U\x01aK\x02h\x01e.",
            b"\x80\x03}q\x00(X\x01\0\0\0aq\x01]q\x02K\x01au.",
            b"\x80\x04\x95\x09\0\0\0\0\0\0\0\x8f\x94(K\x01K\x02\x90.",
            b"\x80\x05\x95\x05\0\0\0\0\0\0\0K\x01K\x02\x86.",
            b"\x80\x02(K\x01K\x02K\x03K\x04tq\x00.",
        ];
        for pickle in pickles {
            assert!(is_sound(pickle), "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn what_would_cost_or_confuse_its_reader_is_not() {
        let pickles: [&[u8]; 17] = [
            // A memo of 134 million entries.
            b"\x80\x02Nr\x00\x00\x00\x08.",
            b"\x80\x02Nq\x02.",
            b"\x80\x02Nq\x01h\x00\x86.",
            // Underflow, and what is left over.
            b"\x80\x02a.",
            b"\x80\x02NN.",
            b"\x80\x02(N.",
            b"\x80\x02(.",
            b"\x80\x02h\x00.",
            // Frames that promise too much, part an opcode, or stand in one another.
            b"\x80\x04\x95\0\0\0\0\0\0\0\x40N.",
            b"\x80\x04\x95\x01\0\0\0\0\0\0\0K\x01.",
            b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0N.",
            // The wrong kind.
            b"\x80\x02K\x01K\x02a.",
            b"\x80\x02](K\x01K\x02u.",
            b"\x80\x02}(K\x01u.",
            // Names, more than a pickle, less than one.
            b"\x80\x02cos\nsystem\n.",
            b"\x80\x02N.N",
            b"\x80\x02N",
        ];
        for pickle in pickles {
            assert!(!is_sound(pickle), "{}", pickle.escape_ascii());
        }
    }
}
