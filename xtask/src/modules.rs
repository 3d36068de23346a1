//! Source files that no module declares: Cargo never sees them, so that neither the compiler nor a lint does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

/// Files that Cargo finds by their place.
const ROOTS: [&str; 3] = ["lib.rs", "main.rs", "build.rs"];
/// Folders in which it takes every file for a program of its own.
const FOLDERS: [&str; 5] = ["tests", "examples", "benches", "bin", "targets"];

/// Fails if there are any.
pub(crate) fn check() -> Result<(), String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git does not run: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let read = |line: &str| {
        let file = root().join(line);
        let text = fs::read_to_string(&file).ok()?;
        Some((file, text))
    };
    // Of those that git knows, some may have been deleted.
    let files: Vec<(PathBuf, String)> = listed.lines().filter_map(read).collect();
    if files.is_empty() {
        return Err("git knows no source file here".to_owned());
    }
    let orphans: Vec<String> = files
        .iter()
        .map(|(file, _)| file)
        .filter(|file| !is_root(file) && !is_declared(file, &files))
        .map(|file| file.strip_prefix(root()).unwrap_or(file).display().to_string())
        .collect();
    if orphans.is_empty() { Ok(()) } else { Err(format!("no module declares {}", orphans.join(", "))) }
}

fn is_root(file: &Path) -> bool {
    let named = |name: &str| file.file_name().is_some_and(|found| found == name);
    let within = |name: &str| file.parent().and_then(Path::file_name).is_some_and(|found| found == name);
    ROOTS.into_iter().any(named) || FOLDERS.into_iter().any(within)
}

/// Whether a file beside it, or the one that its folder is named after, has `mod` with its name, or any a `path` to it.
fn is_declared(file: &Path, files: &[(PathBuf, String)]) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return false;
    };
    // `a/mod.rs` is the module `a`, declared beside the folder.
    let (module, folder) = match file.file_stem() {
        Some(stem) if stem == "mod" => (folder.file_name(), folder.parent().unwrap_or(folder)),
        stem => (stem, folder),
    };
    let Some(module) = module.and_then(|name| name.to_str()) else { return false };
    let (declaration, path) = (format!("mod {module};"), format!("{name}\"]"));
    files.iter().any(|(other, text)| {
        let beside = other.parent() == Some(folder) || *other == folder.with_extension("rs");
        text.lines().map(str::trim_start).any(|line| {
            beside && line.ends_with(&declaration) || line.starts_with("#[path") && line.ends_with(&path)
        })
    })
}
