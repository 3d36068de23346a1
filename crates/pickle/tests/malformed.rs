//! Broken pickles are errors that say where, never a panic, and never a claim to more memory than they are long.
//!
//! The ground is that of CPython's own tests of bad pickles; the cases are ours. What CPython loads we load, but for what is
//! listed here, and what it refuses we refuse, unless it does so only because it *calls* something: a graph calls nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::process::Command;

use sabir_pickle::testing::{fuzz_dis, fuzz_lex, fuzz_load, fuzz_report};
use sabir_pickle::{
    ArgKind, Category, DumpOptions, ErrorKind, Graph, OPCODES, OpInfo, Opcode, StackItem, Target, Verdicts,
    Version, report,
};

use crate::common::{data, pythons, run};

/// A broken pickle, where it breaks, and how.
type Case = (&'static [u8], u64, ErrorKind);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use ErrorKind::{BadText, FrameTooLong, NegativeLength, StackUnderflow, Truncated, UnknownMemo, UnknownOpcode, UnsupportedProtocol, WrongOperand};
    vec![
        // Nothing, or no end.
        (b"", 0, Truncated), (b"N", 1, Truncated), (b"\x80", 0, Truncated), (b"\x80\x04", 2, Truncated), (b"(", 1, Truncated),
        // No opcode.
        (b"\xff.", 0, UnknownOpcode(0xff)), (b"N\0.", 1, UnknownOpcode(0)), (b"\x99.", 0, UnknownOpcode(0x99)), (b"\n.", 0, UnknownOpcode(b'\n')), (b"Z.", 0, UnknownOpcode(b'Z')),
        // Protocols of the future.
        (b"\x80\x06N.", 0, UnsupportedProtocol(6)), (b"\x80\xffN.", 0, UnsupportedProtocol(255)),
        // STOP with nothing, or only a mark, to be the pickle.
        (b".", 0, StackUnderflow), (b"(.", 1, StackUnderflow), (b"N0.", 2, StackUnderflow), (b"N(.", 2, StackUnderflow),
        // A mark where an operand should be.
        (b"(R.", 1, StackUnderflow), (b"N(R.", 2, StackUnderflow), (b"NN(R.", 3, StackUnderflow), (b"N(a.", 2, StackUnderflow), (b"](a.", 2, StackUnderflow), (b"](Na.", 3, StackUnderflow),
        (b"N(s.", 2, StackUnderflow), (b"}(NNs.", 4, StackUnderflow), (b"}N(Ns.", 4, StackUnderflow), (b"N(b.", 2, StackUnderflow), (b"N(\x85.", 2, StackUnderflow), (b"NN(\x86.", 3, StackUnderflow),
        (b"N(N\x86.", 3, StackUnderflow), (b"NNN(\x87.", 4, StackUnderflow), (b"N(2.", 2, StackUnderflow), (b"(2.", 1, StackUnderflow), (b"(p0\n.", 1, StackUnderflow), (b"N(q\0.", 2, StackUnderflow),
        (b"N(\x94.", 2, StackUnderflow), (b"N(Q.", 2, StackUnderflow), (b"N(\x81.", 2, StackUnderflow), (b"NN(\x92.", 3, StackUnderflow), (b"\x8c\x01a(\x93.", 4, StackUnderflow), (b"N(\x98.", 2, StackUnderflow),
        (b"(o.", 1, StackUnderflow),
        // No mark where one is needed, or nothing below it.
        (b"Nt.", 1, StackUnderflow), (b"Nl.", 1, StackUnderflow), (b"Nd.", 1, StackUnderflow), (b"N1.", 1, StackUnderflow), (b"]Ne.", 2, StackUnderflow), (b"}NNu.", 3, StackUnderflow),
        (b"\x8fN\x90.", 2, StackUnderflow), (b"N\x91.", 1, StackUnderflow), (b"No.", 1, StackUnderflow), (b"Nios\nx\n.", 1, StackUnderflow), (b"(e.", 1, StackUnderflow), (b"(u.", 1, StackUnderflow),
        (b"(\x90.", 1, StackUnderflow), (b"((e.", 2, StackUnderflow), (b"](0e.", 3, StackUnderflow),
        // A key without a value.
        (b"(Nd.", 2, WrongOperand("a value for every key")), (b"}(Nu.", 3, WrongOperand("a value for every key")), (b"}(NNNu.", 5, WrongOperand("a value for every key")),
        // The memo.
        (b"g0\n.", 0, UnknownMemo(0)), (b"h\0.", 0, UnknownMemo(0)), (b"j\0\0\0\0.", 0, UnknownMemo(0)), (b"Np0\n0g1\n.", 5, UnknownMemo(1)), (b"Nq\x010h\0.", 4, UnknownMemo(0)),
        (b"j\xff\xff\xff\xff.", 0, UnknownMemo(0xffff_ffff)), (b"p0\n.", 0, StackUnderflow), (b"q\0.", 0, StackUnderflow), (b"r\0\0\0\0.", 0, StackUnderflow), (b"\x94.", 0, StackUnderflow),
        (b"gx\n.", 0, BadText("an index of the memo")), (b"g-1\n.", 0, BadText("an index of the memo")), (b"g\n.", 0, BadText("an index of the memo")), (b"Np-1\n.", 1, BadText("an index of the memo")), (b"N\x94\x94h\x02.", 3, UnknownMemo(2)),
        // Text that is not what it should be.
        (b"I\n.", 0, BadText("an integer")), (b"Ix\n.", 0, BadText("an integer")), (b"I1.5\n.", 0, BadText("an integer")), (b"L\n.", 0, BadText("an integer")), (b"LL\n.", 0, BadText("an integer")),
        (b"F\n.", 0, BadText("a float")), (b"Fx\n.", 0, BadText("a float")), (b"S\n.", 0, BadText("the repr of a str")), (b"S'\n.", 0, BadText("the repr of a str")), (b"S'a\n.", 0, BadText("the repr of a str")),
        (b"S'a\"\n.", 0, BadText("the repr of a str")), (b"Sa'\n.", 0, BadText("the repr of a str")), (b"S'\\x'\n.", 0, BadText("the repr of a str")), (b"S'\\'\n.", 0, BadText("the repr of a str")),
        (b"V\\u12\n.", 0, BadText("raw-unicode-escaped text")), (b"V\\U00110000\n.", 0, BadText("raw-unicode-escaped text")),
        // Lengths.
        (b"T\xff\xff\xff\xffabc.", 0, NegativeLength), (b"T\0\0\0\x80abc.", 0, NegativeLength), (b"\x8b\xff\xff\xff\xff.", 0, NegativeLength), (b"\x8b\0\0\0\x80.", 0, NegativeLength), (b"\x84\xff\xff\xff\xff.", 0, NegativeLength),
        (b"B\xff\xff\xff\xff.", 0, Truncated), (b"X\xff\xff\xff\xffabc.", 0, Truncated), (b"X\x04\0\0\0abc", 0, Truncated), (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", 0, Truncated), (b"\x8e\0\0\0\0\0\0\0\x80.", 0, Truncated),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", 0, Truncated), (b"\x96\xff\xff\xff\xff\xff\xff\xff\xff.", 0, Truncated), (b"\x96\0\0\0\0\0\0\0\x40.", 0, Truncated), (b"U\x04abc", 0, Truncated), (b"C\x04abc", 0, Truncated),
        // Frames that are longer than what is there.
        (b"\x80\x04\x95\x03\0\0\0\0\0\0\0N.", 2, FrameTooLong), (b"\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", 0, FrameTooLong), (b"\x95\0\0\0\0\0\0\0\x80N.", 0, FrameTooLong),
        (b"\x95\x02\0\0\0\0\0\0\0", 0, FrameTooLong), (b"N\x95\x02\0\0\0\0\0\0\0.", 1, FrameTooLong),
        // Names.
        (b"cos\n", 0, Truncated), (b"cos\nsystem", 0, Truncated), (b"NN\x93.", 2, WrongOperand("text")), (b"\x8c\x01aN\x93.", 4, WrongOperand("text")), (b"N\x8c\x01a\x93.", 4, WrongOperand("text")), (b"C\x01aC\x01b\x93.", 6, WrongOperand("text")),
        (b"\x82\0.", 0, WrongOperand("an extension code above 0")), (b"\x83\0\0.", 0, WrongOperand("an extension code above 0")), (b"\x84\0\0\0\0.", 0, WrongOperand("an extension code above 0")),
        // What cannot change.
        (b"N)b.", 2, WrongOperand("an object that can change")), (b"\x88Na.", 2, WrongOperand("an object that can change")),
    ]
}

