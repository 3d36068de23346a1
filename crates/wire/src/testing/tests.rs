//! The laws on the corpus that is checked in, and on mutations of it: as many as `SABIR_FUZZ_BUDGET` says for each
//! target, seeded, so that a failure comes again.

extern crate std;

use std::path::Path;
use std::string::String;
use std::{env, fs};

use super::*;

const DEFAULT_BUDGET: usize = 1500;

#[test]
fn deframing_holds_its_law() {
    run("deframe", fuzz_deframe);
}

#[test]
fn authentication_holds_its_law() {
    run("auth", fuzz_auth);
}

#[test]
fn connections_hold_their_law() {
    run("connection", fuzz_connection);
}

fn run(target: &str, law: fn(&[u8])) {
    let corpus = corpus(target);
    for seed in &corpus {
        law(seed);
    }
    let budget =
        env::var("SABIR_FUZZ_BUDGET").map_or(DEFAULT_BUDGET, |budget| budget.parse().expect("a number"));
    let mut random = XorShift::new(1);
    for _ in 0..budget {
        let mut data = corpus[random.below(corpus.len())].clone();
        for _ in 0..1 + random.below(4) {
            mutate(&mut data, &corpus, &mut random);
        }
        if std::panic::catch_unwind(|| law(&data)).is_err() {
            panic!("the law of {target} is broken; add this to the corpus: {}", hex(&data));
        }
    }
}

/// `tests/data/corpus/TARGET.hex`: an input a line, in hex, with comments.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpus").join(target).with_extension("hex");
    let text = fs::read_to_string(&path).expect("the corpus is checked in");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let seeds: Vec<Vec<u8>> = lines.filter(|line| !line.trim().is_empty()).map(unhex).collect();
    assert!(!seeds.is_empty(), "an empty corpus tests nothing");
    seeds
}

fn mutate(data: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut XorShift) {
    let at = random.below(data.len() + 1);
    match random.below(7) {
        0 => data.insert(at, random.below(256) as u8),
        1 => data.truncate(at),
        2 => {
            // The bytes that lengths and names are made of.
            let telling: [&[u8]; 8] = [
                b"\xff\xff\xff\xff",
                b"\0\0\0\0",
                b"\x80\0\0\0",
                b"#WELCOME#",
                b"#FAILURE#",
                b"#CHALLENGE#",
                b"{sha256}",
                b"{md5}",
            ];
            data.splice(at..at, telling[random.below(telling.len())].iter().copied());
        }
        3 => {
            let other = &corpus[random.below(corpus.len())];
            data.extend_from_slice(&other[random.below(other.len())..]);
        }
        4 if at < data.len() => {
            data.remove(at);
        }
        5 if at < data.len() => data[at] ^= 1 << random.below(8),
        _ if at < data.len() => data[at] = random.below(256) as u8,
        _ => {}
    }
}

fn unhex(line: &str) -> Vec<u8> {
    let digits: Vec<u32> = line.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| std::format!("{byte:02x}")).collect()
}
