//! Plain blocking peers of the wire: they know frames and a few pickles, and cost as little as can be.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A frame with a pickle of `size` zero bytes, as 3.13 writes it (protocol 4) or as 2.7 does (protocol 2).
fn frame(protocol: u8, size: usize) -> Vec<u8> {
    let mut body = vec![0x80, protocol];
    match (protocol, u8::try_from(size)) {
        (2, Ok(short)) => body.extend_from_slice(&[b'U', short]),
        (2, Err(_)) => {
            body.push(b'T');
            body.extend_from_slice(&(size as u32).to_le_bytes());
        }
        (_, Ok(short)) => body.extend_from_slice(&[b'C', short]),
        (_, Err(_)) => {
            body.push(b'B');
            body.extend_from_slice(&(size as u32).to_le_bytes());
        }
    }
    body.resize(body.len() + size, 0);
    body.push(b'.');
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    frame
}

/// Reads one frame's body into the buffer.
fn read_frame(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    buffer.resize(u32::from_be_bytes(header) as usize, 0);
    stream.read_exact(buffer)
}

/// A server on `address`: `echo4` and `echo2` answer each frame with one of the same payload at protocol 4 or 2,
/// `sink4` and `sink2` answer small frames only.
pub(crate) fn serve(address: &str, mode: &str) -> Outcome {
    let protocol = if mode.ends_with('2') { 2 } else { 4 };
    let echo = mode.starts_with("echo");
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        // A thread each with the smallest stack: the server's own size is not what is measured.
        std::thread::Builder::new().stack_size(64 * 1024).spawn(move || answer(stream, protocol, echo))?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream, protocol: u8, echo: bool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let mut reply = Vec::new();
    let mut of_length = usize::MAX;
    loop {
        read_frame(&mut stream, &mut buffer)?;
        if !echo && buffer.len() > 64 {
            continue;
        }
        if buffer.len() != of_length {
            // PROTO, opcode with length, STOP; a transcoded request may be longer by its form.
            of_length = buffer.len();
            reply = frame(protocol, buffer.len().saturating_sub(if buffer.len() > 260 { 8 } else { 5 }));
        }
        stream.write_all(&reply)?;
    }
}

/// Round trips of `size` bytes for some seconds, after a few to warm up. Prints the median and the 99th percentile in
/// microseconds.
pub(crate) fn pingpong(address: &str, size: &str, seconds: &str) -> Outcome {
    let request = frame(4, size.parse()?);
    let (mut stream, mut buffer) = connect(address)?;
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        stream.write_all(&request)?;
        read_frame(&mut stream, &mut buffer)?;
        times.push(start.elapsed());
    }
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
    println!("{} {}", at(50), at(99));
    Ok(())
}

/// Sends `total` bytes in messages of `size` and waits for the answer to a last small one. Prints MB/s.
pub(crate) fn stream(address: &str, size: &str, total: &str) -> Outcome {
    let size: usize = size.parse()?;
    let message = frame(4, size);
    let (mut stream, mut buffer) = connect(address)?;
    let count = (total.parse::<usize>()? / size).max(2);
    stream.write_all(&message)?;
    let start = Instant::now();
    for _ in 0..count {
        stream.write_all(&message)?;
    }
    stream.write_all(&frame(4, 1))?;
    read_frame(&mut stream, &mut buffer)?;
    println!("{}", (count * size) as f64 / start.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

/// Opens `count` connections, makes one round trip on each, prints a line and holds them until it is stopped.
pub(crate) fn hold(address: &str, count: &str) -> Outcome {
    let mut held = Vec::new();
    for _ in 0..count.parse::<usize>()? {
        held.push(connect(address)?);
    }
    println!("{} connections", held.len());
    loop {
        std::thread::park();
    }
}

/// A connection on which some round trips have told the gateway who is there.
fn connect(address: &str) -> Outcome<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let small = frame(4, 1);
    for _ in 0..3 {
        stream.write_all(&small)?;
        read_frame(&mut stream, &mut buffer)?;
    }
    Ok((stream, buffer))
}
