//! The disassembler shows what `pickletools.dis` shows, and stops where it stops.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use sabir_pickle::{Lexer, Note, Row, dis};

struct Case {
    name: String,
    pickle: Vec<u8>,
    lines: Vec<String>,
    fails: bool,
}

#[test]
fn rows_are_those_of_pickletools() {
    let cases = read(include_str!("data/dis.txt"));
    assert!(cases.len() > 100, "the sample is there");
    for case in &cases {
        let text = dis(&case.pickle).to_string();
        let (errors, ours): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("error: "));
        assert_eq!(ours, case.lines, "{}", case.name);
        assert_eq!(!errors.is_empty(), case.fails, "{}: {errors:?}", case.name);
    }
}

#[test]
fn an_error_names_the_opcode_that_pickletools_stops_at() {
    for case in read(include_str!("data/dis.txt")) {
        let mut rows = dis(&case.pickle);
        let shown = rows.by_ref().take_while(Result::is_ok).map(Result::unwrap).collect::<Vec<_>>();
        if !case.fails {
            assert_eq!(rows.next().map(|row| row.is_ok()), None, "{}", case.name);
            continue;
        }
        let error = dis(&case.pickle).find_map(Result::err).unwrap();
        let offset = error.offset().unwrap() as usize;
        // pickletools shows the row and then raises, or raises instead of showing it.
        let ends = Lexer::new(&case.pickle).map_while(Result::ok).map(|op| (op.start, op.end));
        let after =
            |row: &Row| ends.clone().find_map(|(start, end)| (start == row.offset).then_some(end)).unwrap();
        let places = shown.last().map_or([0, 0], |row| [row.offset, after(row)]);
        assert!(places.contains(&offset), "{}: {error}, {places:?}", case.name);
        assert!(rows.next().is_none(), "nothing follows an error");
    }
}

#[test]
fn names_are_shown_as_they_stand() {
    // pickletools undoes escapes here and would show `os.system`, which is not what any Python looks up.
    let rows: Vec<_> = dis(b"cos\nsyst\\x65m\n.").map(Result::unwrap).collect();
    assert_eq!(rows[0].argument().unwrap().to_string(), r"'os syst\\x65m'");
}

#[test]
fn a_deep_pickle_has_short_lines() {
    let mut pickle = vec![b'('; 200_000];
    pickle.extend(vec![b't'; 200_000]);
    pickle.push(b'.');
    let longest = dis(&pickle).step_by(997).map(|row| row.unwrap().to_string().len()).max().unwrap();
    assert!(longest < 500);
    let last = dis(&pickle).nth(399_999).unwrap().unwrap();
    assert_eq!((last.depth, last.note), (1, Some(Note::MarkAt(0))));
}

#[test]
fn a_huge_integer_is_named_by_its_length() {
    let mut pickle = b"\x8b\x00\x00\x01\x00".to_vec();
    pickle.extend(vec![0x7f; 1 << 16]);
    pickle.push(b'.');
    assert_eq!(
        dis(&pickle).next().unwrap().unwrap().argument().unwrap().to_string(),
        "<integer of 65536 bytes>"
    );
}

fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    // Not `lines`: a \r in the middle of a line is Python's own business, and it writes none.
    for line in text.split('\n').skip(1) {
        if let Some(head) = line.strip_prefix("= ") {
            let (name, hex) = head.split_once(' ').unwrap();
            cases.push(Case { name: name.into(), pickle: from_hex(hex), lines: Vec::new(), fails: false });
        } else if line.starts_with("! ") {
            cases.last_mut().unwrap().fails = true;
        } else if !line.trim_end().ends_with(':') && !line.is_empty() {
            // A line of an offset alone is one that pickletools began, and then raised.
            cases.last_mut().unwrap().lines.push(line.into());
        }
    }
    cases
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = if hex == "-" { "" } else { hex };
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
