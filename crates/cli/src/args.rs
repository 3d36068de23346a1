//! The command line: one table, from which help, man page and completions are made.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::cmd::call::CallArgs;
use crate::cmd::doctor::DoctorArgs;
use crate::cmd::gateway::GatewayArgs;
use crate::cmd::pickle::PickleArgs;
use crate::cmd::serve::ServeArgs;
use crate::cmd::tour::TourArgs;

/// Lets any two Pythons trade objects over the multiprocessing wire.
///
/// Programs that use multiprocessing's Listener, Client and managers fail when their Python versions
/// differ: each pickles as its own version does. Sabir stands between them and rewrites what one
/// wrote into what the other reads. Neither program changes.
///
/// ADDR is host:port, [ipv6]:port, unix:/path, unix:@abstract or tls:host:port. Port 0 picks a free
/// port.
#[derive(Debug, Parser)]
#[allow(rustdoc::broken_intra_doc_links, reason = "the text is the help: what stands in brackets is no link")]
#[command(name = "sabir", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tour(TourArgs),
    Gateway(Box<GatewayArgs>),
    Serve(Box<ServeArgs>),
    Call(CallArgs),
    Doctor(DoctorArgs),
    Pickle(PickleArgs),
    /// Print the man page
    #[command(hide = true)]
    Man,
    /// Print a script that completes arguments in your shell
    Completions {
        /// Your shell
        shell: Shell,
    },
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine; 1 answered with no; 2 wrong usage, or a file that cannot be read or written;
3 could not connect or bind; 4 refused by authentication; 5 protocol violation by the peer.";
