//! Bodies of the fuzz targets; each begins with the law that it holds, and panics where the law is broken.

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::LazyLock;

use bytes::Bytes;
use sabir_manager::Reply;
use sabir_pickle::{Graph, Limits, Pythons, Version, is_sound, names_something, scan};

use crate::policy::{self, Forbidden};
use crate::{Address, Addresses, AllowList, Config, Mode, Outcome, Policy, Relay, ServerKnowledge, Side};

/// Any frames in any order give outcomes. What is written is a pickle that the reader was said to read; an answer is a
/// reply that a client understands; what the strict policy refuses is in nothing that is written or passed; and what
/// passes as it is has nothing in it that had to be looked at.
///
/// `data`: mode, policy and protocols; what the handshake told; then frames: a byte with the side (the top bit) and the
/// upper bits of the length, its lower byte, and so many bytes.
pub fn fuzz_relay(data: &[u8]) {
    let [options, hints, rest @ ..] = data else { return };
    let config = CONFIGS[usize::from(options & 0x7f)].clone();
    let at = |port| Address::Inet { host: "127.0.0.1".into(), port };
    let mut server = ServerKnowledge::new(None);
    let mut relay = Relay::new(config.clone(), Addresses::new(at(5000), at(6000)));
    for (side, bits) in [(Side::Client, hints & 3), (Side::Server, hints >> 2 & 3)] {
        match bits {
            1 => relay.learn(side, Pythons::between(Version::new(2, 7), Version::new(3, 11)), &mut server),
            2 => relay.learn(side, Pythons::between(Version::new(3, 12), Version::new(3, 255)), &mut server),
            _ => {}
        }
    }
    for (from, body) in frames(rest) {
        let outcome = relay.handle_frame(from, &body, &mut server);
        judge(&config, from, &body, outcome);
        while relay.poll_event().is_some() {}
    }
}

/// The frames of an input in the form that [`fuzz_relay`] takes.
pub fn frames(mut data: &[u8]) -> Vec<(Side, Bytes)> {
    let mut frames = Vec::new();
    while let [high, low, rest @ ..] = data {
        let side = if high & 0x80 == 0 { Side::Client } else { Side::Server };
        let length = usize::from(high & 0x7f) << 8 | usize::from(*low);
        let (body, rest) = rest.split_at(length.min(rest.len()));
        frames.push((side, Bytes::copy_from_slice(body)));
        data = rest;
    }
    frames
}

/// The opposite of [`frames`]. Frames above 32,767 bytes are cut there.
pub fn input(options: u8, hints: u8, frames: &[(Side, Bytes)]) -> Vec<u8> {
    let mut data = alloc::vec![options, hints];
    for (side, body) in frames {
        let body = &body[..body.len().min(0x7fff)];
        let side = if *side == Side::Server { 0x80 } else { 0 };
        data.extend_from_slice(&[side | (body.len() >> 8) as u8, body.len() as u8]);
        data.extend_from_slice(body);
    }
    data
}

/// What the options of an input stand for: the tables are read once.
static CONFIGS: LazyLock<Vec<Arc<Config>>> = LazyLock::new(|| {
    let base = Config { limits: Limits { max_nodes: 1 << 16, ..Limits::DEFAULT }, ..Config::default() };
    let strict = Policy::Strict { allow: AllowList::builtin(), allow_raw: false };
    let config = |options: usize| Config {
        mode: [Mode::Auto, Mode::Auto, Mode::Pickle, Mode::Raw][options & 3],
        policy: [Policy::Transparent, Policy::Transparent, strict.clone(), Policy::Learn][options >> 2 & 3]
            .clone(),
        client_protocol: [None, Some(2)][options >> 4 & 1],
        server_protocol: [None, None, Some(4), Some(0)][options >> 5 & 3],
        ..base.clone()
    };
    (0..0x80).map(|options| Arc::new(config(options))).collect()
});

fn judge(config: &Config, from: Side, body: &Bytes, outcome: Outcome) {
    let strict = matches!(config.policy, Policy::Strict { .. });
    match outcome {
        Outcome::Pass if strict => {
            let scan = scan(body).expect("what the strict policy passes is a pickle");
            assert_eq!((scan.length, scan.protocol >= 2), (body.len(), true));
            assert!(
                !names_something(&scan),
                "the strict policy passes no name that it has not written itself"
            );
            assert!(is_sound(body), "the strict policy passes nothing odd that it has not written itself");
        }
        Outcome::Pass | Outcome::Close(_) => {}
        Outcome::Replace(pickle) => {
            assert_ne!(config.mode, Mode::Raw, "raw frames stay what they are");
            written(config, from.other(), &pickle.into_vec());
        }
        Outcome::Answer(pickle) => {
            assert_eq!(from, Side::Client, "only clients are answered");
            written(config, from, &pickle);
            let graph = Graph::from_slice(&pickle).expect("an answer is a pickle");
            let reply = Reply::decode(&graph, graph.root()).expect("an answer is a reply");
            assert!(reply.kind.has_text() && graph.text(reply.result).is_some());
        }
    }
}

