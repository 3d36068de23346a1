//! The Python package: its tests on every Python found, a part of CPython's own on some, and once more with its extension
//! module on the oldest and newest that it is for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

use crate::pythons::{self, Found, found};
use crate::stage::run;
use crate::{cargo_in_root, root};

/// What the extension module is for; older Pythons have the package without it.
pub(crate) const OLDEST: (u32, u32) = (3, 9);
/// Those whose own tests are run with the package in the place of `multiprocessing`.
const CPYTHON_TESTS: [&str; 3] = ["3.9", "3.11", "3.13"];
/// PyO3 takes no newer one.
const NEWEST: (u32, u32) = (3, 15);
/// The version that `packages.tsv` has the checker of stubs for.
const STUBS: &str = "3.13";

/// Has a cargo command build the extension module too, if there is a Python to build it for; leaves it out otherwise.
pub(crate) fn with_extension(command: &mut Command) -> Result<&mut Command, String> {
    Ok(match supported(&found()?).last() {
        Some(python) => command.env("PYO3_PYTHON", &python.executable),
        None => {
            println!("absent: a Python from 3.9 on; the extension module of the Python package is left out");
            command.args(["--exclude", "sabir-python"])
        }
    })
}

/// Runs the package's own tests, and those of CPython's.
pub(crate) fn test() -> Result<(), String> {
    let found = found()?;
    let runner = found.iter().rev().find(|python| version(python) >= Some(OLDEST)).or(found.last());
    let Some(runner) = runner else {
        println!("absent: any Python; the package is not tested");
        return Ok(());
    };
    // CPython's tests mostly wait; what the builds need is a processor.
    let (cpython, packages) = thread::scope(|scope| {
        let cpython = scope.spawn(|| cpython_tests(runner, &found));
        let packages = extensions(&found);
        (cpython.join().unwrap_or_else(|_| Err("CPython's tests were not run".to_owned())), packages)
    });
    cpython?;
    let pure = found.iter().map(|python| OsString::from(&python.executable));
    run(Command::new(&runner.executable).arg(root().join("python/tests/run.py")).args(pure.chain(packages?)))
}

/// Runs the part of CPython's own tests that is quick.
fn cpython_tests(runner: &Found, found: &[Found]) -> Result<(), String> {
    let with_tests = found.iter().filter(|python| CPYTHON_TESTS.contains(&python.version.as_str()));
    let executables: Vec<&String> = with_tests.map(|python| &python.executable).collect();
    if executables.is_empty() {
        println!("absent: the Pythons whose own tests are run with the package");
        return Ok(());
    }
    let table = root().join("python/tests/cpython_table.py");
    run(Command::new(&runner.executable).arg(table).args(["--subset", "--no-table"]).args(executables))
}

/// Builds the extension module for the oldest and the newest Python, for the one that the stub is held against, and for those
/// without the lock: each as `run.py` is told of it.
fn extensions(found: &[Found]) -> Result<Vec<OsString>, String> {
    let supported = supported(found);
    let with_stubs = supported.iter().find(|python| python.version == STUBS);
    let mut some = vec![supported.first(), with_stubs, supported.last()];
    some.dedup_by_key(|python| python.map(|python| &python.executable));
    let free_threaded = pythons::free_threaded();
    if free_threaded.is_empty() {
        println!(
            "absent: a free-threaded Python, such as python3.14t; the extension module is tested with the lock alone"
        );
    }
    let chosen = some.into_iter().flatten().copied().chain(&free_threaded);
    chosen
        .map(|python| {
            let mut argument = OsString::from(&python.executable);
            argument.push("=");
            argument.push(extension(python)?);
            Ok(argument)
        })
        .collect()
}

/// Builds the extension module for one Python; the folder with a package that has it.
fn extension(python: &Found) -> Result<PathBuf, String> {
    println!("the extension module for {}", python.full_version);
    let target = root().join("target/python");
    run(cargo_in_root()
        .env("PYO3_PYTHON", &python.executable)
        // The interpreter that imports it has the symbols: nothing to link with, as maturin has it.
        .env("PYO3_BUILD_EXTENSION_MODULE", "1")
        .args(["build", "--quiet", "--package", "sabir-python", "--target-dir"])
        .arg(&target))?;
    let folder = target.join(&python.version);
    let package = folder.join("sabir");
    let failed = |error: std::io::Error| format!("{}: {error}", package.display());
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&package).map_err(failed)?;
    for entry in fs::read_dir(root().join("python/sabir")).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, package.join(name)).map_err(failed)?;
        }
    }
    fs::copy(library(&target), package.join("_native.so")).map_err(failed)?;
    stubs(python, &folder)?;
    Ok(folder)
}

/// Holds the stub of the module against the module.
fn stubs(python: &Found, folder: &Path) -> Result<(), String> {
    let checker = root().join(".pythons/stubs").join(&python.version);
    if python.version != STUBS {
        return Ok(());
    }
    if !checker.is_dir() {
        println!("absent: mypy; the stub of the extension module is not held against it");
        return Ok(());
    }
    let path = env::join_paths([folder, &checker]).map_err(|error| error.to_string())?;
    run(Command::new(&python.executable)
        .env("PYTHONPATH", path)
        .env("MYPYPATH", folder)
        .current_dir(folder)
        .args(["-m", "mypy.stubtest", "sabir._native"]))
}

/// Where Cargo puts the module.
fn library(target: &Path) -> PathBuf {
    let name: OsString = [env::consts::DLL_PREFIX, "_native", env::consts::DLL_SUFFIX].concat().into();
    target.join("debug").join(name)
}

/// Those that the extension module can be built for, the oldest first.
pub(crate) fn supported(found: &[Found]) -> Vec<&Found> {
    let mut all: Vec<&Found> = found
        .iter()
        .filter(|python| version(python).is_some_and(|it| (OLDEST..=NEWEST).contains(&it)))
        .collect();
    all.sort_by_key(|python| version(python));
    all
}

pub(crate) fn version(python: &Found) -> Option<(u32, u32)> {
    let (major, minor) = python.version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
