//! What stock Pythons really said to each other, sent through a relay again: `tests/data/record.py` wrote it down.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use bytes::Bytes;
use sabir_gateway::{Address, Addresses, Config, Event, Outcome, Relay, ServerKnowledge, Side};
use sabir_manager::Token;
use sabir_pickle::Graph;

const RECORDED: [&str; 3] = [
    include_str!("data/frames-2.7.txt"),
    include_str!("data/frames-3.6.txt"),
    include_str!("data/frames-3.13.txt"),
];

/// A recording: the ports of gateway and manager, and the frames of each connection.
struct Recording {
    gateway: u16,
    manager: u16,
    connections: Vec<Vec<(Side, Bytes)>>,
}

impl Recording {
    fn new(text: &str) -> Recording {
        let port = |before: &str| {
            let digits = text.split_once(before).unwrap().1;
            digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap()].parse().unwrap()
        };
        let mut connections: Vec<Vec<(Side, Bytes)>> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let [connection, side, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let connection: usize = connection.parse().unwrap();
            connections.resize_with(connection.max(connections.len()), Vec::new);
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let side = if side == "C" { Side::Client } else { Side::Server };
            connections[connection - 1].push((side, (0..hex.len()).step_by(2).map(byte).collect()));
        }
        Recording { gateway: port("gateway at port "), manager: port("manager at port "), connections }
    }

    /// Relays every frame, and hands on what it was and what it became.
    fn relay(&self, listen: u16, mut each: impl FnMut(Side, &Bytes, Outcome)) {
        let config = Arc::new(Config::default());
        let mut server = ServerKnowledge::new(None);
        for frames in &self.connections {
            let mut relay = Relay::new(config.clone(), Addresses::new(at(listen), at(self.manager)));
            for (side, body) in frames {
                let outcome = relay.handle_frame(*side, body, &mut server);
                while let Some(event) = relay.poll_event() {
                    let known = matches!(
                        event,
                        Event::Recognised { .. } | Event::Pythons { .. } | Event::UnknownAddress { .. }
                    );
                    assert!(known, "{event:?}");
                }
                each(*side, body, outcome);
            }
        }
    }
}

fn at(port: u16) -> Address {
    Address::Inet { host: "127.0.0.1".into(), port }
}

/// The addresses of all tokens in a pickle.
fn addresses(pickle: &[u8]) -> Vec<Address> {
    let graph = Graph::from_slice(pickle).unwrap();
    Token::find(&graph).into_iter().map(|token| Address::decode(&graph, token.address).unwrap()).collect()
}

#[test]
fn equal_versions_pass_byte_for_byte_once_they_have_spoken() {
    for text in RECORDED {
        let recording = Recording::new(text);
        let mut count = 0;
        // As if the manager listened where the gateway does: there is nothing to rewrite in a token.
        recording.relay(recording.manager, |from, body, outcome| {
            count += 1;
            let first = count == 1 && from == Side::Client;
            let passed = matches!(outcome, Outcome::Pass);
            assert!(passed || first, "frame {count}: {} {outcome:?}", body.escape_ascii());
        });
        assert!(count > 300);
    }
}

#[test]
fn tokens_lead_clients_to_the_gateway_and_the_manager_to_itself() {
    for text in RECORDED {
        let recording = Recording::new(text);
        let mut tokens = 0;
        recording.relay(recording.gateway, |from, body, outcome| {
            let before = addresses(body);
            let written = match outcome {
                Outcome::Pass => body.to_vec(),
                Outcome::Replace(pickle) => pickle.into_vec(),
                outcome => panic!("{outcome:?}"),
            };
            let wanted = if from == Side::Client { recording.manager } else { recording.gateway };
            assert_eq!(addresses(&written), vec![at(wanted); before.len()]);
            tokens += before.len();
        });
        assert!(tokens > 3, "{tokens}");
    }
}
