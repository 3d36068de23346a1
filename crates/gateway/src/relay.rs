//! One pair of connections, frame by frame.

mod answer;
mod manager;
mod tokens;
mod translate;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use sabir_manager::{Head, Request};
use sabir_pickle::{Graph, Pythons, Scan, Segments, is_sound, scan};

use self::manager::Expected;
use crate::Side;
use crate::config::{Addresses, Config, Mode};
use crate::error::RelayError;
use crate::event::{Event, Events};
use crate::knowledge::{Change, Evidence, Peer, ServerKnowledge};
use crate::policy::Policy;

/// What is to be done with a frame.
#[derive(Debug)]
pub enum Outcome {
    /// Pass it on as it is.
    Pass,
    /// Pass this on in its place.
    Replace(Segments),
    /// Pass nothing on; send this back to who sent the frame.
    Answer(Vec<u8>),
    /// Close both connections.
    Close(RelayError),
}

/// The relay of one pair of connections.
///
/// Feed it the frames of both ends after authentication, in the order in which they were read, and do what the
/// [`Outcome`] says; then [`poll_event`](Relay::poll_event) until there is none. Only the frames themselves, without
/// their headers; an empty frame is one too.
#[derive(Debug)]
pub struct Relay {
    config: Arc<Config>,
    addresses: Addresses,
    client: Peer,
    speaking: Speaking,
    /// What the replies to come are about, the next first.
    expected: VecDeque<Expected>,
    events: Events,
}

/// What the connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaking {
    /// Nobody has said anything yet.
    Unknown,
    /// Whatever the programs agreed on.
    Plain,
    /// A manager and its client.
    Manager,
}

/// A frame that is a pickle.
#[derive(Clone, Copy)]
struct Frame<'f> {
    from: Side,
    body: &'f Bytes,
    scan: &'f Scan,
    /// Who may have written it.
    source: Pythons,
    /// Who reads what becomes of it.
    target: Target,
    /// Whether the target reads it as it is, names and classes aside.
    readable: bool,
    /// Whether it may pass as it is without having been loaded.
    sound: bool,
}

/// What is known of a reader.
#[derive(Clone, Copy)]
struct Target {
    pythons: Pythons,
    /// The highest protocol that it is sure to read.
    readable: u8,
    /// The protocol to write to it.
    protocol: u8,
    /// Whether the user said so.
    pinned: bool,
}

impl Relay {
    /// Of a pair that has exchanged nothing yet.
    pub fn new(config: Arc<Config>, addresses: Addresses) -> Relay {
        Relay {
            config,
            addresses,
            client: Peer::default(),
            speaking: Speaking::Unknown,
            expected: VecDeque::new(),
            events: Events::default(),
        }
    }

    /// Whether the connection was seen to speak the manager protocol.
    pub fn is_manager(&self) -> bool {
        self.speaking == Speaking::Manager
    }

