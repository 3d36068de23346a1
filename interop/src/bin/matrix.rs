//! The live matrix: `cargo xtask matrix [--pairs 2.7-3.6,...] [--graphs N] [--direct] [--no-direct] [--no-extras] [--dump FILE]`.

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use sabir_interop::differences::Differences;
use sabir_interop::interpreters::{self, checkout};
use sabir_interop::matrix::{self, Plan, Way, versions};
use sabir_interop::pool::Pool;
use sabir_interop::{report, route};
use sabir_pickle::Version;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("matrix: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let mut options = Options::parse()?;
    let found = interpreters::find();
    let missing = interpreters::missing(&found);
    if !missing.is_empty() {
        let names = missing.iter().map(Version::to_string).collect::<Vec<_>>().join(", ");
        if interpreters::must_be_complete() {
            return Err(format!("no Python {names} here, which CI must have"));
        }
        println!("skipped: no Python {names} on this machine");
    }
    let here: Vec<Version> = found.iter().map(|interpreter| interpreter.python.version).collect();
    let every = here.iter().flat_map(|server| here.iter().map(|client| (*server, *client))).collect();
    let whole = options.pairs.is_none();
    let mut pairs: Vec<_> = options.pairs.take().unwrap_or(every);
    pairs.retain(|(server, client)| here.contains(server) && here.contains(client));
    if pairs.is_empty() {
        return Err("there is no pair to run".to_owned());
    }
    let program = if options.direct_only { None } else { Some(route::program()?) };
    let plan =
        Plan { pairs, graphs: options.graphs, program, direct: options.direct, extras: options.extras };
    let listed =
        fs::read_to_string(checkout().join("interop/differences.tsv")).map_err(|error| error.to_string())?;
    let differences = Differences::parse(&listed).map_err(|error| error.to_string())?;

    let used = versions(&plan.pairs);
    let used: Vec<_> =
        found.into_iter().filter(|interpreter| used.contains(&interpreter.python.version)).collect();
    let results = matrix::run(&Pool::new(used.clone()), &plan, &differences);

    for (part, took) in &results.timings {
        println!("{:>7.1} s  {part}", took.as_secs_f64());
    }
    if let Some(path) = &options.dump {
        dump(path, &results).map_err(|error| format!("{path}: {error}"))?;
    }
    let page = report::page(&results, &differences, &plan, &used);
    if whole && !options.direct_only {
        fs::write(checkout().join("docs/matrix.md"), &page)
            .map_err(|error| format!("docs/matrix.md: {error}"))?;
        println!("written: docs/matrix.md");
    } else {
        print!("{page}");
    }
    let failures = report::failures(&results, &differences, &plan);
    for failure in failures.iter().take(SHOWN) {
        println!("FAILED {failure}");
    }
    if failures.len() > SHOWN {
        println!("and {} more (--dump FILE writes all)", failures.len() - SHOWN);
    }
    let passed = results
        .verdicts
        .iter()
        .filter(|((_, way, ..), verdict)| *way != Way::Direct && verdict.unequal.is_empty());
    let passed = passed.count()
        + results
            .identity
            .values()
            .filter(|same| same.as_ref().is_ok_and(|same| same.changed.is_empty()))
            .count();
    println!("{passed} passed, {} failed", failures.len());
    Ok(failures.is_empty())
}

/// Every mismatch, unmodified pairs included, for whoever looks into one.
fn dump(path: &str, results: &matrix::Results) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for ((kind, way, server, client), verdict) in &results.verdicts {
        for mismatch in &verdict.unequal {
            writeln!(file, "{way:?}\t{kind}\t{server}\t{client}\t{}", report::told(mismatch))?;
        }
    }
    file.flush()
}

/// The command line.
struct Options {
    pairs: Option<Vec<(Version, Version)>>,
    graphs: u32,
    direct_only: bool,
    direct: bool,
    extras: bool,
    dump: Option<String>,
}

impl Options {
    fn parse() -> Result<Options, String> {
        let mut options =
            Options { pairs: None, graphs: 1000, direct_only: false, direct: true, extras: true, dump: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--pairs" => options.pairs = Some(value()?.split(',').map(pair).collect::<Result<_, _>>()?),
                "--graphs" => options.graphs = value()?.parse().map_err(|_| "--graphs wants a number")?,
                "--direct" => options.direct_only = true,
                "--no-direct" => options.direct = false,
                "--no-extras" => options.extras = false,
                "--dump" => options.dump = Some(value()?),
                _ => {
                    return Err(format!(
                        "{word} is no option: --pairs, --graphs, --direct, --no-direct, --no-extras, --dump"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// `2.7-3.6`: server 2.7, client 3.6.
fn pair(text: &str) -> Result<(Version, Version), String> {
    let wrong = || format!("{text:?} is no pair: write SERVER-CLIENT, such as 2.7-3.6");
    let (server, client) = text.split_once('-').ok_or_else(wrong)?;
    Ok((server.parse().map_err(|_| wrong())?, client.parse().map_err(|_| wrong())?))
}

/// Failures that are printed.
const SHOWN: usize = 60;
