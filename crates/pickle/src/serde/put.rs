//! Atoms and names as opcodes of a given protocol, with nothing between them and the bytes.

use alloc::format;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::fault::Fault;
use super::reductions::Reductions;
use crate::error::ErrorKind;
use crate::names::Names;
use crate::opcode::Opcode;
use crate::text;
use crate::version::Pythons;

/// A pickle that is being written.
pub(super) struct Writer<'r> {
    pub(super) out: Vec<u8>,
    pub(super) protocol: u8,
    pub(super) reductions: &'r Reductions,
    /// The length of the pickle when a tuple was last closed.
    pub(super) tuple_end: usize,
    names: OnceCell<Names>,
}

const LONG4_MAX: usize = i32::MAX as usize;

impl<'r> Writer<'r> {
    pub(super) fn new(protocol: u8, reductions: &'r Reductions) -> Writer<'r> {
        let mut out = Vec::with_capacity(128);
        if protocol >= 2 {
            out.extend_from_slice(&[Opcode::Proto.byte(), protocol]);
        }
        Writer { out, protocol, reductions, tuple_end: 0, names: OnceCell::new() }
    }

    #[inline]
    pub(super) fn op(&mut self, opcode: Opcode) {
        self.out.push(opcode.byte());
    }

    /// One opcode from protocol 1 on, its text form at protocol 0.
    #[inline]
    pub(super) fn empty(&mut self, opcode: Opcode, text: Opcode) {
        if self.protocol >= 1 {
            self.op(opcode);
        } else {
            self.out.extend_from_slice(&[Opcode::Mark.byte(), text.byte()]);
        }
    }

    fn with<const N: usize>(&mut self, opcode: Opcode, argument: [u8; N]) {
        let mut bytes = [0; 9];
        bytes[0] = opcode.byte();
        bytes[1..=N].copy_from_slice(&argument);
        self.out.extend_from_slice(&bytes[..=N]);
    }

    #[cold]
    fn line(&mut self, opcode: Opcode, text: &[u8]) {
        self.op(opcode);
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
    }

    #[inline]
    pub(super) fn bool(&mut self, value: bool) {
        match (self.protocol >= 2, value) {
            (true, true) => self.op(Opcode::NewTrue),
            (true, false) => self.op(Opcode::NewFalse),
            (false, true) => self.out.extend_from_slice(b"I01\n"),
            (false, false) => self.out.extend_from_slice(b"I00\n"),
        }
    }

    #[inline]
    pub(super) fn int(&mut self, value: i64) {
        let [a, b, c, d, ..] = value.to_le_bytes();
        match value {
            _ if self.protocol == 0 => self.long(value),
            0..=0xff => self.out.extend_from_slice(&[Opcode::BinInt1.byte(), a]),
            0x100..=0xffff => self.out.extend_from_slice(&[Opcode::BinInt2.byte(), a, b]),
            -0x8000_0000..=0x7fff_ffff => self.out.extend_from_slice(&[Opcode::BinInt.byte(), a, b, c, d]),
            _ => self.long(value),
        }
    }

    #[cold]
    fn long(&mut self, value: i64) {
        match self.protocol {
            0 if i32::try_from(value).is_ok() => self.line(Opcode::Int, format!("{value}").as_bytes()),
            0 | 1 => self.line(Opcode::Long, format!("{value}L").as_bytes()),
            _ => {
                let (bytes, length) = text::long_bytes(value);
                self.out.extend_from_slice(&[Opcode::Long1.byte(), length as u8]);
                self.out.extend_from_slice(&bytes[..length]);
            }
        }
    }

    pub(super) fn unsigned(&mut self, value: u128) {
        match (i64::try_from(value), i128::try_from(value)) {
            (Ok(value), _) => self.int(value),
            (_, Ok(value)) => self.signed(value),
            _ if self.protocol < 2 => self.line(Opcode::Long, format!("{value}L").as_bytes()),
            _ => {
                // The top bit is set, so a byte of zeroes says that it is no sign.
                self.out.extend_from_slice(&[Opcode::Long1.byte(), 17]);
                self.out.extend_from_slice(&value.to_le_bytes());
                self.out.push(0);
            }
        }
    }

    pub(super) fn signed(&mut self, value: i128) {
        if let Ok(value) = i64::try_from(value) {
            return self.int(value);
        }
        if self.protocol < 2 {
            return self.line(Opcode::Long, format!("{value}L").as_bytes());
        }
        // As many bytes as hold the value and its sign.
        let bits = 129 - if value < 0 { value.leading_ones() } else { value.leading_zeros() };
        let length = bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&[Opcode::Long1.byte(), length as u8]);
        self.out.extend_from_slice(&value.to_le_bytes()[..length]);
    }

    #[inline]
    pub(super) fn float(&mut self, value: f64) {
        if self.protocol == 0 {
            return self.line(Opcode::Float, text::float_repr(value).as_bytes());
        }
        let mut bytes = [Opcode::BinFloat.byte(); 9];
        bytes[1..].copy_from_slice(&value.to_be_bytes());
        self.out.extend_from_slice(&bytes);
    }

