//! Bytes to opcodes.

use core::result::Result as CoreResult;

use crate::error::{Error, ErrorKind, Result};
use crate::op::{Op, Spanned};
use crate::opcode::OpcodeSet;

/// Reads the opcodes of one pickle, up to its STOP.
///
/// ```
/// use sabir_pickle::{Lexer, Op};
/// let ops: Vec<Op> = Lexer::new(b"\x80\x02K\x07.").map(|op| Ok(op?.op)).collect::<sabir_pickle::Result<_>>()?;
/// assert_eq!(ops, [Op::Proto(2), Op::BinInt1(7), Op::Stop]);
/// # Ok::<(), sabir_pickle::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    input: &'a [u8],
    position: usize,
    stopped: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at the first byte of a pickle.
    pub fn new(input: &'a [u8]) -> Lexer<'a> {
        Lexer { input, position: 0, stopped: false }
    }

    /// The offset of what is read next; after STOP, the length of the pickle.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is left of the input after the opcodes read so far.
    pub fn rest(&self) -> &'a [u8] {
        &self.input[self.position..]
    }

    #[inline]
    fn read(&mut self) -> CoreResult<Op<'a>, Fault> {
        Ok(match self.byte()? {
            b'I' => Op::Int(self.line()?),
            b'J' => Op::BinInt(i32::from_le_bytes(self.array()?)),
            b'K' => Op::BinInt1(self.byte()?),
            b'M' => Op::BinInt2(u16::from_le_bytes(self.array()?)),
            b'L' => Op::Long(self.line()?),
            0x8a => Op::Long1(self.bytes1()?),
            0x8b => Op::Long4(self.bytes4_signed()?),
            b'S' => Op::String(self.line()?),
            b'T' => Op::BinString(self.bytes4_signed()?),
            b'U' => Op::ShortBinString(self.bytes1()?),
            b'B' => Op::BinBytes(self.bytes4()?),
            b'C' => Op::ShortBinBytes(self.bytes1()?),
            0x8e => Op::BinBytes8(self.bytes8()?),
            0x96 => Op::ByteArray8(self.bytes8()?),
            0x97 => Op::NextBuffer,
            0x98 => Op::ReadOnlyBuffer,
            b'N' => Op::None,
            0x88 => Op::NewTrue,
            0x89 => Op::NewFalse,
            b'V' => Op::Unicode(self.line()?),
            0x8c => Op::ShortBinUnicode(self.bytes1()?),
            b'X' => Op::BinUnicode(self.bytes4()?),
            0x8d => Op::BinUnicode8(self.bytes8()?),
            b'F' => Op::Float(self.line()?),
            b'G' => Op::BinFloat(f64::from_be_bytes(self.array()?)),
            b']' => Op::EmptyList,
            b'a' => Op::Append,
            b'e' => Op::Appends,
            b'l' => Op::List,
            b')' => Op::EmptyTuple,
            b't' => Op::Tuple,
            0x85 => Op::Tuple1,
            0x86 => Op::Tuple2,
            0x87 => Op::Tuple3,
            b'}' => Op::EmptyDict,
            b'd' => Op::Dict,
            b's' => Op::SetItem,
            b'u' => Op::SetItems,
            0x8f => Op::EmptySet,
            0x90 => Op::AddItems,
            0x91 => Op::FrozenSet,
            b'0' => Op::Pop,
            b'2' => Op::Dup,
            b'(' => Op::Mark,
            b'1' => Op::PopMark,
            b'g' => Op::Get(self.line()?),
            b'h' => Op::BinGet(self.byte()?),
            b'j' => Op::LongBinGet(u32::from_le_bytes(self.array()?)),
            b'p' => Op::Put(self.line()?),
            b'q' => Op::BinPut(self.byte()?),
            b'r' => Op::LongBinPut(u32::from_le_bytes(self.array()?)),
            0x94 => Op::Memoize,
            0x82 => Op::Ext1(self.byte()?),
            0x83 => Op::Ext2(u16::from_le_bytes(self.array()?)),
            0x84 => Op::Ext4(i32::from_le_bytes(self.array()?)),
            b'c' => Op::Global { module: self.line()?, name: self.line()? },
            0x93 => Op::StackGlobal,
            b'R' => Op::Reduce,
            b'b' => Op::Build,
            b'i' => Op::Inst { module: self.line()?, name: self.line()? },
            b'o' => Op::Obj,
            0x81 => Op::NewObj,
            0x92 => Op::NewObjEx,
            0x80 => Op::Proto(self.byte()?),
            b'.' => Op::Stop,
            0x95 => Op::Frame(u64::from_le_bytes(self.array()?)),
            b'P' => Op::PersId(self.line()?),
            b'Q' => Op::BinPersId,
            byte => return Err(Fault::UnknownOpcode(byte)),
        })
    }

    #[inline]
    fn byte(&mut self) -> CoreResult<u8, Fault> {
        let byte = *self.input.get(self.position).ok_or(Fault::Truncated)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> CoreResult<[u8; N], Fault> {
        let array = *self.rest().first_chunk().ok_or(Fault::Truncated)?;
        self.position += N;
        Ok(array)
    }

    #[inline]
    fn take(&mut self, length: usize) -> CoreResult<&'a [u8], Fault> {
        let bytes = self.rest().get(..length).ok_or(Fault::Truncated)?;
        self.position += length;
        Ok(bytes)
    }

    fn line(&mut self) -> CoreResult<&'a [u8], Fault> {
        let end = memchr::memchr(b'\n', self.rest()).ok_or(Fault::Truncated)?;
        let line = self.take(end)?;
        self.position += 1;
        Ok(line)
    }

    #[inline]
    fn bytes1(&mut self) -> CoreResult<&'a [u8], Fault> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }

    #[inline]
    fn bytes4(&mut self) -> CoreResult<&'a [u8], Fault> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(length as usize)
    }

    fn bytes4_signed(&mut self) -> CoreResult<&'a [u8], Fault> {
        let length = i32::from_le_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| Fault::NegativeLength)?)
    }

    fn bytes8(&mut self) -> CoreResult<&'a [u8], Fault> {
        let length = u64::from_le_bytes(self.array()?);
        // A length that no address space holds is one that this input does not hold either.
        self.take(usize::try_from(length).map_err(|_| Fault::Truncated)?)
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Spanned<'a>>;

    /// The next opcode; `None` after STOP and after an error.
    #[inline]
    fn next(&mut self) -> Option<Result<Spanned<'a>>> {
        if self.stopped {
            return None;
        }
        let start = self.position;
        match self.read() {
            Ok(op) => {
                self.stopped = matches!(op, Op::Stop);
                Some(Ok(Spanned { op, start, end: self.position }))
            }
            Err(fault) => {
                self.stopped = true;
                Some(Err(fault.at(start)))
            }
        }
    }
}

