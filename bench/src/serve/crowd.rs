//! Clients who do nothing, who prove nothing, and who want in meanwhile.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::load::percentiles;
use super::says::{self, Speech};
use crate::Outcome;

/// Opens connections, makes one call on each, prints a line and holds them until it is stopped.
pub(crate) fn idle(speech: &str, address: &str, count: &str) -> Outcome {
    let (speech, address) = (Speech::of(speech)?, address.parse()?);
    let mut held = Vec::new();
    for _ in 0..count.parse::<usize>()? {
        held.push(speech.connect(&address)?);
    }
    println!("{} connections", held.len());
    loop {
        std::thread::park();
    }
}

/// Opens one socket after the other, says nothing on any, and keeps the last 500 of them; until it is stopped.
pub(crate) fn flood(address: &str) -> Outcome {
    let mut silent = VecDeque::new();
    let mut said = false;
    loop {
        // A server that lets nobody in any more is as flooded as can be.
        let Ok(stream) = TcpStream::connect_timeout(&address.parse()?, Duration::from_secs(1)) else {
            continue;
        };
        silent.push_back(stream);
        if silent.len() > 500 {
            silent.pop_front();
            if !said {
                println!("flooding");
                said = true;
            }
        }
        // So that one core has something left for the others.
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Connects, authenticates and gets a first reply, again and again. Prints the median and the 99th percentile in
/// milliseconds.
pub(crate) fn connects(address: &str, seconds: &str) -> Outcome {
    let address = address.parse()?;
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let mut connection = says::authenticated(&address)?;
        says::answer(&mut connection, &says::pickle(None, "accept_connection", &["one"]))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let [median, late] = percentiles(&mut times)?;
    println!("{median} {late}");
    Ok(())
}
