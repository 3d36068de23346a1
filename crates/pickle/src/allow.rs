//! Which names a pickle may mention: exact ones, whatever version spells them.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Global, Graph, Node, NodeId};
use crate::lex::Lexer;
use crate::names::Names;
use crate::op::Op;
use crate::report::{Verdict, Verdicts};

/// Exact names that may pass.
///
/// A pickle's name is looked up as its receiver will read it, after translation, and by its canonical Python 3 name:
/// who allows `queue.Empty` allows `_queue.Empty` and 2.7's `Queue.Empty`. Nothing is allowed by a prefix, and a nested
/// name (`module:Outer.Inner`) only as a whole.
///
/// ```
/// use sabir_pickle::{AllowList, Graph, Names};
///
/// let mut allow = AllowList::builtin();
/// allow.add("shop.Order")?;
/// allow.add("os.system")?;
/// assert_eq!(allow.dangerous().collect::<Vec<_>>(), ["os.system"]);
///
/// let pickle = b"\x80\x04\x8c\x04shop\x8c\x07Invoice\x93.";
/// let error = allow.check(&Graph::from_slice(pickle)?, pickle, &Names::builtin()).unwrap_err();
/// assert_eq!(error.to_string(), "shop.Invoice is not allowed at offset 17");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowList {
    /// Names by module, and what is known of each.
    names: BTreeMap<String, BTreeMap<String, Verdict>>,
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
    pub fn add(&mut self, entry: &str) -> core::result::Result<(), AllowError> {
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
        let dangerous = names.filter(|(_, _, verdict)| *verdict == Verdict::Dangerous);
        dangerous.map(|(module, name, _)| entry(module, name))
    }

    /// What is known of an allowed name; `None` for one that is not allowed.
    pub fn verdict(&self, named: &Named<'_>) -> Option<Verdict> {
        match named {
            Named::Global { written, canonical } => {
                let find = |(module, name): &Pair<'_>| self.names.get(&**module)?.get(&**name).copied();
                find(written).or_else(|| find(canonical))
            }
            Named::Extension(code) => self.extensions.contains(code).then_some(Verdict::Unknown),
            Named::Persistent => self.persistent.then_some(Verdict::Unknown),
        }
    }

    /// Looks at everything in a pickle that a reader would resolve, whether the pickle still refers to it or not. `graph`
    /// is what was loaded of it, and not changed since.
    ///
    /// # Errors
    /// [`ErrorKind::NotAllowed`]: the first that is not allowed, and the offset of the opcode that names it.
    pub fn check(&self, graph: &Graph, pickle: &[u8], names: &Names) -> Result<()> {
        let named = graph.ids().filter_map(|id| Named::of(graph, id, names, graph.protocol()));
        let Some((place, refused)) = named.enumerate().find(|(_, named)| self.verdict(named).is_none())
        else {
            return Ok(());
        };
        let kind = ErrorKind::NotAllowed(refused.entry());
        // Each opcode that names something makes one node, in their order.
        let naming = Lexer::new(pickle).flatten().filter(|spanned| names_something(&spanned.op)).nth(place);
        Err(naming.map_or(Error::new(kind.clone()), |naming| Error::at(kind, naming.start)))
    }

    fn insert(&mut self, module: &str, name: &str) {
        let (verdict, _) = self.verdicts.of(module, name);
        self.names.entry(module.to_string()).or_default().insert(name.to_string(), verdict);
    }
}

/// An entry of an allow list that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no exact name: write module.name, module:Outer.name, ext:N or persistent-id")]
pub struct AllowError(pub String);

/// What a node has its reader resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<'g> {
    /// A class or function: module and name.
    Global {
        /// As it is written. What is no UTF-8 becomes a name that no list has.
        written: Pair<'g>,
        /// Its canonical Python 3 name.
        canonical: Pair<'g>,
    },
    /// What the reader's `copyreg` has under this code.
    Extension(u32),
    /// What the reader's `persistent_load` gives.
    Persistent,
}

/// A module and a name in it.
type Pair<'g> = (Cow<'g, str>, Cow<'g, str>);

impl<'g> Named<'g> {
    /// What a node of a graph of this protocol names; `None` if it names nothing.
    pub fn of(graph: &'g Graph, id: NodeId, names: &Names, protocol: u8) -> Option<Named<'g>> {
        Some(match &graph[id] {
            Node::Global(global) => {
                let written = text(graph, global);
                let (module, name) = names.canonical(&written.0, &written.1, protocol);
                let canonical = (module.into_owned().into(), name.into_owned().into());
                Named::Global { canonical, written }
            }
            Node::Extension(code) => Named::Extension(*code),
            Node::Persistent(_) | Node::PersistentText(_) => Named::Persistent,
            _ => return None,
        })
    }

    /// As [`AllowList::add`] takes it, as it is written. It is fit for a message or a log.
    pub fn entry(&self) -> String {
        match self {
            Named::Global { written: (module, name), .. } => entry(module, name),
            other => other.canonical_entry(),
        }
    }

    /// As [`AllowList::add`] takes it, by its canonical name.
    pub fn canonical_entry(&self) -> String {
        match self {
            Named::Global { canonical: (module, name), .. } => entry(module, name),
            Named::Extension(code) => format!("ext:{code}"),
            Named::Persistent => PERSISTENT.to_string(),
        }
    }
}

/// Whether an opcode names what its reader resolves.
fn names_something(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Global { .. }
            | Op::StackGlobal
            | Op::Inst { .. }
            | Op::Ext1(_)
            | Op::Ext2(_)
            | Op::Ext4(_)
            | Op::PersId(_)
            | Op::BinPersId
    )
}

fn text<'g>(graph: &'g Graph, global: &Global) -> Pair<'g> {
    let text = |blob| String::from_utf8_lossy(graph.blob(blob));
    (text(global.module), text(global.name))
}

fn entry(module: &str, name: &str) -> String {
    one_line(&if name.contains('.') { format!("{module}:{name}") } else { format!("{module}.{name}") })
}

/// A text of a peer, for a message or a log: a line of its own is nothing that a peer may write there, and no program has
/// longer names.
///
/// ```
/// assert_eq!(sabir_pickle::one_line("os\nsystem"), r"os\nsystem");
/// ```
pub fn one_line(text: &str) -> String {
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
    use super::*;

    #[test]
    fn what_is_refused_is_named_with_the_offset_of_its_opcode() {
        let allow = AllowList::builtin();
        let cases: [(&[u8], &str); 9] = [
            (b"\x80\x02cposix\nsystem\n.", "posix.system is not allowed at offset 2"),
            (b"\x80\x02cdatetime\ndate\n0cos\nsystem\n0N.", "os.system is not allowed at offset 18"),
            (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x93.", "os.system is not allowed at offset 15"),
            (b"\x80\x02(cdecimal\nDecimal\nios\nsystem\n.", "os.system is not allowed at offset 20"),
            (b"\x80\x02(cos\nsystem\no.", "os.system is not allowed at offset 3"),
            (b"\x80\x02\x82\x07.", "ext:7 is not allowed at offset 2"),
            (b"\x80\x02K\x01Q.", "persistent-id is not allowed at offset 4"),
            (b"Px\n.", "persistent-id is not allowed at offset 0"),
            // A name that is got again is named once.
            (b"\x80\x02cuuid\nUUID\nq\0h\0h\0cm\nc\n.", "m.c is not allowed at offset 19"),
        ];
        for (pickle, told) in cases {
            let graph = Graph::from_slice(pickle).unwrap();
            let error = allow.check(&graph, pickle, &Names::builtin()).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }
}