/// What can be wrong with one opcode: small, so that what is right is read fast.
#[derive(Clone, Copy)]
enum Fault {
    Truncated,
    UnknownOpcode(u8),
    NegativeLength,
}

impl Fault {
    #[cold]
    fn at(self, offset: usize) -> Error {
        let kind = match self {
            Fault::Truncated => ErrorKind::Truncated,
            Fault::UnknownOpcode(byte) => ErrorKind::UnknownOpcode(byte),
            Fault::NegativeLength => ErrorKind::NegativeLength,
        };
        Error::at(kind, offset)
    }
}

/// What one walk over a pickle tells, without building anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The protocol that PROTO names at the start; 0 for a pickle without it (protocols 0 and 1).
    pub protocol: u8,
    /// The opcodes it is made of.
    pub opcodes: OpcodeSet,
    /// Whether a Python 2 `str` in it holds a byte above 0x7f, which no Python 3 reads by default.
    pub non_ascii_strings: bool,
    /// Its length in bytes, STOP included. What follows is not part of it.
    pub length: usize,
}

/// Walks over the opcodes of a pickle.
///
/// # Errors
/// The bytes are no sequence of opcodes that ends in STOP.
pub fn scan(input: &[u8]) -> Result<Scan> {
    let mut lexer = Lexer::new(input);
    let mut scan = Scan { protocol: 0, opcodes: OpcodeSet::default(), non_ascii_strings: false, length: 0 };
    loop {
        let start = lexer.position;
        let op = lexer.read().map_err(|fault| fault.at(start))?;
        scan.opcodes.insert_byte(input[start]);
        match op {
            Op::Stop => break,
            Op::Proto(protocol) => scan.protocol = scan.protocol.max(protocol),
            Op::BinString(s) | Op::ShortBinString(s) => scan.non_ascii_strings |= !s.is_ascii(),
            // Its repr may hide any byte behind an escape.
            Op::String(s) => scan.non_ascii_strings |= memchr::memchr(b'\\', s).is_some() || !s.is_ascii(),
            _ => {}
        }
    }
    scan.length = lexer.position();
    Ok(scan)
}
