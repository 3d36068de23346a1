//! What we depend on: licences that let anybody use the outcome, one registry, and which crates are there twice.
//!
//! A check without network: `cargo tree` says the licences, `Cargo.lock` the sources. Advisories need a database that has to be
//! fetched, so they are no part of it.

use std::collections::BTreeMap;
use std::fs;

use crate::{cargo_in_root, root};

/// Licences that ask for no more than their own text to be passed on.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Fails on a licence that is not allowed, and on a source that is not the registry. Says what is there in two versions.
pub(crate) fn check() -> Result<(), String> {
    let mut wrong = Vec::new();
    let tree = cargo_in_root()
        .args([
            "tree",
            "--workspace",
            "--target",
            "all",
            "--edges",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}\t{l}",
        ])
        .output()
        .map_err(|error| error.to_string())?;
    if !tree.status.success() {
        return Err(String::from_utf8_lossy(&tree.stderr).into_owned());
    }
    let mut licences = BTreeMap::new();
    for line in String::from_utf8_lossy(&tree.stdout).lines() {
        if let Some((package, licence)) = line.split_once('\t') {
            licences.insert(package.to_owned(), licence.trim_end_matches(" (*)").to_owned());
        }
    }
    for (package, licence) in &licences {
        if !allowed(licence) {
            wrong.push(format!("{package}: licence {licence:?}"));
        }
    }
    let lock =
        fs::read_to_string(root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    for source in lock.lines().filter_map(|line| line.strip_prefix("source = ")) {
        if !source.starts_with("\"registry+") {
            wrong.push(format!("source {source}"));
        }
    }
    for (name, versions) in versions(&lock).into_iter().filter(|(_, versions)| versions.len() > 1) {
        println!("twice: {name} {}", versions.join(", "));
    }
    println!("{} packages", licences.len());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// The versions of each package of a lock file.
fn versions(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        let quoted = |key: &str| line.strip_prefix(key).map(|value| value.trim_matches('"'));
        if let Some(value) = quoted("name = ") {
            name = value;
        } else if let Some(value) = quoted("version = ").filter(|_| !name.is_empty()) {
            found.entry(name).or_default().push(value);
        }
    }
    found
}

/// Whether an SPDX expression can be met with allowed licences alone. The old `MIT/Apache-2.0` means OR.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) == Some(true) && rest.is_empty()
}

/// Terms between OR. Each is read to its end, whatever the others said; `None` is an expression that is none.
fn any(rest: &mut &[&str]) -> Option<bool> {
    let mut met = all(rest)?;
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        met |= all(rest)?;
    }
    Some(met)
}

/// Terms between AND, which binds closer.
fn all(rest: &mut &[&str]) -> Option<bool> {
    let mut met = term(rest)?;
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        met &= term(rest)?;
    }
    Some(met)
}

fn term(rest: &mut &[&str]) -> Option<bool> {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let met = any(rest)?;
            let [")", after @ ..] = *rest else { return None };
            *rest = after;
            Some(met)
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            Some(ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, after @ ..] => {
            *rest = after;
            Some(ALLOWED.contains(licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_if_allowed_licences_meet_it() {
        for licence in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
            assert!(allowed(licence), "{licence}");
        }
        assert!(allowed("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"));
        for licence in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT OR", "(MIT", "Apache-2.0 WITH other"] {
            assert!(!allowed(licence), "{licence}");
        }
    }

    #[test]
    fn a_package_with_two_versions_is_seen() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1\"\n[[package]]\nname = \"a\"\nversion = \"2\"\n";
        assert_eq!(versions(lock)["a"], ["1", "2"]);
    }
}
