//! What has been read and not been asked for yet, for either driver.

#[cfg(feature = "tokio")]
use std::cell::RefCell;
use std::io;
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use rustix::net::RecvFlags;
use sabir_wire::Config;
use sabir_wire::error::Phase;
use sabir_wire::frame::{self, Deframer, FrameHeader};

use crate::error::{Doing, Error};
#[cfg(feature = "tokio")]
use crate::handles::recv_with_fds;
use crate::receive::{receive, receive_into, receive_with_handles};

/// The messages of a connection, as they come in.
#[derive(Debug)]
pub(crate) struct Inbox {
    config: Config,
    deframer: Deframer,
    eof: bool,
    /// A stock client's first message follows `#WELCOME#` as a second small segment.
    first_message_due: bool,
    handles: Handles,
    /// What a read between messages asks for, in bytes: it follows what they bring.
    read: usize,
    /// Whether memory is given back before a wait.
    #[cfg(feature = "tokio")]
    thrifty: bool,
}

/// Descriptors that came with the last byte read.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    pub(crate) received: Vec<OwnedFd>,
    pub(crate) lost: bool,
}

impl Inbox {
    pub(crate) fn new(config: Config, leftover: &[u8], handles: Handles) -> Self {
        let mut deframer = Deframer::new();
        deframer.push(leftover);
        Self {
            config,
            deframer,
            eof: false,
            first_message_due: true,
            handles,
            read: SHORT_READ,
            #[cfg(feature = "tokio")]
            thrifty: false,
        }
    }

    pub(crate) fn config(&self) -> Config {
        self.config
    }

    pub(crate) fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The next message, nothing at the end of the stream, or [`Poll::Pending`] if more has to be read.
    #[inline]
    pub(crate) fn next_message(&mut self) -> Result<Poll<Option<Bytes>>, Error> {
        let Config { limits, dialect } = self.config;
        let offset = self.deframer.offset();
        if let Some(message) = self.deframer.next_message(dialect, limits).map_err(failed(offset))? {
            self.first_message_due = false;
            return Ok(Poll::Ready(Some(message)));
        }
        self.end_or_more().map(|ended| ended.map(|()| None))
    }

    /// The header of the next message, of which nothing else need be here; otherwise as `next_message`.
    pub(crate) fn next_header(&mut self) -> Result<Poll<Option<FrameHeader>>, Error> {
        match self.peek()? {
            Some(frame) if !self.eof || self.has_whole(frame) => Ok(Poll::Ready(Some(frame))),
            _ => self.end_or_more().map(|ended| ended.map(|()| None)),
        }
    }

