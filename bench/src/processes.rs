//! Children of a measurement, stopped by their own handles.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use sabir::pythons::{self, Python};

use crate::Outcome;

/// A process that says a line when it is ready, and is stopped when this is dropped.
pub(crate) struct Background {
    child: Child,
    /// What it said.
    pub(crate) line: String,
    /// Who says more must not be ended by that.
    _out: Option<BufReader<ChildStdout>>,
}

impl Background {
    pub(crate) fn start(command: &mut Command) -> Outcome<Background> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut out = child.stdout.take().map(BufReader::new);
        if let Some(out) = &mut out {
            out.read_line(&mut line)?;
        }
        let background = Background { child, line: line.trim().into(), _out: out };
        if background.line.is_empty() {
            return Err(format!("{command:?} ended before it was ready").into());
        }
        Ok(background)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program, to start its other parts.
pub(crate) fn ourselves(pinned: bool) -> Outcome<Command> {
    Ok(on_core(std::env::current_exe()?, pinned))
}

/// The program `sabir`, which is built beside this one or named by `SABIR`.
pub(crate) fn sabir(pinned: bool) -> Outcome<Command> {
    let beside = std::env::current_exe()?.with_file_name("sabir");
    let path = std::env::var_os("SABIR").map_or(beside, PathBuf::from);
    if !path.exists() {
        return Err(format!("{} is missing: cargo build --release -p sabir-cli", path.display()).into());
    }
    Ok(on_core(path, pinned))
}

/// A command on core 0 only, which leaves out what waking an idle core costs, or on all.
pub(crate) fn on_core(program: PathBuf, pinned: bool) -> Command {
    at_core(program, pinned.then_some(0))
}

/// A command on this core only, or on all.
pub(crate) fn at_core(program: PathBuf, core: Option<u8>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A number from /proc: Linux only, like the rest of this.
pub(crate) fn status(id: u32, field: &str) -> Outcome<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.split_whitespace().next().ok_or("an empty field")?.parse()?)
}

/// Runs a command and gives the numbers that it prints.
pub(crate) fn numbers(command: &mut Command) -> Outcome<Vec<f64>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// The interpreter of a version, found as the tests find it.
pub(crate) fn python(version: &str) -> Outcome<&'static Path> {
    static FOUND: LazyLock<Vec<Python>> = LazyLock::new(|| {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        pythons::find(checkout)
    });
    let found = FOUND.iter().find(|python| python.version.to_string() == version);
    Ok(&found.ok_or_else(|| format!("no Python {version} here"))?.executable)
}
