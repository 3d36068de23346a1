//! All of the program `sabir` but its `main`, for those that have it inside: the Python package.
//!
//! It is no library to build on: what the program does is in the crate `sabir`.

mod args;
mod cmd;
mod exit;
mod keys;
mod literal;
mod logging;
mod metrics;
mod output;
mod printable;
mod running;
mod tls;
mod values;

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::Parser as _;

/// Runs the program with these arguments, the name it was called by first, until it is done; its exit code.
///
/// It writes to standard output and error, and the commands that run until they are stopped wait for SIGINT and SIGTERM.
/// A second signal ends the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let code = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => exit::finish(cmd::run(cli)),
        Err(error) => exit::usage(&error),
    };
    // Who called this need not end now, and nobody else flushes. A closed pipe is the reader's choice.
    let _ = io::stdout().flush();
    code
}
