//! What real Pythons pickled is read and written again without loss.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fmt::Write as _;

use sabir_pickle::{
    DumpOptions, Graph, Lexer, MemoStyle, Pythons, Verdict, Verdicts, Version, dis, emit_op, report,
};

use crate::common::{Golden, goldens};

#[test]
fn what_was_lexed_is_emitted_byte_for_byte() {
    for (version, goldens) in goldens() {
        for golden in goldens {
            let mut out = Vec::new();
            for op in Lexer::new(&golden.pickle) {
                emit_op(&op.unwrap().op, &mut out).unwrap();
            }
            assert_eq!(out, golden.pickle, "{version} {} {}", golden.protocol, golden.name);
        }
    }
}

#[test]
fn every_golden_loads_and_disassembles() {
    for (version, goldens) in goldens() {
        for golden in goldens {
            let what = format!("{version} {} {}", golden.protocol, golden.name);
            let graph = Graph::from_slice(&golden.pickle).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(graph.length(), golden.pickle.len(), "{what}");
            assert!(dis(&golden.pickle).all(|row| row.is_ok()), "{what}");
        }
    }
}

/// `MemoStyle::Everything` is how Python 3's C pickler writes, which cannot look ahead. Python 2's numbers the memo from 1.
#[test]
fn python_3_pickles_are_dumped_byte_for_byte() {
    let (mut excused, mut report) = ([0; EXCUSES.len()], String::new());
    for (version, goldens) in goldens() {
        let (mut same, all) = (0, goldens.len());
        for golden in goldens {
            let graph = Graph::from_slice(&golden.pickle).unwrap();
            let options = DumpOptions {
                python: Pythons::exactly(version),
                memo: MemoStyle::Everything,
                ..DumpOptions::protocol(golden.protocol)
            };
            let dumped = graph.dump(&options).unwrap();
            if dumped == golden.pickle {
                same += 1;
            } else if let Some(excuse) = EXCUSES.iter().position(|excuse| excuse.covers(version, &golden)) {
                excused[excuse] += 1;
            } else if version.major > 2 {
                let (theirs, ours) = (golden.pickle.escape_ascii(), dumped.escape_ascii());
                writeln!(report, "{version} {} {}\n{theirs}\n{ours}", golden.protocol, golden.name).unwrap();
            }
        }
        println!("{version}: {same} of {all} byte for byte");
    }
    println!("excused: {excused:?}");
    assert!(report.is_empty(), "{report}");
    assert!(excused.iter().all(|&count| count > 0), "an excuse that excuses nothing: {excused:?}");
}

/// A value that some versions write in another way, which loads the same.
struct Excuse {
    pythons: Pythons,
    protocols: [u8; 2],
    names: &'static [&'static str],
}

const EXCUSES: [Excuse; 4] = [
    // Two names in one module: the C pickler writes the module's text once, and the second time takes it from the memo. A
    // graph has a global as one object.
    Excuse {
        pythons: Pythons::PY3,
        protocols: [4, 5],
        names: &["array_", "time_utc", "time_offset", "user_inside"],
    },
    // `getattr(Outer, 'Inner')`: since 3.12 or 3.13 the class and the pair have no memo entry.
    Excuse {
        pythons: Pythons::between(Version::new(3, 12), Version::new(3, 255)),
        protocols: [0, 3],
        names: &["name_nested", "user_nested", "user_newkeywords"],
    },
    // What 3.6 wrote raw in UNICODE, a NUL or a carriage return, newer versions escape.
    Excuse { pythons: PY36, protocols: [0, 0], names: &["text_newline", "text_nul", "bytes_", "time_"] },
    // 3.6 framed pickles of less than four bytes, too.
    Excuse {
        pythons: PY36,
        protocols: [4, 4],
        names: &["int_", "const_", "list_empty", "tuple_empty", "dict_empty", "set_empty"],
    },
];
const PY36: Pythons = Pythons::exactly(Version::new(3, 6));

impl Excuse {
    fn covers(&self, version: Version, golden: &Golden) -> bool {
        let [first, last] = self.protocols;
        let named = self.names.iter().any(|name| golden.name.starts_with(name));
        self.pythons.contains(version) && (first..=last).contains(&golden.protocol) && named
    }
}

#[test]
fn of_the_zoo_only_what_uses_getattr_is_dangerous() {
    let (verdicts, mut counts) = (Verdicts::builtin(), [0; 3]);
    for (version, goldens) in goldens() {
        for golden in goldens {
            let report = report(&golden.pickle, &verdicts);
            let what = format!("{version} {} {}\n{report}", golden.protocol, golden.name);
            assert_eq!((report.error.is_none(), report.length), (true, golden.pickle.len()), "{what}");
            let getattr = report.names.iter().any(|name| name.target.to_string().ends_with(".getattr"));
            assert!(getattr || report.verdict() < Verdict::Dangerous, "{what}");
            counts[report.verdict() as usize] += 1;
        }
    }
    println!("safe, unknown, dangerous: {counts:?}");
}
