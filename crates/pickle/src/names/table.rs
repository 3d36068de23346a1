//! The rows, parsed and indexed: by alias, by canonical name, and CPython's two mappings.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Name, NamesError};
use crate::{Pythons, Version};

/// One end of a row of names.tsv, under the other end's name.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The other name; a module and `*` if the row is of whole modules.
    module: Box<str>,
    name: Box<str>,
    /// Where the alias resolves; `None` is nowhere.
    pub(super) pythons: Option<Pythons>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    forward: Index<Global>,
    reverse: Index<Global>,
    by_alias: Index<Vec<Row>>,
    by_canonical: Index<Vec<Row>>,
}

impl Tables {
    /// Adds the rows of compat.tsv, which is this crate's own and no user's: a line that is no row is left out.
    pub(super) fn add_compat(&mut self, tsv: &str) {
        for (_, line) in rows(tsv) {
            let columns: Vec<&str> = line.split('\t').collect();
            if let [direction, module, name, to_module, to_name] = columns[..] {
                let index = if direction == "forward" { &mut self.forward } else { &mut self.reverse };
                *index.entry(module, name) = (to_module.into(), to_name.into());
            }
        }
    }

    /// Adds rows of names.tsv, in their order, before those already there.
    pub(super) fn add_names(&mut self, tsv: &str) -> Result<(), NamesError> {
        let mut parsed = Vec::new();
        for (line, text) in rows(tsv) {
            parsed.push(parse(line, text)?);
        }
        for (canonical, alias, pythons) in parsed.into_iter().rev() {
            self.by_alias.entry(alias.0, alias.1).insert(0, Row::new(canonical, pythons));
            self.by_canonical.entry(canonical.0, canonical.1).insert(0, Row::new(alias, pythons));
        }
        Ok(())
    }

    /// The rows that have this name as an alias.
    pub(super) fn by_alias<'a>(&'a self, module: &'a str, name: &'a str) -> Rows<'a> {
        Rows { index: &self.by_alias, module, name }
    }

    /// The rows that have this name as the canonical one.
    pub(super) fn by_canonical<'a>(&'a self, module: &'a str, name: &'a str) -> Rows<'a> {
        Rows { index: &self.by_canonical, module, name }
    }

    /// What a 3.x takes a name for that it reads below protocol 3.
    pub(super) fn forward<'a>(&'a self, module: &'a str, name: &'a str) -> (&'a str, &'a str) {
        mapped(&self.forward, module, name)
    }

    /// Whether CPython knows this very name, and not only its module, as one of Python 2.
    pub(super) fn is_python2(&self, module: &str, name: &str) -> bool {
        self.forward.modules.get(module).is_some_and(|within| within.names.contains_key(name))
    }

    /// What a 3.x writes for a name below protocol 3.
    pub(super) fn reverse<'a>(&'a self, module: &'a str, name: &'a str) -> (&'a str, &'a str) {
        mapped(&self.reverse, module, name)
    }
}

/// The rows for one name: of the name or what a nested name begins with; else of its module; else of the nearest one above.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    index: &'a Index<Vec<Row>>,
    module: &'a str,
    name: &'a str,
}

impl<'a> Rows<'a> {
    /// The first of them that is wanted, as the other name.
    pub(super) fn find(self, wanted: impl Fn(&Row, &Name<'_>) -> bool) -> Option<Name<'a>> {
        let Rows { index, module, name } = self;
        let first = |rows: &'a Vec<Row>, rename: &dyn Fn(&'a Row) -> Name<'a>| {
            rows.iter()
                .map(|row| (row, rename(row)))
                .find(|(row, name)| wanted(row, name))
                .map(|(_, name)| name)
        };
        let (outer, nested) = name.split_at(name.find('.').unwrap_or(name.len()));
        if let Some(within) = index.modules.get(module)
            && let Some(rows) = within.names.get(outer)
        {
            return first(rows, &|row| (Cow::Borrowed(&row.module), joined(&row.name, nested)));
        }
        let mut above = Some(module);
        while let Some(parent) = above {
            let below = &module[parent.len()..];
            if let Some(rows) = index.modules.get(parent).and_then(|within| within.whole.as_ref()) {
                return first(rows, &|row| (joined(&row.module, below), Cow::Borrowed(name)));
            }
            above = parent.rfind('.').map(|dot| &parent[..dot]);
        }
        None
    }
}

