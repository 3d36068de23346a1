//! Positions in a constructor's arguments or state that have a type of their own, whatever the policy for strings is.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// What a string in a position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bytes,
    Native,
    Ascii,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Item(usize),
    Items,
    Keys,
    At(String),
}

/// One position of a constructor.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    /// In the state of BUILD rather than in the arguments.
    pub(crate) in_state: bool,
    pub(crate) path: Vec<Part>,
    pub(crate) kind: Kind,
}

/// All positions, by the constructor's canonical name.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    rows: BTreeMap<String, BTreeMap<String, Vec<Position>>>,
}

impl Positions {
    /// The table `tables/positions.tsv`. A test reads every row of it, so a row that is none cannot ship; here it is
    /// left out.
    pub(crate) fn builtin() -> Positions {
        let mut rows: BTreeMap<String, BTreeMap<String, Vec<Position>>> = BTreeMap::new();
        for (callables, position) in table().flatten() {
            for callable in callables.split(',') {
                let Some((module, name)) = callable.rsplit_once('.') else { continue };
                let names = rows.entry(module.to_owned()).or_default();
                names.entry(name.to_owned()).or_default().push(position.clone());
            }
        }
        Positions { rows }
    }

    /// The positions of a constructor.
    pub(crate) fn of(&self, module: &str, name: &str) -> &[Position] {
        self.rows.get(module).and_then(|names| names.get(name)).map_or(&[], Vec::as_slice)
    }
}

/// The rows of the table; `None` for a line that is no row.
fn table() -> impl Iterator<Item = Option<(&'static str, Position)>> {
    let lines = include_str!("../../tables/positions.tsv").lines();
    lines.filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        let (callables, path, kind) = (columns.next()?, columns.next()?, columns.next()?);
        let kind = match kind {
            "bytes" => Kind::Bytes,
            "native" => Kind::Native,
            "ascii" => Kind::Ascii,
            _ => return None,
        };
        let mut parts = path.split('.');
        let in_state = match parts.next()? {
            "args" => false,
            "state" => true,
            _ => return None,
        };
        let path = parts.map(part).collect::<Option<Vec<Part>>>()?;
        Some((callables, Position { in_state, path, kind }))
    })
}

fn part(text: &str) -> Option<Part> {
    Some(match text {
        "*" => Part::Items,
        "keys" => Part::Keys,
        _ => match text.strip_prefix('=') {
            Some(key) => Part::At(key.to_owned()),
            None => Part::Item(text.parse().ok()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row() {
        assert!(table().count() > 20);
        for (number, row) in table().enumerate() {
            let (callables, position) = row.unwrap_or_else(|| panic!("row {number} is none"));
            assert!(callables.split(',').all(|name| name.contains('.')));
            assert!(position.in_state || !position.path.is_empty());
        }
    }

    #[test]
    fn constructors_are_found_by_their_canonical_name() {
        let positions = Positions::builtin();
        assert_eq!(positions.of("datetime", "time")[0].kind, Kind::Bytes);
        assert_eq!(positions.of("numpy.core.multiarray", "_reconstruct").len(), 2);
        assert!(positions.of("datetime", "timedelta").is_empty());
    }
}
