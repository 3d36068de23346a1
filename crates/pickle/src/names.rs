//! Names across versions: the same class or function is pickled under different names by different Pythons.
//!
//! Two tables, data and not code. `tables/compat.tsv` is CPython's own mapping between 2 and 3, which every 3.x applies
//! by itself at protocols below 3. `tables/names.tsv` is what that mapping lacks: objects that moved within 3.x
//! (`_queue.Empty`, `pathlib._local.Path`), and the places where CPython's answer does not load. Users add rows to the
//! second one. `docs/names.md` explains both.

mod error;
mod table;
#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::sync::Arc;

pub use self::error::NamesError;
use self::table::{Row, Tables};
use crate::{Pythons, Version};

/// The module and the name (dotted for a nested one) of a global.
type Name<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What globals are called in which Pythons. A clone shares the tables.
///
/// ```
/// use sabir_pickle::{Names, Pythons};
///
/// let names = Names::builtin();
/// // 3.7 and newer pickle `queue.Empty` under the name of its C module, which 3.6 does not have.
/// let (module, name) = names.translate("_queue", "Empty", 4, Pythons::PY3, 4).unwrap();
/// assert_eq!((&*module, &*name), ("queue", "Empty"));
/// let (module, name) = names.translate("_queue", "Empty", 4, Pythons::PY2, 2).unwrap();
/// assert_eq!((&*module, &*name), ("Queue", "Empty"));
/// ```
#[derive(Clone, Debug)]
pub struct Names {
    tables: Arc<Tables>,
}

impl Names {
    /// The tables that this crate brings. Parses them: build once, then clone.
    pub fn builtin() -> Names {
        let mut tables = Tables::default();
        tables.add_compat(include_str!("../tables/compat.tsv"));
        tables
            .add_names(include_str!("../tables/names.tsv"))
            .expect("the builtin table is well formed, which a unit test checks");
        Names { tables: Arc::new(tables) }
    }

    /// Adds rows in the form of `tables/names.tsv`; they come before those already there. On an error nothing is added.
    ///
    /// # Errors
    ///
    /// The first line that is no row, and how to write it.
    pub fn extend(&mut self, tsv: &str) -> Result<(), NamesError> {
        let mut tables = Tables::clone(&self.tables);
        tables.add_names(tsv)?;
        self.tables = Arc::new(tables);
        Ok(())
    }

