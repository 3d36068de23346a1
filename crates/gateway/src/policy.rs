//! Which names may pass, and for what.

mod uses;

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use sabir_pickle::{Global, Graph, Names, Node, Verdict, Verdicts};

use self::uses::Use;
pub(crate) use self::uses::exposed;

/// What is done about the classes and functions that pickles name.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Policy {
    /// All pass.
    #[default]
    Transparent,
    /// What is not in the list is refused, and so is what is not wholly understood.
    Strict {
        /// What may pass.
        allow: AllowList,
        /// Frames that are no pickles, or pickles of protocol 0 or 1, pass all the same. A reader that calls `recv`
        /// takes the former for pickles, so this allows it everything.
        allow_raw: bool,
    },
    /// All pass; the names are collected in [`ServerKnowledge`](crate::ServerKnowledge), to be listed.
    Learn,
}

/// Exact names that may pass.
///
/// A pickle's name is looked up as its receiver will read it, after translation, and by its canonical Python 3 name:
/// who allows `queue.Empty` allows `_queue.Empty` and 2.7's `Queue.Empty`. Nothing is allowed by a prefix, and a nested
/// name (`module:Outer.Inner`) only as a whole.
///
/// ```
/// use sabir_gateway::AllowList;
///
/// let mut allow = AllowList::builtin();
/// allow.add("shop.Order")?;
/// allow.add("os.system")?;
/// assert_eq!(allow.dangerous().collect::<Vec<_>>(), ["os.system"]);
/// # Ok::<(), sabir_gateway::policy::AllowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowList {
    /// Names by module, and whether a pickle can do anything with one.
    names: BTreeMap<String, BTreeMap<String, bool>>,
    extensions: BTreeSet<u32>,
    persistent: bool,
    verdicts: Arc<Verdicts>,
}

impl Default for AllowList {
    fn default() -> AllowList {
        AllowList::empty()
    }
}

impl AllowList {
    /// Nothing.
    pub fn empty() -> AllowList {
        AllowList {
            names: BTreeMap::new(),
            extensions: BTreeSet::new(),
            persistent: false,
            verdicts: Arc::new(Verdicts::builtin()),
        }
    }

    /// What the manager protocol itself needs, and what common values are made of: `tables/allow.tsv`.
    pub fn builtin() -> AllowList {
        let mut allow = AllowList::empty();
        for line in include_str!("../tables/allow.tsv").lines().filter(|line| !line.starts_with('#')) {
            let Some((module, names)) = line.split_once('\t') else { continue };
            names.split(' ').for_each(|name| allow.insert(module, name));
        }
        allow
    }

    /// Allows one more: `module.name`, `module:Outer.name` for a nested name, `ext:N` for a `copyreg` extension code, or
    /// `persistent-id`.
    ///
    /// # Errors
    /// The text is none of them.
    pub fn add(&mut self, entry: &str) -> Result<(), AllowError> {
        let error = || AllowError(entry.to_string());
        if entry == PERSISTENT {
            self.persistent = true;
            return Ok(());
        }
        if let Some(code) = entry.strip_prefix("ext:") {
            self.extensions.insert(code.parse().map_err(|_| error())?);
            return Ok(());
        }
        let (module, name) = entry.split_once(':').or_else(|| entry.rsplit_once('.')).ok_or_else(error)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | ':');
        if [module, name].iter().any(|part| part.split('.').any(str::is_empty) || part.contains(odd)) {
            return Err(error());
        }
        self.insert(module, name);
        Ok(())
    }

    /// The entries with which a pickle can do anything, which a user should be warned of.
    pub fn dangerous(&self) -> impl Iterator<Item = String> {
        let modules = self.names.iter();
        let names =
            modules.flat_map(|(module, names)| names.iter().map(move |(name, row)| (module, name, *row)));
        names.filter(|(_, _, dangerous)| *dangerous).map(|(module, name, _)| entry(module, name))
    }

    fn insert(&mut self, module: &str, name: &str) {
        let dangerous = self.verdicts.of(module, name).0 == Verdict::Dangerous;
        self.names.entry(module.to_string()).or_default().insert(name.to_string(), dangerous);
    }

    /// Whether an allowed name is dangerous; `None` for one that is not allowed.
    fn find(&self, module: &str, name: &str) -> Option<bool> {
        self.names.get(module)?.get(name).copied()
    }

    /// Looks at everything in a graph that its reader would resolve, whether the pickle still refers to it or not.
    /// Calls `dangerous` with each allowed name that can do anything.
    ///
    /// # Errors
    /// The first that is not allowed, as [`add`](AllowList::add) takes it; or what an allowed name is used for, if that
    /// is not what stock pickles use it for.
    pub(crate) fn check(
        &self,
        graph: &Graph,
        names: &Names,
        protocol: u8,
        mut dangerous: impl FnMut(String),
    ) -> Result<(), Forbidden> {
        let mut used = BTreeMap::new();
        for id in graph.ids() {
            match &graph[id] {
                Node::Global(global) => {
                    let (module, name) = text(graph, global);
                    let canonical = names.canonical(&module, &name, protocol);
                    match self.find(&module, &name).or_else(|| self.find(&canonical.0, &canonical.1)) {
                        Some(false) => {}
                        Some(true) => dangerous(entry(&module, &name)),
                        None => return Err(Forbidden::Name(entry(&module, &name))),
                    }
                    if let Some(what) = Use::of(&canonical.0, &canonical.1) {
                        used.insert(id, what);
                    }
                }
                Node::Extension(code) if !self.extensions.contains(code) => {
                    return Err(Forbidden::Name(format!("ext:{code}")));
                }
                Node::Persistent(_) | Node::PersistentText(_) if !self.persistent => {
                    return Err(Forbidden::Name(PERSISTENT.into()));
                }
                _ => {}
            }
        }
        uses::check(graph, &used).map_err(Forbidden::Use)
    }
}

