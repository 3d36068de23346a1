//! The laws of the fuzzers hold for the goldens, for the checked-in corpus, and for a seeded budget of mutations.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fs;

use sabir_pickle::testing::{Choices, fuzz_dis, fuzz_dump, fuzz_lex, fuzz_load, fuzz_report, fuzz_transcode};
use sabir_pickle::{OPCODES, Version};

use crate::common::{data, goldens};

fn all_laws(input: &[u8]) {
    fuzz_lex(input);
    fuzz_load(input);
    fuzz_report(input);
    fuzz_dis(input);
    // Roads and policies by turns: each input meets a few of them.
    let turn = input.iter().fold(input.len() as u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    for road in [turn, turn ^ 0x55, turn ^ 0xa6] {
        fuzz_transcode(&[&[road, turn >> 3], input].concat());
    }
}

#[test]
fn laws_hold_for_what_fuzzers_once_found() {
    let mut count = 0;
    for entry in fs::read_dir(data().join("corpus")).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        all_laws(&input);
        fuzz_dump(&input);
        count += 1;
    }
    assert!(count > 0, "the corpus is there");
}

#[test]
fn laws_hold_for_goldens() {
    for version in [Version::new(2, 7), Version::new(3, 6), Version::new(3, 15)] {
        goldens()[&version].iter().step_by(3).for_each(|golden| all_laws(&golden.pickle));
    }
}

#[test]
fn laws_hold_for_mutations() {
    let goldens = goldens();
    let seeds: Vec<&[u8]> = goldens
        .values()
        .flatten()
        .map(|golden| &*golden.pickle)
        .filter(|pickle| pickle.len() < 400)
        .collect();
    for round in 0..25_000u32 {
        let seed = round.to_le_bytes();
        let mut choices = Choices::new(&seed);
        let mut input = seeds[choices.below(seeds.len() * 1000) / 1000].to_vec();
        for _ in 0..=choices.below(4) {
            mutate(&mut input, &seeds, &mut choices);
        }
        all_laws(&input);
    }
}

#[test]
fn laws_hold_for_bytes_that_are_mostly_opcodes() {
    for round in 0..25_000u32 {
        let seed = (round + 1_000_000).to_le_bytes();
        let mut choices = Choices::new(&seed);
        let mut input: Vec<u8> = Vec::new();
        for _ in 0..choices.below(60) {
            input.push(opcode(&mut choices));
            let argument = choices.below(4);
            input.extend((0..argument).map(|_| choices.pick(&[0, 1, b'\n', b'0', b'1', b'\'', 2, 255])));
        }
        input.push(b'.');
        all_laws(&input);
    }
}

#[test]
fn laws_hold_for_arbitrary_graphs() {
    (0..3000u32).for_each(|seed| fuzz_dump(&seed.to_le_bytes()));
}

fn opcode(choices: &mut Choices<'_>) -> u8 {
    OPCODES[choices.below(OPCODES.len())].opcode.byte()
}

fn mutate(input: &mut Vec<u8>, seeds: &[&[u8]], choices: &mut Choices<'_>) {
    let place = choices.below(input.len() * 1000) / 1000;
    match choices.below(7) {
        0 => input.truncate(place),
        1 => input.insert(place, opcode(choices)),
        2 if !input.is_empty() => drop(input.remove(place)),
        3 if !input.is_empty() => input[place] ^= 1 << choices.below(8),
        4 if !input.is_empty() => input[place] = opcode(choices),
        5 => {
            // Another pickle without its STOP, in the middle.
            let other = seeds[choices.below(seeds.len() * 1000) / 1000];
            let body = other[..other.len() - 1].to_vec();
            input.splice(place..place, body);
        }
        _ => {
            let end = (place + choices.below(20)).min(input.len());
            let piece = input[place..end].to_vec();
            input.splice(place..place, piece);
        }
    }
}
