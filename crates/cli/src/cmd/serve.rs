//! `sabir serve`: shared dicts, lists, queues and locks, without Python.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use sabir::net::Address;
use sabir::sync::{BindError, SyncOptions, SyncServer};
use tracing::warn;

use super::gateway::{Py2StrArg, Py2TextArg, translation};
use crate::exit::Usage;
use crate::keys::{self, KeyArgs};
use crate::logging::{self, LogArgs};
use crate::metrics::Responder;
use crate::tls::ListenTlsArgs;
use crate::{literal, output, running, values};

/// Share dicts, lists, queues, namespaces and locks between Python programs of any version
///
/// Programs use multiprocessing.managers as it is, with `SyncManager` or with a `BaseManager` that
/// registers the types; no Python runs on the server. Prints `listening on ADDR` once for each
/// listener; logs go to standard error. Without a key it makes one, in a file that only you can
/// read, and prints where.
///
///   sabir serve --listen 127.0.0.1:5000 --authkey-file key --object config=dict
///
///   class Manager(SyncManager): pass
///   Manager.register('config', proxytype=DictProxy)
///   manager = Manager(('127.0.0.1', 5000), key); manager.connect()
///   manager.config()['answer'] = 42        # the same dict for all
///   mine = manager.dict()                  # a new one
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ServeArgs {
    /// Where clients connect; may be given again. Default: 127.0.0.1:0
    #[arg(long, value_name = "ADDR")]
    listen: Vec<Address>,
    /// An object that all clients have under this name: TYPE is dict, list, Queue and so on, ARGS are Python literals
    #[arg(long, value_name = "NAME=TYPE[(ARGS)]", value_parser = literal::object)]
    object: Vec<literal::Object>,
    /// Tell Prometheus at http://ADDR/metrics what is going on
    #[arg(long, value_name = "ADDR")]
    metrics: Option<Address>,
    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    key: KeyArgs,
    /// Let everybody in who can connect
    #[arg(long, conflicts_with = "KeyArgs", help_heading = "Keys")]
    no_auth: bool,

    #[command(flatten)]
    tls: ListenTlsArgs,

    /// What a str of Python 2 becomes in Python 3
    #[arg(long, value_enum, default_value_t, value_name = "POLICY", help_heading = "Strings and names")]
    py2_str: Py2StrArg,
    /// What text becomes in Python 2
    #[arg(long, value_enum, default_value_t, value_name = "POLICY", help_heading = "Strings and names")]
    py2_text: Py2TextArg,
    /// More names that differ between versions, as tab-separated rows
    #[arg(long, value_name = "FILE", help_heading = "Strings and names")]
    names: Vec<PathBuf>,

    /// The longest message
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = values::size, help_heading = "Limits")]
    max_message: u64,
    /// How many objects there may be; who asks for one more gets a MemoryError
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = values::count, help_heading = "Limits")]
    max_objects: usize,
    /// How much memory values may take; who gives or asks for more gets a MemoryError; default: what there is
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    max_memory: Option<u64>,
    /// How many connections there may be at once; one more is closed
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = values::count, help_heading = "Limits")]
    max_connections: usize,
    /// How many connections may be unauthenticated at once; one more, and the oldest is closed
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = values::count, help_heading = "Limits")]
    max_pending: usize,
    /// How long a handshake may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration, help_heading = "Limits")]
    handshake_timeout: Duration,
    /// Close connections that say nothing for so long while nothing is due to them; default: never
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Limits")]
    idle_timeout: Option<Duration>,
    /// After how long a silence a client's machine is asked whether it is there; who is not loses his locks
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = values::duration, help_heading = "Limits")]
    keepalive: Duration,
    /// Drop objects without a name that nobody has called for so long, and of whose owners nothing is known; default: never
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Limits")]
    reference_ttl: Option<Duration>,
    /// How long a client may take to read a reply
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = values::duration, help_heading = "Limits")]
    send_timeout: Duration,
    /// How long what is being sent may take on Ctrl-C or SIGTERM; a second one does not wait
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = values::duration, help_heading = "Limits")]
    shutdown_timeout: Duration,
    /// Threads that serve connections; default: one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    threads: Option<u16>,
}