/// Why a pickle may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// A name is not in the list.
    Name(String),
    /// All names are, and one is used otherwise than it may be.
    Use(String),
}

/// An entry of an allow list that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no exact name: write module.name, module:Outer.name, ext:N or persistent-id")]
pub struct AllowError(pub String);

/// Everything in a graph that its reader would resolve, each as an allow list takes it, by its canonical name.
pub(crate) fn named(graph: &Graph, names: &Names, protocol: u8, mut f: impl FnMut(String)) {
    for id in graph.ids() {
        match &graph[id] {
            Node::Global(global) => {
                let (module, name) = text(graph, global);
                let canonical = names.canonical(&module, &name, protocol);
                f(entry(&canonical.0, &canonical.1));
            }
            Node::Extension(code) => f(format!("ext:{code}")),
            Node::Persistent(_) | Node::PersistentText(_) => f(PERSISTENT.into()),
            _ => {}
        }
    }
}

/// The name in text. What is no UTF-8 becomes a name that no list has.
fn text<'g>(graph: &'g Graph, global: &Global) -> (Cow<'g, str>, Cow<'g, str>) {
    let text = |blob| String::from_utf8_lossy(graph.blob(blob));
    (text(global.module), text(global.name))
}

fn entry(module: &str, name: &str) -> String {
    show(&if name.contains('.') { format!("{module}:{name}") } else { format!("{module}.{name}") })
}

