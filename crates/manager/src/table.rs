//! Rows of the tables: lines of fields, parted by tabs.

use sabir_pickle::Pythons;

/// The rows of a table, without comments.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = impl Iterator<Item = &'static str>> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t'))
}

/// The items of a field that is a list: none for `-`.
pub(crate) fn list(field: &'static str) -> impl Iterator<Item = &'static str> {
    field.split(',').filter(|item| *item != "-")
}

/// `2.7`, `2.7-3.6`, or `3.0-` for a version and all after it.
pub(crate) fn span(field: &str) -> Option<Pythons> {
    let Some((first, last)) = field.split_once('-') else {
        return Some(field.parse::<sabir_pickle::Version>().ok()?.into());
    };
    let last = if last.is_empty() { Pythons::ANY.max } else { last.parse().ok()? };
    Some(Pythons::between(first.parse().ok()?, last))
}