fn written(config: &Config, to: Side, pickle: &[u8]) {
    let scan = scan(pickle).expect("what is written is a pickle");
    assert_eq!(scan.length, pickle.len());
    let pinned = match to {
        Side::Client => config.client_protocol,
        Side::Server => config.server_protocol,
    };
    assert!(scan.protocol <= pinned.unwrap_or(5), "what is written is in the protocol that was asked for");
    let graph = Graph::from_slice(pickle).expect("what is written can be loaded");
    if let Policy::Strict { allow, .. } = &config.policy {
        let names = config.translation.names();
        let allowed = policy::check(allow, &graph, names, scan.protocol, |_| ());
        match allowed {
            Ok(()) => {}
            Err(Forbidden::Name(name)) => {
                // Lower protocols say some opcodes by calls of these.
                let forms = ["builtins.getattr", "__builtin__.getattr", "functools.partial"];
                assert!(forms.contains(&&*name), "{name} was refused and is written");
            }
            Err(Forbidden::Use(what)) => panic!("{what} was refused and is written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of real Pythons.
    const RECORDED: [&str; 3] = [
        include_str!("../tests/data/frames-2.7.txt"),
        include_str!("../tests/data/frames-3.6.txt"),
        include_str!("../tests/data/frames-3.13.txt"),
    ];

    fn recorded(text: &str) -> Vec<(Side, Bytes)> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let frames = lines.map(|line| {
            let mut fields = line.split(' ').skip(1);
            let side = if fields.next() == Some("C") { Side::Client } else { Side::Server };
            let hex = fields.next().unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (side, (0..hex.len()).step_by(2).map(byte).collect())
        });
        frames.collect()
    }

    /// Numbers from a seed: xorshift64.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit.max(1) as u64) as usize
        }
    }

    /// Opcodes and names that make pickles interesting, put into others at random places.
    const PIECES: [&[u8]; 12] = [
        b"cos\nsystem\n",
        b"c__builtin__\ngetattr\n",
        b"\x8c\x02os\x8c\x06system\x93",
        b"0",
        b"2",
        b"(",
        b"b",
        b"\x82\x07",
        b"Q",
        b"h\x00",
        b"cmultiprocessing.managers\nToken\n)\x81",
        b"U\x02\xff\xfe",
    ];

    #[test]
    fn mutated_conversations_keep_the_law() {
        let conversations = RECORDED.map(recorded);
        let mut random = Random(0x5ab1_5ab1_5ab1_5ab1);
        for round in 0..3000 {
            let frames = &conversations[random.below(3)];
            let start = random.below(frames.len());
            let mut some: Vec<(Side, Bytes)> = frames[start..].iter().take(12).cloned().collect();
            // What began the conversation, so that what follows is taken for a manager's.
            some.insert(0, conversations[random.below(3)][0].clone());
            for _ in 0..random.below(4) {
                let at = random.below(some.len());
                let (side, body) = &some[at];
                let mut body = body.to_vec();
                let place = random.below(body.len() + 1);
                match random.below(4) {
                    0 => body.truncate(place),
                    1 => drop(body.splice(place..place, PIECES[random.below(PIECES.len())].iter().copied())),
                    2 if place < body.len() => body[place] = random.below(256) as u8,
                    _ => drop(body.splice(place..place, [random.below(256) as u8])),
                }
                let side = if random.below(8) == 0 { side.other() } else { *side };
                some[at] = (side, body.into());
            }
            let options = if round % 2 == 0 { 0b1000 } else { random.below(256) as u8 };
            fuzz_relay(&input(options, random.below(16) as u8, &some));
        }
    }

    #[test]
    fn inputs_are_read_as_they_are_written() {
        let frames = recorded(RECORDED[0]);
        let data = input(1, 2, &frames);
        assert_eq!(super::frames(&data[2..]), frames);
    }

    #[test]
    fn whole_conversations_keep_the_law_under_every_option() {
        for text in RECORDED {
            let frames = recorded(text);
            for options in 0..=0x7f {
                fuzz_relay(&input(options, options >> 1 & 0xf, &frames[..60]));
            }
        }
    }
}
