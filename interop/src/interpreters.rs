//! The Pythons that a run uses.

use std::env;
use std::path::{Path, PathBuf};

use sabir::pythons::{self, Python};
use sabir_pickle::Version;

/// An interpreter, and the NumPy that was put aside for it.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// The program and its version.
    pub python: Python,
    /// A folder for `PYTHONPATH`, if `cargo xtask test` has installed a NumPy for this version.
    pub numpy: Option<PathBuf>,
}

/// The versions that must be there where CI runs.
pub const REQUIRED: [Version; 9] = [
    Version::new(2, 7),
    Version::new(3, 6),
    Version::new(3, 7),
    Version::new(3, 8),
    Version::new(3, 9),
    Version::new(3, 10),
    Version::new(3, 11),
    Version::new(3, 12),
    Version::new(3, 13),
];

/// The versions that are tested where they can be had.
pub const WANTED: [Version; 2] = [Version::new(3, 14), Version::new(3, 15)];

/// Every interpreter of this machine that a pair can be made of.
pub fn find() -> Vec<Interpreter> {
    let checkout = checkout();
    let known = |version| REQUIRED.contains(&version) || WANTED.contains(&version);
    let with_numpy = |python: Python| {
        let numpy = checkout.join(".pythons/numpy").join(python.version.to_string());
        Interpreter { numpy: numpy.join("numpy").is_dir().then_some(numpy), python }
    };
    pythons::find(Some(&checkout))
        .into_iter()
        .filter(|python| known(python.version))
        .map(with_numpy)
        .collect()
}

/// The required versions that are not among these.
pub fn missing(found: &[Interpreter]) -> Vec<Version> {
    let has = |version: &Version| found.iter().any(|interpreter| interpreter.python.version == *version);
    REQUIRED.into_iter().filter(|version| !has(version)).collect()
}

/// Whether an absent interpreter is a failure, and not only said: where CI runs.
pub fn must_be_complete() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

/// The root of the workspace.
pub fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
