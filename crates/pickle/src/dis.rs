//! The disassembler: a pickle as rows that people read, in the words and the layout of `pickletools.dis`.
//!
//! It agrees with CPython 3.15's, of which it shows the same rows and stops at the same opcode, save where that one hides
//! something: names of GLOBAL are shown as they stand, with no escapes undone; an integer of more than 4,300 digits is
//! shown as its length in bytes; more than 100 nested marks are not indented any further.

mod repr;

use alloc::vec::Vec;
use core::fmt;

pub use self::repr::Argument;
use self::repr::check;
use crate::error::{Error, ErrorKind, Result};
use crate::lex::Lexer;
use crate::memo::{self, Memo};
use crate::op::{Op, Spanned};
use crate::opcode::{OpInfo, StackItem};

/// Disassembles a pickle: an iterator of its rows, and as [`Display`](fmt::Display) the text of all of them.
///
/// ```
/// let text = sabir_pickle::dis(b"(lp0\nI1\na.").to_string();
/// assert_eq!(text, "    \
///     0: (    MARK
///     1: l        LIST       (MARK at 0)
///     2: p    PUT        0
///     5: I    INT        1
///     8: a    APPEND
///     9: .    STOP
/// highest protocol among opcodes = 0
/// ");
/// ```
pub fn dis(pickle: &[u8]) -> Disassembly<'_> {
    Disassembly {
        lexer: Lexer::new(pickle),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Memo::new(),
        protocol: 0,
        pending: None,
        done: false,
    }
}

/// The rows of a pickle, one an opcode, up to STOP or to what is wrong with it: see [`dis`].
#[derive(Clone, Debug)]
pub struct Disassembly<'a> {
    lexer: Lexer<'a>,
    /// What is on the stack: whether it is a mark.
    stack: Vec<bool>,
    /// The offsets of the marks.
    marks: Vec<usize>,
    memo: Memo<()>,
    protocol: u8,
    /// What is wrong with the opcode whose row was given last.
    pending: Option<Error>,
    done: bool,
}

/// An opcode, as a line of a disassembly shows it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The opcode and its argument.
    pub op: Op<'a>,
    /// Its offset in the pickle, in bytes.
    pub offset: usize,
    /// How many marks are open before it.
    pub depth: usize,
    /// What it refers to.
    pub note: Option<Note>,
}

/// What an opcode refers to without naming it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// It takes the mark that was pushed at this offset.
    MarkAt(usize),
    /// MEMOIZE stores at this index.
    MemoizedAs(u64),
}

impl Disassembly<'_> {
    /// The highest protocol of the opcodes seen so far.
    pub fn highest_protocol(&self) -> u8 {
        self.protocol
    }

    /// Does what the opcode does to the stack, as far as marks and heights go. The row, and what is then wrong.
    fn step<'o>(&mut self, Spanned { op, start, .. }: Spanned<'o>) -> Result<(Row<'o>, Outcome)> {
        let at = |kind| Error::at(kind, start);
        check(&op).map_err(at)?;
        let info = op.opcode().info();
        self.protocol = self.protocol.max(info.protocol);
        let mut row = Row { op, offset: start, depth: self.marks.len(), note: None };
        let mut pops = info.before.len();
        let mut outcome = Ok(());

        let mark = info.before.iter().position(|item| *item == StackItem::Mark);
        if mark.is_some() || (op == Op::Pop && self.stack.last() == Some(&true)) {
            match self.marks.pop() {
                Some(offset) => {
                    row.note = Some(Note::MarkAt(offset));
                    let top = self.stack.iter().rposition(|&is_mark| is_mark);
                    self.stack.truncate(top.ok_or(at(NO_MARK))?);
                    pops = mark.unwrap_or(0);
                }
                None => outcome = Err(NO_MARK),
            }
        }
        match memo_index(&op) {
            Some(Access::Get(index)) if self.memo.get(index).is_none() => {
                outcome = Err(ErrorKind::UnknownMemo(index));
            }
            Some(Access::Get(_)) | None => {}
            Some(access) => {
                let index = match access {
                    Access::Memoize => {
                        row.note = Some(Note::MemoizedAs(self.memo.entries()));
                        self.memo.entries()
                    }
                    Access::Get(index) | Access::Put(index) => index,
                };
                match self.stack.last() {
                    None => outcome = Err(ErrorKind::StackUnderflow),
                    Some(true) => outcome = Err(ErrorKind::WrongOperand("an object that is no mark")),
                    Some(false) => self.memo.put(index, ()),
                }
            }
        }
        if outcome.is_ok() {
            match self.stack.len().checked_sub(pops) {
                Some(height) => self.stack.truncate(height),
                None => outcome = Err(ErrorKind::StackUnderflow),
            }
        }
        self.stack.extend(info.after.iter().map(|item| *item == StackItem::Mark));
        if op == Op::Mark {
            self.marks.push(start);
        }
        if op == Op::Stop && outcome.is_ok() && !self.stack.is_empty() {
            outcome = Err(ErrorKind::WrongOperand("the pickle alone"));
        }
        Ok((row, outcome))
    }
}

