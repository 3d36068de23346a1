//! The two ends of a measured connection, in each of the ways that Rust has.

use std::io::{BufReader, IoSlice, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};
use sabir::{Connection, Context};

use crate::Outcome;

/// One end, by what moves its messages.
enum End {
    Bare { stream: BufReader<UnixStream>, buffer: Vec<u8>, queued: Vec<u8> },
    Sabir { connection: Box<Connection>, buffer: Vec<u8> },
    Ipc { send: IpcBytesSender, receive: IpcBytesReceiver },
}

/// The longest message measured, in bytes.
const LONGEST: usize = 64 << 20;

/// How much is gathered for one write, and read ahead of many short messages, in bytes.
const GATHERED: usize = 64 << 10;

/// Answers each message with itself (`echo`), or with nothing but a short one at the end (`sink`, and `gathered` for many
/// short messages at once).
pub(crate) fn serve(peer: &str, address: &str, mode: &str) -> Outcome {
    let mut end = match peer {
        "bare sockets" => {
            let listener = UnixListener::bind(address)?;
            println!("{address}");
            End::bare(listener.accept()?.0, if mode == "gathered" { GATHERED } else { 0 })
        }
        "sabir" => {
            let listener = Context::new().listener(format!("unix:{address}").as_str())?;
            println!("{address}");
            End::sabir(listener.accept()?)
        }
        _ => {
            let (server, name) = IpcOneShotServer::<(IpcBytesSender, IpcBytesReceiver)>::new()?;
            println!("{name}");
            let (_, (send, receive)) = server.accept()?;
            End::Ipc { send, receive }
        }
    };
    loop {
        let length = end.receive()?;
        match (mode, length) {
            ("echo", _) => end.answer(length)?,
            (_, 0) => end.send(&[1])?,
            _ => {}
        }
    }
}

/// Prints the median of round trips in microseconds, or the rate of a stream in MB/s.
pub(crate) fn client(peer: &str, what: &str, address: &str, size: &str) -> Outcome {
    let size: usize = size.parse()?;
    let mut end = match peer {
        "bare sockets" => End::bare(UnixStream::connect(address)?, 0),
        "sabir" => End::sabir(Context::new().client(format!("unix:{address}").as_str())?),
        _ => {
            let (to_server, from_client) = ipc::bytes_channel()?;
            let (to_client, from_server) = ipc::bytes_channel()?;
            IpcSender::connect(address.to_owned())?.send((to_client, from_client))?;
            End::Ipc { send: to_server, receive: from_server }
        }
    };
    let message = vec![7; size];
    if what == "pingpong" {
        let end_at = Instant::now() + Duration::from_millis(700);
        let mut times = Vec::new();
        while Instant::now() < end_at || times.len() < 5 {
            let start = Instant::now();
            end.send(&message)?;
            end.receive()?;
            times.push(start.elapsed());
        }
        times.sort();
        println!("{}", times[times.len() / 2].as_secs_f64() * 1e6);
        return Ok(());
    }
    let count = ((512 << 20) / size.max(256)).clamp(6, 1 << 20);
    let start = Instant::now();
    for _ in 0..count {
        if what == "queued" { end.queue(&message)? } else { end.send(&message)? }
    }
    end.flush()?;
    end.send(&[])?;
    end.receive()?;
    println!("{}", (count * size) as f64 / start.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

impl End {
    /// With a buffer of no length each read is a call, and nothing is copied on its way.
    fn bare(stream: UnixStream, ahead: usize) -> End {
        let stream = BufReader::with_capacity(ahead, stream);
        End::Bare { stream, buffer: vec![0; LONGEST], queued: Vec::new() }
    }

    fn sabir(connection: Connection) -> End {
        End::Sabir { connection: Box::new(connection), buffer: vec![0; LONGEST] }
    }

    fn send(&mut self, message: &[u8]) -> Outcome {
        match self {
            End::Bare { stream, .. } => Ok(write(stream.get_mut(), message)?),
            End::Sabir { connection, .. } => Ok(connection.send_bytes(message)?),
            End::Ipc { send, .. } => Ok(send.send(message)?),
        }
    }

    /// Receives a message to where the last one was, if the way has that, and gives its length.
    fn receive(&mut self) -> Outcome<usize> {
        match self {
            End::Bare { stream, buffer, .. } => {
                let mut header = [0; 4];
                stream.read_exact(&mut header)?;
                let length = u32::from_be_bytes(header) as usize;
                stream.read_exact(&mut buffer[..length])?;
                Ok(length)
            }
            End::Sabir { connection, buffer } => Ok(connection.recv_bytes_into(buffer)?),
            End::Ipc { receive, .. } => Ok(receive.recv().map_err(|error| format!("{error:?}"))?.len()),
        }
    }

    /// Sends back what was received last.
    fn answer(&mut self, length: usize) -> Outcome {
        match self {
            End::Bare { stream, buffer, .. } => Ok(write(stream.get_mut(), &buffer[..length])?),
            End::Sabir { connection, buffer } => Ok(connection.send_bytes(&buffer[..length])?),
            End::Ipc { send, .. } => Ok(send.send(&vec![7; length])?),
        }
    }

    /// Sends, with others in one write where the way has that.
    fn queue(&mut self, message: &[u8]) -> Outcome {
        match self {
            End::Bare { stream, queued, .. } => {
                queued.extend_from_slice(&(message.len() as u32).to_be_bytes());
                queued.extend_from_slice(message);
                if queued.len() >= GATHERED {
                    stream.get_mut().write_all(queued)?;
                    queued.clear();
                }
                Ok(())
            }
            End::Sabir { connection, .. } => Ok(connection.queue_bytes(message)?),
            End::Ipc { .. } => self.send(message),
        }
    }

    fn flush(&mut self) -> Outcome {
        match self {
            End::Bare { stream, queued, .. } => {
                stream.get_mut().write_all(queued)?;
                queued.clear();
                Ok(())
            }
            End::Sabir { connection, .. } => Ok(connection.flush()?),
            End::Ipc { .. } => Ok(()),
        }
    }
}

/// Header and message in one call, as far as the socket takes them.
fn write(stream: &mut UnixStream, message: &[u8]) -> std::io::Result<()> {
    let header = (message.len() as u32).to_be_bytes();
    let mut pieces = &mut [IoSlice::new(&header), IoSlice::new(message)][..];
    while !pieces.is_empty() {
        let written = stream.write_vectored(pieces)?;
        IoSlice::advance_slices(&mut pieces, written);
    }
    Ok(())
}
