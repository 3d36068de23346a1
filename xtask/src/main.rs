//! One door for contributors: `cargo xtask`. It needs nothing but the standard library, so that it builds at once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod licences;
mod modules;
mod package;
mod pythons;
mod stage;
mod wheels;

use stage::{Stages, run};

const HELP: &str = "\
usage: cargo xtask COMMAND

  test              everything: installs what the tests need under .pythons, runs the tests, the examples in
                    the docs, the Python package, and the live matrix of Pythons; writes docs/matrix.md
  check             formatting, files without a module, lints, fuzz targets, docs, licences
  matrix [OPTION]   the live matrix alone:
      --pairs 2.7-3.6,3.13-2.7   server and client of each pair; all without it
      --graphs N                 random graphs that each end of a pair sends (1000)
      --direct                   only unmodified pairs, without a gateway
      --no-direct                not the unmodified pairs
      --no-extras                not the other sockets, keys, and identity of bytes
      --dump FILE                write every mismatch to a file
  wheels [--zig] [VERSION]...
                    builds the wheels of the Python package into target/wheels, for all Pythons found or for these
                    (3.9, 3.14t), and tries each where there is no Rust; with --zig for older systems than this one
  pythons           installs what the tests need under .pythons, and lists the Pythons found
";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut stages = Stages::default();
    let done = match words[..] {
        ["test"] => test(&mut stages),
        ["check"] => check(&mut stages),
        ["matrix", ref options @ ..] => matrix(&mut stages, options),
        ["wheels", ref options @ ..] => wheels::wheels(&mut stages, options),
        ["pythons"] => stages.stage("Pythons", pythons::set_up),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    stages.print();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nfailed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn test(stages: &mut Stages) -> Result<(), String> {
    stages.stage("Pythons", pythons::set_up)?;
    stages.stage("tests", || {
        // nextest runs the tests of all crates at once; what it is good for is time, so its absence is no failure.
        let nextest = Command::new(cargo()).args(["nextest", "--version"]).output();
        if nextest.is_ok_and(|output| output.status.success()) {
            run(cargo_in_root().args(["nextest", "run", "--no-fail-fast"]).args(RUST))
        } else {
            run(cargo_in_root().args(["test", "--lib", "--bins", "--tests", "--no-fail-fast"]).args(RUST))
        }
    })?;
    stages.stage("examples in the docs", || run(cargo_in_root().args(["test", "--doc"]).args(RUST)))?;
    stages.stage("Python package", package::test)?;
    matrix(stages, &[])
}

/// All that has tests in Rust; those of the extension module are in Python.
const RUST: [&str; 4] = ["--workspace", "--all-features", "--exclude", "sabir-python"];

/// What others may depend on.
const LIBRARIES: [&str; 6] =
    ["sabir-pickle", "sabir-wire", "sabir-manager", "sabir-gateway", "sabir-net", "sabir"];

/// Every stage runs, so that one run tells all that is wrong.
fn check(stages: &mut Stages) -> Result<(), String> {
    let outcomes = [
        stages.stage("formatting", || run(cargo_in_root().args(["fmt", "--all", "--check"]))),
        stages.stage("files without a module", modules::check),
        stages.stage("lints", || {
            let mut clippy = cargo_in_root();
            clippy.args(["clippy", "--workspace", "--all-features", "--all-targets", "--quiet"]);
            run(package::with_extension(&mut clippy)?.args(["--", "-D", "warnings"]))
        }),
        stages.stage("each library alone", || {
            // In a workspace the features that one crate asks for hide what another has forgotten to ask for.
            LIBRARIES.iter().try_for_each(|library| {
                run(cargo_in_root().args(["clippy", "--package", library, "--quiet", "--", "-D", "warnings"]))
            })
        }),
        // Outside the workspace, so that nothing else would see them break.
        stages.stage("fuzz targets", || {
            run(cargo_in_root().args(["check", "--manifest-path", "fuzz/Cargo.toml", "--quiet"]))
        }),
        stages.stage("docs", || {
            let mut doc = cargo_in_root();
            doc.env("RUSTDOCFLAGS", "-D warnings");
            doc.args(["doc", "--workspace", "--all-features", "--no-deps", "--quiet"]);
            run(package::with_extension(&mut doc)?)
        }),
        stages.stage("licences", licences::check),
    ];
    outcomes.into_iter().collect()
}

fn matrix(stages: &mut Stages, options: &[&str]) -> Result<(), String> {
    stages.stage("live matrix", || {
        let program = ["run", "--quiet", "--package", "sabir-interop", "--bin", "matrix", "--"];
        run(cargo_in_root().args(program).args(options))
    })
}

/// The Cargo that runs us.
fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn cargo_in_root() -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root());
    command
}

/// The root of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