#[test]
fn each_breaks_where_it_is_broken() {
    for (pickle, offset, kind) in cases() {
        let error = Graph::from_slice(pickle).expect_err(&pickle.escape_ascii().to_string());
        let what = pickle.escape_ascii();
        assert_eq!((error.kind(), error.offset()), (&kind, Some(offset)), "{what}");
        assert_eq!(error.category(), Category::Malformed, "{what}");
    }
}

#[test]
fn no_opcode_survives_the_loss_of_its_argument() {
    for row in &OPCODES {
        for argument in arguments(row) {
            let whole = [&[row.opcode.byte()], &argument[..]].concat();
            for end in 1..whole.len() {
                let error = Graph::from_slice(&whole[..end]).unwrap_err();
                let kinds = [ErrorKind::Truncated, ErrorKind::FrameTooLong];
                assert!(kinds.contains(error.kind()), "{}: {error}", row.name);
                assert_eq!(error.offset(), Some(0), "{}", row.name);
            }
        }
    }
}

#[test]
fn no_opcode_takes_more_than_the_stack_holds() {
    for pickle in short_stacks() {
        let error = Graph::from_slice(&pickle).expect_err(&pickle.escape_ascii().to_string());
        assert_eq!(error.kind(), &ErrorKind::StackUnderflow, "{}", pickle.escape_ascii());
    }
}