/// Runs until Ctrl-C, SIGTERM or a client's `shutdown`.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<()> {
    logging::start(args.log);
    running::raise_open_files();
    let runtime = running::runtime(args.threads)?;
    let metrics = args.metrics.clone();
    let (options, key_file) = options(args)?;
    runtime.block_on(async {
        let stop = running::stop_signal()?;
        let server = SyncServer::bind(options).await.map_err(|error| match error {
            BindError::Net(error) => anyhow::Error::from(error),
            error => Usage(format!("--object: {error}")).into(),
        })?;
        let responder = match &metrics {
            Some(address) => Some(Responder::bind(address).await?),
            None => None,
        };
        let mut out = output::stdout();
        for address in server.local_addresses() {
            writeln!(out, "listening on {address}")?;
        }
        if let Some(file) = &key_file {
            writeln!(out, "the key is in {}", file.display())?;
        }
        if let Some(responder) = &responder {
            writeln!(out, "metrics at {}", responder.url()?)?;
        }
        out.flush()?;
        drop(out);
        if let Some(responder) = responder {
            let metrics = server.metrics();
            // It ends with the runtime.
            tokio::spawn(responder.run(move || metrics.text()));
        }
        let ended = server.run(stop).await;
        if let Some(file) = key_file {
            // A key that opens nothing any more. If somebody has taken it away already, so much the better.
            let _ = std::fs::remove_file(file);
        }
        ended?;
        Ok(())
    })
}

fn options(args: ServeArgs) -> anyhow::Result<(SyncOptions, Option<PathBuf>)> {
    let mut listen = args.listen.into_iter();
    let first = listen.next().unwrap_or(Address::Tcp { host: "127.0.0.1".into(), port: 0 });
    let mut options = SyncOptions::new(first.clone());
    let mut addresses = vec![first];
    for address in listen {
        if addresses.contains(&address) && !matches!(address, Address::Tcp { port: 0, .. }) {
            return Err(
                Usage(format!("{address} is given to two listeners (--listen): choose another")).into()
            );
        }
        options = options.listen(address.clone());
        addresses.push(address);
    }
    options = args.tls.serve(options, &addresses)?;
    let open = addresses.iter().find(|address| !address.is_loopback());
    let mut key_file = None;
    match args.key.key()? {
        Some(key) => options = options.authkey(key),
        None if args.no_auth => {
            if let Some(open) = open {
                warn!("{open} can be reached from other machines, and everybody is let in");
            }
        }
        None => {
            if let Some(open) = open {
                let why = format!(
                    "{open} can be reached from other machines: give clients a key (--authkey-file and the like), or say \
                     --no-auth"
                );
                return Err(Usage(why).into());
            }
            let (key, file) = keys::new_key()?;
            options = options.authkey(key);
            key_file = Some(file);
        }
    }
    for literal::Object { name, typeid, arguments } in args.object {
        options = options.object(&name, &typeid, arguments);
    }
    if let Some(most) = args.max_memory {
        options = options.max_memory(usize::try_from(most).unwrap_or(usize::MAX));
    }
    let options = options
        .max_objects(args.max_objects)
        .reference_ttl(args.reference_ttl)
        .keepalive(args.keepalive)
        .translation(translation(&args.names, args.py2_str, args.py2_text)?)
        .max_message(args.max_message)
        .max_connections(args.max_connections)
        .max_pending(args.max_pending)
        .handshake_timeout(args.handshake_timeout)
        .idle_timeout(args.idle_timeout)
        .send_timeout(args.send_timeout)
        .shutdown_timeout(args.shutdown_timeout);
    Ok((options, key_file))
}
