//! Which names may pass, and for what.

mod uses;

use alloc::collections::BTreeMap;
use alloc::string::String;

pub use sabir_pickle::{AllowError, AllowList};
use sabir_pickle::{Graph, Named, Names, Verdict};

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

/// Looks at everything in a graph that its reader would resolve, whether the pickle still refers to it or not. Calls
/// `dangerous` with each allowed name that can do anything.
///
/// # Errors
/// The first that is not allowed, as [`AllowList::add`] takes it; or what an allowed name is used for, if that is not what
/// stock pickles use it for.
pub(crate) fn check(
    allow: &AllowList,
    graph: &Graph,
    names: &Names,
    protocol: u8,
    mut dangerous: impl FnMut(String),
) -> Result<(), Forbidden> {
    let mut used = BTreeMap::new();
    for id in graph.ids() {
        let Some(named) = Named::of(graph, id, names, protocol) else { continue };
        match allow.verdict(&named) {
            Some(Verdict::Dangerous) => dangerous(named.entry()),
            Some(_) => {}
            None => return Err(Forbidden::Name(named.entry())),
        }
        if let Named::Global { canonical: (module, name), .. } = &named
            && let Some(what) = Use::of(module, name)
        {
            used.insert(id, what);
        }
    }
    uses::check(graph, &used).map_err(Forbidden::Use)
}

/// Why a pickle may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// A name is not in the list.
    Name(String),
    /// All names are, and one is used otherwise than it may be.
    Use(String),
}

/// Everything in a graph that its reader would resolve, each as an allow list takes it, by its canonical name.
pub(crate) fn named(graph: &Graph, names: &Names, protocol: u8, f: impl FnMut(String)) {
    let named = graph.ids().filter_map(|id| Named::of(graph, id, names, protocol));
    named.map(|named| named.canonical_entry()).for_each(f);
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn check(allow: &AllowList, pickle: &[u8], protocol: u8) -> Result<Vec<String>, Forbidden> {
        let graph = Graph::from_slice(pickle).unwrap();
        let mut dangerous = Vec::new();
        super::check(allow, &graph, &Names::builtin(), protocol, |name| dangerous.push(name))?;
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
