//! The two directions of a connection, for two threads.

use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use sabir_wire::auth::PeerHints;
use sabir_wire::frame::{FrameDialect, Header};

use crate::blocking::stream::Stream;
use crate::blocking::timeout::ReceiveTimeout;
use crate::blocking::transfer::{receive, transmit};
use crate::blocking::wait::{self, Direction, Waitable};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::inbox::Inbox;
use crate::outbox::Outbox;

/// The receiving half of a [`Connection`](crate::blocking::Connection).
#[derive(Debug)]
pub struct ReadHalf {
    pub(super) stream: Arc<Stream>,
    pub(super) hints: PeerHints,
    pub(super) inbox: Inbox,
    pub(super) timeout: ReceiveTimeout,
}

impl ReadHalf {
    /// The socket beneath. What is read from it directly is missing here.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// As [`Connection::recv_bytes`](crate::blocking::Connection::recv_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        let deadline = deadline.into();
        loop {
            match self.inbox.next_message()? {
                Poll::Ready(message) => return Ok(message),
                Poll::Pending => self.fill(Doing::Receiving, deadline)?,
            }
        }
    }

    /// As [`Connection::recv_bytes_into`](crate::blocking::Connection::recv_bytes_into).
    ///
    /// # Errors
    /// As there.
    pub fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, Error> {
        let deadline = deadline.into();
        let frame = loop {
            match self.inbox.next_header()? {
                Poll::Ready(None) => return Ok(None),
                Poll::Ready(Some(frame)) => break frame,
                Poll::Pending => self.fill(Doing::Receiving, deadline)?,
            }
        };
        let place = usize::try_from(frame.body_len).ok().and_then(|length| buffer.get_mut(..length));
        let Some(place) = place else {
            let message = self.recv_bytes(deadline)?;
            return message.map_or(Ok(None), |message| Err(Error::BufferTooShort { message }));
        };
        let mut direct = self.inbox.direct(frame, place);
        while !direct.is_whole() {
            let early = direct.wants_acknowledgement();
            let read = |flags| direct.fill(self.stream.as_fd(), flags);
            if !receive(&self.stream, &mut self.timeout, early, Doing::Receiving, deadline, read)? {
                drop(direct);
                // Which is an error, since the stream ended inside of the message.
                return self.recv_bytes(deadline).map(|message| message.map(|message| message.len()));
            }
        }
        Ok(Some(direct.finish()))
    }

    /// As [`Connection::poll`](crate::blocking::Connection::poll).
    ///
    /// # Errors
    /// As there.
    pub fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool, Error> {
        if self.inbox.is_ready() {
            return Ok(true);
        }
        if self.inbox.wants_acknowledgement() {
            self.stream.quickack();
        }
        wait::is_ready_by(self.stream.as_fd(), Direction::Read, deadline.into(), Doing::Receiving)
    }

    /// Waits for one byte that belongs to no message.
    pub(super) fn recv_unframed(&mut self, deadline: Deadline) -> Result<u8, Error> {
        loop {
            match self.inbox.next_unframed()? {
                Poll::Ready(byte) => return Ok(byte),
                Poll::Pending => self.fill(Doing::PassingHandle, deadline)?,
            }
        }
    }

    /// Reads once.
    fn fill(&mut self, doing: Doing, deadline: Deadline) -> Result<(), Error> {
        let early = self.inbox.wants_acknowledgement();
        let read = |flags| self.inbox.fill(self.stream.as_fd(), self.stream.is_unix(), flags);
        receive(&self.stream, &mut self.timeout, early, doing, deadline, read).map(drop)
    }
}

impl AsFd for ReadHalf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Waitable for ReadHalf {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn is_ready(&self) -> bool {
        self.inbox.is_ready()
    }
}

/// The sending half of a [`Connection`](crate::blocking::Connection). To drop it does not end the stream for the peer: see
/// [`shutdown_write`](WriteHalf::shutdown_write).
#[derive(Debug)]
pub struct WriteHalf {
    pub(super) stream: Arc<Stream>,
    pub(super) outbox: Outbox,
    pub(super) dialect: FrameDialect,
}

impl WriteHalf {
    /// The socket beneath. What is written to it directly may end up inside of a message.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// As [`Connection::send_bytes`](crate::blocking::Connection::send_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.send_vectored(&[message], deadline)
    }

    /// As [`Connection::send_vectored`](crate::blocking::Connection::send_vectored).
    ///
    /// # Errors
    /// As there.
    pub fn send_vectored<P: Deref<Target = [u8]>>(
        &mut self,
        pieces: &[P],
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        let header = self.header(pieces.iter().map(|piece| piece.len()).sum())?;
        transmit(&self.stream, self.outbox.message(header, pieces), deadline.into())
    }

    /// As [`Connection::queue_bytes`](crate::blocking::Connection::queue_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn queue_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        let header = self.header(message.len())?;
        if !Outbox::suits(message.len()) {
            return transmit(&self.stream, self.outbox.message(header, &[message]), deadline.into());
        }
        if !self.outbox.has_room(header.len() + message.len()) {
            self.flush_for(Doing::WaitingToSend, deadline.into())?;
        }
        self.outbox.push(&header);
        self.outbox.push(message);
        Ok(())
    }

    /// As [`Connection::flush`](crate::blocking::Connection::flush).
    ///
    /// # Errors
    /// As there.
    pub fn flush(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush_for(Doing::Sending, deadline.into())
    }

    /// How many bytes are queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Writes what is queued and ends the stream for the peer.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn shutdown_write(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush(deadline)?;
        self.stream.shutdown_write().map_err(Error::io(Doing::Sending))
    }

    /// Writes what is queued; `doing` is what a timeout interrupts.
    pub(super) fn flush_for(&mut self, doing: Doing, deadline: Deadline) -> Result<(), Error> {
        transmit(&self.stream, self.outbox.flush(), deadline).map_err(|error| match error {
            Error::Timeout { .. } => Error::Timeout { doing },
            error => error,
        })
    }

    fn header(&self, length: usize) -> Result<Header, Error> {
        Ok(self.dialect.header(length as u64).map_err(sabir_wire::Error::from)?)
    }
}
