//! What a client can see of a server: how it authenticates, what it answers.

use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Stream};
use sabir::net::{Address, Doing, Error};
use sabir::pickle::{Graph, Limits, Node, NodeId, Pythons, Version};
use sabir::wire::Config;
use sabir::wire::auth::{AuthKey, AuthOptions, ChallengeStyle, Era, PeerHints};
use sabir::wire::frame::{self, FrameDialect, FrameLimits};

use super::DoctorArgs;

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) hints: PeerHints,
    /// The protocol of its reply.
    pub(super) protocol: Option<u8>,
    /// It answered as a manager does.
    pub(super) manager: bool,
    pub(super) objects: Option<String>,
}

impl Findings {
    /// The versions that all of it allows; `None` if nothing was seen.
    pub(super) fn pythons(&self) -> Option<Pythons> {
        let of_reply = self.protocol.map(Pythons::writing);
        let of_handshake = match self.hints.era() {
            Some(Era::UpTo311) => Some(Pythons::between(Version::new(2, 7), Version::new(3, 11))),
            Some(Era::From312) => Some(Pythons::between(Version::new(3, 12), Pythons::ANY.max)),
            _ => None,
        };
        match (of_reply, of_handshake) {
            (Some(reply), Some(handshake)) => Some(reply.intersect(handshake).unwrap_or(reply)),
            (reply, handshake) => reply.or(handshake),
        }
    }
}

/// Authenticates, and asks what a manager answers.
pub(super) fn ask(address: &Address, key: &AuthKey, args: &DoctorArgs) -> Result<Findings, Error> {
    let mut connection = connect(address, key, args.timeout)?;
    let mut findings = Findings { hints: connection.hints(), ..Findings::default() };
    if args.no_request {
        return Ok(findings);
    }
    let deadline = Instant::now() + args.timeout;
    connection.send_bytes(DUMMY, deadline)?;
    let reply = match connection.recv_bytes(deadline) {
        Ok(Some(reply)) => reply,
        // A Listener whose program waits for more, or did not like what it got.
        Ok(None) | Err(Error::Timeout { .. } | Error::Io { .. } | Error::Closed { .. }) => {
            return Ok(findings);
        }
        Err(error) => return Err(error),
    };
    if let &[0x80, protocol, ..] = &reply[..] {
        findings.protocol = Some(protocol);
    }
    findings.manager = result(&reply).is_some();
    if findings.manager {
        let mut second = connect(address, key, args.timeout)?;
        let deadline = Instant::now() + args.timeout;
        second.send_bytes(DEBUG_INFO, deadline)?;
        findings.objects = second.recv_bytes(deadline)?.and_then(|reply| result(&reply)).flatten();
    }
    Ok(findings)
}

fn connect(address: &Address, key: &AuthKey, timeout: Duration) -> Result<Connection, Error> {
    let deadline = Instant::now() + timeout;
    let stream = Stream::connect(address, deadline)?;
    Connection::connecting(stream, Config::default(), key.clone(), AuthOptions::default(), deadline)
}

/// Reads the challenge and hangs up.
pub(super) fn probe(address: &Address, timeout: Duration) -> Result<Findings, Error> {
    let deadline = Instant::now() + timeout;
    let stream = Stream::connect(address, deadline)?;
    let mut arrived = bytes::BytesMut::new();
    loop {
        let limits = FrameLimits::BEFORE_AUTHENTICATION;
        if let Ok(Some(header)) = frame::peek(&arrived, FrameDialect::PY38, limits)
            && arrived.len() as u64 >= header.frame_len()
        {
            let challenge = ChallengeStyle::parse(&arrived[header.header_len..]);
            let hints = PeerHints { challenge: challenge.map(|(_, style)| style), ..PeerHints::default() };
            return Ok(Findings { hints, ..Findings::default() });
        }
        arrived.reserve(512);
        match stream.read(&mut arrived, deadline) {
            Ok(0) => return Err(Error::Closed { doing: Doing::Authenticating }),
            Ok(_) => {}
            // It has no key, and waits for us to speak.
            Err(Error::Timeout { .. }) if arrived.is_empty() => return Ok(Findings::default()),
            Err(error) => return Err(error),
        }
    }
}

/// The result of a manager's reply: `Some(None)` if it is no text.
fn result(reply: &[u8]) -> Option<Option<String>> {
    let limits = Limits { max_nodes: 1 << 16, ..Limits::DEFAULT };
    let graph = Graph::load(reply.to_vec().into(), &limits).ok()?;
    let Node::Tuple(items) = &graph[graph.root()] else { return None };
    let &[kind, value] = items.as_slice() else { return None };
    let kind = text(&graph, kind)?;
    kind.starts_with('#').then(|| text(&graph, value))
}

fn text(graph: &Graph, id: NodeId) -> Option<String> {
    match graph[id] {
        Node::Str(blob) | Node::String(blob) => Some(String::from_utf8_lossy(graph.blob(blob)).into_owned()),
        _ => None,
    }
}

/// `(None, 'dummy', (), {})` at protocol 2, which every Python reads.
const DUMMY: &[u8] = b"\x80\x02(NX\x05\0\0\0dummy)}t.";
/// `(None, 'debug_info', (), {})`.
const DEBUG_INFO: &[u8] = b"\x80\x02(NX\x0a\0\0\0debug_info)}t.";
