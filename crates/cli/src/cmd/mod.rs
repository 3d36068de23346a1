//! One file for each command.

pub(crate) mod gateway;
mod manual;

use crate::args::{Cli, Command};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Gateway(args) => gateway::run(*args),
        Command::Man => manual::man(),
        Command::Completions { shell } => manual::completions(shell),
    }
}
