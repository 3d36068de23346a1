//! What two versions cannot both represent, value by value: `interop/differences.tsv`.

use std::fmt;

use sabir_pickle::Version;

use crate::cell::Cell;

/// The list.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// In the order of the file; the first that fits a cell is the one that counts.
    pub rows: Vec<Row>,
}

/// One line of the list.
#[derive(Clone, Debug)]
pub struct Row {
    /// Glob of the value's name, or of the manner too if it has a colon; alternatives between bars.
    pub values: String,
    /// Versions that the value comes from.
    pub from: String,
    /// Versions that look at it.
    pub to: String,
    /// Glob of the description that the receiver then has.
    pub happens: String,
    /// Why it cannot be otherwise.
    pub why: String,
    /// Where it stands in the file, counted from 1.
    pub line: usize,
}

/// A line that is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine(usize);

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "differences.tsv line {}: five columns are wanted: values, from, to, what happens, why",
            self.0
        )
    }
}

impl Differences {
    /// Reads the list: tabs between columns, lines that begin with `#` are comments.
    pub fn parse(text: &str) -> Result<Differences, BadLine> {
        let mut rows = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.split('\t').collect();
            let [values, from, to, happens, why] = columns[..] else { return Err(BadLine(index + 1)) };
            if columns.iter().any(|column| column.trim().is_empty()) {
                return Err(BadLine(index + 1));
            }
            let [values, from, to, happens, why] = [values, from, to, happens, why].map(str::to_owned);
            rows.push(Row { values, from, to, happens, why, line: index + 1 });
        }
        Ok(Differences { rows })
    }

    /// The row, by index, that says that this cell differs in this way.
    pub fn listing(&self, cell: &Cell) -> Option<usize> {
        self.rows.iter().position(|row| row.fits(cell))
    }
}

impl Row {
    /// Whether the row speaks of this cell and of what it shows.
    fn fits(&self, cell: &Cell) -> bool {
        let named = |pattern: &str| {
            let name = if pattern.contains(':') { &cell.name } else { cell.value() };
            glob(pattern, name)
        };
        self.values.split('|').any(named)
            && versions(&self.from, cell.from)
            && versions(&self.to, cell.to)
            && glob(&self.happens, &cell.text)
    }

    /// Whether both versions' programs took part in a run of these pairs, so that the row could have been used.
    pub fn could_be_used(&self, pairs: &[(Version, Version)]) -> bool {
        let covers = |from: Version, to: Version| versions(&self.from, from) && versions(&self.to, to);
        pairs.iter().any(|&(left, right)| covers(left, right) || covers(right, left))
    }
}

/// `2.7`, `3.*`, `3.6-3.13`, `*`, or several of them between commas.
fn versions(pattern: &str, version: Version) -> bool {
    pattern.split(',').any(|part| {
        let bounds = part.split_once('-').unwrap_or((part, part));
        match (bounds.0.parse::<Version>(), bounds.1.parse::<Version>()) {
            (Ok(first), Ok(last)) => first <= version && version <= last,
            _ => glob(part, &version.to_string()),
        }
    })
}

/// Whether the text fits a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Kind;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        assert!(glob("error Unicode*: *byte*", "error UnicodeDecodeError: a byte x"));
        assert!(glob("a*a", "aa") && !glob("a*a", "a"));
        assert!(glob("exact", "exact") && !glob("exact", "exactly"));
        assert!(glob("*", ""));
    }

    #[test]
    fn versions_are_one_several_or_a_span() {
        let v = |text: &str| text.parse::<Version>().unwrap();
        assert!(versions("3.6-3.13", v("3.9")) && !versions("3.6-3.13", v("3.14")));
        assert!(versions("2.7,3.10", v("3.10")) && !versions("2.7,3.10", v("3.1")));
        assert!(versions("3.*", v("3.15")) && !versions("3.*", v("2.7")));
    }

    #[test]
    fn a_row_fits_only_what_it_says_happens() {
        let listed = Differences::parse("send:bytes_ascii|x\t2.7\t3.*\tstr 'abc'\tno mark\n").unwrap();
        let mut cell = Cell {
            kind: Kind::Connection,
            from: Version::new(2, 7),
            to: Version::new(3, 9),
            name: "send:bytes_ascii".into(),
            text: "str 'abc'".into(),
            sent: None,
        };
        assert_eq!(listed.listing(&cell), Some(0));
        cell.text = "bytes 'abc'".into();
        assert_eq!(listed.listing(&cell), None);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert_eq!(Differences::parse("# c\na\tb\tc\td\t \n").unwrap_err(), BadLine(2));
        assert_eq!(Differences::parse("a\tb\n").unwrap_err(), BadLine(1));
    }
}
