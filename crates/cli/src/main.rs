//! The program `sabir`: lets any two Pythons trade objects over the `multiprocessing` wire.

mod args;
mod cmd;
mod exit;
mod keys;
mod literal;
mod logging;
mod output;
mod printable;
mod running;
mod values;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    exit::finish(cmd::run(cli))
}
