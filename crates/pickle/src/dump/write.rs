//! The opcodes that a protocol has for atoms, names and memo entries.

use alloc::string::ToString;

use super::{Dumper, unrepresentable};
use crate::error::Result;
use crate::graph::{Blob, Global, NodeId};
use crate::opcode::Opcode;
use crate::output::LARGE;
use crate::text;

impl Dumper<'_> {
    pub(super) fn op(&mut self, opcode: Opcode) {
        self.out.buffer().push(opcode.byte());
    }

    pub(super) fn with(&mut self, opcode: Opcode, argument: &[u8]) {
        let buffer = self.out.buffer();
        buffer.push(opcode.byte());
        buffer.extend_from_slice(argument);
    }

    pub(super) fn line(&mut self, opcode: Opcode, text: &[u8]) -> Result<()> {
        if text.contains(&b'\n') {
            return Err(unrepresentable("a name with a newline in it"));
        }
        self.with(opcode, text);
        self.out.buffer().push(b'\n');
        Ok(())
    }

    pub(super) fn two_lines(&mut self, opcode: Opcode, global: &Global) -> Result<()> {
        self.line(opcode, self.graph.blob(global.module))?;
        let name = self.graph.blob(global.name);
        if name.contains(&b'\n') {
            return Err(unrepresentable("a name with a newline in it"));
        }
        let buffer = self.out.buffer();
        buffer.extend_from_slice(name);
        buffer.push(b'\n');
        Ok(())
    }

    pub(super) fn put(&mut self, id: NodeId) {
        if self.shared.as_ref().is_some_and(|shared| !shared.contains(id)) {
            return;
        }
        self.begun = 0;
        let index = self.memo_next;
        self.memo_next += 1;
        self.memo[id.index()] = self.memo_next;
        match (self.protocol, u8::try_from(index)) {
            (4.., _) => self.op(Opcode::Memoize),
            (0, _) => {
                let text = index.to_string();
                self.with(Opcode::Put, text.as_bytes());
                self.out.buffer().push(b'\n');
            }
            (_, Ok(short)) => self.with(Opcode::BinPut, &[short]),
            (_, Err(_)) => self.with(Opcode::LongBinPut, &index.to_le_bytes()),
        }
    }

    pub(super) fn get(&mut self, index: u32) {
        match (self.protocol, u8::try_from(index)) {
            (0, _) => {
                let text = index.to_string();
                self.with(Opcode::Get, text.as_bytes());
                self.out.buffer().push(b'\n');
            }
            (_, Ok(short)) => self.with(Opcode::BinGet, &[short]),
            (_, Err(_)) => self.with(Opcode::LongBinGet, &index.to_le_bytes()),
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        match (self.protocol, value) {
            (0 | 1, true) => self.with(Opcode::Int, b"01\n"),
            (0 | 1, false) => self.with(Opcode::Int, b"00\n"),
            (_, true) => self.op(Opcode::NewTrue),
            (_, false) => self.op(Opcode::NewFalse),
        }
    }

    pub(super) fn int(&mut self, value: i64) {
        match (self.protocol, i32::try_from(value)) {
            (1.., Ok(0..=0xff)) => self.with(Opcode::BinInt1, &[value as u8]),
            (1.., Ok(0x100..=0xffff)) => self.with(Opcode::BinInt2, &(value as u16).to_le_bytes()),
            (1.., Ok(small)) => self.with(Opcode::BinInt, &small.to_le_bytes()),
            // Python 2's `int` has 64 bits, but its binary opcodes only 32: its pickler falls back on text.
            (_, small) if self.python2 || small.is_ok() => {
                let text = value.to_string();
                self.with(Opcode::Int, text.as_bytes());
                self.out.buffer().push(b'\n');
            }
            _ => {
                let (bytes, length) = text::long_bytes(value);
                // At most eight bytes: LONG1 or, in protocols 0 and 1, decimal. Neither can fail.
                let _ = self.long(&bytes[..length]);
            }
        }
    }

    pub(super) fn long(&mut self, bytes: &[u8]) -> Result<()> {
        if self.protocol < 2 {
            let text = text::format_decimal(bytes);
            self.with(Opcode::Long, text.as_bytes());
            self.out.buffer().extend_from_slice(b"L\n");
        } else if let Ok(length) = u8::try_from(bytes.len()) {
            self.with(Opcode::Long1, &[length]);
            self.out.buffer().extend_from_slice(bytes);
        } else {
            let length =
                i32::try_from(bytes.len()).map_err(|_| unrepresentable("an integer of over 2 GiB"))?;
            self.with(Opcode::Long4, &length.to_le_bytes());
            self.out.buffer().extend_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn float(&mut self, value: f64) {
        if self.protocol == 0 {
            let text = text::float_repr(value);
            self.with(Opcode::Float, text.as_bytes());
            self.out.buffer().push(b'\n');
        } else {
            self.with(Opcode::BinFloat, &value.to_be_bytes());
        }
    }

    pub(super) fn str(&mut self, blob: Blob) -> Result<()> {
        if self.protocol == 0 {
            let escaped = text::raw_unicode_escape(self.graph.blob(blob));
            let escaped = escaped.ok_or_else(|| unrepresentable("text that is not UTF-8, in protocol 0"))?;
            return self.line(Opcode::Unicode, &escaped);
        }
        match (self.protocol, blob.len()) {
            (4.., 0..=0xff) => self.blob1(Opcode::ShortBinUnicode, blob),
            (4.., 0x1_0000_0000..) => self.blob8(Opcode::BinUnicode8, blob),
            _ => self.blob4(Opcode::BinUnicode, blob, u32::MAX)?,
        }
        Ok(())
    }

    pub(super) fn bytes(&mut self, blob: Blob) -> Result<()> {
        match (self.protocol, blob.len()) {
            (_, 0..=0xff) => self.blob1(Opcode::ShortBinBytes, blob),
            (4.., 0x1_0000_0000..) => self.blob8(Opcode::BinBytes8, blob),
            _ => self.blob4(Opcode::BinBytes, blob, u32::MAX)?,
        }
        Ok(())
    }

    pub(super) fn string(&mut self, blob: Blob) -> Result<()> {
        match (self.protocol, blob.len()) {
            (0, _) => {
                let repr = text::string_repr(self.graph.blob(blob));
                self.line(Opcode::String, &repr)?;
            }
            (_, 0..=0xff) => self.blob1(Opcode::ShortBinString, blob),
            _ => self.blob4(Opcode::BinString, blob, i32::MAX as u32)?,
        }
        Ok(())
    }

    fn blob1(&mut self, opcode: Opcode, blob: Blob) {
        let bytes = self.graph.blob(blob);
        let buffer = self.out.buffer();
        buffer.extend_from_slice(&[opcode.byte(), bytes.len() as u8]);
        buffer.extend_from_slice(bytes);
    }

    fn blob4(&mut self, opcode: Opcode, blob: Blob, max: u32) -> Result<()> {
        let length = u32::try_from(blob.len()).ok().filter(|&length| length <= max);
        let length =
            length.ok_or_else(|| unrepresentable("more bytes than the protocol's longest opcode holds"))?;
        let mut header = [opcode.byte(); 5];
        header[1..].copy_from_slice(&length.to_le_bytes());
        self.blob(&header, blob);
        Ok(())
    }

    pub(super) fn blob8(&mut self, opcode: Opcode, blob: Blob) {
        let mut header = [opcode.byte(); 9];
        header[1..].copy_from_slice(&(blob.len() as u64).to_le_bytes());
        self.blob(&header, blob);
    }

    fn blob(&mut self, header: &[u8], blob: Blob) {
        let graph = self.graph;
        self.out.blob(header, graph.blob(blob), || graph.shared_blob(blob));
    }

    pub(super) fn global(&mut self, global: &Global) -> Result<()> {
        if self.protocol < 4 {
            return self.two_lines(Opcode::Global, global);
        }
        for part in [global.module, global.name] {
            if part.len() >= LARGE {
                return Err(unrepresentable("a name of 64 KiB and more"));
            }
            self.str(part)?;
            if self.shared.is_none() {
                self.memo_next += 1;
                self.op(Opcode::Memoize);
            }
        }
        self.op(Opcode::StackGlobal);
        Ok(())
    }

    pub(super) fn extension(&mut self, code: u32) -> Result<()> {
        match (self.protocol, code) {
            (0 | 1, _) => return Err(unrepresentable("an extension code, below protocol 2")),
            (_, 0..=0xff) => self.with(Opcode::Ext1, &[code as u8]),
            (_, 0x100..=0xffff) => self.with(Opcode::Ext2, &(code as u16).to_le_bytes()),
            _ => self.with(Opcode::Ext4, &code.to_le_bytes()),
        }
        Ok(())
    }
}
