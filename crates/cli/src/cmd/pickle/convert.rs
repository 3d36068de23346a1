//! `sabir pickle convert`: the same objects, as another Python would have written them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use sabir::pickle::{DumpOptions, Graph, Limits, MemoStyle, Opcode, OpcodeSet, Pythons, Version, scan};

use super::file;
use crate::cmd::gateway::{Py2StrArg, Py2TextArg, translation};
use crate::exit::Usage;
use crate::output;

/// Write the same objects for another Python: every pickle of a file, or none
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// A file of one or more pickles; `-` is standard input
    file: PathBuf,
    /// The protocol to write; default: what the Python of --for writes, else 2
    #[arg(long, value_name = "0-5", value_parser = clap::value_parser!(u8).range(0..=5))]
    protocol: Option<u8>,
    /// The Python that will read it; default: every Python that reads the protocol
    #[arg(long = "for", value_name = "VERSION")]
    reader: Option<Version>,
    /// The Python that wrote it; default: what the pickle looks like
    #[arg(long = "from", value_name = "VERSION")]
    writer: Option<Version>,
    /// What a str of Python 2 becomes in Python 3
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    py2_str: Py2StrArg,
    /// What text becomes in Python 2
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    py2_text: Py2TextArg,
    /// More names that differ between versions, as tab-separated rows
    #[arg(long, value_name = "FILE")]
    names: Vec<PathBuf>,
    /// Where to write; default: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Converts.
pub(crate) fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    let protocol = match (args.protocol, args.reader) {
        (Some(protocol), Some(reader)) if protocol > reader.highest_protocol() => {
            return Err(Usage(format!(
                "Python {reader} reads protocols up to {}",
                reader.highest_protocol()
            ))
            .into());
        }
        (Some(protocol), _) => protocol,
        (None, Some(reader)) => reader.default_protocol(),
        (None, None) => 2,
    };
    let reader = args.reader.map_or_else(|| readers(protocol), Pythons::exactly);
    let translation = translation(&args.names, args.py2_str, args.py2_text)?;
    let options = DumpOptions { protocol, python: reader, memo: MemoStyle::Shared, buffers: None };
    let mut converted = Vec::new();
    file::each(&file::read(&args.file)?, |_, pickle| {
        let what = scan(pickle)?;
        let writer = args.writer.map_or_else(|| writer(what.protocol, what.opcodes), Pythons::exactly);
        let mut graph = Graph::load(pickle.clone(), &Limits::DEFAULT)?;
        translation.apply(&mut graph, writer, reader, protocol)?;
        converted.extend(graph.dump(&options)?);
        Ok(what.length)
    })?;
    match &args.output {
        Some(file) => {
            fs::write(file, converted).with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => {
            let mut out = output::stdout();
            out.write_all(&converted)?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Who reads a protocol.
fn readers(protocol: u8) -> Pythons {
    match protocol {
        0..=2 => Pythons::ANY,
        3 => Pythons::PY3,
        4 => Pythons::between(Version::new(3, 4), Pythons::ANY.max),
        _ => Pythons::between(Version::new(3, 8), Pythons::ANY.max),
    }
}

/// Who may have written a pickle. Only Python 2 writes a `str` that is not text.
fn writer(protocol: u8, opcodes: OpcodeSet) -> Pythons {
    const PY2: OpcodeSet = OpcodeSet::of(&[Opcode::String, Opcode::ShortBinString, Opcode::BinString]);
    match protocol {
        // `pickle.dump` can be told any protocol, so this much and no more is known.
        3.. => readers(protocol),
        _ if opcodes.intersects(PY2) => Pythons::PY2,
        _ => Pythons::ANY,
    }
}
