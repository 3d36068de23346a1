//! `sabir gateway`: two programs that stay as they are.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use sabir::gateway::{AllowList, Authentication, Config, Gateway, GatewayOptions, Mode, Policy, Upstream};
use sabir::net::Address;
use sabir::pickle::{Names, Py2Str, Py2Text, Translation};
use sabir::wire::auth::{LegacyDigest, MinAuth};
use tracing::warn;

use crate::exit::Usage;
use crate::keys::{KeyArgs, ServerKeyArgs};
use crate::logging::{self, LogArgs};
use crate::tls::{ListenTlsArgs, ToTlsArgs};
use crate::{output, running, values};

/// Stand between two programs of different Python versions, which stay as they are
///
/// Listens where the client connects, connects to the server for it, and rewrites what each writes
/// into what the other reads. Prints `listening on ADDR` once for each listener; logs go to standard
/// error. Without a key the two programs authenticate with each other through the gateway. With one
/// the gateway is a peer to both: clients prove the key to it, and it proves the key to the server.
///
///   sabir gateway --listen 127.0.0.1:5001 --to 127.0.0.1:5000
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct GatewayArgs {
    /// Where clients connect
    #[arg(long, value_name = "ADDR")]
    listen: Address,
    /// Where the server is; `original`: where a redirected client was going (Linux)
    #[arg(long, value_name = "ADDR", value_parser = values::upstream)]
    to: Upstream,
    /// Another listener and its server; proxies that name this server are rewritten too
    #[arg(long, value_name = "LISTEN=TO", value_parser = values::route)]
    route: Vec<(Address, Upstream)>,
    /// What the server of --to calls itself in its proxies, if the gateway cannot see it
    #[arg(long, value_name = "ADDR")]
    to_alias: Option<Address>,
    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    server_key: ServerKeyArgs,
    /// What to answer to a server's challenge that names no digest; needs a key. Default: md5
    #[arg(long, value_enum, value_name = "DIGEST", help_heading = "Keys")]
    to_digest: Option<DigestArg>,
    /// The weakest proof of a key that is taken of clients and given to the server; needs a key. Default: md5
    #[arg(long, value_enum, value_name = "DIGEST", help_heading = "Keys")]
    min_auth: Option<MinAuthArg>,
    /// Listen beyond this machine although whoever connects then acts with the server's key
    #[arg(long, help_heading = "Keys")]
    no_auth: bool,

    #[command(flatten)]
    tls: ListenTlsArgs,
    #[command(flatten)]
    to_tls: ToTlsArgs,

    /// Which messages are taken for pickles
    #[arg(long, value_enum, default_value_t, help_heading = "Rewriting")]
    mode: ModeArg,
    /// The pickle protocol that the client is written; default: what it is seen to read
    #[arg(long, value_name = "0-5", value_parser = clap::value_parser!(u8).range(0..=5), help_heading = "Rewriting")]
    client_protocol: Option<u8>,
    /// The pickle protocol that the server is written; default: what it is seen to read
    #[arg(long, value_name = "0-5", value_parser = clap::value_parser!(u8).range(0..=5), help_heading = "Rewriting")]
    server_protocol: Option<u8>,
    /// What a str of Python 2 becomes in Python 3
    #[arg(long, value_enum, default_value_t, value_name = "POLICY", help_heading = "Rewriting")]
    py2_str: Py2StrArg,
    /// What text becomes in Python 2
    #[arg(long, value_enum, default_value_t, value_name = "POLICY", help_heading = "Rewriting")]
    py2_text: Py2TextArg,
    /// More names that differ between versions, as tab-separated rows
    #[arg(long, value_name = "FILE", help_heading = "Rewriting")]
    names: Vec<PathBuf>,

    /// What is done about the classes and functions that pickles name
    #[arg(long, value_enum, default_value_t, help_heading = "Safety")]
    policy: PolicyArg,
    /// A name that `--policy strict` lets pass, as module.name; @FILE: one a line
    #[arg(long, value_name = "NAME", help_heading = "Safety")]
    allow: Vec<String>,
    /// Let pass under `--policy strict` what is no pickle of protocol 2 to 5
    #[arg(long, help_heading = "Safety")]
    allow_raw: bool,

    /// The longest message
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = values::size, help_heading = "Limits")]
    max_message: u64,
    /// How many connections may be unauthenticated at once; one more, and the oldest is closed
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = values::count, help_heading = "Limits")]
    max_pending: usize,
    /// How long the server may take to accept a connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration, help_heading = "Limits")]
    connect_timeout: Duration,
    /// How long a handshake may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration, help_heading = "Limits")]
    handshake_timeout: Duration,
    /// Close connections on which nothing was said for so long; default: never
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Limits")]
    idle_timeout: Option<Duration>,
    /// How long connections may finish what is in flight on Ctrl-C or SIGTERM; a second one does not wait
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = values::duration, help_heading = "Limits")]
    shutdown_timeout: Duration,
    /// Threads that serve connections; default: one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ModeArg {
    /// Those that look like pickles, and all of a manager's
    #[default]
    Auto,
    /// All
    Pickle,
    /// None: only bytes are passed on
    Raw,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum DigestArg {
    /// As every CPython does
    #[default]
    Md5,
    /// As builds of some vendors do, which have no MD5
    Sha256Raw,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum MinAuthArg {
    /// All that Python before 3.12 can do
    #[default]
    Md5,
    /// Python 3.12 and newer, and vendor builds without MD5
    Sha256,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Py2StrArg {
    /// Text if it is valid UTF-8, else bytes
    #[default]
    Utf8ElseBytes,
    /// Text in UTF-8; anything else is an error
    Utf8,
    /// Text in Latin-1
    Latin1,
    /// Bytes
    Bytes,
    /// Text in ASCII; anything else is an error
    Strict,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Py2TextArg {
    /// unicode, whatever it holds
    #[default]
    Unicode,
    /// str if it is ASCII, else unicode
    AsciiStr,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PolicyArg {
    /// All pass
    #[default]
    Transparent,
    /// What is not allowed is refused: a manager's client is told why, any other connection is closed, and the log alone
    /// says why
    Strict,
    /// All pass, and are logged once each: a beginning for an allow list
    Learn,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn run(args: GatewayArgs) -> anyhow::Result<()> {
    logging::start(args.log);
    running::raise_open_files();
    let runtime = running::runtime(args.threads)?;
    let options = options(args)?;
    runtime.block_on(async {
        let stop = running::stop_signal()?;
        let gateway = Gateway::bind(options).await?;
        let mut out = output::stdout();
        for address in gateway.local_addresses() {
            writeln!(out, "listening on {address}")?;
        }
        out.flush()?;
        drop(out);
        gateway.run(stop).await?;
        Ok(())
    })
}

fn options(args: GatewayArgs) -> anyhow::Result<GatewayOptions> {
    twice(&args)?;
    if matches!(args.policy, PolicyArg::Learn) && !args.log.log.shows_info() {
        return Err(Usage(
            "--policy learn logs what it learns at `--log info`: at this level it would say nothing".into(),
        )
        .into());
    }
    let client_key = args.key.key()?;
    let server_key = args.server_key.key()?.or_else(|| client_key.clone());
    let mut listeners = std::iter::once(&args.listen).chain(args.route.iter().map(|(listen, _)| listen));
    let open = listeners.find(|address| !address.is_loopback());
    let authentication = if server_key.is_none() {
        if args.min_auth.is_some() || args.to_digest.is_some() {
            let why = "--min-auth and --to-digest mean something with a key only (--authkey-file and the like): \
                       without one the programs authenticate with each other";
            return Err(Usage(why.into()).into());
        }
        Authentication::PassThrough
    } else {
        if let Some(open) = open.filter(|_| client_key.is_none() && !args.no_auth) {
            let why = format!(
                "{open} can be reached from other machines, and whoever connects would use the server's key \
                 without having one: give clients a key too (--authkey-file), or say --no-auth"
            );
            return Err(Usage(why).into());
        }
        let min_auth = match args.min_auth.unwrap_or_default() {
            MinAuthArg::Md5 => MinAuth::Md5,
            MinAuthArg::Sha256 => MinAuth::Sha256,
        };
        let server_digest = match args.to_digest.unwrap_or_default() {
            DigestArg::Md5 => LegacyDigest::Md5,
            DigestArg::Sha256Raw => LegacyDigest::Sha256Raw,
        };
        Authentication::Terminate { client_key, server_key, min_auth, server_digest }
    };
    let rewriting = Config {
        mode: match args.mode {
            ModeArg::Auto => Mode::Auto,
            ModeArg::Pickle => Mode::Pickle,
            ModeArg::Raw => Mode::Raw,
        },
        translation: translation(&args.names, args.py2_str, args.py2_text)?,
        client_protocol: args.client_protocol,
        server_protocol: args.server_protocol,
        policy: policy(args.policy, &args.allow, args.allow_raw)?,
        ..Config::default()
    };
    let routes = args.route.iter().map(|(listen, to)| (listen, to));
    let (listen, to): (Vec<_>, Vec<_>) = std::iter::once((&args.listen, &args.to))
        .chain(routes)
        .map(|(one, other)| (one.clone(), other))
        .unzip();
    let to: Vec<Address> = to
        .into_iter()
        .filter_map(|to| match to {
            Upstream::At(address) => Some(address.clone()),
            _ => None,
        })
        .collect();
    let (tls, to_tls) = (args.tls, args.to_tls);
    let mut options = GatewayOptions::new(args.listen, args.to)
        .authentication(authentication)
        .rewriting(rewriting)
        .max_message(args.max_message)
        .max_pending(args.max_pending)
        .connect_timeout(args.connect_timeout)
        .handshake_timeout(args.handshake_timeout)
        .idle_timeout(args.idle_timeout)
        .shutdown_timeout(args.shutdown_timeout);
    for (listen, to) in args.route {
        options = options.route(listen, to);
    }
    options = to_tls.gateway(tls.gateway(options, &listen)?, &to)?;
    if let Some(alias) = args.to_alias {
        options = options.server_alias(alias);
    }
    Ok(options)
}

/// An address can be listened on once, by whomever: the system would blame another program.
fn twice(args: &GatewayArgs) -> Result<(), Usage> {
    let mut listens = BTreeSet::new();
    let all = std::iter::once(&args.listen).chain(args.route.iter().map(|(listen, _)| listen));
    for listen in all.filter(|listen| !matches!(listen, Address::Tcp { port: 0, .. })) {
        if !listens.insert(listen) {
            return Err(Usage(format!(
                "{listen} is given to two listeners (--listen, --route): choose another"
            )));
        }
    }
    Ok(())
}

/// Names and strings between versions, as a user wants them.
pub(crate) fn translation(
    files: &[PathBuf],
    py2_str: Py2StrArg,
    py2_text: Py2TextArg,
) -> Result<Translation, Usage> {
    let mut names = Names::builtin();
    for file in files {
        let rows = fs::read_to_string(file)
            .map_err(|error| Usage(format!("cannot read the names in {}: {error}", file.display())))?;
        names.extend(&rows).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
    }
    let py2_str = match py2_str {
        Py2StrArg::Utf8ElseBytes => Py2Str::Utf8ElseBytes,
        Py2StrArg::Utf8 => Py2Str::Utf8,
        Py2StrArg::Latin1 => Py2Str::Latin1,
        Py2StrArg::Bytes => Py2Str::Bytes,
        Py2StrArg::Strict => Py2Str::Strict,
    };
    let py2_text = match py2_text {
        Py2TextArg::Unicode => Py2Text::Unicode,
        Py2TextArg::AsciiStr => Py2Text::AsciiStr,
    };
    Ok(Translation::new(names, py2_str, py2_text))
}

fn policy(policy: PolicyArg, allowed: &[String], allow_raw: bool) -> Result<Policy, Usage> {
    if !matches!(policy, PolicyArg::Strict) && (allow_raw || !allowed.is_empty()) {
        return Err(Usage("--allow and --allow-raw mean something with --policy strict only".into()));
    }
    match policy {
        PolicyArg::Transparent => Ok(Policy::Transparent),
        PolicyArg::Learn => Ok(Policy::Learn),
        PolicyArg::Strict => {
            let mut allow = AllowList::builtin();
            for entry in allowed {
                match entry.strip_prefix('@') {
                    Some(file) => allow_file(&mut allow, file)?,
                    None => allow.add(entry).map_err(|error| Usage(format!("--allow: {error}")))?,
                }
            }
            for name in allow.dangerous() {
                warn!("--allow {name} lets a pickle do anything");
            }
            Ok(Policy::Strict { allow, allow_raw })
        }
    }
}

/// One name a line; what follows a `#` is a comment.
fn allow_file(allow: &mut AllowList, file: &str) -> Result<(), Usage> {
    let text = fs::read_to_string(file).map_err(|error| Usage(format!("cannot read {file}: {error}")))?;
    for (line, entry) in text.lines().enumerate() {
        let entry = entry.split('#').next().unwrap_or_default().trim();
        if !entry.is_empty() {
            let wrong = |error| Usage(format!("{file}, line {}: {error}", line + 1));
            allow.add(entry).map_err(wrong)?;
        }
    }
    Ok(())
}