/// What is wrong with an opcode that could be read.
type Outcome = core::result::Result<(), ErrorKind>;

const NO_MARK: ErrorKind = ErrorKind::WrongOperand("a mark");

impl<'a> Iterator for Disassembly<'a> {
    type Item = Result<Row<'a>>;

    /// The next row; `None` after STOP and after an error. An opcode that can be read but does not fit what is before
    /// it has its row, and then the error.
    fn next(&mut self) -> Option<Result<Row<'a>>> {
        if let Some(error) = self.pending.take() {
            self.done = true;
            return Some(Err(error));
        }
        if self.done {
            return None;
        }
        let step = match self.lexer.next()? {
            Ok(spanned) => self.step(spanned),
            Err(error) => Err(error),
        };
        Some(match step {
            Ok((row, outcome)) => {
                self.pending = outcome.err().map(|kind| Error::at(kind, row.offset));
                Ok(row)
            }
            Err(error) => {
                self.done = true;
                Err(error)
            }
        })
    }
}

impl fmt::Display for Disassembly<'_> {
    /// A line for each row that is not yet taken, the highest protocol, and, if something is wrong, a line that says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = self.clone();
        while let Some(row) = rows.next() {
            match row {
                Ok(row) => {
                    writeln!(f, "{row}")?;
                    let stopped =
                        rows.pending.as_ref().is_none_or(|e| *e.kind() != ErrorKind::StackUnderflow);
                    if row.op == Op::Stop && stopped {
                        writeln!(f, "highest protocol among opcodes = {}", rows.protocol)?;
                    }
                }
                Err(error) => writeln!(f, "error: {error}")?,
            }
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    /// The opcode's row of the table.
    pub fn info(&self) -> &'static OpInfo {
        self.op.opcode().info()
    }

    /// The argument as Python shows it; `None` for an opcode without one.
    pub fn argument(&self) -> Option<Argument<'a>> {
        Argument::of(self.op)
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        let code = self.op.opcode().byte();
        write!(f, "{:5}: ", self.offset)?;
        if code.is_ascii_graphic() {
            write!(f, "{:<4} ", char::from(code))?;
        } else {
            write!(f, "\\x{code:02x} ")?;
        }
        let indent = self.depth.min(MAX_INDENTED_MARKS) * 4;
        write!(f, "{:indent$}{}", "", info.name)?;
        if self.argument().is_some() || self.note.is_some() {
            let padding = 10usize.saturating_sub(info.name.len());
            write!(f, "{:padding$}", "")?;
        }
        if let Some(argument) = self.argument() {
            write!(f, " {argument}")?;
        }
        match self.note {
            Some(note) => write!(f, " {note}"),
            None => Ok(()),
        }
    }
}

/// A hostile pickle of 200,000 marks would else be 80 GB of blanks.
const MAX_INDENTED_MARKS: usize = 100;

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::MarkAt(offset) => write!(f, "(MARK at {offset})"),
            Note::MemoizedAs(index) => write!(f, "(as {index})"),
        }
    }
}

enum Access {
    Get(u64),
    Put(u64),
    Memoize,
}

/// What the opcode does with the memo. An index that does not fit 64 bits, or is negative, is one that nobody stored.
fn memo_index(op: &Op<'_>) -> Option<Access> {
    Some(match *op {
        Op::Get(text) => Access::Get(memo::index(text)?),
        Op::BinGet(index) => Access::Get(index.into()),
        Op::LongBinGet(index) => Access::Get(index.into()),
        Op::Put(text) => Access::Put(memo::index(text)?),
        Op::BinPut(index) => Access::Put(index.into()),
        Op::LongBinPut(index) => Access::Put(index.into()),
        Op::Memoize => Access::Memoize,
        _ => return None,
    })
}