/// A text of a peer, for a message or a log: a line of its own is nothing that a peer may write there, and no program has
/// longer names.
pub(crate) fn show(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= MAX_NAME {
            shown.push_str("...");
            break;
        }
        match c {
            '\'' | '"' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

const MAX_NAME: usize = 512;

const PERSISTENT: &str = "persistent-id";

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn check(allow: &AllowList, pickle: &[u8], protocol: u8) -> Result<Vec<String>, Forbidden> {
        let graph = Graph::from_slice(pickle).unwrap();
        let mut dangerous = Vec::new();
        allow.check(&graph, &Names::builtin(), protocol, |name| dangerous.push(name))?;
        Ok(dangerous)
    }

    fn refusal(name: &str) -> Result<Vec<String>, Forbidden> {
        Err(Forbidden::Name(name.into()))
    }

    #[test]
    fn every_way_to_name_something_is_seen() {
        let allow = AllowList::builtin();
        let cases: [(&[u8], u8, &str); 9] = [
            (b"\x80\x02cposix\nsystem\n.", 2, "posix.system"),
            (b"\x80\x02cposix\nsystem\n0N.", 2, "posix.system"),
            (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x93.", 4, "os.system"),
            (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93.", 4, "os.system"),
            (b"\x80\x02(ios\nsystem\n.", 2, "os.system"),
            (b"\x80\x02(cos\nsystem\no.", 2, "os.system"),
            (b"\x80\x02\x82\x07.", 2, "ext:7"),
            (b"\x80\x02K\x01Q.", 2, "persistent-id"),
            (b"\x80\x04\x8c\x08builtins\x8c\x0dint.__class__\x93.", 4, "builtins:int.__class__"),
        ];
        for (pickle, protocol, refused) in cases {
            assert_eq!(check(&allow, pickle, protocol), refusal(refused));
        }
        assert_eq!(check(&allow, b"\x80\x02N.", 2), Ok(Vec::new()));
    }

    #[test]
    fn one_entry_allows_every_name_of_one_thing() {
        let allow = AllowList::builtin();
        for (pickle, protocol) in [
            (&b"\x80\x02cQueue\nEmpty\n."[..], 2),
            (b"\x80\x03c_queue\nEmpty\n.", 3),
            (b"\x80\x03cqueue\nEmpty\n.", 3),
            (b"\x80\x02cexceptions\nIOError\n.", 2),
            (b"\x80\x02c__builtin__\nxrange\n.", 2),
        ] {
            assert_eq!(check(&allow, pickle, protocol), Ok(Vec::new()));
        }
    }

    #[test]
    fn entries_are_exact() {
        let mut allow = AllowList::empty();
        for entry in ["a.b.C", "m:Outer.Inner", "ext:7", "persistent-id"] {
            allow.add(entry).unwrap();
        }
        assert_eq!(check(&allow, b"\x80\x03ca.b\nC\n.", 3), Ok(Vec::new()));
        assert_eq!(check(&allow, b"\x80\x03ca\nb.C\n.", 3), refusal("a:b.C"));
        assert_eq!(check(&allow, b"\x80\x03cm\nOuter.Inner\n.", 3), Ok(Vec::new()));
        assert_eq!(check(&allow, b"\x80\x03cm\nOuter\n.", 3), refusal("m.Outer"));
        assert_eq!(check(&allow, b"\x80\x03\x82\x07.", 3), Ok(Vec::new()));
        assert_eq!(check(&allow, b"\x80\x03\x82\x08.", 3), refusal("ext:8"));
        assert_eq!(check(&allow, b"\x80\x03K\x01Q.", 3), Ok(Vec::new()));
        for wrong in ["", "name", "a..b", "a.*", ".a", "a.", "ext:x", "ext:-1", "a b.c", "m:", ":n", "m:a:b"]
        {
            assert_eq!(allow.add(wrong), Err(AllowError(wrong.into())));
        }
    }

    #[test]
    fn what_is_told_of_a_long_name_is_short() {
        let pickle = [&b"\x80\x03cm\n"[..], "\u{e9}".repeat(1 << 16).as_bytes(), b"\n."].concat();
        let Err(Forbidden::Name(refused)) = check(&AllowList::empty(), &pickle, 3) else {
            panic!("it passes")
        };
        assert!(refused.len() < 520 && refused.ends_with("..."));
    }

    #[test]
    fn no_name_writes_a_line_of_a_log() {
        let lines = ["x\n2026-11-25 WARN passed", "x\rpassed", "\u{1b}[2Jx", "x\u{2028}y", "x\u{202e}y"];
        for line in lines {
            let pickle =
                [&b"\x80\x04\x8c\x01m\x8c"[..], &[line.len() as u8], line.as_bytes(), b"\x93."].concat();
            let Err(Forbidden::Name(told)) = check(&AllowList::empty(), &pickle, 4) else {
                panic!("it passes")
            };
            assert!(told.starts_with("m.") && told.len() > line.len(), "{told}");
            assert!(told.chars().all(|c| c.escape_debug().len() == 1 || c == '\\'), "{told}");
            let mut learned = Vec::new();
            named(&Graph::from_slice(&pickle).unwrap(), &Names::builtin(), 4, |name| learned.push(name));
            assert_eq!(learned, [told]);
        }
    }

    #[test]
    fn what_can_do_anything_is_told() {
        let mut allow = AllowList::builtin();
        assert_eq!(allow.dangerous().collect::<Vec<_>>(), Vec::<String>::new());
        for entry in ["builtins.getattr", "builtins.eval", "importlib.import_module", "shop.Order"] {
            allow.add(entry).unwrap();
        }
        assert_eq!(
            allow.dangerous().collect::<Vec<_>>(),
            ["builtins.eval", "builtins.getattr", "importlib.import_module"]
        );
        let told = check(&allow, b"\x80\x02c__builtin__\ngetattr\n.", 2);
        assert_eq!(told, Ok(alloc::vec!["__builtin__.getattr".into()]));
    }
}