    /// The next byte, which belongs to no message, with what came beside it.
    pub(crate) fn next_unframed(&mut self) -> Result<Poll<u8>, Error> {
        if let Some(&byte) = self.deframer.take_unframed(1).as_deref().and_then(<[u8]>::first) {
            return Ok(Poll::Ready(byte));
        }
        match self.end_or_more()? {
            Poll::Ready(()) => Err(Error::Closed { doing: Doing::PassingHandle }),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    pub(crate) fn take_handles(&mut self) -> Handles {
        mem::take(&mut self.handles)
    }

    /// Whether a receiving call would answer at once and without a read, be it by an error.
    pub(crate) fn is_ready(&self) -> bool {
        self.eof
            || !self.handles.received.is_empty()
            || self.peek().map_or(true, |frame| frame.is_some_and(|frame| self.has_whole(frame)))
    }

    /// Whether the peer may be holding something back until we acknowledge.
    pub(crate) fn wants_acknowledgement(&self) -> bool {
        self.first_message_due || self.deframer.awaits_body(self.config.dialect, self.config.limits)
    }

    /// Reads once, and notes the end of the stream. Whether the socket is empty now, as far as that can be told: a read
    /// that got less than it asked for has got all; on a Unix socket it may have stopped before a descriptor.
    pub(crate) fn fill(
        &mut self,
        socket: BorrowedFd<'_>,
        is_unix: bool,
        flags: RecvFlags,
    ) -> io::Result<bool> {
        #[cfg(feature = "tokio")]
        if self.thrifty && self.deframer.waiting() == 0 {
            return self.fill_exactly(socket, is_unix, flags);
        }
        let Config { limits, dialect } = self.config;
        let waiting = self.deframer.waiting();
        let frame = frame::peek(self.deframer.arrived(), dialect, limits).ok().flatten();
        let missing = frame.and_then(|frame| usize::try_from(frame.frame_len()).ok());
        let missing = missing.map_or(0, |length| length.saturating_sub(waiting));
        let size = self.deframer.read_size(self.read, dialect, limits);
        let buffer = self.deframer.buffer(0);
        make_room(buffer, size);
        let room = buffer.capacity() - buffer.len();
        let received = match missing {
            _ if !is_unix => receive(socket, buffer, usize::MAX, flags)?,
            // No descriptor comes inside a message: only what follows it must be read with care. If not much
            // is missing, what follows is read along.
            missing if missing > self.read => receive(socket, buffer, missing, flags)?,
            _ => receive_with_handles(socket, buffer, self.read.min(LONG_READ), &mut self.handles, flags)?,
        };
        self.has_read(received);
        Ok(!is_unix && received > 0 && received < room)
    }

    /// As [`fill`](Inbox::fill), where nothing waits: by way of memory that all connections of a thread have in common, so
    /// that what is kept here is as long as what has come, which most often is one message.
    #[cfg(feature = "tokio")]
    fn fill_exactly(&mut self, socket: BorrowedFd<'_>, is_unix: bool, flags: RecvFlags) -> io::Result<bool> {
        COMMON.with_borrow_mut(|common| {
            common.resize(LONG_READ, 0);
            let received = if is_unix {
                // Not further than a read without that memory: what follows a descriptor is to be read with care.
                let room = self.read.min(LONG_READ);
                let received = recv_with_fds(socket, &mut common[..room], &mut self.handles.received, flags)?;
                self.handles.lost |= received.lost_descriptors;
                received.bytes
            } else {
                receive_into(socket, common, flags)?
            };
            self.deframer.release();
            self.deframer.push(&common[..received]);
            self.has_read(received);
            Ok(!is_unix && received > 0 && received < LONG_READ)
        })
    }

    fn has_read(&mut self, received: usize) {
        self.eof = received == 0;
        if received >= self.read {
            self.read = (4 * self.read).min(LONG_READ);
        } else if received < self.read / 4 {
            self.read = (self.read / 2).max(SHORT_READ);
        }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn set_thrifty(&mut self) {
        self.thrifty = true;
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn is_thrifty(&self) -> bool {
        self.thrifty
    }

    /// Gives back the memory in which nothing waits.
    #[cfg(feature = "tokio")]
    pub(crate) fn release(&mut self) {
        self.deframer.release();
    }

    /// Starts to move the message of this header to `buffer`, which has its length.
    pub(crate) fn direct<'a>(&'a mut self, frame: FrameHeader, buffer: &'a mut [u8]) -> Direct<'a> {
        let body = self.deframer.arrived().get(frame.header_len..).unwrap_or_default();
        let here = body.len().min(buffer.len());
        buffer[..here].copy_from_slice(&body[..here]);
        Direct { inbox: self, buffer, frame, here, filled: here, over: false }
    }

    fn peek(&self) -> Result<Option<FrameHeader>, Error> {
        let Config { limits, dialect } = self.config;
        frame::peek(self.deframer.arrived(), dialect, limits).map_err(failed(self.deframer.offset()))
    }

    fn has_whole(&self, frame: FrameHeader) -> bool {
        self.deframer.waiting() as u64 >= frame.frame_len()
    }

    fn end_or_more(&self) -> Result<Poll<()>, Error> {
        // Whatever they came with has been read as the header of a message.
        if !self.handles.received.is_empty() {
            return Err(Error::Handle("the peer sent a descriptor where a message was expected"));
        }
        if !self.eof {
            return Ok(Poll::Pending);
        }
        let Config { limits, dialect } = self.config;
        self.deframer.end(dialect, limits).map_err(failed(self.deframer.offset()))?;
        Ok(Poll::Ready(()))
    }
}

/// A message whose rest is read straight into memory of the caller's. If it is dropped half-way, the
/// inbox has what arrived.
#[derive(Debug)]
pub(crate) struct Direct<'a> {
    inbox: &'a mut Inbox,
    buffer: &'a mut [u8],
    frame: FrameHeader,
    /// How much of the body the inbox has as well.
    here: usize,
    filled: usize,
    over: bool,
}

impl Direct<'_> {
    pub(crate) fn is_whole(&self) -> bool {
        self.filled == self.buffer.len()
    }

    /// As [`Inbox::wants_acknowledgement`].
    pub(crate) fn wants_acknowledgement(&self) -> bool {
        self.filled == 0 || self.inbox.first_message_due
    }

    /// Reads once. Whether the stream goes on; if not, the inbox has the error.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>, flags: RecvFlags) -> io::Result<bool> {
        let received = receive_into(socket, &mut self.buffer[self.filled..], flags)?;
        self.filled += received;
        self.inbox.eof = received == 0;
        Ok(received > 0)
    }

    /// Counts the message as received. Its length in bytes.
    pub(crate) fn finish(mut self) -> usize {
        self.over = true;
        self.inbox.deframer.skip(self.frame);
        self.inbox.first_message_due = false;
        self.filled
    }
}

impl Drop for Direct<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.inbox.deframer.push(&self.buffer[self.here..self.filled]);
        }
    }
}

fn failed(offset: u64) -> impl FnOnce(sabir_wire::error::FrameError) -> Error {
    move |source| sabir_wire::Error::Frame { source, phase: Phase::Application, offset }.into()
}

/// Has the buffer take `size` more bytes, or less if that saves an allocation: a caller may still hold
/// messages that lie in it.
fn make_room(buffer: &mut BytesMut, size: usize) {
    let spare = buffer.capacity() - buffer.len();
    if spare < size && !buffer.try_reclaim(size) && spare <= size / 4 {
        buffer.reserve(size);
    }
}

/// What the first read asks for, in bytes, and any while messages are small and few.
const SHORT_READ: usize = 4 * 1024;
/// What a read asks for if the ones before it were filled, in bytes: as much as CPython 3.14 asks for.
const LONG_READ: usize = 64 * 1024;

#[cfg(feature = "tokio")]
std::thread_local! {
    /// What a read of a connection that saves memory goes to first.
    static COMMON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
