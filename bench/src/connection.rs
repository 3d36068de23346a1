//! One end of a connection in Rust, beside bare blocking sockets, ipc-channel and Python's own, over Unix sockets.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::processes::{Background, numbers, on_core, ourselves, python};
use crate::report::Table;

const ROUNDS: usize = 3;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/connection.py");
const SIZES: [(&str, &str); 5] =
    [("1 B", "1"), ("1 KiB", "1024"), ("64 KiB", "65536"), ("1 MiB", "1048576"), ("64 MiB", "67108864")];
/// Bare sockets come first: what the others cost is said in terms of them.
const PEERS: [&str; 4] = ["bare sockets", "sabir", "ipc-channel", "stock 3.13"];

pub(crate) fn run() -> Outcome {
    let (mut trips, mut streams) = (Table::default(), Table::default());
    let socket = std::env::temp_dir().join(format!("sabir-bench-{}", std::process::id()));
    for round in 0..ROUNDS {
        for (name, size) in SIZES {
            for peer in PEERS {
                // One core leaves out what waking another costs.
                let time = measure(peer, "pingpong", &socket, size, true)?;
                trips.add(&format!("{name}, one core"), peer, time);
                let rate = measure(peer, "stream", &socket, size, false)?;
                streams.add(name, peer, rate);
            }
        }
        for peer in ["bare sockets", "sabir"] {
            let rate = measure(peer, "queued", &socket, "1024", false)?;
            streams.add("1 KiB, many in one write", peer, rate);
        }
        eprintln!("connection: round {} of {ROUNDS}", round + 1);
    }
    println!("\n### Connection: round trip over a Unix socket\n");
    trips.print("us", "bare sockets");
    println!("\n### Connection: one-way stream over a Unix socket\n");
    streams.print("MB/s", "bare sockets");
    Ok(())
}

fn measure(peer: &str, what: &str, socket: &Path, size: &str, one_core: bool) -> Outcome<f64> {
    let address = socket.to_string_lossy().into_owned();
    let mode = match what {
        "pingpong" => "echo",
        "queued" => "gathered",
        _ => "sink",
    };
    let _ = std::fs::remove_file(socket);
    let command = |arguments: &[&str]| -> Outcome<Command> {
        let mut command = match peer {
            "stock 3.13" => {
                let mut command = on_core(python("3.13")?.into(), one_core);
                command.arg(SCRIPT);
                command
            }
            _ => {
                let mut command = ourselves(one_core)?;
                command.args(["end", peer]);
                command
            }
        };
        command.args(arguments);
        Ok(command)
    };
    let server = Background::start(command(&["serve", &address, mode])?.stderr(Stdio::inherit()))?;
    let figures = numbers(&mut command(&[what, &server.line, size])?)?;
    figures.first().copied().ok_or_else(|| "the measurement printed nothing".into())
}
