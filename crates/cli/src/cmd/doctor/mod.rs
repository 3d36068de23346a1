//! `sabir doctor`: what is at an address, and which Pythons it can talk to.

mod look;

use std::io::{self, Write as _};
use std::time::Duration;

use sabir::net::Address;
use sabir::pickle::{Pythons, Version};
use sabir::wire::auth::ChallengeStyle;

use self::look::{Findings, Who, ask, probe};
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
    let helps = match findings.who() {
        Who::Python(pythons) => compare(pythons, &mut out)?,
        Who::Sabir => {
            writeln!(out, "\nEvery Python can talk to those: here is nothing to do.")?;
            false
        }
        Who::Unknown => {
            writeln!(
                out,
                "\nIf it is a Listener, its protocol, and so its version, shows in the first object that its program sends."
            )?;
            true
        }
    };
    if helps {
        writeln!(out, "\nThis lets every Python in, and changes neither program:")?;
        writeln!(out, "  sabir gateway --listen {} --to {address}", beside(address))?;
        writeln!(out, "and the clients connect to the address that it prints.")?;
    }
    Ok(out.flush()?)
}

fn describe(findings: &Findings, out: &mut impl io::Write) -> io::Result<()> {
    match findings.hints.challenge {
        Some(ChallengeStyle::Legacy) => {
            writeln!(out, "  handshake  20 bytes, answered with md5, as Python 2.7 to 3.11 does")?;
        }
        Some(ChallengeStyle::Named(digest)) => {
            writeln!(out, "  handshake  {{{digest}}}, as Python 3.12 and newer does")?;
        }
        Some(_) => writeln!(out, "  handshake  in no dialect that a stock Python has")?,
        None if findings.wrote_first => {
            writeln!(out, "  handshake  none: it writes by itself, so it has no key")?;
        }
        None => writeln!(
            out,
            "  handshake  none within the timeout: it has no key and waits for us, or it is busy, or no multiprocessing server"
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
        (false, _) if findings.wrote_first => {
            writeln!(out, "  kind       a Listener, whose program writes first")?;
        }
        (false, _) if findings.protocol.is_some() => {
            writeln!(out, "  kind       a Listener, whose program answers")?;
        }
        (false, _) => writeln!(out, "  kind       a Listener, or not asked")?,
    }
    match findings.who() {
        Who::Python(pythons) => writeln!(out, "  Python     {pythons}, most likely"),
        Who::Sabir => {
            writeln!(out, "  Python     none does all of this: it is a gateway or a Sabir peer, most likely")
        }
        Who::Unknown => writeln!(out, "  Python     cannot be told"),
    }
}

/// Which Pythons fail, by what both ends write and read. Says whether any does.
fn compare(server: Pythons, out: &mut impl io::Write) -> io::Result<bool> {
    writeln!(
        out,
        "\nWhat happens to a client of (unless this is a gateway already, which lets every Python in)"
    )?;
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

/// How many objects of a manager are listed.
const SHOWN: usize = 20;
