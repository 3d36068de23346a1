//! What the live tests need, put under `.pythons`: the newest CPythons where they can be had, and the packages of
//! `interop/packages.tsv`.

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
    let line = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        Some(Found { version: columns.next()?, full_version: columns.next()?, executable: columns.next()? })
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Installs packages beside their interpreter, not into it: `folder` holds a folder for each version.
fn install(folder: &Path, python: &Found, packages: &str, found: &[Found]) -> Result<(), String> {
    let target = folder.join(&python.version);
    if target.is_dir() {
        return Ok(());
    }
    let has_pip = |python: &Found| {
        let asked = Command::new(&python.executable).args(["-m", "pip", "--version"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
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
