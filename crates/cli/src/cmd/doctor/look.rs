//! What a client can see of a server: how it authenticates, what it answers.

use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Stream};
use sabir::net::{Address, Doing, Error};
use sabir::pickle::{Graph, Limits, Node, NodeId, Pythons, Version};
use sabir::wire::Config;
use sabir::wire::auth::{AuthKey, AuthOptions, ChallengeStyle, Era, PeerHints};
use sabir::wire::error::AuthError;
use sabir::wire::frame::{self, FrameDialect, FrameLimits};

use super::DoctorArgs;
use crate::exit::Unexpected;

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) hints: PeerHints,
    /// The protocol of its reply, or of what it wrote by itself.
    pub(super) protocol: Option<u8>,
    /// It wrote before it was asked, so it has no key.
    pub(super) wrote_first: bool,
    /// It answered as a manager does.
    pub(super) manager: bool,
    pub(super) objects: Option<String>,
    /// It read a protocol that the Python which its replies look like cannot read.
    pub(super) reads_more: bool,
}

/// Who does all that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Nothing was seen.
    Unknown,
    /// A Python of one of these versions.
    Python(Pythons),
    /// No Python: a gateway in front of one, or a program that uses Sabir.
    Sabir,
}

impl Findings {
    pub(super) fn who(&self) -> Who {
        let of_reply = self.protocol.map(Pythons::writing);
        let of_handshake = match self.hints.era() {
            Some(Era::UpTo311) => Some(Pythons::between(Version::new(2, 7), Version::new(3, 11))),
            Some(Era::From312) => Some(Pythons::between(Version::new(3, 12), Pythons::ANY.max)),
            _ => None,
        };
        match (of_reply, of_handshake) {
            _ if self.reads_more => Who::Sabir,
            (Some(reply), Some(handshake)) => reply.intersect(handshake).map_or(Who::Sabir, Who::Python),
            (reply, handshake) => reply.or(handshake).map_or(Who::Unknown, Who::Python),
        }
    }
}

/// Authenticates, and asks what a manager answers.
pub(super) fn ask(address: &Address, key: &AuthKey, args: &DoctorArgs) -> anyhow::Result<Findings> {
    let mut connection = connect(address, key, args.timeout).map_err(explained)?;
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
        Err(error) => return Err(error.into()),
    };
    findings.protocol = protocol(&reply);
    findings.manager = result(&reply).is_some();
    if findings.manager {
        let once_more = |request| -> Result<_, Error> {
            let mut connection = connect(address, key, args.timeout)?;
            let deadline = Instant::now() + args.timeout;
            connection.send_bytes(request, deadline)?;
            connection.recv_bytes(deadline)
        };
        findings.objects = once_more(DEBUG_INFO)?.and_then(|reply| result(&reply)).flatten();
        // A stock manager that cannot read a request answers with a traceback.
        if findings.protocol == Some(2) {
            findings.reads_more =
                once_more(DUMMY_4)?.and_then(|reply| result(&reply)).is_some_and(|text| text.is_none());
        }
    }
    Ok(findings)
}

fn connect(address: &Address, key: &AuthKey, timeout: Duration) -> Result<Connection, Error> {
    let deadline = Instant::now() + timeout;
    let stream = Stream::connect(address, deadline)?;
    Connection::connecting(stream, Config::default(), key.clone(), AuthOptions::default(), deadline)
}

/// Of a handshake that failed before a key was judged: what may be there instead.
fn explained(error: Error) -> anyhow::Error {
    let what = match &error {
        Error::Timeout { doing: Doing::Authenticating } => {
            "it sent no challenge: has it a key, and is it a multiprocessing server? (--probe asks without a key)"
        }
        Error::Closed { doing: Doing::Authenticating } | Error::Io { doing: Doing::Authenticating, .. } => {
            CLOSED
        }
        Error::Wire(sabir::wire::Error::Frame { .. }) => NO_SERVER,
        Error::Wire(sabir::wire::Error::Auth { source: AuthError::Closed, .. }) => CLOSED,
        Error::Wire(sabir::wire::Error::Auth {
            source: AuthError::NotAChallenge { .. } | AuthError::TooLong { .. },
            ..
        }) => "it sent something else than a challenge: has it a key? (--probe asks without one)",
        _ => return error.into(),
    };
    Unexpected(what).into()
}

/// Reads what comes by itself, a challenge most likely, and hangs up.
pub(super) fn probe(address: &Address, timeout: Duration) -> anyhow::Result<Findings> {
    let deadline = Instant::now() + timeout;
    let stream = Stream::connect(address, deadline)?;
    let mut arrived = bytes::BytesMut::new();
    loop {
        let header =
            frame::peek(&arrived, FrameDialect::PY38, FIRST_MESSAGE).map_err(|_| Unexpected(NO_SERVER))?;
        if let Some(header) = header {
            let body = &arrived[header.header_len..];
            if header.frame_len().min(MOST_LOOKED_AT) <= arrived.len() as u64 {
                return seen(body);
            }
        }
        arrived.reserve(512);
        match stream.read(&mut arrived, deadline) {
            Ok(0) => return Err(Unexpected(CLOSED).into()),
            Ok(_) => {}
            // It has no key, and waits for us to speak.
            Err(Error::Timeout { .. }) if arrived.is_empty() => return Ok(Findings::default()),
            Err(Error::Timeout { .. }) => return Err(Unexpected(NO_SERVER).into()),
            Err(Error::Io { .. }) => return Err(Unexpected(CLOSED).into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the first message says of its sender.
fn seen(body: &[u8]) -> anyhow::Result<Findings> {
    if let Some((_, style)) = ChallengeStyle::parse(body) {
        let hints = PeerHints { challenge: Some(style), ..PeerHints::default() };
        return Ok(Findings { hints, ..Findings::default() });
    }
    Ok(Findings { protocol: protocol(body), wrote_first: true, ..Findings::default() })
}

fn protocol(message: &[u8]) -> Option<u8> {
    match message {
        &[0x80, protocol @ 2..=5, ..] => Some(protocol),
        _ => None,
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
/// The same at protocol 4, which 2.7 does not read.
const DUMMY_4: &[u8] = b"\x80\x04(N\x8c\x05dummy)}t.";
/// `(None, 'debug_info', (), {})`.
const DEBUG_INFO: &[u8] = b"\x80\x02(NX\x0a\0\0\0debug_info)}t.";

const NO_SERVER: &str = "this does not look like a multiprocessing server: wrong port?";
const CLOSED: &str = "it closed the connection at once. This does not look like a multiprocessing server: wrong port? \
                      (A gateway does so if its server is not there)";

/// Longer than any first message is, and less than four letters are for a length.
const FIRST_MESSAGE: FrameLimits = FrameLimits { max_message: 16 << 20 };
/// Bytes of the first message that are waited for: no challenge is as long.
const MOST_LOOKED_AT: u64 = 300;
