//! The server of shared types beside the stock manager, Redis, and a floor that answers without looking.

pub(crate) mod crowd;
pub(crate) mod floor;
pub(crate) mod load;
mod peers;
mod says;

use std::process::{Command, Stdio};
use std::time::Duration;

use self::peers::{Running, Server};
use crate::Outcome;
use crate::processes::{Background, at_core, numbers, python, status};
use crate::report::Table;

const ROUNDS: usize = 5;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/serve.py");

/// All of it, or one part: `load`, `python`, `idle`, `flood`.
pub(crate) fn run(part: Option<&str>) -> Outcome {
    let wanted = |name: &str| part.is_none_or(|part| part == name);
    if wanted("load") {
        load()?;
    }
    if wanted("python") {
        python_clients()?;
    }
    if wanted("idle") {
        idle()?;
    }
    if wanted("flood") {
        flood()?;
    }
    Ok(())
}

/// A native client, so that the server is what is measured.
fn load() -> Outcome {
    let (mut rates, mut late, mut spent) = (Table::default(), Table::default(), Table::default());
    let servers = Server::all();
    for round in 0..ROUNDS {
        for (connections, label) in [
            ("1", "1 connection"),
            ("8", "8 connections"),
            ("64", "64 connections"),
            ("1000", "1,000 connections"),
        ] {
            for pinned in [true, false] {
                let workload = format!("{label}, {}", if pinned { "one server core" } else { "unpinned" });
                for &server in &servers {
                    let running = Running::start(server, pinned)?;
                    // One connection leaves each side idle half of the time: they share the core.
                    let core = pinned.then_some(if connections == "1" { 0 } else { 1 });
                    let mut command = at_core(std::env::current_exe()?, core);
                    command.args(["load", server.speech(), &running.address, connections, "1"]);
                    let figures = numbers(command.arg(running.id().to_string()))?;
                    let &[rate, p99, time] = &figures[..] else {
                        return Err("three figures were due".into());
                    };
                    rates.add(&workload, server.name(), rate);
                    late.add(&workload, server.name(), p99);
                    spent.add(&workload, server.name(), time);
                }
            }
        }
        eprintln!("load: round {} of {ROUNDS}", round + 1);
    }
    println!(
        "\n### Server: calls of a dict's `get` by a native client, the next when the last is answered\n"
    );
    rates.print("calls/s", "floor");
    println!("\n### The same: 99th percentile of a call\n");
    late.print("us", "floor");
    println!("\n### The same: what the server has of the processors for a call\n");
    spent.print("us", "floor");
    Ok(())
}

/// Programs on an unmodified Python.
fn python_clients() -> Outcome {
    let client = |what: &str, address: &str| -> Outcome<Command> {
        let mut command = Command::new(python("3.13")?);
        command.args([SCRIPT, what, address]);
        Ok(command)
    };
    let (mut rates, mut times) = (Table::default(), Table::default());
    for round in 0..ROUNDS {
        let floor = Running::start(Server::Floor, false)?;
        for (server, what, peer) in [
            (Server::Floor, "bytes", "echo of bytes"),
            (Server::Floor, "bare", "echo through the proxy"),
            (Server::Stock, "calls", "stock 3.13"),
            (Server::Sabir, "calls", "sabir"),
        ] {
            let running = if server == Server::Floor { None } else { Some(Running::start(server, false)?) };
            let address = &running.as_ref().unwrap_or(&floor).address;
            for (count, label) in [(1, "1 client"), (8, "8 clients")] {
                let clients: Result<Vec<_>, _> = (0..count)
                    .map(|_| client(what, address)?.stdout(Stdio::piped()).spawn().map_err(Into::into))
                    .collect::<Outcome<_>>();
                let mut sum = 0.0;
                for client in clients? {
                    let output = client.wait_with_output()?;
                    sum += String::from_utf8(output.stdout)?.trim().parse::<f64>()?;
                }
                rates.add(label, peer, sum);
            }
            if what == "calls" {
                let figures = numbers(&mut client("create", address)?)?;
                times.add("manager.dict() over TCP, median", peer, figures[0]);
                times.add("manager.dict() over TCP, longest of 20", peer, figures[1]);
            }
        }
        eprintln!("python: round {} of {ROUNDS}", round + 1);
    }
    println!("\n### Server: calls of a dict's `get` by unmodified clients on 3.13\n");
    rates.print("calls/s", "echo through the proxy");
    println!("\n### Server: a new object\n");
    times.print("ms", "stock 3.13");
    Ok(())
}

/// Memory and threads for connections that do nothing.
fn idle() -> Outcome {
    println!(
        "\n### Server: idle connections\n\n| peer | connections | resident before, KiB | after | a connection | threads |\n|---|---:|---:|---:|---:|---:|"
    );
    for server in Server::all() {
        // A thread each is what the stock manager has: ten thousand of them say no more than one.
        let (processes, each) = if server == Server::Stock { (1, 1000) } else { (2, 5000) };
        let running = Running::start(server, false)?;
        let before = status(running.id(), "VmRSS:")?;
        let mut held = Vec::new();
        for _ in 0..processes {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["idle", server.speech(), &running.address, &each.to_string()]);
            held.push(Background::start(&mut command)?);
        }
        std::thread::sleep(Duration::from_secs(1));
        let (after, threads) = (status(running.id(), "VmRSS:")?, status(running.id(), "Threads:")?);
        let count = processes * each;
        println!(
            "| {} | {count} | {before} | {after} | {:.1} | {threads} |",
            server.name(),
            (after - before) as f64 / f64::from(count)
        );
    }
    Ok(())
}

/// How long it takes to get in while others only knock.
fn flood() -> Outcome {
    let mut table = Table::default();
    for round in 0..ROUNDS {
        for flooded in [false, true] {
            // A stock server authenticates one client after the other, so a silent one keeps all others out for good.
            for &server in if flooded { &[Server::Sabir][..] } else { &[Server::Stock, Server::Sabir] } {
                let running = Running::start(server, false)?;
                let _flood = if flooded {
                    let mut command = Command::new(std::env::current_exe()?);
                    Some(Background::start(command.args(["flood", &running.address]))?)
                } else {
                    None
                };
                let mut command = Command::new(std::env::current_exe()?);
                let figures = numbers(command.args(["connects", &running.address, "1"]))?;
                let when = if flooded { "in a flood of silent sockets" } else { "otherwise" };
                for (what, figure) in ["median", "99th percentile"].iter().zip(figures) {
                    table.add(&format!("{when}, {what}"), server.name(), figure);
                }
            }
        }
        eprintln!("flood: round {} of {ROUNDS}", round + 1);
    }
    println!(
        "\n### Server: connect, authenticate, first reply\n\nIn a flood nobody gets in to the stock server.\n"
    );
    table.print("ms", "stock 3.13");
    Ok(())
}