/// Python loads these. A graph that kept what PROTO in the middle means would have to know of each name when it was read;
/// BUILD of None with no state does nothing at all.
const REFUSED_HERE: [&[u8]; 3] = [b"N\x80\x04.", b"\x80\x02\x80\x04N.", b"NNb."];

/// Python loads these up to 3.14: LONG in hexadecimal, which no pickler writes.
const REFUSED_SINCE_3_15: [&[u8]; 1] = [b"L0x1L\n."];

/// Python refuses these when it calls, hashes or resolves something, or looks at a type.
const ACCEPTED_HERE: [&[u8]; 9] = [
    b"NNR.",
    b"cbuiltins\nint\nNR.",
    b"N)\x81.",
    b"}]Ns.",
    b"K\x01Na.",
    b"cno_such_module\nx\n.",
    b"cbuiltins\nno_such_name\n.",
    b"\x82\xf0.",
    b"Pid\n.",
];

#[test]
fn a_graph_is_no_stricter_and_no_laxer_than_it_says() {
    for pickle in REFUSED_HERE.into_iter().chain(REFUSED_SINCE_3_15) {
        assert!(Graph::from_slice(pickle).is_err(), "{}", pickle.escape_ascii());
    }
    for pickle in ACCEPTED_HERE {
        assert!(Graph::from_slice(pickle).is_ok(), "{}", pickle.escape_ascii());
    }
}

#[test]
fn python_refuses_what_we_refuse() {
    let pythons = pythons();
    // `buffers` came with 3.8; the C unpickler checks the same since.
    let Some((version, python)) = pythons.iter().rfind(|(version, _)| **version >= Version::new(3, 8)) else {
        return;
    };
    let broken = cases().into_iter().map(|(pickle, ..)| pickle.to_vec()).chain(short_stacks());
    let broken: Vec<_> = broken.chain(ACCEPTED_HERE.map(<[u8]>::to_vec)).collect();
    let refused = REFUSED_SINCE_3_15.map(<[u8]>::to_vec);
    let (broken, read): (Vec<_>, Vec<_>) = if *version >= Version::new(3, 15) {
        (broken.into_iter().chain(refused).collect(), vec![])
    } else {
        (broken, refused.to_vec())
    };
    let count = broken.len();
    let all: Vec<_> = broken.into_iter().chain(read).chain(REFUSED_HERE.map(<[u8]>::to_vec)).collect();
    let mut input = Vec::new();
    for pickle in &all {
        input.extend_from_slice(&u32::try_from(pickle.len()).unwrap().to_le_bytes());
        input.extend_from_slice(pickle);
    }
    let output = run(Command::new(python).arg(data().join("load_all.py")), input);
    let answers = String::from_utf8(output).unwrap();
    assert_eq!(answers.lines().count(), all.len());
    for (i, (pickle, answer)) in all.iter().zip(answers.lines()).enumerate() {
        assert_eq!(answer == "ok", i >= count, "{version}: {}: {answer}", pickle.escape_ascii());
    }
}

