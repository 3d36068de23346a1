//! `docs/pickle.md` and `fuzz/pickle.dict` say what the code says. `UPDATE_DOCS=1 cargo test -p sabir-pickle --test docs` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fmt::Write as _;
use std::{env, fs};

use sabir_pickle::{ArgKind, OPCODES, OpInfo, StackItem, Version, dis};

#[test]
fn the_opcodes_in_the_book_are_those_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/pickle.md");
    let book = fs::read_to_string(path).unwrap();
    let mut fresh = book.clone();
    for (part, text) in [("dis", dis_example()), ("versions", versions()), ("opcodes", opcodes())] {
        fresh = replace_part(&fresh, part, &text);
    }
    check(path, &book, &fresh);
}

#[test]
fn the_fuzzers_words_are_the_opcodes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/pickle.dict");
    check(path, &fs::read_to_string(path).unwrap_or_default(), &dictionary());
}

fn check(path: &str, now: &str, fresh: &str) {
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, fresh).unwrap();
        return;
    }
    assert!(now == fresh, "{path} is stale: UPDATE_DOCS=1 cargo test -p sabir-pickle --test docs");
}

/// Each opcode with a small argument, as libFuzzer reads words.
fn dictionary() -> String {
    let mut text = String::from("# Written by `UPDATE_DOCS=1 cargo test -p sabir-pickle --test docs`.\n");
    for row in &OPCODES {
        let argument: &[u8] = match row.arg {
            ArgKind::None => b"",
            ArgKind::U1 => b"\x01",
            ArgKind::U2 => b"\x01\0",
            ArgKind::I4 | ArgKind::U4 => b"\x01\0\0\0",
            ArgKind::U8 | ArgKind::F8 => b"\x01\0\0\0\0\0\0\0",
            ArgKind::Line if row.name == "STRING" => b"'a'\n",
            ArgKind::Line => b"1\n",
            ArgKind::TwoLines => b"os\nsystem\n",
            ArgKind::Bytes1 => b"\x01a",
            ArgKind::Bytes4 | ArgKind::Bytes4Signed => b"\x01\0\0\0a",
            ArgKind::Bytes8 => b"\x01\0\0\0\0\0\0\0a",
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        writeln!(text, "{}=\"{}{}\"", row.name, hex(&[row.opcode.byte()]), hex(argument)).unwrap();
    }
    text
}

fn replace_part(book: &str, part: &str, text: &str) -> String {
    let start_mark = format!("<!-- generated: {part} -->\n");
    let start = book.find(&start_mark).expect("the part has a mark") + start_mark.len();
    let end = start + book[start..].find("<!-- end -->").expect("the part has an end");
    format!("{}\n{text}\n{}", &book[..start], &book[end..])
}

fn dis_example() -> String {
    format!("```text\n{}```\n", dis(b"\x80\x02]q\x00(K\x01]q\x01K\x02ae."))
}

fn versions() -> String {
    let mut text = String::from("| Python | reads up to | `multiprocessing` writes |\n|---|---|---|\n");
    let minors = (6..=15).map(|minor| Version::new(3, minor));
    for version in [Version::new(2, 7)].into_iter().chain(minors) {
        writeln!(text, "| {version} | {} | {} |", version.highest_protocol(), version.default_protocol())
            .unwrap();
    }
    text
}

fn opcodes() -> String {
    let mut text = String::from(
        "| byte | name | argument | since | takes | leaves | meaning |\n|---|---|---|---|---|---|---|\n",
    );
    for row in &OPCODES {
        let byte = row.opcode.byte();
        let code = match char::from(byte) {
            '|' => "`\\|`".into(),
            c if c.is_ascii_graphic() => format!("`{c}`"),
            _ => format!("`\\x{byte:02x}`"),
        };
        let OpInfo { name, protocol, doc, .. } = row;
        let (before, after) = (items(row.before), items(row.after));
        writeln!(
            text,
            "| {code} | {name} | {} | {protocol} | {before} | {after} | {doc} |",
            argument(row.arg)
        )
        .unwrap();
    }
    text
}

fn argument(kind: ArgKind) -> &'static str {
    match kind {
        ArgKind::None => "",
        ArgKind::U1 => "1 byte",
        ArgKind::U2 => "2 bytes, little-endian",
        ArgKind::I4 => "4 bytes, signed, little-endian",
        ArgKind::U4 => "4 bytes, little-endian",
        ArgKind::U8 => "8 bytes, little-endian",
        ArgKind::F8 => "8 bytes, big-endian",
        ArgKind::Line => "a line",
        ArgKind::TwoLines => "two lines",
        ArgKind::Bytes1 => "a length of 1 byte, bytes",
        ArgKind::Bytes4 => "a length of 4 bytes, bytes",
        ArgKind::Bytes4Signed => "a length of 4 bytes, signed, bytes",
        ArgKind::Bytes8 => "a length of 8 bytes, bytes",
    }
}

fn items(items: &[StackItem]) -> String {
    let name = |item: &StackItem| match item {
        StackItem::BytesOrStr => "bytes or str".into(),
        StackItem::IntOrBool => "int or bool".into(),
        StackItem::None => "None".into(),
        StackItem::Slice => "…".into(),
        item => format!("{item:?}").to_lowercase(),
    };
    items.iter().map(name).collect::<Vec<_>>().join(", ")
}