    /// Always inlined, so that the length of a field's name is known where it is written.
    #[inline(always)]
    pub(super) fn str(&mut self, value: &str) -> Result<(), Fault> {
        let length = value.len();
        if self.protocol >= 4 && length < 0x100 {
            self.out.reserve(length + 2);
            self.out.extend_from_slice(&[Opcode::ShortBinUnicode.byte(), length as u8]);
        } else if self.protocol >= 1 && length <= u32::MAX as usize {
            let [a, b, c, d] = (length as u32).to_le_bytes();
            self.out.reserve(length + 5);
            self.out.extend_from_slice(&[Opcode::BinUnicode.byte(), a, b, c, d]);
        } else {
            return self.unusual_str(value);
        }
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// The name of an attribute: what both 2.7 and 3.x read as their own `str`, where the protocol is for either.
    #[cold]
    pub(super) fn name(&mut self, value: &str) -> Result<(), Fault> {
        match (self.protocol, u8::try_from(value.len())) {
            (1 | 2, Ok(length)) if value.is_ascii() => {
                self.out.extend_from_slice(&[Opcode::ShortBinString.byte(), length]);
                self.out.extend_from_slice(value.as_bytes());
                Ok(())
            }
            _ => self.str(value),
        }
    }

    #[cold]
    fn unusual_str(&mut self, value: &str) -> Result<(), Fault> {
        match self.protocol {
            0 => {
                let line = text::raw_unicode_escape(value.as_bytes()).unwrap_or_default();
                self.line(Opcode::Unicode, &line);
            }
            1..4 => return Err(unrepresentable("text of 4 GiB or more, below protocol 4")),
            _ => {
                self.with(Opcode::BinUnicode8, (value.len() as u64).to_le_bytes());
                self.out.extend_from_slice(value.as_bytes());
            }
        }
        Ok(())
    }

    /// Bytes; below protocol 3 by a call, as Python 3 writes them there: as Python 2's `str` no Python 3 would read
    /// any above 0x7f.
    pub(super) fn bytes(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.protocol < 3 {
            if value.is_empty() {
                self.global("builtins", "bytes")?;
                self.tuple(0, |_| Ok(()))?;
            } else {
                let text = text::latin1_to_utf8(value);
                self.global("_codecs", "encode")?;
                self.tuple(2, |writer| {
                    writer.str(core::str::from_utf8(&text).unwrap_or_default())?;
                    writer.str("latin1")
                })?;
            }
            self.op(Opcode::Reduce);
            return Ok(());
        }
        match value.len() {
            length @ 0..0x100 => {
                self.out.extend_from_slice(&[Opcode::ShortBinBytes.byte(), length as u8]);
            }
            length if length <= LONG4_MAX => self.with(Opcode::BinBytes, (length as u32).to_le_bytes()),
            length if self.protocol >= 4 => self.with(Opcode::BinBytes8, (length as u64).to_le_bytes()),
            _ => return Err(unrepresentable("bytes of 2 GiB or more, below protocol 4")),
        }
        self.out.extend_from_slice(value);
        Ok(())
    }

    pub(super) fn byte_array(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.protocol >= 5 {
            self.with(Opcode::ByteArray8, (value.len() as u64).to_le_bytes());
            self.out.extend_from_slice(value);
            return Ok(());
        }
        self.global("builtins", "bytearray")?;
        self.tuple(1, |writer| writer.bytes(value))?;
        self.op(Opcode::Reduce);
        Ok(())
    }

    /// A tuple whose items `items` writes.
    pub(super) fn tuple(
        &mut self,
        length: usize,
        items: impl FnOnce(&mut Writer<'r>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.open_tuple(length);
        items(self)?;
        self.close_tuple(length);
        Ok(())
    }

    #[inline]
    pub(super) fn open_tuple(&mut self, length: usize) {
        if self.protocol < 2 || length > 3 {
            self.op(Opcode::Mark);
        }
    }

    #[inline(always)]
    pub(super) fn close_tuple(&mut self, length: usize) {
        match (self.protocol, length) {
            (2.., 1) => self.op(Opcode::Tuple1),
            (2.., 2) => self.op(Opcode::Tuple2),
            (2.., 3) => self.op(Opcode::Tuple3),
            (2.., 0) => self.op(Opcode::EmptyTuple),
            _ => self.op(Opcode::Tuple),
        }
        self.tuple_end = self.out.len();
    }

    /// A class or function, by its name in Python 3.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        if self.protocol >= 4 {
            self.str(module)?;
            self.str(name)?;
            self.op(Opcode::StackGlobal);
            return Ok(());
        }
        if self.protocol < 3 {
            let names = self.names.get_or_init(Names::builtin);
            if let Some((module, name)) = names.translate(module, name, 4, Pythons::ANY, self.protocol) {
                let (module, name) = (module.into_owned(), name.into_owned());
                return self.global_by_lines(&module, &name);
            }
        }
        self.global_by_lines(module, name)
    }

    fn global_by_lines(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        if module.contains('\n') || name.contains('\n') {
            return Err(unrepresentable("the name of a class with a newline in it, below protocol 4"));
        }
        // A nested name is reached from the outer one, as CPython writes it (Lib/pickle.py, 3.13, `save_global`).
        if let Some((outer, inner)) = name.rsplit_once('.') {
            let builtins = if self.protocol < 3 { "__builtin__" } else { "builtins" };
            self.global_by_lines(builtins, "getattr")?;
            self.tuple(2, |writer| {
                writer.global_by_lines(module, outer)?;
                writer.str(inner)
            })?;
            self.op(Opcode::Reduce);
            return Ok(());
        }
        self.line(Opcode::Global, module.as_bytes());
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'\n');
        Ok(())
    }
}

#[cold]
pub(super) fn unrepresentable(what: &'static str) -> Fault {
    Fault::new(ErrorKind::Unrepresentable(what))
}
