//! One of the two connections of a pair: who is there, and writing to him.

use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sabir_net::tokio::Stream;
use sabir_wire::frame::Header;
use tokio::sync::Mutex;
use tokio::time::timeout_at;

/// A connection to one peer.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stream: Stream,
    /// Held while a message is being written: an answer of ours must not end up inside another.
    writing: Mutex<()>,
    /// What was being written was not written to its end.
    inside: AtomicBool,
}

/// A part of what is written.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    Header(Header),
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Header(header) => header,
        }
    }
}

impl Leg {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, writing: Mutex::new(()), inside: AtomicBool::new(false) }
    }

    /// Writes all of it, together, and waits until the kernel has taken it.
    pub(super) async fn write(&self, pieces: &[Piece]) -> io::Result<()> {
        let _turn = self.writing.lock().await;
        let (mut first, mut done) = (0, 0);
        while first < pieces.len() {
            let mut slices = [IoSlice::new(&[]); MOST_PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&pieces[first..]) {
                *slice = IoSlice::new(if count == 0 { &piece[done..] } else { piece });
                count += 1;
            }
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(written) => {
                    self.inside.store(true, Ordering::Relaxed);
                    done += written;
                    while first < pieces.len() && done >= pieces[first].len() {
                        done -= pieces[first].len();
                        first += 1;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await.map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.inside.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the stream inside a message, for a reader to whom an end between two would be a lie. A
    /// stock one raises OSError then, and EOFError there.
    pub(super) async fn break_off(&self) {
        let part = [Piece::Bytes(Bytes::from_static(BROKEN_OFF))];
        if !self.inside.load(Ordering::Relaxed) {
            let patience = Instant::now() + FAREWELL;
            // Who does not read now does not learn of it.
            let _ = timeout_at(patience.into(), self.write(&part)).await;
        }
        self.farewell().await;
    }

    /// Writes a byte with descriptors beside it.
    pub(super) async fn write_descriptors(&self, byte: u8, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let _turn = self.writing.lock().await;
        loop {
            match self.stream.try_send_fds(byte, fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await.map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    /// Writes one message of ours.
    pub(super) async fn write_message(&self, body: Bytes) -> io::Result<()> {
        let header = sabir_wire::frame::header(body.len() as u64);
        self.write(&[Piece::Header(header), Piece::Bytes(body)]).await
    }

    /// Lets the peer read what was sent last before the connection goes. A socket that is closed
    /// while something unread waits in it takes back what the peer has not read yet.
    pub(super) async fn farewell(&self) {
        if self.stream.shutdown_write().is_err() {
            return;
        }
        let patience = Instant::now() + FAREWELL;
        let mut rest = BytesMut::new();
        let listen = async {
            loop {
                rest.clear();
                rest.reserve(4096);
                match self.stream.try_read(&mut rest) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.stream.readable().await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        };
        // Whether he left or not, he had his time.
        let _ = timeout_at(patience.into(), listen).await;
    }
}

/// How many pieces one system call writes.
const MOST_PIECES: usize = 32;
/// A message of two bytes that lacks the second.
pub(super) const BROKEN_OFF: &[u8] = b"\0\0\0\x02\0";
/// How long a refused peer may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);
