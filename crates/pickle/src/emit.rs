//! Opcodes to bytes: the inverse of the lexer.

use alloc::vec::Vec;

use crate::error::{Error, ErrorKind, Result};
use crate::op::Op;

/// Appends an opcode and its argument to `out`.
///
/// # Errors
/// The argument is longer than the opcode can say, or is text with a newline in it.
pub fn emit_op(op: &Op<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.push(op.opcode().byte());
    match *op {
        Op::Int(s) | Op::Long(s) | Op::String(s) | Op::Unicode(s) | Op::Float(s) => line(s, out)?,
        Op::Get(s) | Op::Put(s) | Op::PersId(s) => line(s, out)?,
        Op::Global { module, name } | Op::Inst { module, name } => {
            line(module, out)?;
            line(name, out)?;
        }
        Op::BinInt(v) | Op::Ext4(v) => out.extend_from_slice(&v.to_le_bytes()),
        Op::BinInt1(v) | Op::BinGet(v) | Op::BinPut(v) | Op::Ext1(v) | Op::Proto(v) => out.push(v),
        Op::BinInt2(v) | Op::Ext2(v) => out.extend_from_slice(&v.to_le_bytes()),
        Op::LongBinGet(v) | Op::LongBinPut(v) => out.extend_from_slice(&v.to_le_bytes()),
        Op::Frame(v) => out.extend_from_slice(&v.to_le_bytes()),
        Op::BinFloat(v) => out.extend_from_slice(&v.to_be_bytes()),
        Op::Long1(s) | Op::ShortBinString(s) | Op::ShortBinBytes(s) | Op::ShortBinUnicode(s) => {
            out.push(u8::try_from(s.len()).map_err(|_| too_long())?);
            out.extend_from_slice(s);
        }
        Op::Long4(s) | Op::BinString(s) => {
            out.extend_from_slice(&i32::try_from(s.len()).map_err(|_| too_long())?.to_le_bytes());
            out.extend_from_slice(s);
        }
        Op::BinBytes(s) | Op::BinUnicode(s) => {
            out.extend_from_slice(&u32::try_from(s.len()).map_err(|_| too_long())?.to_le_bytes());
            out.extend_from_slice(s);
        }
        Op::BinBytes8(s) | Op::BinUnicode8(s) | Op::ByteArray8(s) => {
            out.extend_from_slice(&(s.len() as u64).to_le_bytes());
            out.extend_from_slice(s);
        }
        _ => {}
    }
    Ok(())
}

fn line(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if memchr::memchr(b'\n', text).is_some() {
        return Err(Error::new(ErrorKind::Unrepresentable(
            "text with a newline in an opcode that ends at one",
        )));
    }
    out.extend_from_slice(text);
    out.push(b'\n');
    Ok(())
}

fn too_long() -> Error {
    Error::new(ErrorKind::Unrepresentable("more bytes than the opcode's length can say"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::Lexer;

    #[test]
    fn what_was_lexed_is_emitted_byte_for_byte() {
        let pickle: &[u8] = b"\x80\x05\x95\x03\0\0\0\0\0\0\0I01\nL123L\nS'a\\x00'\nVa\\u1234\nF1.5\ng0\np1\nPid\ncm\nn\nim\nn\n\
            J\xff\xff\xff\xffK\x01M\x02\x01\x8a\x01\x05\x8b\x01\0\0\0\x05T\x01\0\0\0aU\x01aB\x01\0\0\0aC\x01a\
            \x8e\x01\0\0\0\0\0\0\0a\x96\x01\0\0\0\0\0\0\0a\x8c\x01aX\x01\0\0\0a\x8d\x01\0\0\0\0\0\0\0aG\x7f\xf0\0\0\0\0\0\x01\
            h\x01j\x01\0\0\0q\x01r\x01\0\0\0\x82\x01\x83\x01\0\x84\x01\0\0\0\x97\x98N\x88\x89]ael)t\x85\x86\x87}dsu\x8f\x90\x91\
            02(1\x94\x93Rbo\x81\x92Q.";
        let mut out = Vec::new();
        let mut seen = crate::opcode::OpcodeSet::default();
        for op in Lexer::new(pickle) {
            let op = op.unwrap().op;
            seen.insert(op.opcode());
            emit_op(&op, &mut out).unwrap();
        }
        assert_eq!(out, pickle);
        for row in &crate::opcode::OPCODES {
            assert!(seen.contains(row.opcode), "{} is not in the sample", row.name);
        }
    }

    #[test]
    fn a_newline_cannot_hide_in_a_line() {
        assert!(emit_op(&Op::Global { module: b"os\nsystem", name: b"x" }, &mut Vec::new()).is_err());
    }
}