impl Row {
    fn new((module, name): (&str, &str), pythons: Option<Pythons>) -> Row {
        Row { module: module.into(), name: name.into(), pythons }
    }
}

type Global = (Box<str>, Box<str>);

/// A map by module and name; `*` is the module as a whole.
#[derive(Clone, Debug, Default)]
struct Index<T> {
    modules: BTreeMap<Box<str>, Within<T>>,
}

#[derive(Clone, Debug, Default)]
struct Within<T> {
    names: BTreeMap<Box<str>, T>,
    whole: Option<T>,
}

impl<T: Default> Index<T> {
    fn entry(&mut self, module: &str, name: &str) -> &mut T {
        let within = self.modules.entry(module.into()).or_default();
        match name {
            "*" => within.whole.get_or_insert_with(T::default),
            _ => within.names.entry(name.into()).or_default(),
        }
    }
}

/// CPython's order: the name, else its module. It has no rows for what is below a module, nor for nested names.
fn mapped<'a>(index: &'a Index<Global>, module: &'a str, name: &'a str) -> (&'a str, &'a str) {
    let Some(within) = index.modules.get(module) else { return (module, name) };
    if let Some((module, name)) = within.names.get(name) {
        return (module, name);
    }
    within.whole.as_ref().map_or((module, name), |(module, _)| (module, name))
}

fn joined<'a>(start: &'a str, end: &str) -> Cow<'a, str> {
    if end.is_empty() { Cow::Borrowed(start) } else { Cow::Owned(format!("{start}{end}")) }
}

/// The lines that are no comment and not empty, with their numbers.
fn rows(tsv: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = tsv.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
}

type Parsed<'a> = ((&'a str, &'a str), (&'a str, &'a str), Option<Pythons>);

fn parse(line: usize, text: &str) -> Result<Parsed<'_>, NamesError> {
    let columns: Vec<&str> = text.split('\t').collect();
    let [canonical, alias, pythons, ..] = columns[..] else {
        return Err(NamesError::Columns { line, columns: columns.len() });
    };
    if columns.len() > 4 {
        return Err(NamesError::Columns { line, columns: columns.len() });
    }
    let pythons =
        parse_pythons(pythons).ok_or_else(|| NamesError::Pythons { line, text: pythons.to_string() })?;
    let split =
        |text| split_name(text).ok_or_else(|| NamesError::Name { line, text: ToString::to_string(text) });
    let (from, to) = (split(canonical)?, split(alias)?);
    if (from.1 == "*") != (to.1 == "*") {
        return Err(NamesError::Star { line, text: alias.to_string() });
    }
    Ok((from, to, pythons))
}

fn split_name(text: &str) -> Option<(&str, &str)> {
    let (module, name) = text.rsplit_once('.')?;
    let is_part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '*');
    (module.split('.').all(is_part) && (name == "*" || is_part(name))).then_some((module, name))
}

/// `2.7`, `3.7+`, `3.8-3.10`, `-`; the outer `None` is none of these.
fn parse_pythons(text: &str) -> Option<Option<Pythons>> {
    if text == "-" {
        return Some(None);
    }
    let version = |text: &str| text.parse::<Version>().ok();
    let span = if let Some(min) = text.strip_suffix('+') {
        Pythons::between(version(min)?, Version::new(3, u8::MAX))
    } else if let Some((min, max)) = text.split_once('-') {
        Pythons::between(version(min)?, version(max)?)
    } else {
        Pythons::exactly(version(text)?)
    };
    (span.min <= span.max).then_some(Some(span))
}
