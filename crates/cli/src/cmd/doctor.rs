//! `sabir doctor`: what is at an address, and which Pythons it can talk to.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Stream};
use sabir::net::{Address, Doing, Error};
use sabir::pickle::{Graph, Limits, Node, NodeId, Pythons, Version};
use sabir::wire::Config;
use sabir::wire::auth::{AuthKey, AuthOptions, ChallengeStyle, Era, PeerHints};
use sabir::wire::frame::{self, FrameDialect, FrameLimits};

use crate::exit::Usage;
use crate::keys::KeyArgs;
use crate::{output, values};

/// Say what is at an address, which Pythons cannot talk to it, and what helps
///
/// Connects as a client would. To a plain Listener that uses up one accept(); with a key, and unless
/// --no-request is given, its program also receives one object, (None, 'dummy', (), {}), which every
/// manager answers. Without a key --probe is needed, since the Listener then sees a failed handshake.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Where to look
    #[arg(value_name = "ADDR", value_parser = values::server)]
    address: Address,
    /// Look without a key, although the handshake then fails
    #[arg(long)]
    probe: bool,
    /// Send nothing but the handshake
    #[arg(long)]
    no_request: bool,
    /// How long to wait for each answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = values::duration)]
    timeout: Duration,
    #[command(flatten)]
    key: KeyArgs,
}

/// What was found out.
#[derive(Debug, Default)]
struct Findings {
    hints: PeerHints,
    /// The protocol of its reply.
    protocol: Option<u8>,
    /// It answered as a manager does.
    manager: bool,
    objects: Option<String>,
}

/// Looks, and prints what there is.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let key = args.key.key()?;
    let address = &args.address;
    if key.is_none() && !args.probe {
        let why = "without a key the handshake fails, which uses up one accept() of a plain Listener and may end its program: \
                   give its key (--authkey-file or --authkey-env), or say --probe";
        return Err(Usage(why.into()).into());
    }
    let mut out = output::stdout();
    writeln!(out, "{address}: asking (this uses up one accept() of a plain Listener)")?;
    out.flush()?;
    let findings = match key {
        Some(key) => ask(address, &key, args)?,
        None => probe(address, args.timeout)?,
    };
    describe(&findings, &mut out)?;
    let pythons = findings.pythons();
    let fails = match pythons {
        Some(pythons) => compare(pythons, &mut out)?,
        None => false,
    };
    if fails {
        writeln!(out, "\nThis lets all of them in, and changes neither program:")?;
        writeln!(out, "  sabir gateway --listen {} --to {address}", beside(address))?;
        writeln!(out, "and the clients connect to the address that it prints.")?;
    }
    Ok(out.flush()?)
}

impl Findings {
    /// The versions that all of it allows; `None` if nothing was seen.
    fn pythons(&self) -> Option<Pythons> {
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
fn ask(address: &Address, key: &AuthKey, args: &DoctorArgs) -> Result<Findings, Error> {
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
fn probe(address: &Address, timeout: Duration) -> Result<Findings, Error> {
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

fn describe(findings: &Findings, out: &mut impl io::Write) -> io::Result<()> {
    match findings.hints.challenge {
        Some(ChallengeStyle::Legacy) => {
            writeln!(out, "  handshake  20 bytes, answered with md5: Python 2.7 to 3.11")?;
        }
        Some(ChallengeStyle::Named(digest)) => {
            writeln!(out, "  handshake  {{{digest}}}: Python 3.12 or newer")?;
        }
        Some(_) => writeln!(out, "  handshake  in no dialect that a stock Python has")?,
        None => writeln!(
            out,
            "  handshake  none within the timeout: a Listener without a key, or one that is busy"
        )?,
    }
    if findings.hints.is_vendor_build() {
        writeln!(
            out,
            "             and raw sha256: a vendor build without md5 (gateway: --to-digest sha256-raw)"
        )?;
    }
    match findings.protocol {
        Some(protocol) => writeln!(out, "  protocol   it writes pickle protocol {protocol}")?,
        None => writeln!(out, "  protocol   not seen")?,
    }
    match (findings.manager, &findings.objects) {
        (true, Some(objects)) => {
            writeln!(out, "  kind       a manager, which holds")?;
            let lines = objects.lines().filter(|line| line.contains("refcount"));
            let shown: Vec<_> = lines.take(SHOWN).collect();
            if shown.is_empty() {
                writeln!(out, "             nothing")?;
            }
            for line in shown {
                writeln!(out, "             {}", line.trim().escape_debug())?;
            }
        }
        (true, None) => writeln!(out, "  kind       a manager")?,
        (false, _) if findings.protocol.is_some() => {
            writeln!(out, "  kind       a Listener, whose program answers")?;
        }
        (false, _) => writeln!(out, "  kind       a Listener, or not asked")?,
    }
    match findings.pythons() {
        Some(pythons) => writeln!(out, "  Python     {pythons}, most likely"),
        None => writeln!(out, "  Python     cannot be told"),
    }
}

/// Which Pythons fail, by what both ends write and read. Says whether any does.
fn compare(server: Pythons, out: &mut impl io::Write) -> io::Result<bool> {
    writeln!(out, "\nWhat happens to a client of")?;
    let mut fails = false;
    for (name, client) in CLIENTS {
        // Each end writes its own default; the other must read it, whichever of the versions it is.
        let sent = client.default_protocol();
        let received = server.min.default_protocol().max(server.max.default_protocol());
        let verdict = if sent > server.max.highest_protocol() {
            Some(format!("fails: the server says ValueError: unsupported pickle protocol: {sent}"))
        } else if received > client.highest_protocol()
            && server.min.default_protocol() > client.highest_protocol()
        {
            let least = server.min.default_protocol();
            Some(format!("fails: it says ValueError: unsupported pickle protocol: {least}"))
        } else if sent > server.min.highest_protocol() || received > client.highest_protocol() {
            Some("may fail: the two sides' protocols may not fit".to_owned())
        } else if (server.max.major == 2) != (client.major == 2) {
            Some("fails on any str with a byte above 0x7f".to_owned())
        } else {
            None
        };
        fails |= verdict.is_some();
        writeln!(out, "  {name:12} {}", verdict.as_deref().unwrap_or("works"))?;
    }
    Ok(fails)
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

/// An address of the same kind that is surely free.
fn beside(address: &Address) -> String {
    match address {
        Address::Unix(path) => format!("unix:{}.sabir", path.display()),
        Address::Abstract(_) => format!("{address}.sabir"),
        _ => "127.0.0.1:0".to_owned(),
    }
}

/// The families of clients that behave alike.
const CLIENTS: &[(&str, Version)] = &[
    ("2.7", Version::new(2, 7)),
    ("3.6, 3.7", Version::new(3, 6)),
    ("3.8 to 3.13", Version::new(3, 8)),
    ("3.14, 3.15", Version::new(3, 14)),
];

/// `(None, 'dummy', (), {})` at protocol 2, which every Python reads.
const DUMMY: &[u8] = b"\x80\x02(NX\x05\0\0\0dummy)}t.";
/// `(None, 'debug_info', (), {})`.
const DEBUG_INFO: &[u8] = b"\x80\x02(NX\x0a\0\0\0debug_info)}t.";
/// How many objects of a manager are listed.
const SHOWN: usize = 20;
