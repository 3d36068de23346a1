//! Sabir beside its peers: the same bytes, both in one run, rounds that visit every peer in turn.
//!
//! `cargo run --release -p sabir-bench -- codec` measures the codec, `-- connection` one end against others, `-- gateway` what a gateway costs on the way,
//! `-- serve` the server of shared types beside others, `-- stock` what programs on unmodified Pythons see. Each prints
//! tables of medians with their spread.

mod codec;
mod connection;
mod ends;
mod gateway;
mod load;
mod processes;
mod proxy;
mod report;
mod serve;
mod stock;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["codec"] => codec::run(),
        ["connection"] => connection::run(),
        ["gateway"] => gateway::run(),
        ["serve"] => serve::run(None),
        ["serve", part @ ("load" | "python" | "idle" | "flood")] => serve::run(Some(part)),
        ["stock"] => stock::run(),
        // What the measurements start themselves.
        ["end", peer, "serve", address, mode] => ends::serve(peer, address, mode),
        ["end", peer, what @ ("pingpong" | "stream" | "queued"), address, size] => {
            ends::client(peer, what, address, size)
        }
        ["proxy", listen, to] => proxy::run(listen, to),
        ["serve", address, mode] => load::serve(address, mode),
        ["pingpong", address, size, seconds] => load::pingpong(address, size, seconds),
        ["stream", address, size, total] => load::stream(address, size, total),
        ["hold", address, count] => load::hold(address, count),
        ["floor"] => serve::floor::run(),
        ["load", speech, address, connections, seconds, id] => {
            serve::load::run(speech, address, connections, seconds, id)
        }
        ["idle", speech, address, count] => serve::crowd::idle(speech, address, count),
        ["flood", address] => serve::crowd::flood(address),
        ["connects", address, seconds] => serve::crowd::connects(address, seconds),
        _ => {
            eprintln!(
                "usage: sabir-bench codec|connection|gateway|stock|serve, or serve load|python|idle|flood for a part"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sabir-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What any measurement can fail with: it then says so and stops.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
