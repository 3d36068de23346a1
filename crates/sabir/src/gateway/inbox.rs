//! What has arrived from one peer and is not passed on yet.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use sabir_net::tokio::Stream;
use sabir_wire::error::FrameError;
use sabir_wire::frame::{self, FrameDialect, FrameHeader, FrameLimits};
use tokio::time::timeout;

/// The bytes of one direction, in one buffer that is used again.
///
/// What is passed on is a reference into this buffer. Once all of them are gone the next read
/// begins at its start: memory that has been touched costs nothing, fresh memory a page fault for
/// every 4 KiB.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    buffer: BytesMut,
    /// Descriptors that came with the last byte of the buffer.
    pub(super) fds: Vec<OwnedFd>,
    /// How much memory the buffer has when nothing of it is in use.
    whole: usize,
    /// How much to ask for when nothing is known of what comes.
    appetite: usize,
    /// Bytes of the stream before those in the buffer.
    pub(super) offset: u64,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Some,
    End,
    /// Descriptors came, and this process has no room for them.
    LostDescriptors,
}

impl Inbox {
    pub(super) fn new(arrived: BytesMut, fds: Vec<OwnedFd>) -> Self {
        Self { buffer: arrived, fds, whole: 0, appetite: SMALL, offset: 0 }
    }

    /// All messages that have wholly arrived, with their headers, in one piece. `None` if none has.
    pub(super) fn take_messages(&mut self, limits: FrameLimits) -> Result<Option<Bytes>, FrameError> {
        let mut end = 0;
        loop {
            match frame::peek(&self.buffer[end..], FrameDialect::PY38, limits) {
                Ok(Some(header)) => match usize::try_from(header.frame_len()) {
                    Ok(length) if length <= self.buffer.len() - end => end += length,
                    _ => break,
                },
                // What came before the error is sound, and its reader may have been waiting for it.
                Err(error) if end == 0 => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok((end > 0).then(|| self.take(end)))
    }

    /// The first message that has wholly arrived, without its header.
    pub(super) fn take_message(&mut self, limits: FrameLimits) -> Result<Option<Bytes>, FrameError> {
        let Some(header) = self.begun(limits)? else { return Ok(None) };
        Ok(match self.awaited(limits)? {
            Some((length, 0)) => Some(self.take(length).slice(header.header_len..)),
            _ => None,
        })
    }

    /// Everything, whatever it is.
    pub(super) fn take_all(&mut self) -> Bytes {
        self.take(self.buffer.len())
    }

    /// Everything but the byte that descriptors came with.
    pub(super) fn take_before_descriptors(&mut self) -> Bytes {
        self.take(self.buffer.len() - usize::from(!self.fds.is_empty()))
    }

    /// The byte that the descriptors came with, and they, once nothing is before it.
    pub(super) fn take_descriptors(&mut self) -> Option<(u8, Vec<OwnedFd>)> {
        if self.fds.is_empty() || self.buffer.len() != 1 {
            return None;
        }
        Some((self.take(1)[0], std::mem::take(&mut self.fds)))
    }

    /// Drops the first byte if it is this one.
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.buffer.first() == Some(&byte);
        if found {
            self.buffer.advance(1);
            self.offset += 1;
        }
        found
    }

    /// Drops so many of the bytes that have arrived.
    pub(super) fn drop_first(&mut self, length: u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(self.buffer.len());
        self.buffer.advance(length);
        self.offset += length as u64;
    }

    /// The header of a message that has begun to arrive.
    pub(super) fn begun(&self, limits: FrameLimits) -> Result<Option<FrameHeader>, FrameError> {
        frame::peek(&self.buffer, FrameDialect::PY38, limits)
    }

    pub(super) fn arrived(&self) -> &[u8] {
        &self.buffer
    }

    /// Waits for more. `acknowledge` has the kernel acknowledge at once what arrives.
    pub(super) async fn fill(
        &mut self,
        stream: &Stream,
        limits: FrameLimits,
        mut acknowledge: bool,
    ) -> io::Result<Filled> {
        let missing = match self.awaited(limits) {
            Ok(Some((_, missing))) => missing,
            _ => 0,
        };
        // A header without its body: the peer's kernel may hold the body back until then.
        acknowledge |= missing > 0 && self.buffer.len() <= LONGEST_HEADER;
        let limit = missing.min(self.buffer.len().max(LARGE)).max(self.appetite);
        loop {
            match self.read(stream, limit) {
                Ok(Filled::Some) => return Ok(Filled::Some),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if acknowledge {
                        stream.quickack();
                    }
                    self.wait(stream).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn read(&mut self, stream: &Stream, limit: usize) -> io::Result<Filled> {
        if self.buffer.is_empty() && self.buffer.capacity() < self.whole {
            // Back to the start: what was read last is written, so this is the only reference. If it were
            // not, there would be more memory, and nothing worse.
            let _ = self.buffer.try_reclaim(self.whole);
        }
        let before = self.buffer.len();
        if stream.is_unix() {
            // Nothing behind descriptors is read, so that they stay with their byte.
            let received = stream.try_read_with_fds(&mut self.buffer, limit, &mut self.fds)?;
            if received.lost_descriptors {
                return Ok(Filled::LostDescriptors);
            }
        } else {
            self.buffer.reserve(limit);
            stream.try_read(&mut self.buffer)?;
        }
        self.whole = self.whole.max(self.buffer.capacity());
        match self.buffer.len() - before {
            0 => return Ok(Filled::End),
            // It came faster than it was asked for.
            all if all >= limit => self.appetite = (self.appetite * 2).min(LARGE),
            _ => {}
        }
        Ok(Filled::Some)
    }

    /// Waits for the peer, and gives back a large buffer if that takes long.
    async fn wait(&mut self, stream: &Stream) -> io::Result<()> {
        let readable = async { stream.readable().await.map_err(io::Error::other) };
        if !self.buffer.is_empty() || self.whole <= KEEP {
            return readable.await;
        }
        if let Ok(ready) = timeout(RELEASE_AFTER, readable).await {
            return ready;
        }
        self.buffer = BytesMut::new();
        self.whole = 0;
        self.appetite = SMALL;
        stream.readable().await.map_err(io::Error::other)
    }

    /// The length of the first message with its header, and how much of that is missing.
    fn awaited(&self, limits: FrameLimits) -> Result<Option<(usize, usize)>, FrameError> {
        let Some(header) = self.begun(limits)? else { return Ok(None) };
        let length = usize::try_from(header.frame_len()).unwrap_or(usize::MAX);
        Ok(Some((length, length.saturating_sub(self.buffer.len()))))
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.offset += length as u64;
        self.buffer.split_to(length).freeze()
    }
}

/// The first read of a connection, in bytes: a request or a reply is rarely longer.
const SMALL: usize = 4 * 1024;
/// The most that is asked for beyond what is known to come, in bytes.
const LARGE: usize = 256 * 1024;
/// A buffer up to this size, in bytes, is kept however long a connection is idle.
const KEEP: usize = 16 * 1024;
/// How long a larger one is kept for the next message.
const RELEASE_AFTER: Duration = Duration::from_secs(1);
/// In bytes: see [`frame`].
const LONGEST_HEADER: usize = 12;

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
