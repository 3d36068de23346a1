//! What is known of names: the table `tables/verdicts.tsv`, and rows that a user adds.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

/// What to expect of a name that a pickle resolves, or of a whole pickle: the worst of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It names nothing, or only what is known to be harmless.
    Safe,
    /// It names what no table knows: whoever loads it runs that program's code, which may be right.
    Unknown,
    /// It names what is known to run commands or code, to reach any attribute, or the like.
    Dangerous,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Safe => "safe",
            Verdict::Unknown => "unknown",
            Verdict::Dangerous => "dangerous",
        })
    }
}

/// Which names are harmless, which are dangerous.
#[derive(Clone, Debug)]
pub struct Verdicts {
    /// By module, then by name: `*` for every name; the module `*` for the parts of dotted names.
    modules: BTreeMap<String, BTreeMap<String, Row>>,
    /// The modules that were written with `.*`, which stand for all below them.
    packages: BTreeMap<String, Row>,
}

/// A row's verdict, and why.
type Row = (Verdict, String);

/// A line is no row of a table of verdicts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} is no verdict: write `harmless`, `unknown` or `dangerous`, a module, a name and perhaps a reason, with tabs between; harmless names must be exact"
)]
pub struct VerdictsError {
    /// The line, counted from 1.
    pub line: usize,
}

impl Verdicts {
    /// The table that this crate brings. Parses it: build once, and share.
    pub fn builtin() -> Verdicts {
        let mut verdicts = Verdicts::empty();
        // A unit test reads the table; a row that were wrong would leave out what follows it, and so call it unknown.
        let parsed = verdicts.extend(include_str!("../../tables/verdicts.tsv"));
        debug_assert_eq!(parsed, Ok(()));
        verdicts
    }

    /// A table without rows, which knows nothing of any name.
    pub fn empty() -> Verdicts {
        Verdicts { modules: BTreeMap::new(), packages: BTreeMap::new() }
    }

    /// Adds rows in the form of `tables/verdicts.tsv`; they replace those of the same module and name.
    ///
    /// # Errors
    /// The first line that is no row; those before it were added.
    pub fn extend(&mut self, tsv: &str) -> Result<(), VerdictsError> {
        for (i, line) in tsv.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (module, name, row) = parse_row(line).ok_or(VerdictsError { line: i + 1 })?;
            match module.strip_suffix(".*") {
                Some(package) => drop(self.packages.insert(package.to_owned(), row)),
                None => drop(self.modules.entry(module.to_owned()).or_default().insert(name.to_owned(), row)),
            }
        }
        Ok(())
    }

    /// What is known of a name, dotted if it is nested, and why; [`Verdict::Unknown`] if nothing is.
    pub fn of(&self, module: &str, name: &str) -> (Verdict, &str) {
        if let Some(row) = self.exact(module, name) {
            return row;
        }
        let module_rows = [self.exact(module, "*"), self.package(module)];
        let prefixes = name.match_indices('.').map(|(dot, _)| self.exact(module, &name[..dot]));
        let parts = name.split('.').map(|part| self.exact("*", part)).filter(|_| name.contains('.'));
        let rows = module_rows.into_iter().chain(prefixes).chain(parts).flatten();
        // Harmless is only what is exact.
        let rows = rows.filter(|row| row.0 > Verdict::Safe);
        rows.reduce(|worst, row| if row.0 > worst.0 { row } else { worst }).unwrap_or((Verdict::Unknown, ""))
    }

    fn exact(&self, module: &str, name: &str) -> Option<(Verdict, &str)> {
        self.modules.get(module)?.get(name).map(|(verdict, why)| (*verdict, why.as_str()))
    }

    /// The row of the nearest package that the module is in, or is.
    fn package(&self, module: &str) -> Option<(Verdict, &str)> {
        let ends = [module.len()].into_iter().chain(module.rmatch_indices('.').map(|(dot, _)| dot));
        let mut packages = ends.filter_map(|end| self.packages.get(&module[..end]));
        packages.next().map(|(verdict, why)| (*verdict, why.as_str()))
    }
}

fn parse_row(line: &str) -> Option<(&str, &str, Row)> {
    let mut fields = line.split('\t');
    let verdict = match fields.next()? {
        "harmless" => Verdict::Safe,
        "unknown" => Verdict::Unknown,
        "dangerous" => Verdict::Dangerous,
        _ => return None,
    };
    let (module, name) = (fields.next()?, fields.next()?);
    let why = fields.next().unwrap_or("").to_owned();
    let exact = !module.ends_with('*') && name != "*";
    let complete = fields.next().is_none()
        && !module.is_empty()
        && !name.is_empty()
        && (name == "*" || !module.ends_with(".*"));
    (complete && (exact || verdict > Verdict::Safe)).then_some((module, name, (verdict, why)))
}
