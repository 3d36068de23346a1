//! One file for each command.

pub(crate) mod call;
pub(crate) mod doctor;
pub(crate) mod gateway;
mod manual;
pub(crate) mod pickle;
pub(crate) mod serve;
pub(crate) mod tour;

use crate::args::{Cli, Command};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Tour(args) => tour::run(&args),
        Command::Gateway(args) => gateway::run(*args),
        Command::Serve(args) => serve::run(*args),
        Command::Call(args) => call::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Pickle(args) => pickle::run(args),
        Command::Man => manual::man(),
        Command::Completions { shell } => manual::completions(shell),
    }
}