#[test]
fn a_huge_memo_index_costs_nothing() {
    let graph = Graph::from_slice(b"]r\xff\xff\xff\xffj\xff\xff\xff\xffa.").unwrap();
    assert_eq!(graph.items(graph.root()).unwrap(), [graph.root()]);
    assert!(Graph::from_slice(b"]p18446744073709551615\ng18446744073709551615\na.").is_ok());
    assert!(Graph::from_slice(b"]p18446744073709551616\n.").is_err());
}

#[test]
fn scattered_memo_entries_load_and_cost_no_more_than_the_pickle_is_long() {
    let mut pickle = b"]".to_vec();
    for i in 0..70_000u32 {
        pickle.push(b'r');
        pickle.extend_from_slice(&(i * 40_000).to_le_bytes());
    }
    pickle.push(b'.');
    let graph = Graph::from_slice(&pickle).unwrap();
    assert_eq!(graph.items(graph.root()), Some(&[][..]));
    fuzz_report(&pickle);
}

/// CPython's C code returns before it looks at what they are for. A fuzzer found that we had made objects of these, which
/// no pickle says again.
#[test]
fn a_batch_of_no_items_is_nothing_to_do() {
    for pickle in [&b"\x80\x05](u."[..], b"\x80\x05](\x90."] {
        let graph = Graph::from_slice(pickle).unwrap();
        assert_eq!(graph.items(graph.root()), Some(&[][..]), "{}", pickle.escape_ascii());
    }
    let graph = Graph::from_slice(b"\x80\x05K\x01(e.").unwrap();
    assert_eq!(graph.int(graph.root()), Some(1));
    assert!(Graph::from_slice(b"\x80\x05(e.").is_err(), "there must be something to add them to");
}

/// A fuzzer found ADDITEMS, an opcode of protocol 4, in pickles of lower protocols.
#[test]
fn what_is_added_to_no_set_has_no_form_below_protocol_4() {
    let graph = Graph::from_slice(b"\x80\x04K\x01(K\x02\x90.").unwrap();
    for protocol in 0..4 {
        let error = graph.clone().dump(&DumpOptions::protocol(protocol)).unwrap_err();
        assert_eq!(error.category(), Category::Unrepresentable);
    }
    assert!(graph.dump(&DumpOptions::protocol(4)).is_ok());
}

/// Each part had its own copy of what was before it: 800 KB of a name took all memory there was.
#[test]
fn a_name_of_very_many_parts_is_lowered_in_proportion_to_its_length() {
    let name = vec!["a"; 200_000].join(".");
    let mut pickle = b"\x80\x04\x8c\x02osX".to_vec();
    pickle.extend_from_slice(&(name.len() as u32).to_le_bytes());
    pickle.extend_from_slice(name.as_bytes());
    pickle.extend_from_slice(b"\x93.");
    let dumped = Graph::from_slice(&pickle).unwrap().dump(&DumpOptions::protocol(2)).unwrap();
    assert!(dumped.len() < 20 * name.len(), "{}", dumped.len());
    let odd = Graph::from_slice(b"\x80\x04\x8c\x02os\x8c\x04a..b\x93.").unwrap();
    assert!(odd.dump(&DumpOptions::protocol(2)).unwrap().ends_with(b"cos\na..b\n."), "nothing has that name");
}

/// A fuzzer found a name that loads after READONLY_BUFFER on its text, and that the report said to be computed.
#[test]
fn a_report_names_what_a_name_is_even_behind_an_opcode_that_does_nothing() {
    let found = report(b"\x80\x05\x8c\x02os\x98\x8c\x06system\x93.", &Verdicts::builtin());
    assert!(matches!(&found.names[0].target, Target::Global { module, .. } if module == "os"));
}

#[test]
fn deep_nesting_is_no_recursion() {
    const DEPTH: usize = 200_000;
    let deep: [(&[u8], &[u8], &[u8]); 6] = [
        (b"]", b"N", b"a"),
        (b"(", b"N", b"t"),
        (b"(", b"N", b"l"),
        (b"}N", b"N", b"s"),
        (b"", b"N", b"\x85"),
        (b"cm\nC\n", b")", b"R\x85"),
    ];
    for (open, middle, close) in deep {
        let pickle = [&open.repeat(DEPTH), middle, &close.repeat(DEPTH), b"."].concat();
        let graph =
            Graph::from_slice(&pickle).unwrap_or_else(|error| panic!("{error} of {}", open.escape_ascii()));
        assert!(graph.len() >= DEPTH);
        assert!(graph.dump(&DumpOptions::protocol(2)).unwrap().len() >= DEPTH);
    }
}

