//! Stock Pythons at the other end.
#![allow(dead_code, unreachable_pub, reason = "no test uses all of it, and each has it as its own module")]

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use sabir::pickle::Version;
use sabir::pythons::{self, Python};
use sabir::{Context, Timeouts};

/// All Pythons of this machine, oldest first; what is not here is said by the live matrix.
pub fn pythons() -> Vec<Python> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let found = pythons::find(Some(checkout));
    assert!(!found.is_empty(), "no Python is here to test with");
    found
}

/// The oldest and the newest, and what stands between two changes of the wire: for what takes long.
pub fn few_pythons() -> Vec<Python> {
    let few = [Version::new(2, 7), Version::new(3, 6), Version::new(3, 13)];
    pythons().into_iter().filter(|python| few.contains(&python.version)).collect()
}

/// A context with the key of the peers, which waits for nothing for ever.
pub fn context() -> Context {
    Context::new().authkey(b"secret").timeouts(Timeouts::all(Duration::from_secs(30)))
}

/// A running script of `tests/peers`, ended with this. It says lines when it is ready or done.
pub struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub name: String,
}

impl Peer {
    pub fn start(python: &Python, script: &str, arguments: &[&str]) -> Peer {
        let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let mut child = Command::new(&python.executable)
            .arg(path)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Peer { stdin: child.stdin.take(), child, lines, name: format!("{} {script}", python.version) }
    }

    /// The next line that it says.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let line = self.lines.next().unwrap_or_else(|| panic!("{} ended before it was done", self.name));
        line.unwrap()
    }

    /// Writes a line to it.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until it has ended by itself, with all that it does then.
    pub fn finish(mut self) {
        self.stdin.take();
        assert!(self.child.wait().unwrap().success(), "{} failed", self.name);
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
