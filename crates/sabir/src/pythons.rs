//! The Python interpreters of this machine, one of each version.
//!
//! ```no_run
//! for python in sabir::pythons::find(None) {
//!     println!("{} is {}", python.full_version, python.executable.display());
//! }
//! ```
//!
//! They are looked for in the variable `SABIR_PYTHONS` (executables, or folders that hold some, separated as in `PATH`), in
//! `PATH`, in `~/.pyenv/versions` and in the `.pythons` folder of a checkout. Of several with one version the first found is
//! taken, in that order. Each is asked for its version, since a name proves nothing (a pyenv shim may run any version or none).

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sabir_pickle::Version;

/// An interpreter that has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The program to run.
    pub executable: PathBuf,
    /// Major and minor version.
    pub version: Version,
    /// Such as `3.13.0`.
    pub full_version: String,
}

/// The interpreters of this machine, one a minor version, oldest first: 2.7, and 3.6 or newer.
///
/// `checkout` is the folder whose `.pythons` holds interpreters unpacked for tests, if there is one.
/// Takes at most [`DEADLINE`], whatever the executables found do.
pub fn find(checkout: Option<&Path>) -> Vec<Python> {
    let mut folders = Vec::new();
    let mut executables = Vec::new();
    for given in split("SABIR_PYTHONS") {
        if given.is_dir() {
            executables.extend(pythons_in(&given));
        } else {
            executables.push(given);
        }
    }
    folders.extend(split("PATH"));
    if let Some(home) = env::home_dir() {
        folders
            .extend(children(&home.join(".pyenv/versions")).into_iter().map(|version| version.join("bin")));
    }
    if let Some(checkout) = checkout {
        let unpacked = children(&checkout.join(".pythons"));
        folders.extend(unpacked.iter().flat_map(|folder| [folder.join("bin"), folder.join("usr/bin")]));
    }
    for folder in folders {
        executables.extend(pythons_in(&folder));
    }
    ask_all(executables)
}

/// Asks one executable for its version. `None` if it does not run, does not answer in time, or is no version that
/// `multiprocessing` peers have (2.7, and 3.6 or newer).
///
/// ```no_run
/// let python = sabir::pythons::ask(std::path::Path::new("/usr/bin/python3"));
/// println!("{}", python.map_or("none that we know".to_owned(), |python| python.full_version));
/// ```
pub fn ask(executable: &Path) -> Option<Python> {
    // It says itself where it is, since a shim runs another program. -S: without `site`, which may print, and takes time.
    let mut child = Command::new(executable)
        .args(["-S", "-c", "import sys; print('%d.%d.%d %s' % (sys.version_info[:3] + (sys.executable,)))"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take();
    // A thread of its own reads, since a wrapper's own child may hold the pipe open for ever.
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if let Some(stdout) = stdout {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let _ = send.send(line);
    });
    let line = receive.recv_timeout(DEADLINE).unwrap_or_default();
    let _ = child.kill();
    let _ = child.wait();
    let (full_version, itself) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    let (version, _patch) = full_version.rsplit_once('.')?;
    let version: Version = version.parse().ok()?;
    let speaks = version == Version::new(2, 7) || version >= Version::new(3, 6);
    let executable = if itself.is_empty() { executable } else { Path::new(itself) };
    let full_version = full_version.to_owned();
    speaks.then(|| Python { executable: executable.to_owned(), version, full_version })
}

/// Asks all at once, and keeps the first of each version.
fn ask_all(executables: Vec<PathBuf>) -> Vec<Python> {
    // `python`, `python3` and `python3.13` of one folder are one file: it is asked once.
    let mut known = BTreeSet::new();
    let (send, receive) = mpsc::channel();
    for (order, executable) in executables.into_iter().enumerate() {
        if known.insert(executable.canonicalize().unwrap_or_else(|_| executable.clone())) {
            let send = send.clone();
            thread::spawn(move || send.send((order, ask(&executable))));
        }
    }
    drop(send);
    let mut first: BTreeMap<Version, (usize, Python)> = BTreeMap::new();
    for (order, python) in receive {
        let Some(python) = python else { continue };
        let kept = first.entry(python.version).or_insert_with(|| (order, python.clone()));
        if order < kept.0 {
            *kept = (order, python);
        }
    }
    first.into_values().map(|(_, python)| python).collect()
}

/// The executables of a folder that are named as Pythons are, the most exact names first.
fn pythons_in(folder: &Path) -> Vec<PathBuf> {
    let names =
        ["python2.7".to_owned()].into_iter().chain((6..=MINORS).map(|minor| format!("python3.{minor}")));
    names
        .chain(["python3".to_owned(), "python".to_owned()])
        .map(|name| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
        .filter(|path| path.is_file())
        .collect()
}

fn split(variable: &str) -> Vec<PathBuf> {
    let value = env::var_os(variable).unwrap_or_default();
    env::split_paths(&value).filter(|path| path.as_os_str() != OsStr::new("")).collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// How long an executable may take to answer. A cold start on a loaded machine takes about a second.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The newest 3.x whose name is tried.
const MINORS: u8 = 19;

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with programs, each a shell script.
    fn folder(name: &str, programs: &[(&str, &str)]) -> PathBuf {
        let folder = env::temp_dir().join(format!("sabir-pythons-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, script) in programs {
            let path = folder.join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn an_executable_is_what_it_answers_not_what_it_is_called() {
        let folder = folder("answers", &[("python2.7", "echo 3.12.1"), ("python3", "echo 2.7.18")]);
        let found = ask_all(pythons_in(&folder));
        let versions: Vec<&str> = found.iter().map(|python| python.full_version.as_str()).collect();
        assert_eq!(versions, ["2.7.18", "3.12.1"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_peer_is_left_out() {
        let scripts = [
            ("python3.6", "echo 3.5.2"),
            ("python3.7", "echo pyenv: no"),
            ("python3.8", "exit 1"),
            ("python3.9", ""),
        ];
        let folder = folder("none", &scripts);
        assert_eq!(ask_all(pythons_in(&folder)), []);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_first_of_a_version_is_kept() {
        let folder = folder("first", &[("python3.9", "echo 3.9.1"), ("python3", "echo 3.9.2")]);
        let found = ask_all(pythons_in(&folder));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].executable, folder.join("python3.9"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_shim_stands_for_the_program_that_it_runs() {
        let folder = folder("shim", &[("python3", "echo 3.9.1 /opt/a folder/python3.9")]);
        assert_eq!(ask_all(pythons_in(&folder))[0].executable, Path::new("/opt/a folder/python3.9"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_answer_counts_though_a_child_keeps_the_pipe_open() {
        let folder = folder("held", &[("python3.9", "sleep 600 & echo 3.9.1; exec sleep 600")]);
        let started = std::time::Instant::now();
        assert_eq!(ask(&folder.join("python3.9")).unwrap().full_version, "3.9.1");
        assert!(started.elapsed() < DEADLINE);
        fs::remove_dir_all(folder).unwrap();
    }
}
