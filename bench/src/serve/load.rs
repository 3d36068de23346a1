//! Load: many connections on one thread, on each of which one call after the other is made.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::Timespec;
use sabir::net::blocking::Stream;

use super::says::Speech;
use crate::Outcome;

/// Prints calls a second, the 99th percentile of their times in microseconds, and the processor time that the server with
/// this process id took for one.
pub(crate) fn run(speech: &str, address: &str, connections: &str, seconds: &str, id: &str) -> Outcome {
    let (speech, address) = (Speech::of(speech)?, address.parse()?);
    let request = speech.prepare(&address)?;
    let seconds = Duration::from_secs_f64(seconds.parse()?);
    let mut callers = Vec::new();
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    for number in 0..connections.parse::<u64>()? {
        let stream = speech.connect(&address)?;
        epoll::add(&poll, stream.as_fd(), EventData::new_u64(number), EventFlags::IN)?;
        callers.push(Caller { stream, began: Instant::now() });
    }
    let reply = callers.first_mut().ok_or("no connections")?.learn(&request)?;
    for caller in &mut callers {
        caller.call(&request)?;
    }
    let (mut times, mut calls) = (Vec::with_capacity(1 << 20), 0);
    let (id, mut before) = (id.parse()?, None);
    // What comes first only shows how the caches fill.
    let start = Instant::now() + seconds.mul_f64(0.2).min(Duration::from_millis(300));
    let end = start + seconds;
    let mut events = Vec::with_capacity(1024);
    let mut buffer = [0; 4096];
    loop {
        events.clear();
        let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&patience)) {
            Ok(0) => return Err("the server answers nobody any more".into()),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let caller = &mut callers[event.data.u64() as usize];
            let (received, _) = recv(&caller.stream, &mut buffer[..], RecvFlags::DONTWAIT)?;
            // They are short, so that they come in one piece; and all are the same.
            if buffer[..received] != reply[..] {
                return Err(format!("not the reply: {}", buffer[..received].escape_ascii()).into());
            }
            let now = Instant::now();
            if now >= start {
                if before.is_none() {
                    before = Some(processor_time(id)?);
                }
                calls += 1;
                times.push((now - caller.began).as_secs_f64() * 1e6);
            }
            caller.call(&request)?;
        }
        if Instant::now() >= end {
            break;
        }
    }
    let took = start.elapsed().as_secs_f64();
    let spent = processor_time(id)? - before.ok_or("nothing was measured")?;
    let [_, late] = percentiles(&mut times)?;
    println!("{} {late} {}", f64::from(calls) / took, spent / f64::from(calls));
    Ok(())
}

/// What all threads of a process have had of the processors, in microseconds.
fn processor_time(id: u32) -> Outcome<f64> {
    let mut sum = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        // One that has ended in between has not much to say.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next().ok_or("an empty file")?.parse::<f64>()? / 1e3;
    }
    Ok(sum)
}

/// The median and the 99th percentile.
pub(crate) fn percentiles(times: &mut [f64]) -> Outcome<[f64; 2]> {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().ok_or("nothing was measured");
    Ok([at(50)?, at(99)?])
}

struct Caller {
    stream: Stream,
    began: Instant,
}

impl Caller {
    fn call(&mut self, request: &[u8]) -> Outcome {
        self.began = Instant::now();
        let sent = send(&self.stream, request, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        if sent == request.len() { Ok(()) } else { Err("a short request was not taken whole".into()) }
    }

    /// What every call is answered.
    fn learn(&mut self, request: &[u8]) -> Outcome<Vec<u8>> {
        self.call(request)?;
        let mut buffer = [0; 4096];
        let (received, _) = recv(&self.stream, &mut buffer[..], RecvFlags::empty())?;
        let reply = buffer[..received].to_vec();
        if !reply.windows(5).any(|window| window == b"12345") {
            return Err(format!("not the value that was set: {}", reply.escape_ascii()).into());
        }
        Ok(reply)
    }
}