#[test]
fn more_digits_than_the_limit_are_refused_before_they_are_read() {
    for opcode in [b'I', b'L'] {
        let pickle = [&[opcode], &b"9".repeat(5_000_000)[..], b"\n."].concat();
        assert_eq!(Graph::from_slice(&pickle).unwrap_err().category(), Category::Limit);
        laws(&pickle);
    }
}

#[test]
fn what_follows_stop_is_not_read() {
    let graph = Graph::from_slice(b"N.\xff\xff").unwrap();
    assert_eq!(graph.length(), 2);
}

#[test]
fn the_laws_of_the_fuzzers_hold_for_all() {
    cases().into_iter().for_each(|(pickle, ..)| laws(pickle));
    short_stacks().iter().for_each(|pickle| laws(pickle));
    REFUSED_HERE.into_iter().chain(ACCEPTED_HERE).for_each(laws);
}

fn laws(pickle: &[u8]) {
    fuzz_lex(pickle);
    fuzz_load(pickle);
    fuzz_report(pickle);
    fuzz_dis(pickle);
}

/// Arguments that the opcode could have, as they are written.
fn arguments(row: &OpInfo) -> Vec<Vec<u8>> {
    let bytes = |length: &[u8]| vec![[length, b"abc"].concat()];
    match row.arg {
        ArgKind::None => vec![Vec::new()],
        ArgKind::U1 => vec![vec![1]],
        ArgKind::U2 => vec![vec![1, 0]],
        ArgKind::I4 | ArgKind::U4 => vec![vec![1, 0, 0, 0]],
        ArgKind::U8 | ArgKind::F8 => vec![vec![0; 8], vec![1, 0, 0, 0, 0, 0, 0, 0]],
        ArgKind::Line => vec![b"1\n".to_vec(), b"'a'\n".to_vec()],
        ArgKind::TwoLines => vec![b"m\nn\n".to_vec()],
        ArgKind::Bytes1 => bytes(&[3]),
        ArgKind::Bytes4 | ArgKind::Bytes4Signed => bytes(&[3, 0, 0, 0]),
        ArgKind::Bytes8 => bytes(&[3, 0, 0, 0, 0, 0, 0, 0]),
    }
}

/// For each opcode that takes something: pickles in which the stack holds all but the first of it.
fn short_stacks() -> Vec<Vec<u8>> {
    let mut pickles = Vec::new();
    for row in OPCODES.iter().filter(|row| !row.before.is_empty()) {
        let argument = arguments(row).remove(0);
        for missing in 1..=row.before.len() {
            let mut pickle = Vec::new();
            for item in &row.before[missing..] {
                pickle.extend_from_slice(match item {
                    StackItem::Mark => b"(",
                    StackItem::Slice => b"",
                    StackItem::Str => b"\x8c\x01a",
                    StackItem::List => b"]",
                    StackItem::Dict => b"}",
                    StackItem::Set => b"\x8f",
                    _ => b"N",
                });
            }
            pickle.push(row.opcode.byte());
            pickle.extend_from_slice(&argument);
            pickle.extend_from_slice(b"N.");
            // Of OBJ's operands, only the class may not be missing; a slice may be empty, and POP takes a mark as well.
            let mark = row.before[missing..].contains(&StackItem::Mark);
            let missing_slice =
                row.before[missing - 1] == StackItem::Slice && !mark && missing == row.before.len();
            let needs = !(row.opcode == Opcode::Stop && missing > 1);
            if needs && (!missing_slice || row.before.contains(&StackItem::Mark)) {
                pickles.push(pickle);
            }
        }
    }
    assert!(pickles.len() > 40, "{}", pickles.len());
    pickles
}

/// Five bytes of a pickle name a class by texts of the memo, however long these are.
#[test]
fn long_names_are_not_named_over_and_over() {
    let named = |length: usize, count: usize| {
        let text = [&b"\x8d"[..], &(length as u64).to_le_bytes(), &b"n".repeat(length), b"\x94"].concat();
        let pickle = [&b"\x80\x04"[..], &text, b"(", &b"h\x00h\x00\x93".repeat(count), b"l."].concat();
        Graph::from_slice(&pickle)
    };
    let error = named(1 << 16, 100_000).unwrap_err();
    assert_eq!(error.to_string().split(" at ").next(), Some("more bytes of names than the limits allow"));
    assert!(named(1 << 16, 8).is_ok() && named(30, 100_000).is_ok(), "what a program names is fine");
}