    /// The canonical Python 3 name of what a pickle of `protocol` calls `module.name`; unchanged if no table knows it.
    ///
    /// At protocols below 3 the name is taken to be Python 2's, as every 3.x reader takes it.
    pub fn canonical<'a>(&'a self, module: &'a str, name: &'a str, protocol: u8) -> Name<'a> {
        if protocol >= 3 {
            return self.canonical3(module, name);
        }
        if let Some(found) = self.tables.by_alias(module, name).find(|_, _| true) {
            return found;
        }
        let (module, name) = self.tables.forward(module, name);
        self.canonical3(module, name)
    }

    /// How to write, for readers in `to` at `to_protocol`, what a pickle of `from_protocol` calls `module.name`; `None`: as it is.
    ///
    /// At protocol 3 and above a name that is valid in all of `to` is kept, so that equal versions stay identical byte for
    /// byte; any other becomes the canonical one. Below 3 the answer is a Python 2 name, which 3.x readers map forward.
    pub fn translate<'a>(
        &'a self,
        module: &'a str,
        name: &'a str,
        from_protocol: u8,
        to: Pythons,
        to_protocol: u8,
    ) -> Option<Name<'a>> {
        let canonical = self.canonical(module, name, from_protocol);
        let written = if to_protocol < 3 {
            if from_protocol < 3 && self.python2_knows(module, name, &canonical, to) {
                return None;
            }
            self.for_protocol_2(&canonical, to)
        } else {
            if from_protocol >= 3 && self.loads3(module, name, to) {
                return None;
            }
            self.for_protocol_3(canonical, to)
        };
        (written.0 != module || written.1 != name).then_some(written)
    }

    fn canonical3<'a>(&'a self, module: &'a str, name: &'a str) -> Name<'a> {
        let found = self.tables.by_alias(module, name).find(|row, _| row.is_of_python3());
        found.unwrap_or((Cow::Borrowed(module), Cow::Borrowed(name)))
    }

    /// The canonical name; where a row says that it does not reach all of `to`, an alias that does.
    fn for_protocol_3<'a>(&'a self, canonical: Name<'a>, to: Pythons) -> Name<'a> {
        if self.loads3(&canonical.0, &canonical.1, to) {
            return canonical;
        }
        let rows = self.tables.by_canonical(&canonical.0, &canonical.1);
        let found = rows.find(|_, (module, name)| self.loads3(module, name, to));
        found.map(owned).unwrap_or(canonical)
    }

    /// The Python 2 name of a canonical one: the first that loads wherever it may arrive.
    fn for_protocol_2<'a>(&'a self, canonical: &Name<'a>, to: Pythons) -> Name<'a> {
        let (module, name) = (&*canonical.0, &*canonical.1);
        let reaches =
            |module: &str, name: &str| !to.may_be_py3() || self.forwards_to(module, name, canonical, to);
        let alias = |wanted: &dyn Fn(&str, &str) -> bool| {
            let rows = self.tables.by_canonical(module, name);
            rows.find(|row, found| row.is_of_python2() && wanted(&found.0, &found.1)).map(owned)
        };
        if to.may_be_py2()
            && let Some(found) = alias(&reaches)
        {
            return found;
        }
        let (module2, name2) = self.tables.reverse(module, name);
        let reversed = || (Cow::Owned(module2.into()), Cow::Owned(name2.into()));
        if to.may_be_py2() || reaches(module2, name2) {
            return reversed();
        }
        if reaches(module, name) {
            return canonical.clone();
        }
        alias(&reaches).unwrap_or_else(reversed)
    }

    /// Whether a name read at a protocol below 3 can stay: 2.7 has it, and a 3.x reader finds the same object.
    fn python2_knows(&self, module: &str, name: &str, canonical: &Name<'_>, to: Pythons) -> bool {
        if to.may_be_py3() && !self.forwards_to(module, name, canonical, to) {
            return false;
        }
        if !to.may_be_py2() {
            return true;
        }
        let rows = self.tables.by_alias(module, name);
        if rows.find(|_, _| true).is_some() {
            return rows.find(|row, _| row.is_of_python2()).is_some();
        }
        if self.tables.is_python2(module, name) {
            return true;
        }
        // What a 3.x wrote with its modules mapped back wrongly, or not at all: the tables know another name in 2.7.
        let rows = self.tables.by_canonical(&canonical.0, &canonical.1);
        rows.find(|row, _| row.is_of_python2()).is_none()
            && (self.tables.forward(module, name).0 != module
                || self.tables.reverse(module, name) == (module, name))
    }

    /// Whether the 3.x readers of `to` find the canonical object when a pickle below protocol 3 says `module.name`.
    fn forwards_to(&self, module: &str, name: &str, canonical: &Name<'_>, to: Pythons) -> bool {
        let (module, name) = self.tables.forward(module, name);
        self.canonical3(module, name) == *canonical && self.loads3(module, name, to)
    }

    /// Whether a Python 3 name loads in every 3.x of `to`, as far as the tables know.
    fn loads3(&self, module: &str, name: &str, to: Pythons) -> bool {
        let rows = self.tables.by_alias(module, name);
        if rows.find(|row, _| row.is_of_python3()).is_none() {
            return true;
        }
        let to = to.intersect(Pythons::PY3).unwrap_or(Pythons::PY3);
        rows.find(|row, _| row.pythons.is_some_and(|span| to.within(span))).is_some()
    }
}

fn owned<'a>((module, name): Name<'_>) -> Name<'a> {
    (Cow::Owned(module.into_owned()), Cow::Owned(name.into_owned()))
}

impl Row {
    fn is_of_python2(&self) -> bool {
        self.pythons.is_some_and(|span| span.contains(Version::new(2, 7)))
    }

    /// Whether the alias means anything above protocol 2; one that resolves nowhere is what some writer writes all the same.
    fn is_of_python3(&self) -> bool {
        self.pythons.is_none_or(Pythons::may_be_py3)
    }
}
