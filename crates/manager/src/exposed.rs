//! What each stock typeid exposes, in which Pythons: `tables/vocabulary.tsv`, which a script asks of real interpreters.

use alloc::vec::Vec;

use sabir_pickle::Pythons;

use crate::table;

/// The methods of the types that every SyncManager registers.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    rows: Vec<Row>,
}

/// A method of a typeid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The typeid.
    pub typeid: &'static str,
    /// The method.
    pub method: &'static str,
    /// The versions whose managers expose it.
    pub servers: Pythons,
    /// The typeid of the proxy that it returns, if it returns one (`method_to_typeid`).
    pub returns: Option<&'static str>,
}

impl Vocabulary {
    /// The table that this crate brings. Parses it: build once, then clone.
    pub fn builtin() -> Vocabulary {
        let rows = table::rows(include_str!("../tables/vocabulary.tsv")).filter_map(|mut fields| {
            let (typeid, method) = (fields.next()?, fields.next()?);
            let (servers, returns) = (table::span(fields.next()?)?, fields.next()?);
            Some(Row { typeid, method, servers, returns: (returns != "-").then_some(returns) })
        });
        Vocabulary { rows: rows.collect() }
    }

    /// All rows of a typeid.
    pub fn methods(&self, typeid: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.typeid == typeid)
    }

    /// Whether a manager of any of these versions exposes the method; `None` if it depends on the version.
    pub fn exposes(&self, typeid: &str, method: &str, servers: Pythons) -> Option<bool> {
        let mut some = false;
        for row in self.methods(typeid).filter(|row| row.method == method) {
            if servers.within(row.servers) {
                return Some(true);
            }
            some |= servers.intersect(row.servers).is_some();
        }
        if some { None } else { Some(false) }
    }
}

#[cfg(test)]
mod tests {
    use sabir_pickle::Version;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row() {
        let lines = table::rows(include_str!("../tables/vocabulary.tsv")).count();
        assert_eq!(Vocabulary::builtin().rows.len(), lines);
        assert!(lines > 100);
    }

    #[test]
    fn versions_differ_where_cpython_changed_them() {
        let vocabulary = Vocabulary::builtin();
        let exposes = |typeid, method, servers| vocabulary.exposes(typeid, method, servers);
        assert_eq!(exposes("dict", "has_key", Pythons::PY2), Some(true));
        assert_eq!(exposes("dict", "has_key", Version::new(3, 13).into()), Some(false));
        assert_eq!(exposes("dict", "has_key", Pythons::ANY), None);
        assert_eq!(exposes("Barrier", "wait", Pythons::PY2), Some(false));
        assert_eq!(exposes("list", "append", Pythons::ANY), Some(true));
        let iter = vocabulary.methods("dict").find(|row| row.method == "__iter__").unwrap();
        assert_eq!(iter.returns, Some("Iterator"));
    }
}