    /// The next thing for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.poll()
    }

    /// What the handshake told of a peer: see [`knowledge::pythons`](crate::knowledge::pythons).
    pub fn learn(&mut self, side: Side, pythons: Pythons, server: &mut ServerKnowledge) {
        let new = match side {
            Side::Client => self.client.proved(pythons) != Change::Nothing,
            Side::Server => server.proved(pythons),
        };
        self.note_pythons(side, new, server);
    }

    /// Takes one frame of the application and says what is to be done with it.
    pub fn handle_frame(&mut self, from: Side, body: &Bytes, server: &mut ServerKnowledge) -> Outcome {
        self.recognise(from, body);
        let scan = match self.pickle(body) {
            None => return self.raw(from),
            Some(Err(source)) => return self.fail(RelayError::Malformed { from, source }, server),
            Some(Ok(scan)) => scan,
        };
        // A pickle that nothing else of its writer agrees with is still whoever's it is, not the peer's last word: see
        // `Evidence`.
        let evidence = Evidence::of(&scan, self.is_manager());
        let new = match from {
            Side::Client => self.client.saw(evidence) != Change::Nothing,
            Side::Server => server.saw(evidence),
        };
        self.note_pythons(from, new, server);
        if self.is_strict_against(&scan, body) {
            return self.fail(RelayError::RawRefused { from }, server);
        }
        let (source, target) = (self.pythons(from, server), self.target(from.other(), server));
        let readable = self.config.translation.may_pass(&scan, source, target.pythons, target.readable);
        let frame = Frame { from, body, scan: &scan, source, target, readable, sound: self.is_sound(body) };
        let outcome = match (self.speaking, from) {
            (Speaking::Manager, Side::Client) => self.request(frame, server),
            (Speaking::Manager, Side::Server) => self.reply(frame, server),
            _ => self.value(frame, server),
        };
        outcome.unwrap_or_else(|error| self.fail(error, server))
    }

    /// Decides by the first frame what the connection is for: a manager's client begins, and asks for a function of
    /// the server itself.
    fn recognise(&mut self, from: Side, body: &Bytes) {
        if self.speaking != Speaking::Unknown || self.config.mode == Mode::Raw {
            return;
        }
        let manager = from == Side::Client && is_function_request(body, &self.config);
        self.speaking = if manager { Speaking::Manager } else { Speaking::Plain };
        self.events.push(Event::Recognised { manager });
    }

    /// The opcodes of a frame; `None` if it is not taken for a pickle.
    fn pickle(&self, body: &Bytes) -> Option<Result<Scan, sabir_pickle::Error>> {
        match self.config.mode {
            Mode::Raw => None,
            Mode::Auto if !self.is_manager() => {
                let begins = matches!(body[..], [0x80, 2..=5, ..]);
                let scan = if begins { scan(body).ok() } else { None };
                scan.filter(|scan| scan.length == body.len()).map(Ok)
            }
            Mode::Auto | Mode::Pickle => Some(scan(body)),
        }
    }

    fn raw(&mut self, from: Side) -> Outcome {
        match self.config.policy {
            Policy::Strict { allow_raw: false, .. } => Outcome::Close(RelayError::RawRefused { from }),
            _ => Outcome::Pass,
        }
    }

    /// Whether the policy forbids a pickle for its protocol, or for what follows its STOP, which one reader may ignore
    /// and another may not.
    fn is_strict_against(&self, scan: &Scan, body: &Bytes) -> bool {
        let odd = scan.protocol < 2 || scan.length != body.len();
        odd && matches!(self.config.policy, Policy::Strict { allow_raw: false, .. })
    }

    /// Whether nobody has to look further into a pickle without names: the policy is lax, or every reader gets from it what
    /// we would, at no greater cost.
    fn is_sound(&self, body: &[u8]) -> bool {
        !self.is_strict() || is_sound(body)
    }

    fn is_strict(&self) -> bool {
        matches!(self.config.policy, Policy::Strict { .. })
    }

    fn pythons(&self, side: Side, server: &ServerKnowledge) -> Pythons {
        match side {
            Side::Client => self.client.pythons(),
            Side::Server => server.pythons(),
        }
    }

    fn target(&self, side: Side, server: &ServerKnowledge) -> Target {
        let (peer, pinned) = match side {
            Side::Client => (&self.client, self.config.client_protocol),
            Side::Server => (&server.peer, self.config.server_protocol),
        };
        Target {
            pythons: peer.pythons(),
            readable: pinned.unwrap_or(peer.readable()),
            protocol: pinned.unwrap_or(peer.preferred()),
            pinned: pinned.is_some(),
        }
    }

    fn note_pythons(&mut self, side: Side, new: bool, server: &ServerKnowledge) {
        if new {
            let pythons = self.pythons(side, server);
            self.events.push(Event::Pythons { side, pythons });
        }
    }
}

/// Whether a client's first frame asks a manager for a function of its own: `(None, name, args, kwargs)`.
fn is_function_request(body: &Bytes, config: &Config) -> bool {
    // Cheap first, for what begins a plain connection may be large; protocols 0 and 1 are nobody's default.
    let may_be = match body[..] {
        [0x80, 2..=5, ..] => Head::peek(body).is_some_and(|head| head.ident.is_none()),
        [b'(', b'N', ..] => true,
        _ => false,
    };
    if !may_be || !scan(body).is_ok_and(|scan| scan.length == body.len()) {
        return false;
    }
    let Ok(graph) = Graph::load(body.clone(), &config.limits) else { return false };
    Request::decode(&graph, graph.root()).is_some_and(|request| request.is_function())
}

#[cfg(test)]
mod tests;
