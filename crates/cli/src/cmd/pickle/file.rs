//! A file of pickles, one behind the other: a loader that is asked again goes on where it stopped.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Error;
use bytes::Bytes;
use sabir::pickle::{self, Opcode};

use crate::exit::Usage;

/// The whole file; `-` is standard input.
pub(super) fn read(file: &PathBuf) -> Result<Bytes, Usage> {
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map_err(|error| unreadable(file, &error))?;
    } else {
        bytes = fs::read(file).map_err(|error| unreadable(file, &error))?;
    }
    Ok(bytes.into())
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> Usage {
    Usage(format!("cannot read {}: {error}", file.display()))
}

/// Calls `f` with the offset of each pickle and all that begins there, until it fails. It gives the pickle's length.
pub(super) fn each(
    file: &Bytes,
    mut f: impl FnMut(usize, &Bytes) -> anyhow::Result<usize>,
) -> anyhow::Result<()> {
    let mut start = 0;
    loop {
        let rest = file.slice(start..);
        match f(start, &rest) {
            Ok(length) => start += length.max(1),
            Err(error) => return Err(explained(error, start, &rest)),
        }
        if start >= file.len() {
            return Ok(());
        }
    }
}

/// Says which of several pickles it is about, and whether it is one at all.
fn explained(error: Error, start: usize, rest: &[u8]) -> Error {
    if error.is::<io::Error>() {
        return error;
    }
    let wrong = error.downcast_ref::<pickle::Error>();
    let error =
        if wrong.is_some_and(|wrong| is_no_pickle(rest, wrong)) { error.context(NO_PICKLE) } else { error };
    if start > 0 { error.context(format!("behind the pickle, from offset {start}")) } else { error }
}

/// Whether bytes that cannot be read were never meant for a pickle: they begin as none does, or their first opcode is wrong
/// already.
pub(super) fn is_no_pickle(bytes: &[u8], wrong: &pickle::Error) -> bool {
    let Some(first) = bytes.first().copied().and_then(Opcode::from_byte) else { return true };
    let needs_more =
        !first.info().before.is_empty() || matches!(first, Opcode::Get | Opcode::BinGet | Opcode::LongBinGet);
    first != Opcode::Proto && (needs_more || wrong.offset() == Some(0))
}

pub(super) const NO_PICKLE: &str = "this is no pickle";

#[cfg(test)]
mod tests {
    use super::*;

    fn no_pickle(bytes: &[u8]) -> bool {
        is_no_pickle(bytes, &pickle::Graph::from_slice(bytes).expect_err("it is broken"))
    }

    #[test]
    fn text_is_no_pickle_and_half_a_pickle_is() {
        for text in
            [&b""[..], b"import os\n", b"hello", b"This is text", b"Some text", b"I am\n", b"{}\n", b"\n"]
        {
            assert!(no_pickle(text), "{text:?}");
        }
        for half in [&b"\x80"[..], b"\x80\x02]q", b"\x80\x63N.", b"(lp0\nI1", b"}q\x00"] {
            assert!(!no_pickle(half), "{half:?}");
        }
    }
}
