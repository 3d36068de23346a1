//! A byte proxy that keeps what passes, to compare what went into a gateway with what came out.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A proxy for one connection over TCP.
#[derive(Debug)]
pub struct Recorder {
    /// Where the client is to connect, as `host:port`.
    pub address: String,
    tracks: Arc<[Mutex<Vec<u8>>; 2]>,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    ToServer = 0,
    /// From server to client.
    ToClient = 1,
}

impl Recorder {
    /// Waits for one connection in the background, and forwards it to the server at `to`.
    pub fn start(to: &str) -> io::Result<Recorder> {
        let server: SocketAddr = to.parse().map_err(io::Error::other)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let tracks = Arc::new([Mutex::default(), Mutex::default()]);
        let kept = tracks.clone();
        thread::spawn(move || -> io::Result<()> {
            let (client, _) = listener.accept()?;
            let server = TcpStream::connect(server)?;
            for stream in [&client, &server] {
                stream.set_nodelay(true)?;
            }
            let (up, down) = (kept.clone(), kept);
            let back = (server.try_clone()?, client.try_clone()?);
            thread::spawn(move || forward(back.0, back.1, &down[Direction::ToClient as usize]));
            forward(client, server, &up[Direction::ToServer as usize])
        });
        Ok(Recorder { address, tracks })
    }

    /// What has passed in one direction so far. Whatever the receiver has read is in it.
    pub fn passed(&self, direction: Direction) -> Vec<u8> {
        self.tracks[direction as usize].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Records before it forwards, so that nothing is received that is not recorded.
fn forward(mut from: TcpStream, mut to: TcpStream, track: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return to.shutdown(Shutdown::Write),
            Ok(read) => {
                track.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
                to.write_all(&buffer[..read])?;
            }
        }
    }
}

/// The bodies of the frames in a recorded stream: four bytes of length, big-endian, before each.
///
/// What is no whole frame at the end comes last, as it is.
pub fn frames(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while let Some((header, rest)) = stream.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*header) as usize;
        let Some((body, after)) = rest.split_at_checked(length) else { break };
        bodies.push(body);
        stream = after;
    }
    if !stream.is_empty() {
        bodies.push(stream);
    }
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_at_their_lengths_and_a_rest_is_kept() {
        assert_eq!(frames(b"\0\0\0\x02ab\0\0\0\0\0\0\0\x05abc"), [b"ab".as_slice(), b"", b"\0\0\0\x05abc"]);
    }

    #[test]
    fn a_recorder_forwards_and_remembers_both_ways() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Recorder::start(&server.local_addr().unwrap().to_string()).unwrap();
        let mut client = TcpStream::connect(&recorder.address).unwrap();
        let (mut accepted, _) = server.accept().unwrap();
        client.write_all(b"ping").unwrap();
        accepted.read_exact(&mut [0; 4]).unwrap();
        accepted.write_all(b"pong!").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(recorder.passed(Direction::ToServer), b"ping");
        assert_eq!(recorder.passed(Direction::ToClient), b"pong!");
    }
}
