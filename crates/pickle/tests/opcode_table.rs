//! `OPCODES` says of each opcode what the `pickletools` of every Python says of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fmt::Write as _;
use std::fs;

use sabir_pickle::{ArgKind, OPCODES, OpInfo, StackItem};

/// A row as an export has it: name, byte, argument, protocol, before, after.
type Row = [String; 6];

#[test]
fn every_python_has_the_same_opcodes_with_the_same_effects() {
    let mut versions = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/opcodes")).unwrap() {
        let path = entry.unwrap().path();
        let version = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let theirs = read_export(&fs::read_to_string(&path).unwrap());
        let newest = theirs.iter().map(|row| row[3].parse::<u8>().unwrap()).max().unwrap();
        let ours: Vec<Row> = OPCODES.iter().filter(|row| row.protocol <= newest).map(our_row).collect();
        let mut report = String::new();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if !(0..6).all(|field| {
                ours[field] == theirs[field] || is_python2s_word(&version, &ours[0], field, &theirs[field])
            }) {
                writeln!(report, "ours {ours:?}, theirs {theirs:?}").unwrap();
            }
        }
        assert_eq!(ours.len(), theirs.len(), "opcodes of Python {version}");
        assert!(report.is_empty(), "Python {version}:\n{report}");
        versions += 1;
    }
    assert_eq!(versions, 11, "2.7 and 3.6 to 3.15 have an export each");
}

fn read_export(tsv: &str) -> Vec<Row> {
    let rows = tsv.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        fields.try_into().unwrap()
    })
    .collect()
}

fn our_row(row: &OpInfo) -> Row {
    let items = |items: &[StackItem]| match items {
        [] => "-".to_owned(),
        items => items.iter().map(item_name).collect::<Vec<_>>().join(" "),
    };
    [
        row.name.into(),
        format!("{:02x}", row.opcode.byte()),
        argument_name(row).into(),
        row.protocol.to_string(),
        items(row.before),
        items(row.after),
    ]
}

/// What `pickletools` calls the argument: its names tell how the bytes are read *and* what they mean, ours only the former.
fn argument_name(row: &OpInfo) -> &'static str {
    match (row.arg, row.name) {
        (ArgKind::None, _) => "-",
        (ArgKind::U1, _) => "uint1",
        (ArgKind::U2, _) => "uint2",
        (ArgKind::I4, _) => "int4",
        (ArgKind::U4, _) => "uint4",
        (ArgKind::U8, _) => "uint8",
        (ArgKind::F8, _) => "float8",
        (ArgKind::Line, "INT" | "GET" | "PUT") => "decimalnl_short",
        (ArgKind::Line, "LONG") => "decimalnl_long",
        (ArgKind::Line, "FLOAT") => "floatnl",
        (ArgKind::Line, "STRING") => "stringnl",
        (ArgKind::Line, "UNICODE") => "unicodestringnl",
        (ArgKind::Line, _) => "stringnl_noescape",
        (ArgKind::TwoLines, _) => "stringnl_noescape_pair",
        (ArgKind::Bytes1, "LONG1") => "long1",
        (ArgKind::Bytes1, "SHORT_BINSTRING") => "string1",
        (ArgKind::Bytes1, "SHORT_BINUNICODE") => "unicodestring1",
        (ArgKind::Bytes1, _) => "bytes1",
        (ArgKind::Bytes4, "BINUNICODE") => "unicodestring4",
        (ArgKind::Bytes4, _) => "bytes4",
        (ArgKind::Bytes4Signed, "LONG4") => "long4",
        (ArgKind::Bytes4Signed, _) => "string4",
        (ArgKind::Bytes8, "BINUNICODE8") => "unicodestring8",
        (ArgKind::Bytes8, "BYTEARRAY8") => "bytearray8",
        (ArgKind::Bytes8, _) => "bytes8",
    }
}

fn item_name(item: &StackItem) -> &'static str {
    match item {
        StackItem::Any => "any",
        StackItem::Bool => "bool",
        StackItem::Buffer => "buffer",
        StackItem::ByteArray => "bytearray",
        StackItem::Bytes => "bytes",
        StackItem::BytesOrStr => "bytes_or_str",
        StackItem::Dict => "dict",
        StackItem::Float => "float",
        StackItem::FrozenSet => "frozenset",
        StackItem::Int => "int",
        StackItem::IntOrBool => "int_or_bool",
        StackItem::List => "list",
        StackItem::Mark => "mark",
        StackItem::None => "None",
        StackItem::Set => "set",
        StackItem::Slice => "stackslice",
        StackItem::Str => "str",
        StackItem::Tuple => "tuple",
    }
}

/// 2.7 calls its own types by other names, and takes the index of LONG_BINGET and LONG_BINPUT for signed.
fn is_python2s_word(version: &str, name: &str, field: usize, theirs: &str) -> bool {
    let after = match name {
        "LONG" | "LONG1" | "LONG4" => "long",
        "STRING" | "BINSTRING" | "SHORT_BINSTRING" => "str",
        "UNICODE" | "BINUNICODE" => "unicode",
        _ => "",
    };
    let long_index = matches!(name, "LONG_BINGET" | "LONG_BINPUT");
    version == "2.7" && ((field == 5 && theirs == after) || (field == 2 && long_index && theirs == "int4"))
}
