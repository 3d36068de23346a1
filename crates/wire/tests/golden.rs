//! What real Pythons sent, byte for byte; `data/generate.py` made the table and says what its columns are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use sabir_wire::auth::{
    AnswerChallenge, AuthKey, Challenge, ChallengeStyle, DeliverChallenge, LegacyDigest, MinAuth, Nonce,
    WELCOME,
};
use sabir_wire::error::AuthError;

struct Row {
    /// Whether these are the versions from 3.12 on; no row has both kinds unless they do the same.
    modern: bool,
    legacy: bool,
    role: &'static str,
    case: &'static str,
    key: AuthKey,
    input: Vec<u8>,
    /// What was sent; none if it raised.
    output: Option<Vec<u8>>,
}

fn rows() -> Vec<Row> {
    let table = include_str!("data/handshakes.tsv");
    table.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn row(line: &'static str) -> Row {
    let [versions, role, case, key, input, output] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("six columns: {line}")
    };
    let is_modern = |version: &&str| ["3.12", "3.13", "3.14", "3.15"].contains(version);
    Row {
        modern: versions.split(',').any(|v| is_modern(&v)),
        legacy: versions.split(',').any(|v| !is_modern(&v)),
        role,
        case,
        key: AuthKey::new(unhex(key).unwrap()),
        input: unhex(input).unwrap(),
        output: unhex(output),
    }
}

/// `None` if it is not hex: the name of an exception.
fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

fn pinned() -> [u8; 40] {
    std::array::from_fn(|i| ((i * 37 + 11) % 256) as u8)
}

fn count(role: &str, check: impl Fn(&Row) -> bool) -> usize {
    rows().iter().filter(|row| row.role == role && check(row)).count()
}

#[test]
fn our_challenges_are_those_of_the_pythons() {
    let checked = count("challenge", |row| {
        let style = if row.modern { Challenge::Sha256 } else { Challenge::Legacy };
        let ours = DeliverChallenge::new(row.key.clone(), Nonce::new(pinned()), style, MinAuth::Md5);
        if row.modern {
            assert_eq!(row.input, pinned());
        }
        assert_eq!(Some(ours.challenge()), row.output.as_deref(), "{}", row.case);
        true
    });
    assert_eq!(checked, 6, "three keys, two dialects");
}

#[test]
fn our_answers_are_those_of_3_12_and_newer_where_they_answer_at_all() {
    let mut tolerated = Vec::new();
    for row in rows().iter().filter(|row| row.role == "answer" && row.modern) {
        let answer = AnswerChallenge::new(row.key.clone(), LegacyDigest::Md5, MinAuth::Md5)
            .handle_challenge(&row.input);
        match (&row.output, answer) {
            (Some(theirs), Ok((ours, _))) => assert_eq!(ours, *theirs, "{}", row.case),
            (Some(_), Err(error)) => panic!("{}: {error}", row.case),
            (None, Ok(_)) => tolerated.push(row.case),
            (None, Err(error)) => {
                assert!(matches!(error, AuthError::UnsupportedDigest { .. }), "{}: {error}", row.case);
            }
        }
    }
    tolerated.sort_unstable();
    tolerated.dedup();
    assert_eq!(
        tolerated,
        ["bare 0", "bare 19", "bare 21", "bare 32", "bare 40", "bare 5", "named in 19 bytes", "unclosed"]
    );
}

#[test]
fn unnamed_challenges_are_answered_as_by_3_11_and_older() {
    let checked = count("answer", |row| {
        if !row.legacy {
            return false;
        }
        let (_, style) = ChallengeStyle::parse(&row.input).unwrap();
        let mut ours = AnswerChallenge::new(row.key.clone(), LegacyDigest::Md5, MinAuth::Md5);
        match (style, ours.handle_challenge(&row.input)) {
            // They answer these in raw md5 too; we do as 3.12 does.
            (ChallengeStyle::Named(_), _) | (_, Err(AuthError::UnsupportedDigest { .. })) => false,
            (_, answer) => {
                assert_eq!(Some(answer.unwrap().0), row.output, "{}", row.case);
                true
            }
        }
    });
    assert_eq!(
        checked,
        3 * 10,
        "three keys; legacy twice, six bare ones, one unclosed, one too short for its name"
    );
}

#[test]
fn we_welcome_whom_the_pythons_welcome_and_vendor_builds() {
    let (mut both, mut more) = (0, Vec::new());
    for row in rows().iter().filter(|row| row.role == "judge") {
        let style = if row.modern { Challenge::Sha256 } else { Challenge::Legacy };
        let ours = DeliverChallenge::new(row.key.clone(), Nonce::new(pinned()), style, MinAuth::Md5);
        let (verdict, outcome) = ours.handle_response(&row.input);
        assert_eq!(verdict == WELCOME, outcome.is_ok());
        match (row.output.as_deref() == Some(WELCOME), verdict == WELCOME) {
            (true, false) => panic!("{}: {}", row.case, outcome.unwrap_err()),
            (true, true) => both += 1,
            (false, true) if row.modern => more.push(row.case),
            // 3.11 and older know their own dialect only.
            (false, _) => {}
        }
    }
    more.sort_unstable();
    more.dedup();
    assert_eq!(more, ["raw sha256"]);
    assert_eq!(both, 3 * (6 + 1), "three keys; raw md5 and five names to 3.12, raw md5 to 3.11");
}

#[test]
fn legacy_server_gets_md5_reply() {
    // Seen on the wire: a 2.7.18 listener and a 3.13.0 client, key `secret`.
    let challenge = unhex("234348414c4c454e474523de27272e5629715ad2fa2f7741f6fb445319daac").unwrap();
    let mut answer = AnswerChallenge::new(AuthKey::new(*b"secret"), LegacyDigest::Md5, MinAuth::Md5);
    let (reply, style) = answer.handle_challenge(&challenge).unwrap();
    assert_eq!(reply, unhex("73392b234601b43161d3d47b46f8804d").unwrap());
    assert_eq!(style, ChallengeStyle::Legacy);
}
