//! What a gateway costs on the way: beside no proxy at all, and beside a proxy of bytes on the same sockets.

use std::time::Duration;

use crate::Outcome;
use crate::processes::{Background, numbers, ourselves, sabir, status};
use crate::report::Table;

const ROUNDS: usize = 5;
/// The two kinds of traffic: between equal versions, and from 3.13 to 2.7.
const TRAFFIC: [(&str, &str); 2] = [("unchanged", "4"), ("3.13 to 2.7", "2")];

#[derive(Clone, Copy)]
enum Way {
    Direct,
    Proxy,
    Sabir,
}

const WAYS: [(Way, &str); 3] =
    [(Way::Direct, "no proxy"), (Way::Proxy, "byte proxy"), (Way::Sabir, "sabir gateway")];

pub(crate) fn run() -> Outcome {
    latency()?;
    throughput()?;
    idle()
}

/// Something between client and server, or nothing; and the address that the client connects to.
fn between(way: Way, server: &str, pinned: bool) -> Outcome<(Option<Background>, String)> {
    let background = match way {
        Way::Direct => return Ok((None, server.into())),
        Way::Proxy => Background::start(ourselves(pinned)?.args(["proxy", "127.0.0.1:0", server]))?,
        Way::Sabir => {
            Background::start(sabir(pinned)?.args(["gateway", "--listen", "127.0.0.1:0", "--to", server]))?
        }
    };
    let address = background.line.strip_prefix("listening on ").unwrap_or(&background.line).to_owned();
    Ok((Some(background), address))
}

fn latency() -> Outcome {
    let mut table = Table::default();
    for round in 0..ROUNDS {
        for (traffic, protocol) in TRAFFIC {
            for pinned in [true, false] {
                let serve = format!("echo{protocol}");
                let server = Background::start(ourselves(pinned)?.args(["serve", "127.0.0.1:0", &serve]))?;
                for (way, peer) in WAYS {
                    let (_between, address) = between(way, &server.line, pinned)?;
                    for (size, label) in [("1", "1 B"), ("1024", "1 KiB"), ("65536", "64 KiB")] {
                        let times = numbers(ourselves(pinned)?.args(["pingpong", &address, size, "0.5"]))?;
                        let cores = if pinned { "one core" } else { "all cores" };
                        table.add(&format!("{traffic}, {label}, {cores}"), peer, times[0]);
                    }
                }
            }
        }
        eprintln!("latency: round {} of {ROUNDS}", round + 1);
    }
    println!("\n### Gateway: round trip\n");
    table.print("us", "byte proxy");
    Ok(())
}

fn throughput() -> Outcome {
    let mut table = Table::default();
    for round in 0..ROUNDS {
        for (traffic, protocol) in TRAFFIC {
            let serve = format!("sink{protocol}");
            let server = Background::start(ourselves(false)?.args(["serve", "127.0.0.1:0", &serve]))?;
            for (way, peer) in WAYS {
                let (_between, address) = between(way, &server.line, false)?;
                for (size, total, label) in [
                    ("1024", "60000000", "1 KiB"),
                    ("65536", "400000000", "64 KiB"),
                    ("1048576", "800000000", "1 MiB"),
                    ("67108864", "800000000", "64 MiB"),
                ] {
                    let rate = numbers(ourselves(false)?.args(["stream", &address, size, total]))?;
                    table.add(&format!("{traffic}, {label}"), peer, rate[0]);
                }
            }
        }
        eprintln!("throughput: round {} of {ROUNDS}", round + 1);
    }
    println!("\n### Gateway: one-way stream\n");
    table.print("MB/s", "byte proxy");
    Ok(())
}

/// Memory and threads of the gateway with a thousand connections that do nothing.
fn idle() -> Outcome {
    println!(
        "\n### Gateway: 1,000 idle connections\n\n| peer | resident before, KiB | after | a connection | threads |\n|---|---:|---:|---:|---:|"
    );
    for (way, peer) in &WAYS[1..] {
        let server = Background::start(ourselves(false)?.args(["serve", "127.0.0.1:0", "echo4"]))?;
        let (between, address) = between(*way, &server.line, false)?;
        let Some(between) = between else { continue };
        let before = status(between.id(), "VmRSS:")?;
        let _held = Background::start(ourselves(false)?.args(["hold", &address, "1000"]))?;
        // What was only needed to set them up is given back by then.
        std::thread::sleep(Duration::from_secs(1));
        let (after, threads) = (status(between.id(), "VmRSS:")?, status(between.id(), "Threads:")?);
        println!("| {peer} | {before} | {after} | {:.1} | {threads} |", (after - before) as f64 / 1000.0);
    }
    Ok(())
}
