//! `sabir pickle`: what a pickle is, without loading it.

mod convert;
mod json;

use std::fs;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::PathBuf;

use clap::Subcommand;
use sabir::pickle::{Graph, Limits, Verdict, Verdicts, dis, report};

use crate::exit::{AnsweredNo, Usage};

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
        /// A pickle; `-` is standard input
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
    /// Show the objects as JSON
    ///
    /// What JSON has no word for is an object whose keys begin with a dollar sign: {"$tuple": [...]}, {"$bytes": "hex"},
    /// {"$class": "module.name"}, {"$call": ..., "args": ..., "state": ...}. What occurs more than once is
    /// {"$id": 1, "$value": ...} at first and {"$ref": 1} from then on.
    Json {
        /// A pickle; `-` is standard input
        file: PathBuf,
    },
}

/// Does what was asked for.
pub(crate) fn run(args: PickleArgs) -> anyhow::Result<()> {
    match args.command {
        PickleCommand::Dis { file } => disassemble(&read(&file)?),
        PickleCommand::Check { file, verdicts } => check(&read(&file)?, &verdicts),
        PickleCommand::Convert(args) => convert::run(&args),
        PickleCommand::Json { file } => {
            let graph = Graph::load(read(&file)?.into(), &Limits::DEFAULT)?;
            let mut out = BufWriter::new(io::stdout().lock());
            json::write(&graph, &mut out)?;
            writeln!(out)?;
            Ok(out.flush()?)
        }
    }
}

fn disassemble(pickle: &[u8]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let listing = dis(pickle);
    let mut broken = None;
    write!(out, "{listing}")?;
    for row in listing {
        broken = row.err().or(broken);
    }
    out.flush()?;
    // The listing ends with the error already.
    if broken.is_some() { Err(AnsweredNo.into()) } else { Ok(()) }
}

fn check(file: &[u8], more: &[PathBuf]) -> anyhow::Result<()> {
    let mut verdicts = Verdicts::builtin();
    for path in more {
        let rows = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        verdicts.extend(&rows).map_err(|error| Usage(format!("{}: {error}", path.display())))?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut start, mut safe) = (0, true);
    // A file may hold several, one behind the other: a loader that is asked again goes on.
    loop {
        let report = report(&file[start..], &verdicts);
        if start > 0 {
            writeln!(out, "behind it, from offset {start}:")?;
        }
        write!(out, "{report}")?;
        safe &= report.verdict() == Verdict::Safe && report.error.is_none();
        start += report.length;
        if report.length == 0 || report.error.is_some() || start >= file.len() {
            break;
        }
    }
    out.flush()?;
    if safe { Ok(()) } else { Err(AnsweredNo.into()) }
}

fn read(file: &PathBuf) -> Result<Vec<u8>, Usage> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(|error| unreadable(file, &error))?;
        return Ok(bytes);
    }
    fs::read(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &std::path::Path, error: &io::Error) -> Usage {
    Usage(format!("cannot read {}: {error}", file.display()))
}
