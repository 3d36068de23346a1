//! `sabir pickle`: what a pickle is, without loading it.

mod convert;
mod file;
pub(crate) mod json;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use clap::Subcommand;
use sabir::pickle::{ErrorKind, Graph, Limits, Op, Verdict, Verdicts, dis, report};

use crate::exit::{AnsweredNo, Usage};
use crate::output;

/// Look into pickles, or write them for another Python; nothing in them is ever run
#[derive(Debug, clap::Args)]
pub(crate) struct PickleArgs {
    #[command(subcommand)]
    command: PickleCommand,
}

#[derive(Debug, Subcommand)]
enum PickleCommand {
    /// Disassemble, as python -m pickletools does
    Dis {
        /// A file of one or more pickles; `-` is standard input
        file: PathBuf,
    },
    /// Say what a pickle would import and call; exit code 1 unless all of it is known to be harmless
    Check {
        /// A file of one or more pickles; `-` is standard input
        file: PathBuf,
        /// More rows of the table of verdicts, as `harmless`, `unknown` or `dangerous`, module, name
        #[arg(long, value_name = "FILE")]
        verdicts: Vec<PathBuf>,
    },
    Convert(convert::ConvertArgs),
    /// Show the objects as JSON, one line for each pickle
    ///
    /// What JSON has no word for is an object whose first key begins with a dollar sign:
    ///
    ///   $tuple, $set, $frozenset  a list of what is in it
    ///   $dict                     a list of pairs: a dict with a key that is no text, or begins with $
    ///   $int, $float              text: a number beyond 53 bits; nan, inf or -inf
    ///   $bytes, $bytearray        hexadecimal
    ///   $str                      hexadecimal: a str of Python 2 that is not ASCII
    ///   $surrogates               hexadecimal of text that is no valid Unicode
    ///   $class                    module.name, a class or function
    ///   $call, $new, $instance    the class, and "args", perhaps "kwargs": REDUCE; NEWOBJ; INST and OBJ
    ///   $given                    an object that BUILD or the like goes on with
    ///   $extension                a copyreg extension code
    ///   $persistent               an id that the loading program resolves
    ///   $buffer                   a number of an out-of-band buffer, and "readonly"
    ///   $id, $value; $ref         what occurs more than once has a number, which later stands for it
    ///
    /// What is made may have "state", "append", "add" and "items" beside "args": what is done to it then.
    #[command(verbatim_doc_comment)]
    Json {
        /// A file of one or more pickles; `-` is standard input
        file: PathBuf,
    },
}

/// Does what was asked for.
pub(crate) fn run(args: PickleArgs) -> anyhow::Result<()> {
    match args.command {
        PickleCommand::Dis { file } => disassemble(&file::read(&file)?),
        PickleCommand::Check { file, verdicts } => check(&file::read(&file)?, &verdicts),
        PickleCommand::Convert(args) => convert::run(&args),
        PickleCommand::Json { file } => show(&file::read(&file)?),
    }
}

fn disassemble(file: &Bytes) -> anyhow::Result<()> {
    let mut out = output::stdout();
    let done = file::each(file, |start, pickle| {
        let (mut length, mut stopped, mut wrong) = (0, false, None);
        let mut rows = dis(pickle);
        behind(start, &mut out)?;
        for row in rows.by_ref() {
            match row {
                Ok(row) => {
                    writeln!(out, "{row}")?;
                    stopped = row.op == Op::Stop;
                    length = row.offset + 1;
                }
                Err(error) => wrong = Some(error),
            }
        }
        // As `pickletools` does: a STOP that finds the stack empty is not yet the end.
        if stopped && wrong.as_ref().is_none_or(|error| *error.kind() != ErrorKind::StackUnderflow) {
            writeln!(out, "highest protocol among opcodes = {}", rows.highest_protocol())?;
        }
        wrong.map_or(Ok(length), |error| Err(error.into()))
    });
    out.flush()?;
    done
}

fn check(file: &Bytes, more: &[PathBuf]) -> anyhow::Result<()> {
    let mut verdicts = Verdicts::builtin();
    for path in more {
        let rows = fs::read_to_string(path).map_err(|error| file::unreadable(path, &error))?;
        verdicts.extend(&rows).map_err(|error| Usage(format!("{}: {error}", path.display())))?;
    }
    let mut out = output::stdout();
    let mut safe = true;
    file::each(file, |start, pickle| {
        let report = report(pickle, &verdicts);
        behind(start, &mut out)?;
        write!(out, "{report}")?;
        safe &= report.verdict() == Verdict::Safe && report.error.is_none();
        let Some(error) = &report.error else { return Ok(report.length) };
        if file::is_no_pickle(pickle, error) {
            writeln!(out, "{}", file::NO_PICKLE)?;
        }
        // What is behind a broken one cannot be found.
        Ok(pickle.len())
    })?;
    out.flush()?;
    if safe { Ok(()) } else { Err(AnsweredNo.into()) }
}

fn show(file: &Bytes) -> anyhow::Result<()> {
    let mut out = output::stdout();
    let done = file::each(file, |_, pickle| {
        let graph = Graph::load(pickle.clone(), &Limits::DEFAULT)?;
        json::write(&graph, &mut out)?;
        writeln!(out)?;
        Ok(graph.length())
    });
    out.flush()?;
    done
}

/// A heading for a pickle that is not the first; its own offsets begin anew.
fn behind(start: usize, out: &mut impl io::Write) -> io::Result<()> {
    if start > 0 { writeln!(out, "behind it, from offset {start}:") } else { Ok(()) }
}
