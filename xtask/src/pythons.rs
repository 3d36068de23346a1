//! What the live tests need, put under `.pythons`: the newest CPythons where they can be had, and the packages of
//! `interop/packages.tsv`.

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::stage::run;
use crate::{cargo_in_root, root};

/// Installs what is missing. Fails only where CI runs, and only for the packages of a version that must be there.
pub(crate) fn set_up() -> Result<(), String> {
    let folder = root().join(".pythons");
    let mut found = found()?;
    let newest =
        |found: &[Found]| ["3.14", "3.15"].iter().all(|wanted| found.iter().any(|it| it.version == *wanted));
    if !newest(&found) && !folder.join("newest").exists() {
        if let Err(failure) =
            run(Command::new(root().join("interop/get-newest-pythons")).arg(folder.join("newest")))
        {
            println!("absent: CPython 3.14 and 3.15 cannot be had here today ({failure})");
        }
        found = self::found()?;
    }
    let table = fs::read_to_string(root().join("interop/packages.tsv"))
        .map_err(|error| format!("packages.tsv: {error}"))?;
    let mut failures = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [name, version, packages] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("packages.tsv: {line:?}"));
        };
        let Some(python) = found.iter().find(|python| python.version == version) else { continue };
        if let Err(failure) = install(&folder.join(name), python, packages, &found) {
            println!("no {packages} for {version}: {failure}");
            failures.push(format!("{packages} for {version}"));
        }
    }
    for python in &found {
        println!("{:>9}  {}", python.full_version, python.executable);
    }
    let strict = env::var_os("CI").is_some_and(|value| value == "true");
    // 3.14 and 3.15 are never required, and so neither is what goes with them.
    failures.retain(|failure| !failure.ends_with("3.14") && !failure.ends_with("3.15"));
    if strict && !failures.is_empty() { Err(failures.join(", ")) } else { Ok(()) }
}

/// An interpreter that `sabir::pythons` has found.
pub(crate) struct Found {
    /// Such as `3.9`.
    pub(crate) version: String,
    pub(crate) full_version: String,
    pub(crate) executable: String,
}

/// One discovery for all: the tests' own.
pub(crate) fn found() -> Result<Vec<Found>, String> {
    let listing = cargo_in_root()
        .args(["run", "--quiet", "--package", "sabir-interop", "--bin", "pythons"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !listing.status.success() {
        return Err(format!("the list of Pythons: {}", listing.status));
    }
    let text = String::from_utf8_lossy(&listing.stdout).into_owned();
    Ok(text.lines().filter_map(line).collect())
}

/// Free-threaded CPythons, the oldest first: the list of one Python a version has none. They are found by their names, such as
/// `python3.14t`, in the folders of `SABIR_PYTHONS` and `PATH`, and in the versions of pyenv.
pub(crate) fn free_threaded() -> Vec<Found> {
    let variables = ["SABIR_PYTHONS", "PATH"].map(|name| env::var_os(name).unwrap_or_default());
    let mut folders: Vec<_> = variables.iter().flat_map(env::split_paths).collect();
    let versions = env::home_dir().map(|home| home.join(".pyenv/versions")).and_then(|it| it.read_dir().ok());
    folders.extend(versions.into_iter().flatten().flatten().map(|version| version.path().join("bin")));
    let first = |minor: u32| folders.iter().find_map(|folder| ask(&folder.join(format!("python3.{minor}t"))));
    FREE_THREADED.filter_map(first).collect()
}

/// A free-threaded Python by this name, whose version ends in `t` as its own name does.
fn ask(executable: &Path) -> Option<Found> {
    let question = "import platform, sys, sysconfig; assert sysconfig.get_config_var('Py_GIL_DISABLED'); \
                    print('%d.%dt' % sys.version_info[:2], platform.python_version(), sys.executable, sep='\\t')";
    let answer = Command::new(executable).args(["-c", question]).output().ok()?;
    line(String::from_utf8_lossy(&answer.stdout).lines().next()?)
}

fn line(line: &str) -> Option<Found> {
    let mut columns = line.split('\t').map(str::to_owned);
    Some(Found { version: columns.next()?, full_version: columns.next()?, executable: columns.next()? })
}

/// The minor versions that have been supported without the lock (3.13 was an experiment, which PyO3 does not serve), and some
/// that are to come.
const FREE_THREADED: Range<u32> = 14..20;

pub(crate) fn has_pip(python: &Found) -> bool {
    let asked = Command::new(&python.executable).args(["-m", "pip", "--version"]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// Installs packages beside their interpreter, not into it: `folder` holds a folder for each version.
pub(crate) fn install(folder: &Path, python: &Found, packages: &str, found: &[Found]) -> Result<(), String> {
    let target = folder.join(&python.version);
    if target.is_dir() {
        return Ok(());
    }
    let mut pip;
    if has_pip(python) {
        pip = Command::new(&python.executable);
        pip.args(["-m", "pip"]);
        pip.arg("install");
    } else {
        // An unpacked interpreter has no pip: another one's installs for it, by the name of its version.
        let other = found.iter().rev().find(|other| has_pip(other)).ok_or("no Python here has pip")?;
        pip = Command::new(&other.executable);
        pip.args(["-m", "pip", "install", "--python-version", &python.version]);
    }
    pip.args(["--quiet", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--target"]);
    // Into a folder of another name first, so that an install that was broken off does not look like one.
    let unfinished = folder.join(format!("{}.unfinished", python.version));
    let _ = fs::remove_dir_all(&unfinished);
    run(pip.arg(&unfinished).args(packages.split(' ')))?;
    let _ = fs::remove_dir_all(&target);
    fs::rename(&unfinished, &target).map_err(|error| error.to_string())
}
