//! Source files that no module declares: Cargo never sees them, so that neither the compiler nor a lint does.

use std::collections::BTreeSet;
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
    // Of those that git knows, some may have been deleted.
    let files: Vec<&Path> = listed.lines().map(Path::new).filter(|file| root().join(file).exists()).collect();
    if files.is_empty() {
        return Err("git knows no source file here".to_owned());
    }
    let mut declared = BTreeSet::new();
    for file in &files {
        let text =
            fs::read_to_string(root().join(file)).map_err(|error| format!("{}: {error}", file.display()))?;
        declare(file, &text, &mut declared);
    }
    let orphans = files.iter().filter(|file| !is_root(file) && !declared.contains(**file));
    let orphans: Vec<String> = orphans.map(|file| file.display().to_string()).collect();
    if orphans.is_empty() { Ok(()) } else { Err(format!("no module declares {}", orphans.join(", "))) }
}

fn is_root(file: &Path) -> bool {
    let named = |name: &str| file.file_name().is_some_and(|found| found == name);
    let within = |name: &str| file.parent().and_then(Path::file_name).is_some_and(|found| found == name);
    ROOTS.into_iter().any(named) || FOLDERS.into_iter().any(within)
}

/// Where the modules may be that a file declares: beside it, and in the folder of its name.
fn declare(file: &Path, text: &str, declared: &mut BTreeSet<PathBuf>) {
    let beside = file.parent().unwrap_or(Path::new(""));
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            declared.insert(beside.join(path));
        }
        let Some((_, name)) = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")) else {
            continue;
        };
        for folder in [beside.to_owned(), file.with_extension("")] {
            declared.insert(folder.join(name).with_extension("rs"));
            declared.insert(folder.join(name).join("mod.rs"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_beside_its_parent_or_in_its_folder_or_at_its_path() {
        let mut declared = BTreeSet::new();
        let text = "pub(crate) mod one;\n#[path = \"far/away.rs\"]\nmod tests;\nmod within {}\n// mod said;";
        declare(Path::new("src/a.rs"), text, &mut declared);
        for file in ["src/one.rs", "src/one/mod.rs", "src/a/one.rs", "src/a/one/mod.rs", "src/far/away.rs"] {
            assert!(declared.contains(Path::new(file)), "{file}");
        }
        assert!(!declared.contains(Path::new("src/within.rs")));
        assert!(!declared.contains(Path::new("src/said.rs")));
    }

    #[test]
    fn every_file_of_this_checkout_is_a_module_of_something() {
        assert_eq!(check(), Ok(()));
    }
}
