//! What programs on unmodified Pythons see: a new connection until its first reply, and echoes of awkward sizes.

use std::process::{Command, Stdio};

use crate::Outcome;
use crate::processes::{Background, numbers, python, sabir};
use crate::report::Table;

const ROUNDS: usize = 3;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/stock.py");

pub(crate) fn run() -> Outcome {
    let mut table = Table::default();
    let pairs = [("2.7", "2.7"), ("3.13", "3.13"), ("2.7", "3.13"), ("2.7", "3.6")];
    for round in 0..ROUNDS {
        for (server, client) in pairs {
            let listener = Background::start(
                Command::new(python(server)?).args([SCRIPT, "server"]).stderr(Stdio::null()),
            )?;
            let gateway = Background::start(sabir(false)?.args([
                "gateway",
                "--listen",
                "127.0.0.1:0",
                "--to",
                &listener.line,
            ]))?;
            let through = gateway.line.replace("listening on ", "");
            for (peer, address) in [("stock", &listener.line), ("through sabir", &through)] {
                if peer == "stock" && server != client {
                    continue; // They cannot talk: that is what the gateway is for.
                }
                let times = numbers(Command::new(python(client)?).args([SCRIPT, "client", address]))?;
                for (what, time) in ["connect to first reply", "20 KiB echo", "40 KiB echo"].iter().zip(times)
                {
                    table.add(&format!("{server} server, {client} client: {what}"), peer, time);
                }
            }
        }
        eprintln!("stock: round {} of {ROUNDS}", round + 1);
    }
    println!("\n### Unmodified Pythons over TCP\n");
    table.print("ms", "stock");
    Ok(())
}
