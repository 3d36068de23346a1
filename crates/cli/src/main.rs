//! The program `sabir`: lets any two Pythons trade objects over the `multiprocessing` wire.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sabir_cli::run(std::env::args_os()))
}
