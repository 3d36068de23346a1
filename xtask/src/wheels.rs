//! The wheels of the Python package: one for each CPython that it is for, and each tried as whoever installs it has it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::package::{OLDEST, supported, version};
use crate::pythons::{self, Found};
use crate::root;
use crate::stage::{Stages, run};

/// What builds them, what links for older systems than this one, and what installs for the Pythons that came without.
const TOOLS: &str = "maturin==1.16.0 ziglang==0.14.1 pip==26.2.1";

/// Builds wheels for these versions, such as `3.9` or `3.14t`, or for all Pythons found, into `target/wheels`, and tries each.
///
/// With `--zig` they are for systems with glibc 2.17 and newer; else for those whose glibc has what this machine's linker takes
/// from its own.
pub(crate) fn wheels(stages: &mut Stages, options: &[&str]) -> Result<(), String> {
    let versions: Vec<&str> = options.iter().copied().filter(|option| !option.starts_with('-')).collect();
    if let Some(wrong) = options.iter().find(|option| option.starts_with('-') && **option != "--zig") {
        return Err(format!("no option of wheels: {wrong}"));
    }
    let found = pythons::found()?;
    let free = pythons::free_threaded();
    let mut pythons: Vec<&Found> = supported(&found).into_iter().chain(&free).collect();
    if let Some(absent) = versions.iter().find(|it| !pythons.iter().any(|python| python.version == **it)) {
        return Err(format!("absent: Python {absent}"));
    }
    pythons.retain(|python| versions.is_empty() || versions.contains(&&*python.version));

    let tools = stages.stage("tools", || tools(&found))?;
    let folder = root().join("target/wheels");
    stages.stage("wheels", || {
        let _ = fs::remove_dir_all(&folder);
        build(&tools, &pythons, options.contains(&"--zig"), &folder)
    })?;
    for python in pythons {
        let title = format!("the wheel for {}", python.full_version);
        stages.stage(&title, || try_out(python, &tools, &folder))?;
    }
    Ok(())
}

/// The folder that has the tools, installed beside the Pythons.
fn tools(found: &[Found]) -> Result<PathBuf, String> {
    let with_pip =
        found.iter().rev().find(|python| version(python) >= Some(OLDEST) && pythons::has_pip(python));
    let (folder, python) = (root().join(".pythons/maturin"), with_pip.ok_or("no Python here has pip")?);
    pythons::install(&folder, python, TOOLS, found)?;
    Ok(folder.join(&python.version))
}

fn build(tools: &Path, pythons: &[&Found], zig: bool, folder: &Path) -> Result<(), String> {
    let mut maturin = Command::new(tools.join("bin/maturin"));
    maturin
        .current_dir(root().join("python"))
        .args(["build", "--release", "--locked", "--features", "tls", "--out"])
        .arg(folder);
    if zig {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [tools.join("ziglang")].into_iter().chain(env::split_paths(&path));
        maturin.env("PATH", env::join_paths(path).map_err(|error| error.to_string())?);
        maturin.args(["--zig", "--compatibility", "manylinux2014"]);
    }
    maturin.arg("--interpreter").args(pythons.iter().map(|python| &python.executable));
    run(&mut maturin)
}

/// Installs a wheel into an environment of its own, where no Rust is on PATH, and does with it what the guide tells.
fn try_out(python: &Found, tools: &Path, folder: &Path) -> Result<(), String> {
    let environment = folder.join("tried").join(&python.version);
    let executable = environment.join("bin/python");
    let mut venv = Command::new(&python.executable);
    venv.args(["-m", "venv"]).arg(&environment);
    let ensures = Command::new(&python.executable).args(["-c", "import ensurepip"]).output();
    let mut install = Command::new(&executable);
    if !ensures.is_ok_and(|output| output.status.success()) {
        venv.arg("--without-pip");
        install.env("PYTHONPATH", tools);
    }
    run(&mut venv)?;
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--find-links",
    ]);
    run(install.env("PATH", environment.join("bin")).arg(folder).arg("sabir"))?;
    run(Command::new(&executable)
        .env("PATH", environment.join("bin"))
        .env_remove("PYTHONPATH")
        .current_dir(&environment)
        .arg(root().join("python/tests/installed.py")))
}
